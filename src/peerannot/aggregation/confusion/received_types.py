"""Hierarchical Dawid-Skene of very many classes: on the labels received, with tied rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, softmax

from peerannot.aggregation.base import Fit
from peerannot.aggregation.partitions.confusions import CommonPairs
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.received import cells_of, received_of
from peerannot.aggregation.partitions.rounds import Settling

__all__ = ["ReceivedTypesModel"]

LEAST, MOST = 1e-3, 1e4
LEAST_LEFT_OUT = 1e-3


class ReceivedTypesModel:
    """Between rounds; a type has one number for what is right and one for each wrong label.

    Parameters
    ----------
    common
        The pairs that occur.
    parts
    begun : float64 array (n_types, 2)
        Pseudo-answers of a right answer and of each wrong one, by type.
    pull
        Strength of the prior of what is learnt, in workers.
    uniform
        Whether classes are equally frequent.
    """

    n_sums, is_joint = 3, False

    def __init__(
        self, common: CommonPairs, parts: Parts, begun: NDArray[np.float64], pull: float,
        *, uniform: bool,
    ) -> None:  # fmt: skip
        self.begin, self.step, self.write = _begin, _step, _write
        k = self._k = len(parts.shape.classes)
        self._keys, self._uniform, self._pull = common.keys, uniform, pull
        (units,) = parts.sum(cells_of, common.keys, True)
        self._units = units.keys
        pair, self._class = self._units // k, self._units % k
        self._worker = common.pairs.worker[pair]
        self._kind = (common.pairs.label[pair] != self._class).astype(np.int64)  # 1: wrong
        rows, self._row = np.unique(
            self._worker.astype(np.int64) * k + self._class, return_inverse=True
        )
        self._row_worker, self._row_class = rows // k, rows % k
        self._n_workers = len(parts.shape.workers)
        self._active = np.diff(common.pairs.ptr) > 0
        self._first, self._alpha = begun, begun
        n_types = len(begun)
        self._share = np.full(n_types, 1 / n_types)
        self._settling = Settling()
        self._counts, self._mass = np.zeros(pair.size), np.zeros(k)
        self._member = np.full((self._n_workers, n_types), 1 / n_types)

    def first(self) -> tuple[Any, ...]:
        return self._units, self._keys

    def given(self) -> tuple[Any, ...]:
        left_out = np.clip(self._counts, LEAST_LEFT_OUT, 1.0)
        row = self._row_counts()[self._row]
        other, other_row = np.maximum(self._counts - left_out, 0), np.maximum(row - left_out, 0)
        every, apart = np.zeros(row.size), np.zeros(row.size)
        for t, (alpha, total) in enumerate(zip(self._alpha, self._totals(), strict=True)):
            share, begun = self._member[self._worker, t], alpha[self._kind]
            every += share * (begun + self._counts) / (total + row)
            apart += share * (begun + other) / (total + other_row)
        table = np.log(every)
        slope = (np.log(apart) - table) / left_out
        return table, slope, np.log(self._frequency()), self._units, self._keys

    def take(self, sums: tuple[Any, ...]) -> float:
        self._counts, self._mass, change = sums
        moved = self._settling.after(float(change) / max(float(self._mass.sum()), 1.0))
        row_counts, n = self._row_counts(), self._n_workers
        score = np.tile(np.log(self._share), (n, 1))
        for t, (alpha, total) in enumerate(zip(self._alpha, self._totals(), strict=True)):
            begun = alpha[self._kind]
            cells = gammaln(begun + self._counts) - gammaln(begun)
            rows = gammaln(total) - gammaln(total + row_counts)
            score[:, t] += np.bincount(self._worker, cells, n)
            score[:, t] += np.bincount(self._row_worker, rows, n)
        self._member = np.asarray(softmax(score, axis=1))
        n_types = self._share.size
        own = self._member[self._active]
        self._share = (own.sum(0) + 1 / n_types) / (len(own) + 1)
        if self._settling.learns:
            self._learn(row_counts)
        return moved

    def _learn(self, row_counts: NDArray[np.float64]) -> None:
        """One step of Minka's fixed point, of numbers that all rows of a type have in common."""
        new = np.empty_like(self._alpha)
        for t, (alpha, total) in enumerate(zip(self._alpha, self._totals(), strict=True)):
            begun = alpha[self._kind]
            gain = self._member[self._worker, t] * (digamma(begun + self._counts) - digamma(begun))
            met = np.bincount(self._kind, gain, 2)
            spent = self._member[self._row_worker, t] @ (
                digamma(total + row_counts) - digamma(total)
            )
            times = np.array([1.0, self._k - 1.0]) * spent
            new[t] = (alpha * met + self._pull * self._first[t]) / (times + self._pull)
        self._alpha = np.clip(new, np.minimum(LEAST, self._first / 10), MOST)

    def state(self) -> dict[str, Any]:
        return {
            "counts": self._counts, "mass": self._mass, "alpha": self._alpha, "share": self._share,
            "member": self._member, **self._settling.state(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        self._counts, self._mass, self._alpha = state["counts"], state["mass"], state["alpha"]
        self._share, self._member = state["share"], state["member"]
        self._settling = Settling.of(state)

    def fit(self) -> Fit:
        frequency, row_counts = self._frequency(), self._row_counts()
        right = np.bincount(
            self._row[self._kind == 0], self._counts[self._kind == 0], row_counts.size
        )
        skill = np.zeros(self._n_workers)
        for t, (alpha, total) in enumerate(zip(self._alpha, self._totals(), strict=True)):
            gain = (alpha[0] + right) / (total + row_counts) - alpha[0] / total
            gain *= frequency[self._row_class]
            known = np.bincount(self._row_worker, gain, self._n_workers)
            skill += self._member[:, t] * (alpha[0] / total + known)
        return Fit(
            None,
            skill=np.clip(skill, 0.0, 1.0),
            prior=frequency,
            worker_columns={"type": self._member.argmax(1).astype(np.int32)},
            extra={"type_concentration": self._alpha, "membership": self._member},
        )

    def _totals(self) -> NDArray[np.float64]:
        return np.asarray(self._alpha[:, 0] + (self._k - 1) * self._alpha[:, 1])

    def _row_counts(self) -> NDArray[np.float64]:
        return np.asarray(np.bincount(self._row, self._counts, self._row_worker.size), np.float64)

    def _frequency(self) -> NDArray[np.float64]:
        seen = np.ones(self._k) if self._uniform else self._mass + 1.0
        return np.asarray(seen / seen.sum())


def _begin(
    part: Part, units: NDArray[np.int64], keys: NDArray[np.int64] | None
) -> tuple[Any, tuple[Any, ...]]:
    share = received_of(part, units, keys, True).begun(part)
    return share, (*_sums(part, share, units, keys), 0.0)


def _step(
    part: Part, own: NDArray[np.float64], table: NDArray[np.float64], slope: NDArray[np.float64],
    log_prior: NDArray[np.float64], units: NDArray[np.int64], keys: NDArray[np.int64] | None,
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    share = _shares(part, own, table, slope, log_prior, units, keys)
    change = float(np.abs(share - own).sum()) / 2
    return share, (*_sums(part, share, units, keys), change)


def _write(
    part: Part, own: NDArray[np.float64], table: NDArray[np.float64], slope: NDArray[np.float64],
    log_prior: NDArray[np.float64], units: NDArray[np.int64], keys: NDArray[np.int64] | None,
) -> Any:  # fmt: skip
    share = _shares(part, own, table, slope, log_prior, units, keys)
    return received_of(part, units, keys, True).posterior(part, share)


def _shares(
    part: Part, own: NDArray[np.float64], table: NDArray[np.float64], slope: NDArray[np.float64],
    log_prior: NDArray[np.float64], units: NDArray[np.int64], keys: NDArray[np.int64] | None,
) -> NDArray[np.float64]:  # fmt: skip
    met = received_of(part, units, keys, True)
    left_out = np.minimum(met.weight, 1.0) * own[met.slot]
    said = met.weight * (table[met.unit] + left_out * slope[met.unit])
    score = met.at_slots(part, said)
    score += np.where(met.used, log_prior[np.where(met.used, met.support.label, 0)], 0.0)
    return met.of_scores(part, score)


def _sums(
    part: Part, share: NDArray[np.float64], units: NDArray[np.int64],
    keys: NDArray[np.int64] | None,
) -> tuple[Any, ...]:  # fmt: skip
    met = received_of(part, units, keys, True)
    counts = np.bincount(met.unit, met.weight * share[met.slot], units.size)
    return counts, met.mass(part, share)
