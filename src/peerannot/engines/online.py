"""A state that answers are added to: begun with the votes of a dataset folder, or the saved one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from peerannot.aggregation.base import Strategy
from peerannot.aggregation.online.load import load_state
from peerannot.aggregation.online.memory import KeptRows
from peerannot.aggregation.online.state import OnlineState
from peerannot.aggregation.request import Request
from peerannot.aggregation.uncertainty.calibrate import find_calibration
from peerannot.answers import Answers, Ids
from peerannot.dataset import Dataset
from peerannot.engines.reading import known_labels, options_beside_gold, read_options, spelled
from peerannot.errors import ParameterError
from peerannot.io import read
from peerannot.io.votes import load_votes

__all__ = ["learn"]


def learn(
    request: Request, strategy: Strategy, folder: Path
) -> tuple[OnlineState, str, dict[str, Any]]:
    """Begin a state with the votes of a dataset, or add to the saved one.

    Returns the state, the name of the dataset, and facts for the report.
    """
    home = folder / "identification" / strategy.name / "state"
    name = Dataset.open(folder, metadata_path=request.metadata).name
    before, facts = 0, dict[str, Any]()
    update = request.update
    if update is not None and (home / "manifest.json").exists():
        if request.path_remove is not None:
            raise ParameterError(
                f"{request.spell('path_remove')}: a saved state keeps its tasks;"
                f" {request.spell('save_state')}"
            )
        state = load_state(home)
        if state.strategy != strategy:
            raise ParameterError(
                f"{home}: saved with other options, {state.strategy!r};"
                f" give the same ones, or begin anew with {request.spell('save_state')}"
            )
    else:
        if update is not None:
            request.tell(f"no saved state yet: begun with the votes of {request.answers_file}")
        # With new answers, options of reading and known labels are theirs.
        options = options_beside_gold(request) if update is None else {}
        votes = load_votes(
            folder, answers_file=request.answers_file, metadata=request.metadata,
            path_remove=request.path_remove, spell=spelled(request), **options,
        )  # fmt: skip
        known = None if update is not None else _by_id(request, votes.answers)
        state = strategy.partial_fit(votes.answers, begin="fit", gold=known)
    if update is not None:
        before = state.n_answers
        answers = _new_answers(request, state, facts)
        state = strategy.partial_fit(
            answers, state, gold=_by_id(request, state.memory.answers, answers)
        )
    if request.calibrate:
        if not isinstance(state.memory, KeptRows):
            raise ParameterError(
                f"{request.spell('calibrate')}: the state has forgotten who answered what"
            )
        found = find_calibration(
            strategy, state.memory.answers, gold=state.gold, progress=request.progress
        )
        request.tell(f"calibrated: {found}")
        state = replace(state, calibration=found)
    facts |= {"state": str(home), "updates": state.updates, "n_answers_before": before}
    return state, name, facts


def _by_id(request: Request, *votes: Answers) -> Any:
    """Known labels by the ids of tasks, of any of several votes with the same classes."""
    if not isinstance(request.gold, str | Path):
        return request.gold
    every = Answers.empty(
        Ids(dict.fromkeys(task for one in votes for task in one.tasks)), Ids(0), votes[0].classes
    )
    known, names = known_labels(request, every).tolist(), every.classes
    return {
        task: [names[code] for code in codes if code >= 0]
        for task, codes in zip(every.tasks, known, strict=True)
        if codes[0] >= 0
    }


def _new_answers(request: Request, state: OnlineState, facts: dict[str, Any]) -> Answers:
    options = read_options(request)
    if "classes" in options:
        raise ParameterError(
            f"{request.spell('classes')}: a state keeps the classes that it began with"
        )
    if options.setdefault("duplicates", state.duplicates) != state.duplicates:
        raise ParameterError(
            f"{request.spell('duplicates')}: the state was begun with {state.duplicates}"
        )
    imported = read(request.update, classes=list(state.memory.classes), **options)
    for line in imported.report.lines():
        request.tell(line)
    facts["reading"] = imported.report.as_dict()
    return imported.answers
