"""A confusion matrix a worker, learned with the network: what several strategies share."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from peerannot.answers import Answers
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.strategies.base import BatchVotes, refuse_if_large, rows_of

__all__ = [
    "RATE",
    "START",
    "SharedStart",
    "WorkerMatrices",
    "answer_columns",
    "answer_log_probability",
    "counted_confusion",
    "diagonal_logits",
    "network_posterior",
    "pooled_confusion",
    "prior_weight",
]

# Probability of the right answer that free matrices start from.
START = 0.8
# Logits that parameters of 1 stand for. A worker is in few batches, and optimizers take steps of
# the learning rate: from 0.8 on the diagonal to a guess would otherwise take thousands of them.
RATE = 10.0
# Answers after which a worker's own matrix counts for more than the shared one.
_PRIOR_ANSWERS = 10.0


def diagonal_logits(n_classes: int, diagonal: float = START) -> Tensor:
    """Logits (K, K) whose row softmax has ``diagonal`` on the diagonal, the rest even."""
    if n_classes == 1:
        return torch.zeros(1, 1)
    logits = torch.full((n_classes, n_classes), math.log((1 - diagonal) / (n_classes - 1)))
    return logits.fill_diagonal_(math.log(diagonal))


def prior_weight(answers: Answers) -> Tensor:
    """``c / (c + n_j)`` of each worker, (n_workers,): what it takes from the others, ``c = 10``."""
    counts = torch.from_numpy(answers.answers_per_worker.astype("float32"))
    return _PRIOR_ANSWERS / (_PRIOR_ANSWERS + counts)


class SharedStart(nn.Module):
    """Draws the tables of workers of few answers to the mean of all workers.

    The penalty is the mean over votes of ``c / (c + n_j) * ||T_j - M||^2`` with ``c = 10``,
    where ``M`` is the mean of the tables ``T``, each worker counted by its answers ``n_j``; no
    gradient flows into ``M``.
    """

    prior: Tensor
    part: Tensor

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        part = torch.from_numpy(answers.answers_per_worker / max(1, answers.n_answers)).float()
        self.register_buffer("prior", prior_weight(answers), persistent=False)
        self.register_buffer("part", part, persistent=False)

    def penalty(self, table: Tensor, worker: Tensor) -> Tensor:
        """The penalty on ``table`` (n_workers, ...) for the workers of a batch's votes."""
        flat = table.flatten(1)
        if not len(worker):
            return flat.sum() * 0
        mean = (self.part.to(flat) @ flat).detach()
        each = self.prior.to(flat) * (flat - mean).square().sum(dim=1)
        return rows_of(each, worker).mean()


class WorkerMatrices(nn.Module):
    """Confusion matrices ``softmax(shared + deviation_j)`` by rows, ``[worker, true, answered]``.

    Both are kept divided by `RATE`, so that they learn faster than the network.

    Workers of few answers share statistics: the penalty on deviations is
    ``c / (c + n_j) * ||deviation_j||^2`` with ``c = 10``, so that a worker ``j`` of few answers
    ``n_j`` keeps near the matrix that all share, and one of many is free.
    """

    prior: Tensor

    def __init__(self, name: str, answers: Answers) -> None:
        super().__init__()
        k = answers.n_classes
        refuse_if_large(name, answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        self.shared = nn.Parameter(diagonal_logits(k) / RATE)
        self.deviation = nn.Parameter(torch.zeros(answers.n_workers, k, k))
        self.register_buffer("prior", prior_weight(answers), persistent=False)

    def log_matrices(self) -> Tensor:
        """Logarithms of all of them, (n_workers, K, K)."""
        return (RATE * (self.shared + self.deviation)).log_softmax(dim=2)

    def matrices(self) -> Tensor:
        """All of them, (n_workers, K, K)."""
        return self.log_matrices().exp()

    def common(self) -> Tensor:
        """The shared matrix, (K, K)."""
        return (RATE * self.shared).softmax(dim=1)

    def penalty(self, worker: Tensor) -> Tensor:
        """Mean over votes of the penalty of their workers."""
        if not len(worker):
            return self.deviation.sum() * 0
        each = self.prior * (RATE * self.deviation).square().sum(dim=(1, 2))
        return rows_of(each, worker).mean()


def answer_columns(log_matrices: Tensor, votes: BatchVotes) -> Tensor:
    """``log A_j[:, y]`` of the worker and the answer of each vote, (n_votes, K).

    One look-up in the transposed matrices: those of all workers are cheaper to normalise than
    one for each vote, as soon as workers answer more than once.
    """
    k = log_matrices.shape[1]
    columns = log_matrices.transpose(1, 2).reshape(-1, k)
    return rows_of(columns, votes.worker * k + votes.label)


def answer_log_probability(outputs: Outputs, votes: BatchVotes, log_column: Tensor) -> Tensor:
    """``log sum_k p_k A[k, answered]`` of each vote, (n_votes,), from `answer_columns`."""
    return torch.logsumexp(rows_of(outputs.log_probability, votes.row) + log_column, dim=1)


def _counts(posterior: NDArray[np.float64], answers: Answers) -> NDArray[np.float64]:
    """Expected counts of (true, answered) a worker: (W, K, K)."""
    k = answers.n_classes
    counts = np.zeros((answers.n_workers * k, k))
    np.add.at(counts, answers.worker.astype(np.int64) * k + answers.label, posterior[answers.task])
    by_worker: NDArray[np.float64] = counts.reshape(-1, k, k).transpose(0, 2, 1)
    return by_worker


def counted_confusion(
    posterior: NDArray[np.float64], answers: Answers, *, diagonal: float, off: float
) -> NDArray[np.float64]:
    """Expected counts of (true, answered) a worker plus a prior, rows normalised: (W, K, K)."""
    confusion = _counts(posterior, answers) + off
    confusion += (diagonal - off) * np.eye(answers.n_classes)
    confusion /= confusion.sum(axis=2, keepdims=True)
    return confusion


def pooled_confusion(posterior: NDArray[np.float64], answers: Answers) -> NDArray[np.float64]:
    """As `counted_confusion`, with ``c = 10`` answers of all workers' matrix in each row.

    That matrix itself has one answer spread evenly over each row.
    """
    counts = _counts(posterior, answers)
    common = counts.sum(axis=0) + 1 / answers.n_classes
    common /= common.sum(axis=1, keepdims=True)
    confusion: NDArray[np.float64] = counts + _PRIOR_ANSWERS * common
    confusion /= confusion.sum(axis=2, keepdims=True)
    return confusion


def network_posterior(
    log_prediction: NDArray[np.float64], confusion: NDArray[np.float64], answers: Answers
) -> NDArray[np.float64]:
    """``q_i(k)`` proportional to ``p_k(x_i) prod_j pi_j[k, y_ij]``, in log space: (n_tasks, K)."""
    log_q = log_prediction.copy()
    np.add.at(log_q, answers.task, np.log(confusion)[answers.worker, :, answers.label])
    q = np.exp(log_q - log_q.max(axis=1, keepdims=True))
    normal: NDArray[np.float64] = q / q.sum(axis=1, keepdims=True)
    return normal
