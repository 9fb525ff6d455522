"""Class-conditional one-coin: each worker is right with one probability for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled
from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Iterative, Start
from peerannot.aggregation.passes.coins import start_shares
from peerannot.aggregation.passes.confusions import blocks_of
from peerannot.aggregation.passes.kernels import over_blocks
from peerannot.aggregation.passes.support import Support, clamped, posterior_of
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.answers import Answers

__all__ = ["ClassOneCoin"]


@STRATEGIES.register("class-one-coin", "class-conditional-one-coin")
@dataclass(frozen=True, kw_only=True)
class ClassOneCoin(Iterative):
    r"""One-coin model with a probability of being right for each worker and class.

    .. math::
        P(y_{ij} = k \mid z_i = k) = p_{jk}, \qquad
        P(y_{ij} = l \mid z_i = k) = \frac{1 - p_{jk}}{K - 1} \text{ for } l \ne k

    with :math:`p_{jk} \sim Beta(1 + right, 1 + wrong)` and class frequencies :math:`\rho_k`. The
    middle way between the one-coin model and Dawid-Skene: it knows that a worker can tell some
    classes and not others, at a cost that does not depend on the number of classes. Only classes
    that a task received are candidates for it. MAP estimation by EM, from vote shares (or
    ``init``).

    Parameters
    ----------
    prior
        ``estimated`` or ``uniform`` frequencies of the classes.
    right, wrong
        Pseudo-counts of right and wrong answers for each worker and class.

    Notes
    -----
    The objective is the log-posterior. Skill is the expected share of right answers.

    Cost: O(answers x distinct labels of a task) an iteration; memory for the (worker, class)
    pairs that meet in a task, so thousands of classes are fine.

    References
    ----------
    Pullin, J. M., Gurrin, L. C. and Vukcevic, D. (2021). Statistical models of repeated
    categorical rating: the R package rater. arXiv:2010.09335 (class-conditional model).
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True

    prior: Literal["uniform", "estimated"] = option("estimated", help="frequencies of the classes")
    right: float = option(2.0, above=0.0, help="pseudo-count of right answers")
    wrong: float = option(1.0, above=0.0, help="pseudo-count of wrong answers")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        k = answers.n_classes
        support = Support.of(answers)
        entry = np.concatenate(([0], np.cumsum(answers.answers_per_task * support.size)))
        code = entries(support.ptr, support.size, support.label, answers.worker, entry, k)
        units, unit = np.unique(code, return_inverse=True)
        unit = unit.astype(np.int32)
        bounds = blocks_of(answers, 2 * units.size, width=1)
        weight = answers.loop_weights
        wrong_label = np.log(max(k - 1, 1))

        rho = np.full(k, 1.0 / k)

        def run(p: NDArray[np.float64], share: NDArray[np.float64], given: bool) -> Any:
            hit, miss = np.log(p), np.log1p(-p) - wrong_label
            log_rho = np.log(np.maximum(rho, 1e-300))
            sums = np.zeros((bounds.size - 1, 2, units.size))
            mass = np.zeros((bounds.size - 1, k))

            def work(b: int) -> float:
                return class_coin_block(
                    support.ptr, support.size, support.label, support.slot, entry, unit, weight,
                    start.gold, hit, miss, log_rho, bounds[b], bounds[b + 1], given, sums[b],
                    mass[b], share,
                )  # fmt: skip

            gain = float(sum(over_blocks(work, bounds.size - 1)))
            return sums.sum(0), mass.sum(0), gain

        if start.posterior is None:
            share = support.shares(support.votes(answers))
        else:
            share = start_shares(support, start.posterior)
        p = np.full(units.size, 0.5)
        (hits, met), mass, _ = run(p, share, True)
        objective: list[float] = []
        stopped = False
        while not stopped and len(objective) < self.max_iter:
            p = (hits + self.right) / (met + self.right + self.wrong)
            if self.prior == "estimated" and mass.sum() > 0:
                rho = mass / mass.sum()
            (hits, met), mass, loglik = run(p, share, False)
            prior = float((self.right * np.log(p) + self.wrong * np.log1p(-p)).sum())
            objective.append(loglik + prior)
            stopped = self.stops(objective, answers)
            progress(len(objective), self.max_iter, f"log-posterior {objective[-1]:.4f}")
        p = (hits + self.right) / (met + self.right + self.wrong)
        if self.prior == "estimated" and mass.sum() > 0:
            rho = mass / mass.sum()
        (hits, _), *_ = run(p, share, False)
        owner = (units // k).astype(np.int64)
        total = answers.weight_per_worker
        skill = np.bincount(owner, hits, answers.n_workers) / np.where(total > 0, total, 1.0)
        return Fit(
            clamped(posterior_of(support, share, k), start.gold),
            skill=np.clip(skill, 0.0, 1.0),
            prior=rho,
            extra={"unit_worker": owner, "unit_class": units % k, "unit_right": p},
            diagnostics=Diagnostics(len(objective), stopped or self.tol == 0, tuple(objective)),
        )


@compiled()
def entries(
    ptr: Any, size: Any, slot_label: Any, worker: Any, entry: Any, k: int
) -> Any:  # pragma: no cover - compiled
    """Code (worker, class) of each answer and candidate class of its task, answer by answer."""
    code = np.empty(entry[-1], np.int64)
    for i in range(size.size):
        e = entry[i]
        for a in range(ptr[i], ptr[i + 1]):
            for s in range(size[i]):
                code[e] = np.int64(worker[a]) * k + slot_label[ptr[i] + s]
                e += 1
    return code


@compiled()
def class_coin_block(
    ptr: Any,
    size: Any,
    slot_label: Any,
    slot: Any,
    entry: Any,
    unit: Any,
    weight: Any,
    gold: Any,
    hit: Any,
    miss: Any,
    log_prior: Any,
    lo: int,
    hi: int,
    given: bool,
    sums: Any,
    mass: Any,
    share: Any,
) -> float:  # pragma: no cover - compiled
    """Shares of tasks lo..hi (kept where ``given``), their right answers and answers by unit.

    Returns the log-likelihood.
    """
    gain = 0.0
    for i in range(lo, hi):
        first, last, n = ptr[i], ptr[i + 1], size[i]
        if first == last:
            continue
        known = -1
        if gold[i] >= 0:
            for s in range(n):
                if slot_label[first + s] == gold[i]:
                    known = s
        if not given:
            for s in range(n):
                share[first + s] = log_prior[slot_label[first + s]]
            e = entry[i]
            for a in range(first, last):
                v = weight[a] if weight.size else 1.0
                for s in range(n):
                    u = unit[e]
                    share[first + s] += v * (hit[u] if slot[a] == s else miss[u])
                    e += 1
            top = -np.inf
            for s in range(n):
                top = max(top, share[first + s])
            if gold[i] >= 0:
                if known >= 0:
                    gain += share[first + known]
            else:
                total = 0.0
                for s in range(n):
                    share[first + s] = np.exp(share[first + s] - top)
                    total += share[first + s]
                gain += top + np.log(total)
                for s in range(n):
                    share[first + s] /= total
        if gold[i] >= 0:
            for s in range(n):
                share[first + s] = 1.0 if s == known else 0.0
        for s in range(n):
            mass[slot_label[first + s]] += share[first + s]
        e = entry[i]
        for a in range(first, last):
            v = weight[a] if weight.size else 1.0
            for s in range(n):
                u = unit[e]
                z = v * share[first + s]
                sums[1, u] += z
                if slot[a] == s:
                    sums[0, u] += z
                e += 1
    return gain
