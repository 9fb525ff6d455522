"""What a request says of reading: options of files, and gold labels of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from peerannot.aggregation.request import Request
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["known_labels", "options_beside_gold", "read_options", "spelled", "with_gold_read"]

_COLUMNS = {"task_col": "task", "worker_col": "worker", "label_col": "label",
            "weight_col": "weights"}  # fmt: skip
_FOR_GOLD = ("task_col", "label_col", "labels")


def read_options(request: Request) -> dict[str, Any]:
    """What a request says of reading a file, as options of `peerannot.io.read`."""
    names = {**_COLUMNS, **{n: n for n in ("format", "classes", "labels", "duplicates")}}
    found = {option: getattr(request, name) for option, name in names.items()}
    if request.missing_label is not None:
        found["no_answer"] = [str(request.missing_label)]
    given = {option: value for option, value in found.items() if value is not None}
    if "weight_col" in given:
        given["weight_col"] = request.columns()["weight"]
    for option, value in request.read.items():
        if option in given:
            raise ParameterError(f"{request.spell('read')}: {option} is given twice")
        given[option] = value
    return given


def known_labels(request: Request, answers: Answers) -> Any:
    """Gold labels of a file as accepted classes (n_tasks, m); what is no file as it is."""
    if not isinstance(request.gold, str | Path):
        return request.gold
    from peerannot.selection import read_truth

    known = read_truth(
        request.gold, answers, task_col=request.task, label_col=request.label,
        labels=request.labels,
    )  # fmt: skip
    if known.missing:
        request.tell(f"{request.gold}: {known.missing} of its tasks have no label")
    if known.without_answers:
        request.tell(f"{request.gold}: {known.without_answers} of its tasks have no answers")
    return known.classes


def options_beside_gold(request: Request) -> dict[str, Any]:
    """The same, less those that speak of a file of gold labels where there is one."""
    options = read_options(request)
    if not isinstance(request.gold, str | Path):
        return options
    return {name: value for name, value in options.items() if name not in _FOR_GOLD}


def with_gold_read(request: Request) -> Request:
    """The request with gold labels of a file in the form that fits of shards take."""
    if not isinstance(request.gold, str | Path):
        return request
    from peerannot.selection import read_gold

    gold = read_gold(request.gold, task_col=request.task, labels=request.labels)
    return replace(request, gold=gold)


def spelled(request: Request) -> Callable[[str], str]:
    """How messages write an option of `peerannot.io.read`."""
    return lambda option: request.spell(_COLUMNS.get(option, option))
