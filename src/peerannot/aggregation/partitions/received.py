"""Answers beside each label that their task received: what models of very many classes go through.

The candidates of a task are the labels that it received, so nothing grows with the number of
classes. An entry is an answer beside a candidate; a cell is a (worker, label) pair that meets a
candidate in some task, a row a worker who does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.partitions.confusions import pairs_among
from peerannot.aggregation.partitions.parts import Part
from peerannot.aggregation.partitions.reductions import Union
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.coins import start_shares
from peerannot.aggregation.passes.support import Support, clamped, posterior_of

__all__ = ["MANY", "Received", "cells_of", "received_of"]

MANY = 64  # classes above which a task's candidates are the labels that it received


@dataclass(frozen=True)
class Received:
    """The entries of a partition.

    Attributes
    ----------
    support : Support
    used : bool array (n_answers,)
        Slots that stand for a candidate.
    slot, unit : int64 arrays (n_entries,)
        Slot of the candidate, and cell or row.
    hit : bool array (n_entries,)
        Whether the answer names the candidate.
    weight : float64 array (n_entries,)
        Of the answer.
    """

    support: Support
    used: NDArray[np.bool_]
    slot: NDArray[np.int64]
    unit: NDArray[np.int64]
    hit: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def begun(self, part: Part) -> NDArray[np.float64]:
        """Shares on the slots that a fit starts from: of the votes, or of the start."""
        if part.start is None:
            share = self.support.shares(self.support.votes(part.answers))
        else:
            share = start_shares(self.support, part.start)
        return self.known(part, np.where(self.used, share, 0.0))

    def known(self, part: Part, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares with gold labels certain, and none on a slot that is not used."""
        gold = part.gold[part.answers.task]
        return np.where(gold >= 0, self.used & (self.support.label == gold), share)

    def scaled(self, part: Part, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values on the slots divided by their sum in each task."""
        task = part.answers.task
        value = np.where(self.used, value, 0.0)
        total = np.bincount(task, value, part.answers.n_tasks)
        return self.known(part, value / total[task])

    def of_scores(self, part: Part, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares of log-probabilities on the slots."""
        answers, score = part.answers, np.where(self.used, score, -np.inf)
        first = answers.task_ptr[:-1][answers.answers_per_task > 0]
        if first.size:
            top = np.maximum.reduceat(score, first)
            score = score - np.repeat(top, answers.answers_per_task[answers.answers_per_task > 0])
        return self.scaled(part, np.exp(score))

    def at_slots(self, part: Part, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of entries on their slots."""
        return np.asarray(np.bincount(self.slot, value, part.answers.n_answers), np.float64)

    def mass(self, part: Part, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Class sums of the tasks with answers, and of known classes."""
        answers = part.answers
        unknown = self.used & (part.gold < 0)[answers.task]
        found = np.bincount(self.support.label[unknown], share[unknown], answers.n_classes)
        known = np.bincount(part.gold[part.gold >= 0], minlength=answers.n_classes)
        return np.asarray(found + known, np.float64)

    def posterior(self, part: Part, share: NDArray[np.float64]) -> Any:
        k = part.answers.n_classes
        made = posterior_of(self.support, share, k, of_tasks=part.shape.n_tasks)
        return clamped(made, part.gold)


def _entries(part: Part, keys: NDArray[np.int64] | None, by_pair: bool) -> tuple[Any, ...]:
    """Slot, answer, and code of each entry."""
    answers, support = part.answers, support_of(part)
    size = support.size[answers.task]
    answer = np.repeat(np.arange(answers.n_answers), size)
    start = np.cumsum(size) - size
    slot = support.ptr[answers.task][answer] + np.arange(answer.size) - start[answer]
    own = pairs_among(part, keys).of_answer if by_pair else answers.worker
    code = own.astype(np.int64)[answer] * answers.n_classes + support.label[slot]
    return slot, answer, code


def cells_of(part: Part, keys: NDArray[np.int64] | None, by_pair: bool) -> tuple[Union]:
    """Codes (pair, or worker, x n_classes + candidate) of the cells, or rows, of a partition."""
    return (Union(np.unique(_entries(part, keys, by_pair)[2])),)


def received_of(
    part: Part, units: NDArray[np.int64], keys: NDArray[np.int64] | None, by_pair: bool
) -> Received:
    """The entries of a partition, with the cells, or rows, of all."""

    def make() -> Received:
        support = support_of(part)
        slot, answer, code = _entries(part, keys, by_pair)
        place = np.arange(part.answers.n_answers) - support.ptr[part.answers.task]
        return Received(
            support,
            place < support.size[part.answers.task],
            slot,
            np.searchsorted(units, code),
            place[slot] == support.slot[answer],
            part.answers.weights[answer],
        )

    made: Received = part.once("cells" if by_pair else "rows", make)
    return made
