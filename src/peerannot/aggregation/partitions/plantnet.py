"""Pl@ntNet: what each worker got right, by class, travels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.partitions.base import Fitted, Model, Written, distributes, in_place
from peerannot.aggregation.partitions.confusions import common_pairs
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.partitions.votes import nobody
from peerannot.aggregation.plantnet import Ballots, PlantNet
from peerannot.errors import DataError, ParameterError

__all__ = ["Identified"]


@distributes(PlantNet)
class Identified(Model):
    """Weights (workers,) out; for each pair of worker and label, how it was got (pairs,) back."""

    def check(self, strategy: PlantNet) -> None:
        if strategy.AI == "confident":
            raise ParameterError(
                f"{strategy.name} does not distribute with AI=confident, which needs a score of"
                " each task; choose another AI"
            )
        if strategy.authors is not None and not isinstance(strategy.authors, dict):
            raise ParameterError(
                f"{strategy.name} does not distribute with a file of authors, whose lines are all"
                " tasks in order; give authors as a mapping from task to worker"
            )

    def fit(
        self, strategy: PlantNet, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        shape = parts.shape
        strategy._expect_ai(nobody(shape))
        authors: Any = strategy.authors or {}
        pairs = common_pairs(parts, model=strategy.name, columns=1)
        (found,) = parts.advance(_keep_authors, {str(t): str(w) for t, w in authors.items()})
        if found < len(authors):
            raise DataError(f"authors: {len(authors) - found} of its tasks have no answers entry")
        strategy = replace(strategy, authors=None)  # partitions have theirs
        fixed, n_workers = strategy._fixed(shape.workers), len(shape.workers)

        def poll(weight: NDArray[np.float64]) -> tuple[NDArray[np.int8], int]:
            seen, n_valid = parts.sum(_poll, strategy, weight)
            return seen.value, int(n_valid)

        before, diagnostics = strategy._iterate(
            poll, pairs.worker, n_workers, fixed, progress, checkpoint
        )
        weight = strategy._weight(before, fixed)
        (n_valid,) = parts.sum(_decided, strategy, weight)
        fit = Fit(
            None,
            worker_columns={"weight": weight, "n_identified": before},
            diagnostics=replace(diagnostics, notes={"n_valid": int(n_valid)}),
        )
        return Fitted(fit, _write, (strategy, weight))


def _keep_authors(part: Part, authors: dict[str, str]) -> tuple[Any, tuple[int]]:
    """Keep the author of each task of a partition, -1 for none, next to the keys of pairs."""
    answers = part.answers
    author = np.full(answers.n_tasks, -1, np.int32)
    found = 0
    if authors:
        author = answers.workers.codes([authors.get(task, "-1") for task in answers.tasks])
        found = sum(task in authors for task in answers.tasks)
    return (part.kept, author), (found,)


def _ballots(part: Part, strategy: PlantNet) -> Ballots:
    """The ballots of a partition, with the pairs of all, before a vote."""
    keys, author = part.kept

    def make() -> Ballots:
        ballots = Ballots.of(strategy, part.answers, author, part.gold)
        human, k = ballots.human, ballots.human.n_classes
        pair = np.searchsorted(keys, human.worker.astype(np.int64) * k + human.label)
        worker = (keys // k).astype(np.int32)
        return replace(ballots, pair=pair.astype(np.int32), pair_worker=worker)

    made: Ballots = part.made(f"ballots {strategy.AI}", make)
    authored = author[made.human.task] == made.human.worker
    return replace(made, rule=in_place(strategy, part), authored=authored)


def _poll(part: Part, strategy: PlantNet, weight: NDArray[np.float64]) -> tuple[Any, ...]:
    seen, n_valid = _ballots(part, strategy).poll(weight)
    return Largest(seen), n_valid


def _last(part: Part, strategy: PlantNet, weight: NDArray[np.float64]) -> Fit:
    ballots = _ballots(part, strategy)
    ballots.poll(weight)
    ballots.rule = in_place(strategy, part)
    return ballots.told()


def _decided(part: Part, strategy: PlantNet, weight: NDArray[np.float64]) -> tuple[Any, ...]:
    return (int(_last(part, strategy, weight).task_columns["valid"].sum()),)


def _write(part: Part, strategy: PlantNet, weight: NDArray[np.float64]) -> Written:
    fit = _last(part, strategy, weight)
    return fit.labels, fit.confidence, fit.posterior
