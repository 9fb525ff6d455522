"""Hierarchical MACE: how many workers know, and how they guess, is learnt from the crowd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from peerannot._options import option
from peerannot.aggregation.base import Fit
from peerannot.aggregation.drawing.confusions import Styles
from peerannot.aggregation.partitions.coins import coins_of
from peerannot.aggregation.partitions.confusions import CommonPairs
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.rounds import Model, Rounds, Settling
from peerannot.aggregation.partitions.support import as_held
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Result
from peerannot.answers import Answers

__all__ = ["GuessModel", "HierarchicalMACE"]

KNOWS = 0.7  # probability that the worker of a right answer knew it, at the start
LEAST, MOST = 1e-2, 1e4  # pseudo-answers of competence that are learnt
LEAST_STYLE = 1e-3  # and of a label


@STRATEGIES.register("hierarchical-mace")
@dataclass(frozen=True, kw_only=True)
class HierarchicalMACE(Rounds):
    r"""MACE whose priors are learnt: how many workers know, and how this crowd guesses.

    .. math::
        P(y_{ij} = l \mid z_i = k) = \theta_j 1[l = k] + (1 - \theta_j) \xi_{jl}, \qquad
        \theta_j \sim Beta(a, b), \quad \xi_j \sim Dir(g), \quad \rho \sim Dir(1)

    A worker knows, with competence :math:`\theta_j`, or answers by habit, :math:`\xi_j`. With
    expected answers known :math:`n^1_j`, not known :math:`n^0_j`, and not known of each label
    :math:`n^0_{jl}`,

    .. math::
        \theta_j = \frac{a + n^1_j}{a + b + n_j}, \qquad
        \xi_{jl} = \frac{g_l + n^0_{jl}}{\sum_l g_l + n^0_j}, \qquad
        z_{ik} \propto \rho_k \prod_{j: y_{ij} = k} \Big(1 + \frac{\theta_j}{(1 - \theta_j)
        \xi_{jk}}\Big)

    where the counts are those of all tasks but i: a task is judged by what its workers did in all
    *other* tasks, so none confirms itself. It starts from vote shares (or ``init``); the worker of
    a right answer then knew it with probability .7. Once labels have settled, :math:`a, b, g` are
    learnt by one step of Minka's fixed point an iteration, as in `HierarchicalDawidSkene`, under
    Gamma priors whose mode is where they begin: :math:`a = b` = ``competence``, and :math:`g` =
    ``style`` answers a class, shared as the labels of all answers are.

    Parameters
    ----------
    competence
        Pseudo-answers known, and as many not known, that competence begins with.
    style
        Pseudo-answers for each class that guessing begins with, on average.
    pull
        Strength of the priors of what is learnt, in workers.

    Notes
    -----
    Weights without a task's own counts are taken on the straight line between an answer that was
    surely wrong and one surely right. One start, not ten as MACE has. Worker column
    ``competence``. Skill is :math:`\theta_j + (1 - \theta_j) / K`, the probability to be right on
    a random class. ``extra`` has ``competence_prior``, :math:`(a, b)`, and ``style_prior``
    (n_classes,), :math:`g`.

    Cost: O(answers) an iteration, whatever the number of classes, as only the label that an
    answer names differs from the others; one number is kept for each answer.

    References
    ----------
    Hovy, D., Berg-Kirkpatrick, T., Vaswani, A. and Hovy, E. (2013). Learning whom to trust with
    MACE. NAACL-HLT, section 3.

    Paun, S., Carpenter, B., Chamberlain, J., Hovy, D., Kruschwitz, U. and Poesio, M. (2018).
    Comparing Bayesian models of annotation. TACL 6.

    Minka, T. (2000). Estimating a Dirichlet distribution, equation 55.

    Asuncion, A., Welling, M., Smyth, P. and Teh, Y. W. (2009). On smoothing and inference for
    topic models. UAI, equation 17 (counts without one's own).
    """

    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "glad", "skill": "map-dawid-skene", "dependence": "ebcc",
    }  # fmt: skip

    competence: float = option(2.0, above=0.0, help="first pseudo-count of answers known, and not")
    style: float = option(0.5, above=0.0, help="first pseudo-count of a guessed label, mean")
    pull: float = option(1.0, above=0.0, help="strength of the prior of what is learnt, in workers")

    def models(self, parts: Parts) -> Sequence[Model]:
        common = CommonPairs.of(parts, model=self.name, columns=1)
        return [GuessModel(self, common, parts)]

    def answer_model(self, answers: Answers, result: Result) -> Styles:
        each = float(result.extra["style_prior"].mean())
        competence = result.worker_columns["competence"]
        return Styles.of(answers, result.dense_posterior(), competence, each)


class GuessModel:
    """Hierarchical MACE between rounds.

    Parameters
    ----------
    rule
        Its options.
    common
        The pairs that occur.
    parts
    """

    n_sums, is_joint = 3, False

    def __init__(self, rule: HierarchicalMACE, common: CommonPairs, parts: Parts) -> None:
        self._rule, self._pairs, self._keys = rule, common.pairs, common.keys
        self.begin, self.step, self.write = _begin, _step, _write
        k, n_pairs = len(parts.shape.classes), len(common.pairs)
        (self._total,) = parts.sum(_total, common.keys)
        self._n = self._by_worker(self._total)
        named = np.bincount(self._pairs.label, self._total, k) + 1
        self._first_style = named / named.sum() * k * rule.style
        self._competence = np.full(2, rule.competence)
        self._style = self._first_style
        self._settling = Settling()
        self._knew = np.full(n_pairs, KNOWS)
        self._right = np.zeros(n_pairs)
        self._mass = np.zeros(k)

    def first(self) -> tuple[Any, ...]:
        return (self._keys,)

    def given(self) -> tuple[Any, ...]:
        prior = self._mass + 1.0
        return self._bonuses(), prior / prior.sum(), self._keys

    def take(self, sums: tuple[Any, ...]) -> float:
        self._right, self._mass, change = sums
        moved = self._settling.after(float(change) / max(float(self._total.sum()), 1.0))
        if self._settling.learns:
            self._learn()
        theta, guess = self._chances(np.zeros(len(self._pairs)), 0.0)
        self._knew = theta / (theta + guess)
        return moved

    def state(self) -> dict[str, Any]:
        return {
            "right": self._right, "mass": self._mass, "knew": self._knew,
            "competence": self._competence, "style": self._style, **self._settling.state(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        self._right, self._mass, self._knew = state["right"], state["mass"], state["knew"]
        self._competence, self._style = state["competence"], state["style"]
        self._settling = Settling.of(state)

    def fit(self) -> Fit:
        known = self._by_worker(self._knew * self._right)
        competence = (self._competence[0] + known) / (self._competence.sum() + self._n)
        prior = self._mass + 1.0
        return Fit(
            None,
            skill=competence + (1.0 - competence) / self._mass.size,
            prior=prior / prior.sum(),
            worker_columns={"competence": competence},
            extra={"competence_prior": self._competence, "style_prior": self._style},
        )

    def _by_worker(self, of_pair: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._pairs.worker_sums(of_pair[:, None])[:, 0]

    def _bonuses(self) -> NDArray[np.float64]:
        """What an answer of each pair adds for the class that it names, (n_pairs, 3).

        By all counts, and what it changes by were an answer left out that is surely wrong, and one
        that is surely right.
        """
        nothing, knew = np.zeros(len(self._pairs)), self._knew
        left_out = ((nothing, 0.0), (nothing, 1.0), (knew, 1.0 - knew))
        chances = [self._chances(known, unknown) for known, unknown in left_out]
        bonus = np.stack([np.log1p(theta / guess) for theta, guess in chances], axis=1)
        bonus[:, 1:] -= bonus[:, :1]
        return bonus

    def _chances(
        self, known: NDArray[np.float64], unknown: NDArray[np.float64] | float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of each pair, chance to know, and to guess the label, without so many answers of it."""
        pairs, (a, b) = self._pairs, self._competence
        know = self._knew * self._right
        knew = self._by_worker(know)[pairs.worker]
        guessed = np.maximum(self._n[pairs.worker] - knew - unknown, 0.0)
        knew = np.maximum(knew - known, 0.0)
        theta = (a + knew) / (a + b + knew + guessed)
        label = self._style[pairs.label] + np.maximum(self._total - know - unknown, 0.0)
        return theta, (1.0 - theta) * label / (self._style.sum() + guessed)

    def _learn(self) -> None:
        """One step of Minka's fixed point."""
        pairs, pull = self._pairs, self._rule.pull
        know = self._knew * self._right
        known = self._by_worker(know)
        a, total = self._competence, self._competence.sum()
        counts = np.column_stack((known, np.maximum(self._n - known, 0.0)))
        gain = (digamma(a + counts) - digamma(a)).sum(0)
        spent = (digamma(total + self._n) - digamma(total)).sum()
        new = (a * gain + pull * self._rule.competence) / (spent + pull)
        self._competence = np.clip(new, LEAST, MOST)
        g, total = self._style, self._style.sum()
        guessed = np.maximum(self._total - know, 0.0)
        each = digamma(g[pairs.label] + guessed) - digamma(g[pairs.label])
        gain = np.bincount(pairs.label, each, g.size)
        spent = (digamma(total + counts[:, 1]) - digamma(total)).sum()
        new = (g * gain + pull * self._first_style) / (spent + pull)
        self._style = np.clip(new, np.minimum(LEAST_STYLE, self._first_style / 10), MOST)


def _total(part: Part, keys: NDArray[np.int64] | None) -> tuple[Any, ...]:
    return (coins_of(part, True, keys).total,)


def _begin(part: Part, keys: NDArray[np.int64] | None) -> tuple[Any, tuple[Any, ...]]:
    coins = coins_of(part, True, keys)
    own, right, mass = coins.begun(part.start)
    return own, (right, mass, 0.0)


def _step(
    part: Part,
    own: NDArray[np.float64],
    bonuses: NDArray[np.float64],
    prior: NDArray[np.float64],
    keys: NDArray[np.int64] | None,
) -> tuple[Any, tuple[Any, ...]]:
    right, mass, after, change = coins_of(part, True, keys).step_apart(
        bonuses, prior, own, over=part.alone
    )
    return after, (right, mass, change)


def _write(
    part: Part,
    own: NDArray[np.float64],
    bonuses: NDArray[np.float64],
    prior: NDArray[np.float64],
    keys: NDArray[np.int64] | None,
) -> Any:
    coins = coins_of(part, True, keys)
    return as_held(part, coins.support, coins.posterior_apart(bonuses, prior, own))
