"""LA: light-weight aggregation that reads each task once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted, Start, Strategy
from peerannot.aggregation.online.models import ALL_FRESH, Batch, Sums, read_once
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, in_place, stream
from peerannot.aggregation.passes.support import NONE
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.rules import vote_fit
from peerannot.answers import Answers

__all__ = ["OnePassLA", "skill_of"]


# Right and seen of each worker, (n_workers,) each.
Skills = tuple[NDArray[np.float64], NDArray[np.float64]]


@STRATEGIES.register("la", "LA1", "la-one-pass")
@dataclass(frozen=True, kw_only=True)
class OnePassLA(Strategy):
    r"""One pass over the tasks: vote with the skills so far, then update the skills.

    For each task in turn:

    .. math::
        \hat y_i = \arg\max_k \sum_j a_j 1[y_{ij} = k], \qquad
        c_j \leftarrow c_j + 1[y_{ij} = \hat y_i], \quad t_j \leftarrow t_j + 1, \quad
        a_j = c_j / t_j

    from :math:`c_j = \alpha - 1` and :math:`t_j = \alpha + \beta - 2`, the mode of a Beta prior.
    A worker's whole state is two numbers. The posterior is the shares of the weights when the
    task was read; the skill is the last :math:`a_j`.

    Parameters
    ----------
    alpha, beta
        Beta prior of a worker's skill; 1 each for no prior.
    order
        ``"random"``: tasks are shuffled by ``seed``; ``"given"``: tasks in order of their ids,
        for a stream that has an order.

    Notes
    -----
    Cost: O(answers), one pass. The first tasks are decided by skills that know little, so
    labels depend on the order, and accuracy changes by about a point from one order to another.
    Tied classes count 1/m each, or one is taken under ``ties="first"`` or ``"random"``.
    ``extra`` holds the state: ``right`` (:math:`c_j`) and ``seen`` (:math:`t_j`).

    References
    ----------
    Yang, Y. et al. (2024). A lightweight, effective, and efficient model for label aggregation
    in crowdsourcing. ACM TKDD 18(4), algorithm 1. arXiv:2212.00007.
    """

    takes_gold: ClassVar[bool] = True
    expected_failed_checks: ClassVar[dict[str, str]] = {
        "forgets_the_order_of_tasks": "tasks are read in an order drawn from the seed",
    }

    alpha: float = option(2.0, at_least=1.0, help="Beta prior of skills: right answers + 1")
    beta: float = option(2.0, at_least=1.0, help="Beta prior of skills: wrong answers + 1")
    order: Literal["random", "given"] = option("random", help="order in which tasks are read")

    def needs_all_tasks(self) -> str | None:
        if self.order == "given":
            return None
        return "order=random shuffles all tasks; choose order=given, which reads them as they are"

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        # What was known where each partition began goes out once more to write.
        *starts, (right, seen) = self._chain(parts, remember=True)
        fit = Fit(None)
        self.add_skill(fit, right, seen)
        return Fitted(fit, _write, (self, starts))

    def _chain(self, parts: Parts, *, remember: bool) -> list[Skills]:
        """Right and seen of each worker after the pass, and before each partition."""
        begin = [self.begin(len(parts.shape.workers))]
        state: list[Skills] = parts.chain(_read_on, begin, self, remember)
        return state

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        # As one partition, but in any order and without a second reading.
        rng = np.random.default_rng(self.seed)
        order = np.flatnonzero(answers.answers_per_task)
        if self.order == "random":
            order = rng.permutation(order)
        credit, right, seen = self.read_tasks(
            answers, start.gold, order, rng, *self.begin(answers.n_workers)
        )
        return self.fit_of(answers, start.gold, credit, right, seen)

    def fit_of(
        self,
        answers: Answers,
        gold: NDArray[np.int32],
        credit: NDArray[np.float64],
        right: NDArray[np.float64],
        seen: NDArray[np.float64],
    ) -> Fit:
        """What the skills when answers were read, and the state of the workers, say."""
        weight = credit if answers.weight is None else answers.weight * credit
        fit = vote_fit(answers, self.ties, self.seed, answer_weight=weight, gold=gold)
        self.add_skill(fit, right, seen)
        return fit

    def begin(self, n_workers: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Right and seen of each worker before the first task."""
        seen = np.full(n_workers, self.alpha + self.beta - 2.0)
        return np.full(n_workers, self.alpha - 1.0), seen

    def read_tasks(
        self,
        answers: Answers,
        gold: NDArray[np.int32],
        order: NDArray[np.int64],
        rng: np.random.Generator,
        right: NDArray[np.float64],
        seen: NDArray[np.float64],
    ) -> Any:
        """The pass: the skill that weighed each answer, then right and seen of each worker.

        ``right`` and ``seen``, those before it, are changed in place.
        """
        credit = np.empty(answers.n_answers)
        native.stream_read(
            order, answers.task_ptr, answers.label, answers.worker, answers.loop_weights, gold,
            rng.random(answers.n_tasks) if self.ties == "random" else NONE, ALL_FRESH, credit, NONE,
            right, seen, n_classes=answers.n_classes, one=self.ties in ("first", "random"),
        )  # fmt: skip
        return credit, right, seen

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """The sums with a batch in them, see `peerannot.aggregation.online.state`."""
        return read_once(self, sums, batch)

    def read(self, answers: Answers, sums: Sums, gold: NDArray[np.int32]) -> Fit:
        """What the sums say of all answers."""
        return self.fit_of(answers, gold, sums["credit"], sums["right"].copy(), sums["seen"].copy())

    def add_skill(self, fit: Fit, right: NDArray[np.float64], seen: NDArray[np.float64]) -> None:
        fit.skill = skill_of(right, seen)
        fit.extra = {"right": right, "seen": seen}


def _read_part(part: Part, rule: OnePassLA, before: Skills) -> Any:
    """The skill that weighed each answer, then right and seen of each worker after the last."""
    right, seen = before
    return rule.read_tasks(
        part.answers, part.gold, np.flatnonzero(part.answers.answers_per_task),
        stream(part, rule.seed), right.copy(), seen.copy(),
    )  # fmt: skip


def _read_on(part: Part, state: list[Skills], rule: OnePassLA, remember: bool) -> list[Skills]:
    _, right, seen = _read_part(part, rule, state[-1])
    return [*(state if remember else ()), (right, seen)]


def _write(part: Part, rule: OnePassLA, starts: list[Skills]) -> Fit:
    credit, right, seen = _read_part(part, rule, starts[part.index])
    return in_place(rule, part).fit_of(part.answers, part.gold, credit, right, seen)


def skill_of(right: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right answers over all; 1/2 where there are none, not even of the prior."""
    return np.divide(right, seen, out=np.full_like(right, 0.5), where=seen > 0)
