"""Scores that need the votes alone: entropy, Krippendorff's alpha, coefficients of agreement."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from peerannot._files import Document
from peerannot._options import option
from peerannot.agreement import (
    Coefficient,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    percent_agreement,
    vote_entropy,
)
from peerannot.identification.base import Evidence, Findings, Method, worst_first
from peerannot.identification.registry import METHODS

__all__ = ["Agreement", "Entropy", "KrippendorffAlpha"]


@METHODS.register("entropy")
@dataclass(frozen=True, kw_only=True)
class Entropy(Method):
    """Entropy of the votes of each task, natural logarithm: high where the votes disagree.

    Files: ``entropies.npy`` (n_tasks,), tasks in ascending order of key, NaN without answers;
    ``entropy.csv``: task, file, score, normalised (divided by log K), n_answers.
    """

    takes_weights: ClassVar[bool] = False

    def _run(self, evidence: Evidence) -> Findings:
        answers = evidence.answers
        score = vote_entropy(answers)
        order = worst_first(score, high_is_bad=True)
        scale = math.log(answers.n_classes) if answers.n_classes > 1 else 1.0
        table = {
            "task": [answers.tasks[int(i)] for i in order],
            "file": evidence.file_of(order),
            "score": score[order],
            "normalised": score[order] / scale,
            "n_answers": answers.answers_per_task[order],
        }
        return Findings(
            table,
            "identification/entropy.csv",
            "score",
            files={"identification/entropies.npy": score},
            summary={"mean_entropy": float(np.nanmean(score))},
            axis="entropy of the votes (nats; high = the votes disagree)",
        )


@dataclass(frozen=True, kw_only=True)
class _Resampled(Method):
    """A method with a bootstrap interval over tasks.

    Parameters
    ----------
    n_boot
        Draws of tasks; 0 for no interval.
    confidence
        Probability that the interval holds.
    seed
        Seed of the draws.
    """

    takes_weights: ClassVar[bool] = False

    n_boot: int = option(1000, at_least=0, help="bootstrap draws of tasks, 0 for no interval")
    confidence: float = option(0.95, above=0, below=1, help="of the interval")
    seed: int = option(0, at_least=0, help="seed of the draws")

    def _interval(self, evidence: Evidence) -> dict[str, Any]:
        return {
            "n_boot": self.n_boot,
            "confidence": self.confidence,
            "seed": self.seed,
            "progress": evidence.progress,
        }


def _plain(found: Coefficient) -> dict[str, Any]:
    """A coefficient for JSON, which has no NaN; its order of classes only where it has one."""
    return {
        k: None if isinstance(v, float) and math.isnan(v) else v
        for k, v in asdict(found).items()
        if k != "order" or v
    }


def _columns(found: list[Coefficient]) -> dict[str, Any]:
    rows = [{k: v for k, v in asdict(c).items() if k != "order"} for c in found]
    return {("coefficient" if k == "name" else k): [r[k] for r in rows] for k in rows[0]}


@METHODS.register("krippendorff-alpha", "krippendorffAlpha")
@dataclass(frozen=True, kw_only=True)
class KrippendorffAlpha(_Resampled):
    """Krippendorff's alpha of all votes, with a bootstrap interval.

    Files: ``krippendorff_alpha.npy``, a scalar; ``krippendorff_alpha.csv`` and ``.json`` with
    the interval. See `peerannot.agreement.krippendorff_alpha`.

    Parameters
    ----------
    metric
        Level of measurement. Values are the names of the classes where all are numbers, else
        0..K-1; ordinal takes the order of the classes, which is said.
    """

    metric: Literal["nominal", "ordinal", "interval", "ratio"] = option(
        "nominal", help="level of measurement"
    )

    def _run(self, evidence: Evidence) -> Findings:
        found = krippendorff_alpha(evidence.answers, self.metric, **self._interval(evidence))
        return Findings(
            _columns([found]),
            "identification/krippendorff_alpha.csv",
            "value",
            "coefficient",
            files={
                "identification/krippendorff_alpha.npy": np.array(found.value),
                "identification/krippendorff_alpha.json": Document(_plain(found)),
            },
            summary=_plain(found),
        )


@METHODS.register("agreement")
@dataclass(frozen=True, kw_only=True)
class Agreement(_Resampled):
    """Coefficients of agreement of all workers, and Cohen's kappa of each pair.

    Files: ``agreement.csv``: percent agreement, Fleiss' kappa, Gwet's AC1 and Krippendorff's
    nominal alpha with intervals; ``cohen.csv``: first, second, shared, agreement,
    agreement_low, agreement_high, kappa, the least agreeing pairs first.

    Parameters
    ----------
    min_shared
        Fewest tasks that a pair of workers must share.
    """

    min_shared: int = option(10, at_least=1, help="fewest tasks that two workers must share")

    def _run(self, evidence: Evidence) -> Findings:
        answers, interval = evidence.answers, self._interval(evidence)
        found = [
            percent_agreement(answers, **interval),
            fleiss_kappa(answers, **interval),
            gwet_ac(answers, **interval),
            krippendorff_alpha(answers, **interval),
        ]
        pairs = cohen_kappa(answers, min_shared=self.min_shared, confidence=self.confidence)
        order = worst_first(pairs["kappa"])
        cohen: dict[str, Any] = {k: v[order] for k, v in pairs.items()}
        for side in ("first", "second"):
            cohen[side] = [answers.workers[int(j)] for j in cohen[side]]
        return Findings(
            _columns(found),
            "identification/agreement.csv",
            "value",
            "coefficient",
            files={"identification/cohen.csv": cohen},
            summary={c.name: _plain(c)["value"] for c in found} | {"n_pairs": len(order)},
        )
