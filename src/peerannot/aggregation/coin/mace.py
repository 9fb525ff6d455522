"""MACE: each answer is the truth, or spam in the worker's own style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted, Iterative
from peerannot.aggregation.confusion.ibcc import dirichlet_kl, dirichlet_logs
from peerannot.aggregation.drawing.confusions import Styles
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.coins import PartsCoins, coins_posterior
from peerannot.aggregation.partitions.confusions import common_pairs
from peerannot.aggregation.partitions.parts import Parts
from peerannot.aggregation.partitions.support import worker_shares_of
from peerannot.aggregation.passes.alike import groups_of
from peerannot.aggregation.passes.confusions import Pairs
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.answers import Answers

__all__ = ["MACE"]


@STRATEGIES.register("mace")
@dataclass(frozen=True, kw_only=True)
class MACE(Iterative):
    r"""Multi-annotator competence estimation: workers know, or answer in their own style.

    .. math::
        P(y_{ij} = l \mid z_i = k) = \theta_j 1[l = k] + (1 - \theta_j) \xi_{jl}

    with uniform classes. :math:`\theta_j` is the competence of worker j, :math:`\xi_j` the labels
    given when not looking. Variational Bayes with :math:`\theta_j \sim Beta(a, a)` and
    :math:`\xi_j \sim Dir(b)`, or smoothed EM. The likelihood has many optima, so the best of
    ``restarts`` is kept: the first starts from vote shares (or ``init``), the others from
    competences drawn at random, alike for workers whom the answers cannot tell apart, so that
    names and order do not matter.

    Parameters
    ----------
    method
        ``vb`` or ``em``.
    restarts
        Number of starts; the best objective wins.
    competence_prior
        :math:`a`, of ``vb``.
    style_prior
        :math:`b`, of ``vb``.
    smoothing
        Pseudo-count shared by the labels, of ``em``.

    Notes
    -----
    Worker column ``competence``. Skill is :math:`\theta_j + (1 - \theta_j) / K`, the probability
    to be right on a random class. The objective is the evidence lower bound, or the
    log-likelihood under ``em``.

    Cost: O(answers) an iteration and start, whatever the number of classes, as only the label
    that an answer names differs from the others.

    References
    ----------
    Hovy, D., Berg-Kirkpatrick, T., Vaswani, A. and Hovy, E. (2013). Learning whom to trust with
    MACE. NAACL-HLT, section 3.
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "glad", "skill": "map-dawid-skene", "dependence": "ebcc",
    }  # fmt: skip

    method: Literal["vb", "em"] = option("vb", help="variational Bayes, or smoothed EM")
    restarts: int = option(10, at_least=1, help="starts, of which the best is kept")
    competence_prior: float = option(0.5, above=0.0, help="Beta prior of competence (vb)")
    style_prior: float = option(10.0, above=0.0, help="Dirichlet prior of style (vb)")
    smoothing: float = option(0.01, above=0.0, help="pseudo-count shared by the labels (em)")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        k = len(parts.shape.classes)
        pairs = common_pairs(parts, model=self.name, columns=1)
        coins = PartsCoins.of(parts, True, len(pairs))
        groups = groups_of(*parts.sum(worker_shares_of)) if self.restarts > 1 else None
        know, diagnostics = self._iterate(coins, pairs, groups, k, progress, checkpoint)
        competence = self._competence(pairs, coins.total, know)
        fit = Fit(
            None,
            skill=competence + (1.0 - competence) / k,
            worker_columns={"competence": competence},
            diagnostics=diagnostics,
        )
        theta, spam, _ = self._weights(pairs, coins.total, know, k)
        bonus = np.log1p(theta[pairs.worker] / spam)
        return Fitted(fit, coins_posterior, (True, bonus, np.full(k, 1.0 / k)))

    def answer_model(self, answers: Answers, result: Result) -> Styles:
        each = self.style_prior if self.method == "vb" else self.smoothing / answers.n_classes
        competence = result.worker_columns["competence"]
        return Styles.of(answers, result.dense_posterior(), competence, each)

    def _iterate(
        self,
        coins: PartsCoins,
        pairs: Pairs,
        groups: tuple[NDArray[np.int64], int] | None,
        k: int,
        progress: Progress,
        checkpoint: Checkpoint,
    ) -> tuple[NDArray[np.float64], Diagnostics]:
        """Expected known answers of each pair in the best start.

        ``groups`` are those of `groups_of`, needed for more than one start.
        """
        uniform = np.full(k, 1.0 / k)
        best: tuple[list[float], NDArray[np.float64], bool] | None = None
        saved = checkpoint.load()
        at = 0
        if saved is not None:
            at = int(saved["restart"])
            if at:
                before = list(map(float, saved["best_objective"]))
                best = before, saved["best_know"], bool(saved["best_converged"])
        for restart in range(at, self.restarts):
            objective: list[float] = []
            if saved is not None:
                know, objective = saved["know"], list(map(float, saved["objective"]))
                saved = None
            elif restart == 0:
                know = coins.first()
            else:
                assert groups is not None
                rng = np.random.default_rng((self.seed, restart))
                know = coins.total * rng.random(groups[1])[groups[0][pairs.worker]]
            stopped = self.stops(objective, coins.answers)
            while not stopped and len(objective) < self.max_iter:
                theta, spam, constant = self._weights(pairs, coins.total, know, k)
                bonus = np.log1p(theta[pairs.worker] / spam)
                right, _, gain = coins.step(bonus, uniform)
                objective.append(gain + float(coins.total @ np.log(spam)) - constant)
                know = right * theta[pairs.worker] / (theta[pairs.worker] + spam)
                stopped = self.stops(objective, coins.answers)
                checkpoint.save(_state(restart, objective, know, best))
                progress(
                    restart * self.max_iter + len(objective), self.restarts * self.max_iter,
                    f"start {restart + 1}: objective {objective[-1]:.4f}",
                )  # fmt: skip
            # A later start must be better by more than the tolerance leaves open.
            slack = self.tol * coins.answers.n_answers
            if best is None or objective[-1] > best[0][-1] + slack:
                best = objective, know, stopped or self.tol == 0
        assert best is not None
        objective, know, converged = best
        return know, Diagnostics(len(objective), converged, tuple(objective))

    def _counts(
        self, pairs: Pairs, total: NDArray[np.float64], know: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Expected answers known and not known by each worker, (n_workers, 2)."""
        return pairs.worker_sums(np.column_stack((know, total - know)))

    def _competence(
        self, pairs: Pairs, total: NDArray[np.float64], know: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        prior = self.competence_prior if self.method == "vb" else self.smoothing / 2
        counts = self._counts(pairs, total, know) + prior
        return np.asarray(counts[:, 0] / counts.sum(1))

    def _weights(
        self, pairs: Pairs, total: NDArray[np.float64], know: NDArray[np.float64], k: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Weight of knowing (n_workers,), of saying a label unknowing (n_pairs,), and the
        divergence from the priors."""
        known = self._counts(pairs, total, know)
        style = (total - know)[:, None]
        if self.method == "em":
            rate = known + self.smoothing / 2
            rate /= rate.sum(1, keepdims=True)
            each = self.smoothing / k
            label = (style + each)[:, 0] / (known[:, 1] + self.smoothing)[pairs.worker]
            return rate[:, 0], rate[pairs.worker, 1] * label, 0.0
        beta = known + self.competence_prior
        logs = digamma(beta) - digamma(beta.sum(1, keepdims=True))
        prior = np.full((len(pairs), 1), float(self.style_prior))
        label_logs, divergence = dirichlet_logs(pairs, style, prior, k * self.style_prior)
        spam = np.exp(logs[pairs.worker, 1] + label_logs[:, 0])
        return (
            np.exp(logs[:, 0]),
            spam,
            divergence + dirichlet_kl(beta, np.full(beta.shape, float(self.competence_prior))),
        )


def _state(
    restart: int,
    objective: list[float],
    know: NDArray[np.float64],
    best: tuple[list[float], NDArray[np.float64], bool] | None,
) -> dict[str, Any]:
    state = {"n_iter": len(objective), "objective": objective, "restart": restart, "know": know}
    if best is not None:
        state |= {"best_objective": best[0], "best_know": best[1], "best_converged": best[2]}
    return state
