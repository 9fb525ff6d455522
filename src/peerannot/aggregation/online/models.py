"""How additive models take up a batch of answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._progress import Progress, silent
from peerannot.aggregation.fit import Fit, Start
from peerannot.aggregation.online.memory import Change, KeptRows
from peerannot.aggregation.passes.confusions import EM, Pairs
from peerannot.aggregation.passes.support import NONE
from peerannot.answers import Answers

__all__ = ["ALL_FRESH", "Batch", "Sums", "move_counts", "read_once"]

Sums = Mapping[str, NDArray[Any]]

ALL_FRESH = np.empty(0, np.bool_)  # what the loop takes where no answer was read before


@dataclass(frozen=True)
class Batch:
    """What a model is given to take up.

    Attributes
    ----------
    memory : KeptRows
        All answers, those of the batch among them.
    before : KeptRows
        The answers before.
    change : Change
        From before to now.
    gold : int32 array (n_tasks,)
        Known classes, -1 for unknown.
    number : int
        Batches before this one.
    decay, passes, begin
        See `peerannot.aggregation.online.state.OnlineState`.
    """

    memory: KeptRows
    before: KeptRows
    change: Change
    gold: NDArray[np.int32]
    number: int
    decay: float
    passes: int
    begin: str

    def touched(self) -> NDArray[np.bool_]:
        """Tasks with a fresh answer, or without one that they had, bool (n_tasks,)."""
        mark = np.zeros(len(self.memory.tasks), np.bool_)
        mark[self.memory.answers.task[self.change.origin < 0]] = True
        mark[self.change.task[self.before.answers.task[self.change.gone]]] = True
        return mark


class Weighing(Protocol):
    """What `read_once` asks of LA."""

    @property
    def seed(self) -> int: ...

    @property
    def ties(self) -> str: ...

    @property
    def order(self) -> str: ...

    def begin(self, n_workers: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Right and seen of each worker before any answer."""


class Confusing(Protocol):
    """What `move_counts` asks of a model with a confusion matrix for each worker."""

    name: ClassVar[str]

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit: ...

    def tables(
        self, pairs: Pairs, counts: NDArray[np.float64], mass: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log-confusions of the pairs, and log-prior."""


def read_once(strategy: Weighing, sums: Sums, batch: Batch) -> Sums:
    """LA: each answer is weighed once, by the skill of its worker when it came.

    Sums: ``right`` and ``seen`` of each worker; ``credit`` (the skill that weighed it) and
    ``hit`` (whether it won) of each answer, so that an answer that is replaced can be taken back.
    """
    answers, change = batch.memory.answers, batch.change
    right, seen = strategy.begin(answers.n_workers)
    fresh = change.origin < 0
    credit, hit = np.zeros(fresh.size), np.zeros(fresh.size)
    if sums:
        right[change.worker], seen[change.worker] = sums["right"], sums["seen"]
        credit[~fresh] = sums["credit"][change.origin[~fresh]]
        hit[~fresh] = sums["hit"][change.origin[~fresh]]
        _take_back(batch, sums, right, seen)
    # The first batch draws as the fit does, so that both read tasks in the same order.
    rng = np.random.default_rng([strategy.seed, batch.number] if batch.number else strategy.seed)
    touched = np.zeros(answers.n_tasks, np.bool_)
    touched[answers.task[fresh]] = True
    order = np.flatnonzero(touched)
    if strategy.order == "random":
        order = rng.permutation(order)
    native.stream_read(
        order, answers.task_ptr, answers.label, answers.worker, answers.loop_weights, batch.gold,
        rng.random(touched.size) if strategy.ties == "random" else NONE, fresh, credit, hit, right,
        seen, n_classes=answers.n_classes, one=strategy.ties in ("first", "random"),
    )  # fmt: skip
    return {"right": right, "seen": seen, "credit": credit, "hit": hit}


def _take_back(
    batch: Batch, sums: Sums, right: NDArray[np.float64], seen: NDArray[np.float64]
) -> None:
    """Take what replaced answers counted out of their workers' sums."""
    gone, before = batch.change.gone, batch.before.answers
    worker = batch.change.worker[before.worker[gone]]
    weight = before.weights[gone]
    np.subtract.at(right, worker, weight * sums["hit"][gone])
    np.subtract.at(seen, worker, weight)
    np.maximum(right, 0.0, out=right)
    np.maximum(seen, 0.0, out=seen)


def move_counts(strategy: Confusing, reader: Confusing, sums: Sums, batch: Batch) -> Sums:
    """Dawid-Skene and IBCC: expected counts of confusions, updated with decaying steps.

    Sums: ``counts`` (n_pairs, K) of the (worker, label) pairs ``pair_worker``, ``pair_label``,
    and ``mass`` (K,), the class sums. ``reader`` is the model that reads the batch.
    """
    answers = batch.memory.answers
    pairs = Pairs.of(answers, model=strategy.name)
    touched = batch.touched()
    part, gold = answers.of_tasks(np.flatnonzero(touched)), batch.gold[touched]
    given = None
    if not sums and batch.begin == "fit":
        fit = strategy._fit(part, Start(gold, None), silent)
        given = fit.posterior
        fit.diagnostics.warn(strategy.name, of=" of the first batch", stacklevel=4)
    em = EM.of(part, gold, given, model=strategy.name)
    place = _places(pairs, em.pairs, answers.n_classes)
    read, read_mass = em.first()
    old_counts, old_mass = np.zeros((len(pairs), answers.n_classes)), np.zeros(read_mass.size)
    if sums:
        old_counts = _carried(pairs, sums, batch.change, answers.n_classes)
        old_mass = sums["mass"]
    total, n_read = answers.weight_per_worker, part.weight_per_worker
    step = _share(n_read, total) ** batch.decay
    # Totals stay those of the answers: a step moves the mean of the counts, not their number.
    before = pairs.worker_sums(old_counts).sum(1)
    keep = (1.0 - step) * _share(total, before)
    # Workers of whom nothing was read keep their counts to the bit.
    keep[(n_read == 0) & np.isclose(total, before)] = 1.0
    gain = step * _share(total, n_read)
    n_tasks = int((answers.answers_per_task > 0).sum())
    rate = (int((part.answers_per_task > 0).sum()) / max(n_tasks, 1)) ** batch.decay

    def moved() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        counts = keep[pairs.worker, None] * old_counts
        counts[place] += gain[em.pairs.worker, None] * read
        return counts, _blend(old_mass, read_mass, rate, n_tasks)

    counts, mass = (old_counts, old_mass) if sums else moved()
    for _ in range(batch.passes if given is None else 0):
        table, log_prior = reader.tables(pairs, counts, mass)
        read, read_mass, _ = em.step(table[place], log_prior)
        counts, mass = moved()
    return {
        "pair_worker": pairs.worker,
        "pair_label": pairs.label,
        "counts": counts,
        "mass": mass,
    }


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ratios, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _blend(
    old: NDArray[np.float64], read: NDArray[np.float64], rate: float, n: int
) -> NDArray[np.float64]:
    """Class sums over n tasks: old frequencies moved by the rate towards those read."""
    if rate == 0:
        return old
    a = old / old.sum() if old.sum() > 0 else np.full(old.size, 1.0 / old.size)
    b = read / read.sum() if read.sum() > 0 else a
    return np.asarray(n * ((1.0 - rate) * a + rate * b))


def _places(pairs: Pairs, some: Pairs, k: int) -> NDArray[np.int64]:
    """Positions of some pairs among all."""
    key = pairs.worker.astype(np.int64) * k + pairs.label
    return np.searchsorted(key, some.worker.astype(np.int64) * k + some.label)


def _carried(pairs: Pairs, sums: Sums, change: Change, k: int) -> NDArray[np.float64]:
    """Counts from before on the pairs of now; pairs whose answers were all replaced are left."""
    counts = np.zeros((len(pairs), k))
    if not len(pairs):
        return counts
    key = pairs.worker.astype(np.int64) * k + pairs.label
    old = change.worker[sums["pair_worker"]].astype(np.int64) * k + sums["pair_label"]
    place = np.minimum(np.searchsorted(key, old), key.size - 1)
    same = key[place] == old
    counts[place[same]] = sums["counts"][same]
    return counts
