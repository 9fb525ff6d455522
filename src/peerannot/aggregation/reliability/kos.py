"""KOS: message passing between tasks and workers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._progress import Progress
from peerannot._threads import threads
from peerannot.aggregation.base import Fit, Fitted, Strategy
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.signed_votes import without_noise, write_scores
from peerannot.aggregation.passes.ties import Ties
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics

__all__ = ["KOS"]

SAID = 1e-9  # part of the largest score over which a score says something


@STRATEGIES.register("kos")
@dataclass(frozen=True, kw_only=True)
class KOS(Strategy):
    r"""Karger, Oh and Shah's iterative algorithm, for any number of classes.

    Messages on the edges (an edge is an answer), with :math:`A_{ij} = \pm 1` for two classes:

    .. math::
        x_{i \to j} = \sum_{j' \neq j} A_{ij'} y_{j' \to i}, \qquad
        y_{j \to i} = \sum_{i' \neq i} A_{i'j} x_{i' \to j}, \qquad
        \hat z_i = \mathrm{sign} \sum_j A_{ij} y_{j \to i}

    For K classes a task speaks to a worker of the class that the worker named:
    :math:`x_{i \to j} = \sum_{j' \neq j} (1[y_{ij'} = y_{ij}] - 1/K) \, y_{j' \to i}` and
    :math:`y_{j \to i} = \sum_{i' \neq i} x_{i' \to j}`; for K = 2 that is the above. Messages
    are divided by their root mean square in each iteration, so they never overflow.

    Parameters
    ----------
    spread
        Standard deviation of the first messages :math:`y`, drawn around 1. The paper takes 1; 0
        starts from the majority vote and depends on no seed.
    max_iter
        Most iterations.
    tol
        Largest root mean square change of the messages :math:`y` at rest.

    Notes
    -----
    Cost: O(answers) an iteration. The limit is the leading singular vector of the answers. Made
    for tasks given to workers at random, equally many each; where some workers answer much more
    than others it can be worse than the majority vote. A task whose score is 0 takes its
    majority. Worker column ``reliability``: sum of the messages to the worker, largest 1.

    References
    ----------
    Karger, D. R., Oh, S. and Shah, D. (2014). Budget-optimal task allocation for reliable
    crowdsourcing systems. Operations Research 62(1), algorithm 1.
    """

    estimates_skill: ClassVar[bool] = False
    expected_failed_checks: ClassVar[dict[str, str]] = {
        "counts_a_weight_of_two_as_two_answers": "two edges speak to each other, one does not",
    }

    spread: float = option(0.0, at_least=0.0, help="deviation of the first messages around 1")
    max_iter: int = option(500, at_least=1, help="most iterations")
    tol: float = option(1e-4, above=0.0, help="change of the messages at rest")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        n = max(parts.shape.n_answers, 1)
        rests, rounds, size, reliability = False, 0, 1.0, np.ones(len(parts.shape.workers))
        saved = checkpoint.load()
        if saved is None:
            starts = [np.random.default_rng(self.seed)]
            if self.spread > 0 and len(parts) > 1:
                starts = parts.chain(_draw, starts)
            parts.advance(_begin, self.spread, starts)
        else:
            rests, rounds = bool(saved["rests"]), int(saved["n_iter"])
            size, reliability = float(saved["size"]), saved["reliability"]
        while not rests:
            total, moves = parts.advance(_tasks_speak, size)
            if rounds:
                change = float(np.sqrt(moves / n))
                progress(rounds, self.max_iter, f"change {change:.2g}")
                rests = change <= self.tol
                if rests or rounds == self.max_iter:
                    break
            (squares,) = parts.advance(_workers_speak, total)
            length = float(np.sqrt(squares / n))
            # Else nobody shares a task with anybody: there is nothing to learn.
            rests = length <= 1e-12
            if not rests:
                size, reliability = length, total
            rounds += 1
            checkpoint.save({
                "n_iter": rounds, "objective": [], "size": size, "reliability": reliability,
                "rests": rests,
            })  # fmt: skip
        top = np.abs(reliability).max(initial=0.0)
        fit = Fit(
            None,
            worker_columns={"reliability": reliability / top if top > 0 else reliability},
            diagnostics=Diagnostics(rounds, rests),
        )
        zero = SAID * float(parts.sum(_largest, None)[0].value)
        largest = None if len(parts) == 1 else float(parts.sum(_largest, zero)[0].value)
        return Fitted(fit, _write, (self.ties, self.seed, zero, largest))


def _draw(part: Part, starts: list[np.random.Generator]) -> list[np.random.Generator]:
    """Generators as they are where each partition begins to draw."""
    after = copy.deepcopy(starts[-1])
    after.standard_normal(part.answers.n_answers)
    return [*starts, after]


def _begin(part: Part, spread: float, starts: list[np.random.Generator]) -> tuple[Any, tuple[int]]:
    """Keep the first messages of the answers."""
    n = part.answers.n_answers
    message = np.ones(n)
    if spread > 0:
        message += spread * copy.deepcopy(starts[part.index]).standard_normal(n)
    return (message, message), (n,)


def _tasks_speak(part: Part, size: float) -> tuple[Any, tuple[Any, ...]]:
    """Keep messages of this size as 1, and what tasks say to workers; sum of it by worker.

    Also the sum of the squares by which the messages have changed.
    """
    answers, support = part.answers, support_of(part)
    before, heard = part.kept
    message = heard / size
    moves = float(((message - before) ** 2).sum())
    said = np.empty(message.size)
    native.reliability_to_workers(
        support.ptr, support.slot, answers.loop_weights, message, said,
        chance=1.0 / answers.n_classes, threads=threads(),
    )  # fmt: skip
    total = np.bincount(answers.worker, weights=said, minlength=answers.n_workers)
    return (message, said), (total.astype(np.float64), moves)


def _workers_speak(part: Part, total: NDArray[np.float64]) -> tuple[Any, tuple[float]]:
    """Keep what workers say to tasks, and tell the sum of its squares."""
    message, said = part.kept
    heard = total[part.answers.worker] - said
    return (message, heard), (float((heard**2).sum()),)


def _scores(part: Part, zero: float | None) -> NDArray[np.float64]:
    """Scores on the slots; the votes on tasks whose scores are all 0, where ``zero`` is given."""
    answers, support = part.answers, support_of(part)
    score = support.votes(answers, answer_weight=answers.weights * part.kept[0])
    if zero is None:
        return score
    said = np.bincount(answers.task, weights=np.abs(score) > zero, minlength=answers.n_tasks)
    return np.where(said[answers.task] > 0, score, support.votes(answers))


def _largest(part: Part, zero: float | None) -> tuple[Largest]:
    return (Largest(float(np.abs(_scores(part, zero)).max(initial=0.0))),)


def _write(part: Part, ties: Ties, seed: int, zero: float, largest: float | None) -> Fit:
    return write_scores(part, ties, seed, without_noise(_scores(part, zero), largest))
