"""What ``aggregate`` does beyond one fit: saved states, new answers, intervals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from peerannot.cli._common import note, progress_bar, spoken_warnings
from peerannot.cli._votes import (
    load_votes,
    only_for_files,
    read_keywords,
    say,
    truth_keywords,
    without_truth,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from peerannot.aggregation import OnlineState, Result
    from peerannot.aggregation.base import Strategy
    from peerannot.answers import Answers

__all__ = ["known_labels", "learn", "learning_options", "surely"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--gold",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Known labels (columns task, label; or JSON, .npy), which the strategy keeps fixed.",
    ),
    click.option(
        "--save-state",
        is_flag=True,
        help="Keep what was learned in DATASET/identification/STRATEGY/state, for --update.",
    ),
    click.option(
        "--update",
        metavar="FILE",
        help="Add the answers in FILE (dataset JSON, or any file of votes) to the saved state"
        " instead of a fit, and write the labels again.",
    ),
    click.option(
        "--intervals",
        is_flag=True,
        help="Add 95 % intervals of workers' skill, and of the accuracy of the labels.",
    ),
    click.option(
        "--bootstrap",
        type=click.IntRange(1),
        metavar="N",
        help="Add 95 % intervals by N fits on tasks drawn again.",
    ),
)


def learning_options(function: F) -> F:
    """``--gold``, ``--save-state``, ``--update``, ``--intervals`` and ``--bootstrap``."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


def learn(
    dataset: str,
    strategy: Strategy,
    *,
    update: str | None,
    gold: Path | None,
    answers_file: str,
    metadata: Path | None,
    path_remove: Path | None,
    **reading: Any,
) -> tuple[OnlineState, str, dict[str, Any]]:
    """Begin a state with the votes of a dataset, or add to the saved one.

    Returns the state, the name of the dataset, and facts for the report.
    """
    from peerannot.aggregation import load_state
    from peerannot.dataset import Dataset
    from peerannot.errors import ParameterError

    home = Path(dataset) / "identification" / strategy.name / "state"
    name = Dataset.open(dataset, metadata_path=metadata).name
    before, facts = 0, dict[str, Any]()
    said = truth_keywords(reading)
    known = update is not None and (home / "manifest.json").exists()
    if known:
        if path_remove is not None:
            raise click.UsageError("--path-remove: a saved state keeps its tasks; --save-state")
        state = load_state(home)
        if state.strategy != strategy:
            raise ParameterError(
                f"{home}: saved with other options, {state.strategy!r};"
                " give the same ones, or begin anew with --save-state"
            )
    else:
        if update is not None:
            note(f"no saved state yet: begun with the votes of {answers_file}")
        if update is None:
            only_for_files(without_truth(reading, gold), dataset)
        votes = load_votes(
            dataset, answers_file=answers_file, metadata=metadata, path_remove=path_remove
        )
        known_now = None if update is not None else _by_id(gold, votes.answers, **said)
        with spoken_warnings():
            state = strategy.partial_fit(votes.answers, begin="fit", gold=known_now)
    if update is not None:
        before = state.n_answers
        answers = _new_answers(update, state, facts, **reading)
        with spoken_warnings():
            state = strategy.partial_fit(
                answers, state, gold=_by_id(gold, state.memory.answers, answers, **said)
            )
    facts |= {"state": str(home), "updates": state.updates, "n_answers_before": before}
    return state, name, facts


def known_labels(file: Path | None, answers: Answers, **said: Any) -> NDArray[np.int32] | None:
    """Accepted classes (n_tasks, m), -1 for unknown, from a file; None without one."""
    if file is None:
        return None
    from peerannot.selection import read_truth

    known = read_truth(file, answers, **said)
    if known.missing:
        note(f"{file}: {known.missing} of its tasks have no label")
    if known.without_answers:
        note(f"{file}: {known.without_answers} of its tasks have no answers")
    return known.classes


def _by_id(file: Path | None, *votes: Answers, **said: Any) -> dict[str, list[str]] | None:
    """Known labels by the ids of tasks, of any of several votes with the same classes."""
    if file is None:
        return None

    from peerannot.answers import Answers, Ids

    tasks = {task: None for one in votes for task in one.tasks}
    every = Answers.empty(Ids(list(tasks)), Ids(0), votes[0].classes)
    known = known_labels(file, every, **said)
    assert known is not None
    names = every.classes
    return {
        task: [names[code] for code in codes if code >= 0]
        for task, codes in zip(tasks, known.tolist(), strict=True)
        if codes[0] >= 0
    }


def _new_answers(
    file: str, state: OnlineState, facts: dict[str, Any], **reading: Any
) -> Answers:  # fmt: skip
    from peerannot.io import read

    keywords = read_keywords(reading)
    if "classes" in keywords:
        raise click.UsageError("--classes: a state keeps the classes that it began with")
    if keywords.setdefault("duplicates", state.duplicates) != state.duplicates:
        raise click.UsageError(f"--duplicates: the state was begun with {state.duplicates}")
    imported = read(file, classes=list(state.memory.classes), **keywords)
    facts |= say(imported.report)
    return imported.answers


def surely(
    result: Result,
    strategy: Strategy,
    answers: Answers,
    facts: dict[str, Any],
    *,
    gold: NDArray[np.int32] | None,
    intervals: bool,
    n_boot: int | None,
) -> Result:
    """The result with the intervals that were asked for, which are told and put into facts."""
    from peerannot.aggregation import bootstrap, with_bootstrap, with_intervals

    if intervals:
        result = with_intervals(result, answers)
        found = facts["accuracy"] = result.diagnostics.notes["accuracy"]
        note(
            f"accuracy {found['value']:.4f}, 95 % interval {found['low']:.4f} to"
            f" {found['high']:.4f} if the model is right"
        )
    if n_boot is not None:
        with progress_bar("bootstrap") as progress:
            drawn = bootstrap(
                strategy, answers, n_boot, strategy.seed,
                gold=gold, result=result, progress=progress,
            )  # fmt: skip
        result = with_bootstrap(result, drawn)
        facts["bootstrap"] = result.diagnostics.notes["bootstrap"]
        a = drawn.accuracy
        note(f"accuracy by {n_boot} draws of tasks: {a.low:.4f} to {a.high:.4f}")
    return result
