"""What a campaign knows: answers and what came with them, kept through a kill."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.online.files import read_state, tidy_state, write_state
from peerannot.aggregation.online.memory import KeptRows
from peerannot.answers import Answers, Ids
from peerannot.campaign.tool import Pulled
from peerannot.errors import DataWarning

__all__ = ["Known"]

SCHEMA = "peerannot/campaign/1"
_NOTHING = Answers.empty(Ids(0), Ids(0), Ids(0))


@dataclass(frozen=True, eq=False, kw_only=True)
class Known:
    """The state of a campaign. Nothing changes it; `take` gives the next one.

    Attributes
    ----------
    answers : Answers
        All that count, with every task that is known.
    tasks, workers : Ids or None
        Who can be asked about what, as `Pulled` has it.
    named : bool
        Whether the tool named the classes; else they are the labels that occurred.
    passed_over : frozenset of (task, worker)
    gold : mapping of task to class name
    since : JSON value
    round : int
        Pulls that brought something.
    before : int
        Answers in the round before.
    cost_before : float or None
        What the answers of the first round had cost.
    check : mapping
        What the last check of the model found, and of how many answers.
    sums : mapping of name to array
        What a strategy that learns online has added up; empty where it has to begin.
    learned_by : str
        That strategy.
    """

    answers: Answers = _NOTHING
    tasks: Ids | None = None
    workers: Ids | None = None
    named: bool = False
    passed_over: frozenset[tuple[str, str]] = frozenset()
    gold: Mapping[str, str] = field(default_factory=dict)
    since: Any = None
    round: int = 0
    before: int = 0
    cost_before: float | None = None
    check: Mapping[str, Any] = field(default_factory=dict)
    sums: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    learned_by: str = ""

    def take(self, pulled: Pulled) -> Known:
        """What is known with what was pulled; a new round only where that is something new.

        Raises
        ------
        DataError
            A label is none of the classes that the tool named.
        """
        new = self._merged(pulled)
        over = frozenset(pulled.passed_over)
        known = replace(
            self,
            answers=new,
            tasks=self.tasks if pulled.tasks is None else Ids(dict.fromkeys(pulled.tasks)),
            workers=self.workers if pulled.workers is None else Ids(dict.fromkeys(pulled.workers)),
            named=self.named if pulled.classes is None else True,
            passed_over=over if pulled.whole else self.passed_over | over,
            gold=self.gold if pulled.gold is None else dict(pulled.gold),
            since=pulled.since,
        )
        if known._content() == self._content():
            return replace(self, since=pulled.since)
        return replace(known, round=self.round + 1, before=self.answers.n_answers)

    def _content(self) -> tuple[Any, ...]:
        return (
            self.answers.digest(), self.tasks, self.workers, self.passed_over, dict(self.gold),
        )  # fmt: skip

    def _merged(self, pulled: Pulled) -> Answers:
        """Answers of before with those of a pull, in the order of ids."""
        old = _NOTHING if pulled.whole else self.answers
        new = _NOTHING if pulled.answers is None else pulled.answers
        if pulled.classes is not None:
            classes = Ids([*pulled.classes])
        elif self.named:
            classes = self.answers.classes
        else:
            # Those that occurred stay, so that a round in which one does not changes no code.
            names = {*self.answers.classes, *new.classes}
            classes = self.answers.classes
            classes = classes if names == {*classes} else Ids.of_classes(names)
        tasks = self.tasks if pulled.tasks is None else Ids(dict.fromkeys(pulled.tasks))
        if pulled.withdrawn:
            old = _without(old, pulled.withdrawn)
        rows = KeptRows(_in_classes(old, classes), "last")
        with warnings.catch_warnings():
            # An answer that was changed is what a pull is for.
            warnings.simplefilter("ignore", DataWarning)
            rows, _ = rows.add(new)
        if tasks is not None:
            rows, _ = rows.add(Answers.empty(tasks, Ids(0), classes))
        return rows.answers

    def save(self, folder: Path) -> None:
        """Write it into a folder: what is there is the old state or the new one."""
        answers = self.answers
        facts = {
            "round": self.round, "before": self.before, "cost_before": self.cost_before,
            "n_answers": answers.n_answers, "named": self.named, "since": self.since,
            "gold": dict(self.gold), "check": dict(self.check), "learned_by": self.learned_by,
            "passed_over": sorted(map(list, self.passed_over)),
        }  # fmt: skip
        arrays = {f"answers.{k}": v for k, v in KeptRows(answers, "last").arrays().items()}
        arrays |= {f"sums.{k}": v for k, v in self.sums.items()}
        ids = {"tasks": answers.tasks, "workers": answers.workers, "classes": answers.classes}
        for name in ("tasks", "workers"):
            if getattr(self, name) is not None:
                ids[f"asked.{name}"] = getattr(self, name)
        write_state(folder, facts, arrays, ids, schema=SCHEMA)

    @classmethod
    def load(cls, folder: Path) -> Known:
        """Read what `save` wrote, and clear away what a kill left; nothing is known where there is
        no such folder.

        Raises
        ------
        DataError
            The state is damaged.
        """
        if not (folder / "manifest.json").exists():
            return cls()
        facts, arrays, ids = read_state(folder, schema=SCHEMA)
        tidy_state(folder, facts["arrays"])

        def part(prefix: str) -> dict[str, NDArray[Any]]:
            return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

        kept = KeptRows.of_arrays(
            part("answers."), ids["tasks"], ids["workers"], ids["classes"], "last"
        )
        return cls(
            answers=kept.answers,
            tasks=ids.get("asked.tasks"),
            workers=ids.get("asked.workers"),
            passed_over=frozenset((task, worker) for task, worker in facts["passed_over"]),
            sums=part("sums."),
            **{name: facts[name] for name in
               ("round", "before", "cost_before", "named", "since", "gold", "check", "learned_by")},
        )  # fmt: skip


def _in_classes(answers: Answers, classes: Ids) -> Answers:
    """The same answers, their labels as positions in other classes that have all of them."""
    if answers.classes == classes:
        return answers
    kept, _ = KeptRows(
        Answers.empty(answers.tasks, answers.workers, classes), "last"
    ).add(answers)  # fmt: skip
    return kept.answers


def _without(answers: Answers, pairs: Any) -> Answers:
    """Answers without those of some (task, worker)."""
    gone = set(pairs)
    task = answers.tasks.codes([t for t, _ in gone]).astype(np.int64)
    worker = answers.workers.codes([w for _, w in gone]).astype(np.int64)
    there = (task >= 0) & (worker >= 0)
    n = max(answers.n_workers, 1)
    cells = task[there] * n + worker[there]
    return answers.rows(~np.isin(answers.task.astype(np.int64) * n + answers.worker, cells))
