"""Which tasks need no more answers, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._options import Options, check, from_text, option
from peerannot._text import few
from peerannot.allocation.base import Tasks
from peerannot.errors import ParameterError

__all__ = ["NEVER", "Stop", "log_ratio"]


def log_ratio(tasks: Tasks) -> NDArray[np.float64]:
    """Logarithm of the likelihood ratio of the two classes most probable, (n_tasks,): how much more
    likely the answers are under the first."""
    prior = tasks.result.prior
    shares = np.full(tasks.n_classes, 1.0) if prior is None else np.maximum(prior, 1e-300)
    found = []
    if not isinstance(tasks.result.posterior, np.ndarray):
        return _sparse_ratio(tasks.result.posterior, shares)
    for rows in tasks.blocks(np.arange(len(tasks))):
        likelihood = rows / shares
        if tasks.n_classes < 2:
            found.append(np.full(len(rows), np.inf))
            continue
        top = np.argpartition(-rows, 1, axis=1)[:, :2]
        first, second = np.take_along_axis(likelihood, top, 1).T
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.log(first) - np.log(second))
    return np.concatenate(found) if found else np.empty(0)


def _sparse_ratio(posterior: Any, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same of a sparse posterior: classes without a probability are impossible."""
    n = np.diff(posterior.indptr)
    row = np.repeat(np.arange(len(n)), n)
    order = np.lexsort((-posterior.data, row))
    likelihood = (posterior.data / shares[posterior.indices])[order]
    first = posterior.indptr[:-1].astype(np.int64)
    some, two = np.flatnonzero(n > 0), np.flatnonzero(n > 1)
    found = np.zeros(len(n))
    found[some] = np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(likelihood[first[two]]) - np.log(likelihood[first[two] + 1])
    found[two] = ratio
    return found


@dataclass(frozen=True, kw_only=True)
class Stop(Options):
    """Rules by which a task is done; the first that holds is the reason.

    References
    ----------
    Wald, A. (1945). Sequential tests of statistical hypotheses. Annals of Mathematical Statistics
    16, for ``error``.

    Parameters
    ----------
    sure
        Done where the label is at least so probable and there is an answer; None for never. It is
        as good as the strategy's probabilities are.
    error
        Done where the answers make the likeliest class (1 - error) / error times as likely as the
        second, whatever the prior says: Wald's sequential test with both errors so probable,
        at its approximate bounds. None for never.
    answers
        Done where there are so many answers, those asked for among them; None for any number.
    hopeless
        Done where so few answers agree with the label that, by the skills of who answered, this has
        at most so small a probability: the task is ambiguous, or its label wrong, and more answers
        of this crowd do not help. It needs the answers. None for never.
    gain
        No answer of which no more is gained is asked for; a task is done where even one who knows
        would gain no more. Orders, as ``uniform``, have no gain.
    """

    sure: float | None = option(0.99, above=0, at_most=1, help="probability of a label")
    error: float | None = option(None, above=0, below=0.5, help="chance of error of a ratio test")
    answers: int | None = option(None, at_least=1, help="most answers to a task")
    hopeless: float | None = option(
        None, above=0, below=1, help="chance of so much disagreement, if the skills are right"
    )
    gain: float = option(1e-9, at_least=0, help="gain that is none")

    @classmethod
    def of(cls, given: Stop | Mapping[str, Any] | None) -> Stop:
        """Rules from what a user gives: by name, as values or texts, over the defaults.

        Raises
        ------
        ParameterError
            A rule is unknown, or a value out of its range.
        """
        if given is None:
            return cls()
        if isinstance(given, Stop):
            rules = given
        elif isinstance(given, Mapping):
            if all(isinstance(value, str) for value in given.values()):
                return from_text(cls, given)
            known = cls().get_params()
            unknown = [name for name in given if name not in known]
            if unknown:
                raise ParameterError(f"stop: no rule {unknown[0]!r}; there are {few(known)}")
            rules = cls(**given)
        else:
            raise ParameterError(
                f"stop must be a Stop or rules such as {{'sure': 0.99}}, not {given!r}"
            )
        check(rules)
        return rules

    def reasons(
        self,
        tasks: Tasks,
        most: NDArray[np.float64] | None,
        nobody: NDArray[np.bool_],
        chance: NDArray[np.float64] | None = None,
        *,
        nothing_left: str = "no gain left",
    ) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Why each task is done: its position in the texts, 0 where it is not, and these.

        Parameters
        ----------
        most
            Gain of one who knows, of each task; None for an order.
        chance
            See `peerannot.allocation.hopeless.log_chance`; None where it is not asked for.
        nobody
            Whether nobody is left to ask.
        nothing_left
            What is said of a task where one who knows would gain nothing.
        """
        n = len(tasks)
        never = np.zeros(n, np.bool_)
        rules = [
            (f"sure enough ({self.sure or 0:g})",
             never if self.sure is None
             else (tasks.n_answers > 0) & (tasks.confidence >= self.sure)),
            (f"likelihood ratio decides (error {self.error or 0:g})",
             never if self.error is None
             else (tasks.n_answers > 0) & (log_ratio(tasks) >= math.log(1 / self.error - 1))),
            (f"at most {self.answers} answers",
             never if self.answers is None else tasks.n_answers >= self.answers),
            ("hopeless: workers disagree more than their skills allow",
                never if self.hopeless is None or chance is None
                else chance <= math.log(self.hopeless)),
            (nothing_left, never if most is None else most <= self.gain),
            ("nobody left to ask", nobody),
        ]  # fmt: skip
        found = np.zeros(n, np.int64)
        for code in range(len(rules), 0, -1):
            found[rules[code - 1][1]] = code
        return found, ("", *(text for text, _ in rules))


NEVER = Stop(sure=None, gain=0.0)
"""No task is done while anybody can be asked about it."""
