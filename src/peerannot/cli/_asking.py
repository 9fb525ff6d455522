"""Options of ``next``: who may be asked about what, and what is known besides the answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import note

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy
    from peerannot.allocation import Policy, TaskList
    from peerannot.answers import Answers

__all__ = ["Asked", "Known"]


@dataclass(frozen=True)
class Asked:
    """Workers and tasks that may be asked, their costs and capacities.

    ``listed`` are all workers of the file, of which ``workers`` may be some.
    """

    workers: list[str] | None
    listed: list[str]
    cost: dict[str, float] | None
    per_worker: Any
    task_cost: dict[str, float] | None

    @classmethod
    def read(
        cls, workers: Path | None, tasks: Path | None, listed_tasks: TaskList, cost: str | None,
        per_worker: str | None, ask: tuple[str, ...],
    ) -> Asked:  # fmt: skip
        """From the files, of which ``listed_tasks`` is what that of tasks holds.

        Raises
        ------
        click.UsageError
            A column is of no file that is given.
        DataError
            A file is unusable.
        ParameterError
            Somebody who is asked is not in the file.
        """
        from peerannot._text import did_you_mean
        from peerannot.allocation.workers import has_column, read_listed
        from peerannot.errors import ParameterError

        files = [path for path in (workers, tasks) if path is not None]
        if cost is not None and not files:
            raise click.UsageError("--cost is a column of --workers or --tasks; give the file, too")
        costly = [path for path in files if cost is not None and has_column(path, cost)]
        if cost is not None and not costly:
            raise click.UsageError(f"--cost: no column {cost!r} in {' or '.join(map(str, files))}")
        most: Any = None
        if per_worker is not None:
            most = _number(per_worker)
            if most is None and workers is None:
                raise click.UsageError(
                    f"--per-worker: {per_worker!r} is no number; for a column, give --workers, too"
                )
        names, listed, price = list(ask) or None, [], None
        if workers is not None:
            columns = [cost] if cost is not None and workers in costly else []
            table = read_listed(
                workers,
                [*columns, *([per_worker] if per_worker and most is None else [])],
            )
            listed = table.names
            for name in ask:
                if name not in listed:
                    near = did_you_mean(name, listed)
                    raise ParameterError(f"--worker: {name!r} is not in {workers}{near}")
            names = names or listed
            if len(set(listed)) == len(listed):  # else it is said where workers are looked at
                if columns:
                    price = dict(zip(listed, table.numbers[columns[0]], strict=True))
                if per_worker is not None and most is None:
                    most = dict(zip(listed, table.numbers[per_worker], strict=True))
            else:
                names = listed
        weight = None
        if cost is not None and tasks is not None and cost in listed_tasks.columns:
            weight = {
                task: _cost(text, f"{tasks}: {cost} of task {task!r}")
                for task, text in zip(listed_tasks.ids, listed_tasks.columns[cost], strict=True)
            }
        return cls(names, listed, price, most, weight)

    def arguments(self) -> dict[str, Any]:
        """As `peerannot.allocation.plan` has them."""
        return {
            "workers": self.workers,
            "cost": self.cost,
            "per_worker": self.per_worker,
            "task_cost": self.task_cost,
        }

    def pairs(
        self, answers: Answers, allowed: Path | None, forbidden: Path | None
    ) -> dict[str, Any]:
        """Pairs of the files, as `peerannot.allocation.plan` has them."""
        from peerannot.allocation.workers import read_pairs

        files = {"mask": allowed, "forbidden": forbidden}
        if allowed is None and forbidden is None:
            return {}
        workers = list(answers.workers) if self.workers is None else self.workers
        known = {*answers.workers, *self.listed}
        return {
            name: read_pairs(path, list(answers.tasks), workers, known)
            for name, path in files.items()
            if path is not None
        }


@dataclass(frozen=True)
class Known:
    """Answers with all tasks that may be asked, known labels, and what classifiers say."""

    answers: Answers
    gold: Any
    probabilities: Any

    @classmethod
    def read(
        cls, dataset: str, answers: Answers, tasks: TaskList | None, gold: Path | None,
        probabilities: tuple[Path, ...],
    ) -> Known:  # fmt: skip
        from peerannot.allocation import check_probabilities, read_probabilities, with_tasks
        from peerannot.selection import read_gold, read_truth
        from peerannot.selection.truth import GoldOfTasks

        before = answers.n_tasks
        if tasks is not None:
            answers = tasks.added_to(answers)
        else:
            answers = with_tasks(answers, _images(dataset, answers))
        if gold is not None:
            names = read_gold(gold)
            answers = with_tasks(answers, names.names if isinstance(names, GoldOfTasks) else [])
        values = None
        if probabilities:
            answers, values = read_probabilities(probabilities, answers)
            shape = answers.n_tasks, answers.n_classes
            values = check_probabilities(values, shape, answers.tasks)
        if more := answers.n_tasks - before:
            note(f"{more:,} more task{'s' * (more > 1)} without an answer")
        labels = None if gold is None else read_truth(gold, answers).classes
        return cls(answers, labels, values)

    def must_be_of_use(self, policy: Policy, rule: Strategy) -> None:
        """Refuse probabilities that nothing looks at."""
        if self.probabilities is None or "probabilities" in policy.needs or _classified(rule):
            return
        raise click.UsageError(
            f"--probabilities is for the policy activelab, or for -s crowdlab; {policy.name} has no"
            " use for it"
        )

    def for_strategy(self, rule: Strategy) -> dict[str, Any]:
        """Arguments of the fit."""
        given: dict[str, Any] = {}
        if self.gold is not None and rule.takes_gold:
            given["gold"] = self.gold
        if self.probabilities is not None and _classified(rule):
            mean = self.probabilities.mean(0)
            given["init"] = mean / mean.sum(1, keepdims=True)
        return given

    def for_policy(self, policy: Policy) -> dict[str, Any]:
        """Arguments of the plan."""
        given: dict[str, Any] = {"answers": self.answers, "gold": self.gold}
        if "probabilities" in policy.needs:
            given["probabilities"] = self.probabilities
        return given


def _classified(rule: Strategy) -> bool:
    """Whether a strategy lacks a classifier that it could take."""
    return rule.takes_init and getattr(rule, "probabilities", rule) is None


def _images(dataset: str, answers: Answers) -> list[str]:
    """Tasks of images of a data set's training folder that nobody has answered."""
    from peerannot.cli._votes import is_dataset
    from peerannot.dataset import Dataset
    from peerannot.errors import DataError

    if not is_dataset(dataset) or not (Path(dataset) / "train").is_dir():
        return []
    try:
        images = Dataset.open(dataset).images("train")
    except DataError:
        return []
    return [image.key for image in images if image.task(answers.tasks) < 0]


def _cost(text: str, what: str) -> float:
    from peerannot.errors import DataError

    try:
        return float(text)
    except ValueError:
        raise DataError(f"{what} must be a number, not {text!r}") from None


def _number(text: str) -> int | None:
    from peerannot.errors import ParameterError

    try:
        number = int(text)
    except ValueError:
        return None
    if number < 1:
        raise ParameterError(f"--per-worker must be at least 1, not {number}")
    return number
