"""Weighted area under the margin: ambiguous tasks, by all votes and the trust in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._files import Document
from peerannot._options import option
from peerannot.aggregation import Result
from peerannot.aggregation.confusion.wds import WeightedDawidSkene
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.identification.aum import too_hard
from peerannot.identification.base import Evidence, Findings, Method, worst_first
from peerannot.identification.confusion import fit_confusion, given_confusion
from peerannot.identification.dynamics import Dynamics, MarginKind, follow, pruned
from peerannot.identification.registry import METHODS

__all__ = ["WAUM", "WAUMPerWorker", "Waum", "waum"]

# One network a worker is trained in batches of this size, as published.
_WORKER_BATCH = 50


@dataclass(frozen=True)
class Waum:
    """The WAUM of each task.

    Attributes
    ----------
    score : float64 array (n_tasks,)
        NaN for a task without answers, or without trust in any.
    aum : float64 array (n_answers,)
        Area under the margin of each answer.
    trust : float64 array (n_answers,)
        Trust in the worker of each answer on its task.
    """

    score: NDArray[np.float64]
    aum: NDArray[np.float64]
    trust: NDArray[np.float64]


def waum(
    answers: Answers,
    aum: NDArray[np.float64],
    probability: NDArray[np.float64],
    confusion: NDArray[np.float64],
) -> Waum:
    r"""Weigh the margins of a task's answers by the trust in their workers.

    .. math::
        s_{ij} = \sum_k \sigma_k(x_i)\, \pi^j_{kk}, \qquad
        \mathrm{WAUM}_i = \frac{\sum_j s_{ij} \mathrm{AUM}_{ij}}{\sum_j s_{ij}}

    Parameters
    ----------
    aum : (n_answers,)
        Area under the margin of each answer.
    probability : (n_answers, n_classes)
        Softmax of each answer's image, in the last epoch.
    confusion : (n_workers, n_classes, n_classes)
        ``[worker, true, answered]``.

    References
    ----------
    Lefort, T., Charlier, B., Joly, A. and Salmon, J. (2024). Identify ambiguous tasks combining
    crowdsourced labels by weighting areas under the margin. TMLR, definition 3.1.
    """
    diagonal = np.einsum("jkk->jk", confusion)
    trust = np.einsum("ak,ak->a", probability, diagonal[answers.worker])
    total = np.bincount(answers.task, weights=trust, minlength=answers.n_tasks)
    weighted = np.bincount(answers.task, weights=trust * aum, minlength=answers.n_tasks)
    score = np.where(total > 0, weighted / np.where(total > 0, total, 1.0), np.nan)
    return Waum(score, aum, trust)


@METHODS.register("waum", "WAUM")
@dataclass(frozen=True, kw_only=True)
class WAUM(Method):
    """Weighted area under the margin: tasks that are hard for a network and a crowd alike.

    One network learns every vote (a task with ten votes is there ten times). The margins of a
    task's votes, weighted by the trust in their workers, are its score. Tasks at or below the
    ``alpha`` quantile are pruned, Dawid-Skene is fitted again on the others, and their labels
    are the votes weighted by the diagonal of the new confusion matrices (WDS).

    Files, in ``identification/<model>/waum_<alpha>_<yang|pleiss>/``: ``waum.csv`` (index, task,
    waum), in the order of the train folder; ``aum_per_worker.json`` and
    ``score_per_worker.json``, by position of the image and worker; ``too_hard_<alpha>.txt`` for
    ``--path-remove``; ``scores.csv`` (task, file, score, n_answers, too_hard), worst first. And
    ``labels/labels_waum_<alpha>.npy`` (n_tasks, K), tasks in ascending order of key, pruned
    rows all 0.

    Parameters
    ----------
    alpha
        Tasks at or below this quantile of the score are pruned.
    use_pleiss
        Pleiss' margin of the softmax instead of Yang's.
    topk
        Compare with the (k+1)-th largest score; 0 is 1.
    max_iter
        Most iterations of Dawid-Skene.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"network"})
    stem: ClassVar[str] = "waum"

    alpha: float = option(0.01, at_least=0, at_most=1, help="quantile below which tasks are pruned")
    use_pleiss: bool = option(False, help="Pleiss' margin of the softmax instead of Yang's")
    topk: int = option(0, at_least=0, help="compare with the (k+1)-th largest score; 0 is 1")
    max_iter: int = option(50, at_least=1, help="most iterations of Dawid-Skene")

    def _run(self, evidence: Evidence) -> Findings:
        answers = evidence.answers
        confusion = given_confusion(evidence)
        if confusion is None:
            confusion = fit_confusion(answers, evidence, self.max_iter, self.name).confusion
            assert confusion is not None
        aum, probability = self._learn(evidence)
        found = waum(answers, aum, probability, confusion)
        hard = pruned(found.score, self.alpha)
        kind: MarginKind = "pleiss" if self.use_pleiss else "yang"
        home = f"identification/{evidence.model}/{self.stem}_{self.alpha}_{kind}"
        labels, n_left = self._labels(evidence, hard)
        order = worst_first(found.score)
        order = order[~np.isnan(found.score[order])]
        table = {
            "task": [answers.tasks[int(i)] for i in order],
            "file": evidence.file_of(order),
            "score": found.score[order],
            "n_answers": answers.answers_per_task[order],
            "too_hard": hard[order],
        }
        index = evidence.index_of(np.arange(answers.n_tasks))
        row = np.argsort(index, kind="stable")
        row = row[~np.isnan(found.score[row])]
        label_stem = f"labels/labels_{self.stem}_{self.alpha}"
        return Findings(
            table,
            f"{home}/scores.csv",
            "score",
            files={
                f"{home}/waum.csv": {
                    "index": index[row],
                    "task": evidence.file_of(row),
                    "waum": found.score[row],
                },
                f"{home}/aum_per_worker.json": Document(_per_worker(evidence, found.aum)),
                f"{home}/score_per_worker.json": Document(_per_worker(evidence, found.trust)),
                f"{home}/too_hard_{self.alpha}.txt": too_hard(evidence, row[hard[row]]),
                f"{label_stem}.npy": labels,
                f"{label_stem}.csv": {
                    "task": list(answers.tasks),
                    "confidence": labels.max(1),
                    "n_answers": answers.answers_per_task,
                },
            },
            summary={"n_too_hard": int(hard.sum()), "n_labelled": n_left},
            axis=f"WAUM, {'Pleiss' if self.use_pleiss else 'Yang'}'s margin",
        )

    def _learn(self, evidence: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Area under the margin of each answer, and the softmax of its image at the end."""
        answers = evidence.answers
        task, label = answers.task.astype(np.int64), answers.label.astype(np.int64)
        epochs = evidence.trainer(self.name)(task, label)
        return self._area(follow(epochs, label, topk=self.topk))

    def _area(self, found: Dynamics) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (found.aum_pleiss_softmax if self.use_pleiss else found.aum_yang), found.last

    def _labels(
        self, evidence: Evidence, hard: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], int]:
        """Labels of the tasks that are left; zeros for the others and those without answers."""
        answers = evidence.answers
        removed = [answers.tasks[int(i)] for i in np.flatnonzero(hard)]
        rest = answers.without_tasks(removed)
        labels = np.zeros((answers.n_tasks, answers.n_classes))
        if not rest.n_answers:
            raise DataError(
                f"{self.name}: alpha = {self.alpha} prunes every task; choose a lower one"
            )
        result: Result = WeightedDawidSkene(max_iter=self.max_iter).fit(
            rest, progress=evidence.progress
        )
        answered = rest.answers_per_task > 0
        labels[~hard] = result.dense_posterior() * answered[:, None]
        return labels, int(answered.sum())


def _per_worker(evidence: Evidence, value: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """``{position of the image: {worker: value}}``; the task's key where there is no image."""
    answers = evidence.answers
    index = evidence.index_of(np.arange(answers.n_tasks))
    names = [str(i) if i >= 0 else key for i, key in zip(index, answers.tasks, strict=True)]
    out: dict[str, dict[str, float]] = {}
    for i in np.argsort(index, kind="stable"):
        rows: Iterable[int] = range(answers.task_ptr[i], answers.task_ptr[i + 1])
        out[names[i]] = {answers.workers[int(answers.worker[a])]: float(value[a]) for a in rows}
    return out


@METHODS.register("waum-perworker", "WAUM_perworker")
@dataclass(frozen=True, kw_only=True)
class WAUMPerWorker(WAUM):
    """WAUM with one network a worker, trained on that worker's own votes.

    Costly: as many trainings as workers, and workers with few votes teach little. Files as
    ``waum``, under ``waum_perworker_...``.
    """

    stem: ClassVar[str] = "waum_perworker"

    def _learn(self, evidence: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if evidence.one_network:
            raise ParameterError(
                f"{self.name} trains one network a worker; --logits holds one network: use waum"
            )
        answers = evidence.answers
        aum = np.zeros(answers.n_answers)
        probability = np.zeros((answers.n_answers, answers.n_classes))
        for rows in _rows_by_worker(answers):
            task = answers.task[rows].astype(np.int64)
            label = answers.label[rows].astype(np.int64)
            epochs = evidence.trainer(self.name)(task, label, batch_size=_WORKER_BATCH)
            aum[rows], probability[rows] = self._area(follow(epochs, label, topk=self.topk))
        return aum, probability


def _rows_by_worker(answers: Answers) -> Iterator[NDArray[np.int64]]:
    order, ptr = answers.rows_by_worker()
    for rows in np.split(order, ptr[1:-1]):
        if rows.size:
            yield rows
