"""Dawid-Skene with shared errors: workers of a group err together, beside their confusions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot._text import few
from peerannot.aggregation.base import Content, Fit, Iterative, Start
from peerannot.aggregation.confusion.map_dawid_skene import MAPDawidSkene
from peerannot.aggregation.confusion.model import ds_skill
from peerannot.aggregation.passes.error_factors import Factors, SharedErrorEM
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.worker_files import with_worker_file
from peerannot.agreement import ExcessAgreement
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, ParameterError

__all__ = ["LatentFactor"]

MOST_CELLS = 2**28  # answers x classes of an array: 2 GiB, of which a pass holds some
TRIED = 12  # steps of each path that are fitted
STAYS = 0.3  # correlation in a group that shares no tasks enough to tell
LOOSE = 1e-5  # gain per answer at which the fits that are only compared stop


@STRATEGIES.register("latent-factor", "shared-errors")
@dataclass(frozen=True, kw_only=True)
class LatentFactor(Iterative):
    r"""Dawid-Skene where workers of a group, such as model judges, err together.

    In task i all of group g are tempted by one wrong class :math:`s_{ig}`, or by none; a
    tempted worker follows, or answers as always:

    .. math::
        P(z_i = k) = \rho_k, \qquad P(s_{ig} = c \mid z_i = k) = \frac{\lambda_g}{K - 1}
        \quad (c \ne k), \qquad P(s_{ig} = \text{none}) = 1 - \lambda_g

    .. math::
        P(y_{ij} = l \mid z_i = k, s_{ig} = c) = \eta_g 1[l = c] + (1 - \eta_g) \pi^j_{kl},
        \qquad P(y_{ij} = l \mid z_i = k, \text{none}) = \pi^j_{kl}

    EM on all of it, the factors summed out; :math:`\pi^j` has the pseudo-counts of MAP
    Dawid-Skene, which this is where no group is found. It starts from vote shares in which n
    votes of a group of error correlation r count as n / (1 + (n - 1) r) (Kish).

    Groups are given, or found. Pairs of workers who share ``min_shared`` tasks are put together
    step by step, by how far they agree beyond what skills explain that are read off pairs of
    different groups; once with a skill for each worker, once with one for all, since agreement
    alone does not tell able workers from those who err together. Partitions on both ways are
    fitted, and the best by BIC (two parameters a group) is taken: a group is believed where the
    answers are likelier with its factor.

    Parameters
    ----------
    groups
        Group of each worker: a mapping from worker id, a JSON file of one, or a CSV file with
        columns ``worker`` and ``group``. A worker whom it does not name is alone. By default
        groups are found.
    min_shared
        Fewest tasks that two workers share for their agreement to count.
    diagonal, off_diagonal
        Pseudo-counts of each worker's confusion matrix, of what the factor does not explain.

    Notes
    -----
    Errors that *all* groups share look like the truth, and nothing but known labels (``gold``)
    tells them apart.

    Confusions and skills are those of a worker with the factor in it. Worker columns ``group``
    and ``shared_error``, the probability to err with the group; ``extra`` has ``error_rate``
    :math:`\lambda` and ``pull`` :math:`\eta` of each group.

    Cost: O(answers x K) an iteration, with O(answers x K) memory. Finding groups: O(sum over
    tasks of answers squared) once, and at most 24 fits more.

    References
    ----------
    Kish, L. (1965). Survey Sampling, section 8.2 (effective numbers). Dependence-aware label
    aggregation for LLM-as-a-judge, arXiv:2601.22336 (factors of judges, there Gaussian).

    Schwarz, G. (1978). Estimating the dimension of a model. Annals of Statistics 6(2).
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True

    groups: Path | str | dict[str, Any] | None = option(
        None, help="group of each worker: a JSON or CSV file (worker, group); by default found"
    )
    min_shared: int = option(100, at_least=2, help="fewest tasks that two workers share")
    diagonal: float = option(4.0, at_least=0.0, help="pseudo-count of right answers")
    off_diagonal: float = option(1.0, at_least=0.0, help="pseudo-count of each wrong answer")

    def with_files(self) -> LatentFactor:
        return replace(self, groups=with_worker_file(self.groups, "group"))

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        pairs = ExcessAgreement.of(answers, self.min_shared)
        if self.groups is None:
            group = self._found(answers, start, pairs, progress)
        else:
            group = self._given(answers.workers)
        if np.unique(group).size == answers.n_workers:
            return self._alone(answers, start, progress)
        self._fits_memory(answers)
        em = SharedErrorEM(answers, group, start.gold, self.diagonal, self.off_diagonal)
        posterior, now, diagnostics = self._iterate(em, pairs, start, self.tol, progress)
        return self._told(em, posterior, now, diagnostics)

    def _fits_memory(self, answers: Answers) -> None:
        cells = answers.n_answers * answers.n_classes
        if cells > MOST_CELLS or answers.n_workers * answers.n_classes**2 > MOST_CELLS:
            raise ParameterError(
                f"{self.name} holds arrays of {answers.n_answers} answers x {answers.n_classes}"
                " classes; use map-dawid-skene"
            )

    def _alone(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        plain = MAPDawidSkene(
            diagonal=self.diagonal, off_diagonal=self.off_diagonal, max_iter=self.max_iter,
            tol=self.tol, ties=self.ties, seed=self.seed,
        )  # fmt: skip
        fit = plain._fit(answers, start, progress)
        group = np.arange(answers.n_workers, dtype=np.int32)
        columns: dict[str, NDArray[Any]] = {"group": group, "shared_error": np.zeros(group.size)}
        none = {"error_rate": np.zeros(group.size), "pull": np.zeros(group.size)}
        return replace(fit, worker_columns=columns, extra=none)

    def _given(self, workers: Ids) -> NDArray[np.int64]:
        """Group of each worker, from 0 on."""
        given = Content.of(self.groups, "groups")
        # A worker without a group in the file is alone.
        rows = given.value.items()
        named = {str(worker): str(name) for worker, name in rows if name is not None}
        if named and not any(worker in workers for worker in named):
            raise DataError(f"{given.where}: none of these workers has answers: {few(named)}")
        own = [(1, named[w]) if w in named else (0, w) for w in workers]
        place: dict[tuple[int, str], int] = {}
        return np.array([place.setdefault(name, len(place)) for name in own], np.int64)

    def _found(
        self, answers: Answers, start: Start, pairs: ExcessAgreement, progress: Progress
    ) -> NDArray[np.int64]:
        """The likeliest of the partitions that agreements propose, by BIC."""
        proposed: dict[bytes, NDArray[np.int64]] = {}
        if len(pairs) and answers.n_classes > 1:
            for alike in (True, False):
                steps = pairs.partitions(alike=alike)
                kept = np.unique(np.linspace(0, len(steps) - 1, TRIED).round().astype(int))
                for i in kept:
                    group = np.unique(steps[i], return_inverse=True)[1].reshape(-1)
                    proposed.setdefault(group.tobytes(), group)
        alone = np.arange(answers.n_workers)
        if len(proposed) < 2:
            return alone
        self._fits_memory(answers)
        best, most = alone, -np.inf
        for i, group in enumerate(proposed.values()):
            em = SharedErrorEM(answers, group, start.gold, self.diagonal, self.off_diagonal)
            *_, done = self._iterate(em, pairs, start, max(self.tol, LOOSE), None)
            n_factors = int((em.size > 1).sum())
            score = done.objective[-1] - n_factors * np.log(max(answers.n_tasks, 1))
            if score > most:
                best, most = group, score
            progress(i + 1, len(proposed), f"{n_factors} groups: {score:.1f}")
        return best

    def _iterate(
        self, em: SharedErrorEM, pairs: ExcessAgreement, start: Start, tol: float,
        progress: Progress | None,
    ) -> tuple[NDArray[np.float64], Factors, Diagnostics]:  # fmt: skip
        alike = np.where(em.size[em.group] > 1, STAYS, 0.0)
        if len(pairs):
            told = pairs.within(em.group, pairs.accuracy(em.group))
            alike = np.where((told > 0) & (alike > 0), told, alike)
        posterior = em.start(alike)
        if start.posterior is not None:
            posterior = em.known(np.array(start.posterior))
        now, rule = em.first(posterior, alike), replace(self, tol=tol)
        objective: list[float] = []
        stopped = False
        while not stopped and len(objective) < self.max_iter:
            posterior, now, value = em.step(now)
            objective.append(value)
            stopped = rule.stops(objective, em.answers)
            if progress is not None:
                progress(len(objective), self.max_iter, f"log-likelihood {value:.4f}")
        done = Diagnostics(len(objective), stopped or tol == 0, tuple(objective))
        return posterior, now, done

    def _told(
        self, em: SharedErrorEM, posterior: NDArray[np.float64], now: Factors, done: Diagnostics
    ) -> Fit:
        k = now.prior.size
        share = (now.rate * now.pull)[em.group]
        lured = (1 - np.eye(k)) / max(k - 1, 1)
        confusion = (1 - share)[:, None, None] * now.confusion + share[:, None, None] * lured
        return Fit(
            posterior,
            skill=ds_skill(confusion, now.prior),
            confusion=confusion,
            prior=now.prior,
            worker_columns={"group": em.group.astype(np.int32), "shared_error": share},
            extra={"error_rate": now.rate, "pull": now.pull},
            diagnostics=done,
        )
