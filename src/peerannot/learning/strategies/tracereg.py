"""TraceReg: confusion matrices that are learned with as little trace as the votes allow."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from peerannot._options import option
from peerannot.answers import Answers
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.strategies.base import (
    STRATEGIES,
    BatchVotes,
    CrowdHead,
    EndToEnd,
    WorkerReport,
    mean_diagonal,
    to_numpy,
)
from peerannot.learning.strategies.matrices import (
    WorkerMatrices,
    answer_columns,
    answer_log_probability,
)

__all__ = ["TraceReg"]


@STRATEGIES.register("tracereg", "TraceReg", "trace-reg")
@dataclass(frozen=True, kw_only=True)
class TraceReg(EndToEnd):
    """Trace-regularised confusion matrices of Tanno et al.

    A vote of worker ``j`` has the distribution ``A_j' p``, ``A_j`` being the row softmax of free
    parameters; the loss is the mean over votes of its negative logarithm, plus ``scale`` times
    the mean over workers of ``trace(A_j)``, which keeps the matrices from explaining nothing.

    Notes
    -----
    The first ``warmup`` epochs go without the trace, from ``A_j`` of diagonal 0.8. ``A_j`` is
    a confusion matrix. ``A_j`` is made of a shared part and one of the worker, see
    `WorkerMatrices`; ``share=0`` leaves every worker to itself.

    References
    ----------
    R. Tanno et al., "Learning from noisy labels by regularized estimation of annotator
    confusion", CVPR 2019, equation 4. Its sum over workers is a mean here, so that ``scale``
    means the same whatever their number.
    """

    scale: float = option(0.01, at_least=0, help="weight of the traces")
    warmup: int = option(5, at_least=0, help="first epochs without the traces")
    share: float = option(0.01, at_least=0, help="pull of workers of few answers to the shared")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        return _Head(self, answers)


class _Head(CrowdHead):
    def __init__(self, options: TraceReg, answers: Answers) -> None:
        super().__init__()
        self.options = options
        self.crowd = WorkerMatrices("TraceReg", answers)
        self.scale = 0.0 if options.warmup else options.scale

    def begin_epoch(self, epoch: int) -> None:
        self.scale = self.options.scale if epoch >= self.options.warmup else 0.0

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        log_matrices = self.crowd.log_matrices()
        log_answer = answer_log_probability(outputs, votes, answer_columns(log_matrices, votes))
        loss = -log_answer.sum() / max(1, len(votes.label))
        if self.scale:
            diagonal = log_matrices.diagonal(dim1=1, dim2=2).exp()
            loss = loss + self.scale * diagonal.sum(dim=1).mean()
        return loss + self.options.share * self.crowd.penalty(votes.worker)

    def report(self) -> WorkerReport:
        confusion = self.crowd.matrices()
        return WorkerReport(
            mean_diagonal(confusion), to_numpy(confusion), to_numpy(self.crowd.common())
        )
