"""Area under the margin, and dataset cartography: one training run feeds both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._spreadsheet import guarded
from peerannot.aggregation.votes.majority_vote import MajorityVote
from peerannot.errors import DataError
from peerannot.identification.base import Evidence, Findings, Method, worst_first
from peerannot.identification.dynamics import Dynamics, Tally, pruned, softmax
from peerannot.identification.registry import METHODS

__all__ = ["AUM", "Cartography", "hard_labels", "too_hard"]


def hard_labels(evidence: Evidence) -> NDArray[np.int64]:
    """The label of each task: as given, else by majority vote (ties drawn with seed 0).

    Raises
    ------
    DataError
        The labels given do not fit the tasks.
    """
    answers = evidence.answers
    if evidence.labels is None:
        return MajorityVote(ties="random").fit(answers).labels.astype(np.int64)
    labels = np.asarray(evidence.labels)
    if labels.shape != (answers.n_tasks,):
        raise DataError(
            f"hard labels: expected {answers.n_tasks}, one a task in ascending order of key, not"
            f" {labels.shape}"
        )
    if labels.size and (labels.min() < -1 or labels.max() >= answers.n_classes):
        raise DataError(f"hard labels: must be -1 (none) or 0..{answers.n_classes - 1}")
    return labels.astype(np.int64)


def too_hard(evidence: Evidence, tasks: NDArray[np.int64]) -> str:
    """Lines ``position key`` for ``--path-remove``: position of the image, key of the task."""
    keys = (evidence.answers.tasks[int(i)] for i in tasks)
    index = evidence.index_of(tasks)
    return "".join(f"{i} {key}\n" for i, key in zip(index, keys, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Trained(Method):
    """A method that follows the training on one label a task.

    Parameters
    ----------
    topk
        Compare with the (k+1)-th largest score; 0 is 1.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"network", "labels"})

    topk: int = option(0, at_least=0, help="compare with the (k+1)-th largest score; 0 is 1")

    def _follow(
        self, evidence: Evidence, records: list[NDArray[np.float32]] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Dynamics]:
        """Tasks with a label, their labels, and how they were learned."""
        labels = hard_labels(evidence)
        tasks = np.flatnonzero(labels >= 0)
        if not tasks.size:
            raise DataError(f"{self.name}: no task has a label")
        tally = Tally(labels[tasks], topk=self.topk)
        for logits in evidence.trainer(self.name)(tasks, labels[tasks]):
            tally.add(logits)
            if records is not None:
                records.append(np.array(logits, dtype=np.float32))
        return tasks, labels[tasks], tally.result()

    def _files(
        self, evidence: Evidence, tasks: NDArray[np.int64], found: Dynamics
    ) -> dict[str, Any]:
        """What one run gives beside the method's own score: the cartography."""
        order = worst_first(found.confidence)
        chosen = tasks[order]
        return {
            f"identification/{evidence.model}/cartography.csv": {
                "task": [evidence.answers.tasks[int(i)] for i in chosen],
                "file": evidence.file_of(chosen),
                "score": found.confidence[order],
                "confidence": found.confidence[order],
                "variability": found.variability[order],
                "correctness": found.correctness[order],
                "forgetting": found.forgetting[order],
                "el2n": found.el2n[order],
            }
        }


@METHODS.register("aum", "AUM", "AUMC")
@dataclass(frozen=True, kw_only=True)
class AUM(_Trained):
    """Area under the margin: labels that a network learns late, or never.

    A network is trained on one label a task (``--hard-labels``, else the majority vote); the
    score is the mean over epochs of the margin of that label.

    Files, in ``identification/<model>/aum/``: ``aum_values.csv`` (sample_id, filename,
    AUM_yang: softmax, AUM_pleiss: logits), in the order of the train folder;
    ``full_aum_records.csv``, a row a task and epoch; ``too_hard_<alpha>.txt`` for
    ``--path-remove``; ``scores.csv`` (task, file, score, label, ...), worst first. Beside it
    ``cartography.csv`` from the same run.

    Parameters
    ----------
    alpha
        Tasks at or below this quantile of the score are too hard.
    use_pleiss
        Score by Pleiss' margin instead of Yang's.
    """

    alpha: float = option(0.01, at_least=0, at_most=1, help="quantile below which tasks are pruned")
    use_pleiss: bool = option(False, help="Pleiss' margin of the logits instead of Yang's")

    def _run(self, evidence: Evidence) -> Findings:
        records: list[NDArray[np.float32]] = []
        tasks, labels, found = self._follow(evidence, records)
        answers = evidence.answers
        score = found.aum_pleiss if self.use_pleiss else found.aum_yang
        index = evidence.index_of(tasks)
        names = np.array(evidence.file_of(tasks), dtype=object)
        # The published files are in the order of the train folder.
        row = np.argsort(index, kind="stable")
        hard = row[pruned(score[row], self.alpha)]
        home = f"identification/{evidence.model}/aum"
        order = worst_first(score)
        table = {
            "task": [answers.tasks[int(i)] for i in tasks[order]],
            "file": list(names[order]),
            "score": score[order],
            "label": [answers.classes[int(y)] for y in labels[order]],
            "AUM_yang": found.aum_yang[order],
            "AUM_pleiss": found.aum_pleiss[order],
            "too_hard": pruned(score, self.alpha)[order],
        }
        values = {
            "sample_id": index[row],
            "filename": list(names[row]),
            "AUM_yang": found.aum_yang[row],
            "AUM_pleiss": found.aum_pleiss[row],
        }
        lines = _records(
            [r[row] for r in records], index[row], list(names[row]), labels[row], self.topk
        )
        return Findings(
            table,
            f"{home}/scores.csv",
            "score",
            files={
                f"{home}/aum_values.csv": values,
                f"{home}/full_aum_records.csv": lines,
                f"{home}/too_hard_{self.alpha}.txt": too_hard(evidence, tasks[hard]),
                **self._files(evidence, tasks, found),
            },
            summary={"n_too_hard": int(hard.size), "n_epochs": found.n_epochs},
            axis="AUM, " + ("Pleiss' margin of logits" if self.use_pleiss else "Yang's margin"),
        )


def _records(
    epochs: Iterable[NDArray[np.float32]],
    index: NDArray[np.int64],
    names: list[str],
    label: NDArray[np.int64],
    topk: int,
) -> Iterator[str]:
    """Lines of ``full_aum_records.csv``, made while they are written."""
    import polars as pl

    rows = np.arange(label.size)
    second = max(topk, 1) + 1
    for epoch, logits in enumerate(epochs):
        probability = softmax(logits)
        columns: dict[str, Any] = {
            "index": index,
            "task": names,
            "label": label,
            "epoch": np.full(label.size, epoch),
        }
        parts: dict[str, dict[str, Any]] = {"label": {}, "other_max": {}, "second": {}}
        for kind, scores in (("logit", logits), ("prob", probability)):
            others = scores.copy()
            others[rows, label] = -np.inf
            parts["label"][f"label_{kind}"] = scores[rows, label]
            parts["other_max"][f"other_max_{kind}"] = others.max(axis=1)
            parts["second"][f"second{kind}"] = np.sort(scores, axis=1)[:, -second]
        for part in parts.values():
            columns |= part
        columns |= {f"logits_{k}": logits[:, k] for k in range(logits.shape[1])}
        yield guarded(pl.DataFrame(columns)).write_csv(include_header=epoch == 0)


@METHODS.register("cartography", "dataset-cartography")
@dataclass(frozen=True, kw_only=True)
class Cartography(_Trained):
    """Dataset cartography: how sure, how steadily and how lastingly a label is learned.

    File: ``identification/<model>/cartography.csv``: task, file, score (confidence), confidence,
    variability, correctness, forgetting, el2n; the least confident first. ``aum`` writes it
    too, from its own run. See `peerannot.identification.dynamics.Dynamics`.
    """

    def _run(self, evidence: Evidence) -> Findings:
        tasks, _, found = self._follow(evidence)
        ((name, table),) = self._files(evidence, tasks, found).items()
        return Findings(
            table,
            name,
            "score",
            summary={
                "n_epochs": found.n_epochs,
                "mean_confidence": float(found.confidence.mean()),
                "n_never_learned": int((found.forgetting < 0).sum()),
            },
            axis="confidence: mean probability of the label over epochs",
        )
