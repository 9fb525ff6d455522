r"""Probabilities that are as sure as they are right: one map for all tasks, kept with the result.

A strategy that takes answers for independent, given the class, counts the same doubt once an
answer: where a task misleads one worker it misleads others. With a correlation :math:`r` of what
workers get wrong on one task, n answers are worth :math:`n / (1 + (n - 1) r)` (Kish 1965), so a
task of n answers has the temperature

.. math:: T_n = \tau (1 + (n - 1) r), \qquad q_k \propto p_k^{1 / T_n},

and a class is left at least :math:`\varepsilon / ((K - 1)(1 - \varepsilon))` of the likeliest one,
so that no label is surer than :math:`1 - \varepsilon`. Shares of votes are less sure than they are
right; there known labels may say :math:`\tau < 1`. How all three are found is told in
`peerannot.aggregation.uncertainty.calibrate`. Where many labels are known, the map is isotonic
instead: the confidence is replaced by how often labels of such a confidence were right, and the
other classes share the rest as they did.

Either way the order of the classes stays, and so does every label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.fit import Fit, Fitted
from peerannot.aggregation.partitions.parts import Part, Work, stream
from peerannot.aggregation.passes.ties import Ties, label_rows
from peerannot.aggregation.result import Result
from peerannot.errors import DataError

__all__ = ["Calibration", "calibrated_parts", "calibrated_result", "temper"]

KEEPS_ORDER = 1e-9  # by which the likeliest class stays above the next
LOWEST = -1e6  # logarithm of a probability of zero


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How the probabilities of a result are changed.

    Attributes
    ----------
    method : "temperature" or "isotonic"
    by : "held-out answers" or "gold"
        What it was found by.
    n : int
        Held-out answers, or known labels, that it was found by.
    temperature : float
        :math:`\tau`; 1 leaves the probabilities of a task of one answer as they are.
    dependence : float
        r, from 0 (independent answers) to 1 (n answers are worth one).
    doubt : float
        Least probability that the other classes keep together.
    confidence, accuracy : tuple of float
        Of the isotonic map: a confidence, and the share of right labels there; linear between.
    folds, seed : int
    """

    method: Literal["temperature", "isotonic"] = "temperature"
    by: Literal["held-out answers", "gold"] = "held-out answers"
    n: int = 0
    temperature: float = 1.0
    dependence: float = 0.0
    doubt: float = 0.0
    confidence: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    folds: int = 5
    seed: int = 0

    def apply(
        self, posterior: Any, n_answers: NDArray[Any], known: NDArray[np.bool_] | None = None
    ) -> Any:
        """The posterior with its probabilities changed.

        Parameters
        ----------
        posterior : (n_tasks, n_classes)
            Dense or `scipy.sparse.csr_array`; of the latter the classes that it names share all.
        n_answers : (n_tasks,)
            Answers of each task, or their weight.
        known : bool array (n_tasks,) or None
            Tasks of known class, which stay as they are.
        """
        if not isinstance(posterior, np.ndarray):
            return self._sparse(posterior, n_answers, known)
        if posterior.shape[1] < 2 or not len(posterior):
            return posterior
        if self.method == "temperature":
            given = (self.temperature, self.dependence, self.doubt)
            changed = temper(posterior, n_answers, *given)
        else:
            changed = self._mapped(posterior)
        return changed if known is None else np.where(known[:, None], posterior, changed)

    def _mapped(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each confidence by the isotonic map, the rest shared as before."""
        k = posterior.shape[1]
        best = posterior.max(1)
        first = posterior >= best[:, None]
        ties = first.sum(1)
        others = np.where(first, 0.0, posterior)
        rest = others.sum(1)
        # Of an even row the likeliest classes stay even; where nothing is left, all share alike.
        wanted = np.interp(best, self.confidence, self.accuracy)
        others = np.where(
            rest[:, None] > 0,
            others / np.where(rest > 0, rest, 1.0)[:, None],
            np.where(first, 0.0, 1.0) / np.maximum(k - ties, 1)[:, None],
        )
        # The likeliest class stays so: with share s of the rest, the next one has s (1 - m c).
        next_best = others.max(1)
        least = next_best / (1.0 + ties * next_best) * (1.0 + KEEPS_ORDER)
        most = 1.0 / ties
        confidence = np.clip(wanted, np.minimum(least, most), most)
        left = np.where(ties == k, 0.0, 1.0 - ties * confidence)
        confidence = np.where(ties == k, 1.0 / k, confidence)
        return np.asarray(np.where(first, confidence[:, None], others * left[:, None]))

    def _sparse(
        self, posterior: Any, n_answers: NDArray[Any], known: NDArray[np.bool_] | None
    ) -> Any:
        """Row by row over the classes that are stored, in groups of as many."""
        from scipy.sparse import csr_array

        data, ptr = posterior.data.copy(), posterior.indptr
        size = np.diff(ptr)
        for k in np.unique(size[size > 1]).tolist():
            rows = np.flatnonzero((size == k) & (True if known is None else ~known))
            cells = ptr[rows][:, None] + np.arange(k)
            data[cells] = self.apply(posterior.data[cells], np.asarray(n_answers)[rows])
        return csr_array((data, posterior.indices, ptr), shape=posterior.shape)

    def as_dict(self) -> dict[str, Any]:
        """As it is in a manifest."""
        facts = {key: value for key, value in asdict(self).items() if value != ()}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in facts.items()}

    @classmethod
    def of(cls, facts: Any) -> Self:
        """Read what `as_dict` gave.

        Raises
        ------
        DataError
            It is not what `as_dict` gives.
        """
        try:
            lists = {k: tuple(map(float, v)) for k, v in facts.items() if isinstance(v, list)}
            given: Any = {**facts, **lists}
            found = cls(**given)
            fine = (
                found.method in ("temperature", "isotonic")
                and found.temperature > 0.0
                and 0.0 <= found.dependence <= 1.0
                and 0.0 <= found.doubt < 1.0
                and len(found.confidence) == len(found.accuracy)
                and bool(found.confidence) == (found.method == "isotonic")
            )
        except (AttributeError, TypeError, ValueError):
            fine = False
        if not fine:
            raise DataError("calibration: not one of this version; begin a new state")
        return found

    def __str__(self) -> str:
        """In a line, for a person."""
        if self.method == "isotonic":
            return f"an isotonic map by {self.n} gold labels"
        what = "gold labels" if self.by == "gold" else self.by
        sharper = "" if self.temperature == 1 else f"temperature {self.temperature:g}, "
        return (
            f"{sharper}answers to one task depend by {self.dependence:.2f}, no label is surer than"
            f" {1.0 - self.doubt:.2f}, by {self.n} {what}"
        )


def temper(
    posterior: NDArray[np.float64], n_answers: NDArray[Any], temperature: float,
    dependence: float, doubt: float,
) -> NDArray[np.float64]:  # fmt: skip
    """Rows at the temperature of their number of answers, see the module."""
    k = posterior.shape[1]
    logs = np.log(posterior, out=np.full(posterior.shape, LOWEST), where=posterior > 0)
    logs -= logs.max(1, keepdims=True)
    more = np.maximum(np.asarray(n_answers) - 1.0, 0.0)
    logs /= temperature * (1.0 + more * dependence)[:, None]
    if doubt > 0:
        np.maximum(logs, np.log(doubt / ((k - 1) * (1.0 - doubt))), out=logs)
    np.exp(logs, out=logs)
    logs /= logs.sum(1, keepdims=True)
    return logs


def calibrated_result(
    result: Result, calibration: Calibration, n_answers: NDArray[Any],
    known: NDArray[np.bool_] | None = None,
) -> Result:  # fmt: skip
    """A result with its posterior changed; labels stay. The notes say how."""
    notes: Mapping[str, Any] = {
        **result.diagnostics.notes, "calibration": calibration.as_dict()
    }  # fmt: skip
    return replace(
        result,
        posterior=calibration.apply(result.posterior, n_answers, known),
        share_confidence=None,
        share_entropy=None,
        diagnostics=replace(result.diagnostics, notes=notes),
    )


def calibrated_parts(
    fitted: Fitted, calibration: Calibration, ties: Ties, seed: int, *, keeps_known: bool
) -> Fitted:
    """What was fitted on partitions with the posterior of each changed as it is written.

    ``keeps_known`` where the strategy holds known classes fixed.
    """
    diagnostics = fitted.fit.diagnostics
    notes = {**diagnostics.notes, "calibration": calibration.as_dict()}
    fit = replace(fitted.fit, diagnostics=replace(diagnostics, notes=notes))
    given = (fitted.write, fitted.given, calibration, ties, seed, keeps_known)
    return Fitted(fit, _write, given)


def _write(
    part: Part, write: Work, given: tuple[Any, ...], calibration: Calibration, ties: Ties,
    seed: int, keeps_known: bool,
) -> Fit:  # fmt: skip
    fit: Fit = write(part, *given)
    labels = fit.labels
    if labels is None:
        labels = label_rows(fit.posterior, ties, stream(part, seed))
    known = part.gold >= 0 if keeps_known else None
    posterior = calibration.apply(fit.posterior, part.answers.weight_per_task, known)
    return replace(fit, posterior=posterior, labels=labels, confidence=None, entropy=None)
