"""The judges among the workers: who may stand for a human, and how many votes theirs are worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from peerannot.errors import DataError
from peerannot.report._format import average, count, counted, share
from peerannot.report._numbers import short
from peerannot.report._source import ReportSource

if TYPE_CHECKING:
    from peerannot.identification import Findings

__all__ = ["Judges"]

MOST_ANSWERS = 100_000  # above it tasks are drawn: correlations of errors are known long before
_SHOWN = 16  # judges in the picture


@dataclasses.dataclass(frozen=True)
class Judges:
    """What the methods for judges find; nothing where no worker is a model."""

    source: ReportSource

    @cached_property
    def models(self) -> list[str]:
        """Workers of kind ``model``."""
        pairs = zip(self.source.answers.workers, self.source.kinds, strict=False)
        return [worker for worker, kind in pairs if kind == "model"]

    @cached_property
    def _dependence(self) -> Findings | None:
        source = self.source
        labels = None if source.checked is None else np.asarray(source.checked[0])
        answers = source.answers
        if answers.n_answers > MOST_ANSWERS:
            part = MOST_ANSWERS / answers.n_answers
            kept = np.flatnonzero(np.random.default_rng(0).random(answers.n_tasks) < part)
            answers, labels = answers.of_tasks(kept), None if labels is None else labels[kept]
        return self._run("dependence", answers, labels)

    @cached_property
    def _trials(self) -> Findings | None:
        return self._run("replacement", self.source.answers, None)

    def _run(self, method: str, answers: Any, labels: Any) -> Findings | None:
        """What a method finds; None where the answers are too few for it."""
        from peerannot.identification import METHODS, Evidence

        source = self.source
        evidence = Evidence(answers, kinds=source.kinds, groups=source.groups, labels=labels)
        try:
            return METHODS[method]().run(evidence)
        except DataError:
            return None

    @cached_property
    def _groups(self) -> list[dict[str, Any]]:
        """Rows of the table of groups, those of two workers or more who share enough tasks."""
        if self._dependence is None:
            return []
        table = self._dependence.files["identification/dependence_groups.csv"]
        rows = (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
        return [r for r in rows if np.isfinite(r["effective_votes"]) and r["n_workers"] > 1]

    def words(self) -> list[str]:
        """A paragraph; none without models. What the answers are too few for is left out."""
        n = len(self.models)
        if not n:
            return []
        are = "is a model" if n == 1 else "are models"
        text = f"{counted(n, 'worker')} of {count(len(self.source.kinds))} {are}."
        of = {row["group"]: row for row in self._groups}
        named = "kind model" if len(set(self.source.kinds)) > 1 else "all"
        if named in of:
            text += (
                f" Their {counted(of[named]['n_workers'], 'vote')} are worth"
                f" {average(of[named]['effective_votes'])} independent ones."
            )
        if self._trials is not None:
            best, told = self._trials.table, self._trials.summary
            text += (
                f" By the alternative annotator test {count(told['n_pass'])} of"
                f" {counted(told['n_judges'], 'model')} may stand for a human; the"
                f" first is {best['judge'][-1]} (winning rate {share(best['winning_rate'][-1])},"
                f" advantage probability {share(best['advantage_probability'][-1])})."
            )
        return [text]

    def facts(self, workers: Sequence[str]) -> dict[str, Any] | None:
        """What the page has of judges; None without models.

        Parameters
        ----------
        workers
            Ids of those on the page, whose places are told.
        """
        if not self.models:
            return None
        place = {name: i for i, name in enumerate(workers)}
        return {
            "judges": [
                {"judge": name, "place": place.get(name), **tried}
                for name, tried in self._rows()
            ],
            "groups": [
                {
                    "group": "all workers" if row["group"] == "all" else row["group"],
                    "size": int(row["n_workers"]),
                    "correlation": short(row["correlation"]),
                    "worth": short(row["effective_votes"], 2),
                }
                for row in self._groups
            ],
            "known_labels": 0 if self._dependence is None
            else int(self._dependence.summary["known_labels"]),
            "together": self._together(),
        }  # fmt: skip

    def _rows(self) -> list[tuple[str, dict[str, Any]]]:
        """Judges with what the test says of them, the ablest first; who was not tried last."""
        names = ("winning_rate", "advantage", "low", "high", "passes", "humans")
        blank: dict[str, Any] = dict.fromkeys(names)
        if self._trials is None:
            return [(name, blank) for name in self.models]
        table, out = self._trials.table, []
        for i in reversed(range(len(table["judge"]))):
            tried = int(table["n_humans"][i])
            values = (
                short(table["winning_rate"][i]), short(table["advantage_probability"][i]),
                short(table["advantage_low"][i]), short(table["advantage_high"][i]),
                bool(table["passes"][i]), tried,
            )  # fmt: skip
            row = dict(zip(names, values, strict=True)) if tried else blank
            out.append((table["judge"][i], row))
        done = {name for name, _ in out}
        return out + [(name, blank) for name in self.models if name not in done]

    def _together(self) -> dict[str, Any]:
        """Correlations of errors of pairs of models, groups side by side; empty without any."""
        if self._dependence is None:
            return {"names": [], "cells": []}
        table, files = self._dependence.table, self._dependence.files
        about = files["identification/dependence_workers.csv"]
        group = dict(zip(about["worker"], about["group"], strict=True))
        pairs = list(zip(table["first"], table["second"], table["beyond"], strict=True))
        met = {name for first, second, _ in pairs for name in (first, second)}
        order = {name: i for i, name in enumerate(self.models)}
        lead: dict[str, int] = {}
        for name in self.models:
            lead.setdefault(group.get(name) or name, order[name])
        names = sorted(
            (name for name in self.models if name in met),
            key=lambda name: (lead[group.get(name) or name], order[name]),
        )[:_SHOWN]
        at = {name: i for i, name in enumerate(names)}
        cells = [
            [at[first], at[second], short(beyond, 3)]
            for first, second, beyond in pairs
            if first in at and second in at
        ]
        return {"names": names, "cells": cells}
