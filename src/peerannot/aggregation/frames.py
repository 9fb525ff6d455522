"""What a user has at hand (a frame, a matrix, a path) as `Answers`.

Frames of pandas, Polars, pyarrow, and of any library that Narwhals knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from peerannot.aggregation.origin import Origin
from peerannot.answers import Answers, DuplicatePolicy, Ids, Meaning, check_meaning, labels_in
from peerannot.errors import DataError, ParameterError

__all__ = ["Layout", "Reading", "as_answers", "as_gold", "shown"]


class Layout(TypedDict, total=False):
    """How data are laid out, where they are not `Answers`.

    Attributes
    ----------
    task, worker, label : str
        Names of the columns of a long frame, one row an answer.
    weight : str
        Name of the column of the weights of answers; by default each counts once.
    classes : sequence or int
        All classes in their order; by default those that occur.
    duplicates
        See `peerannot.io.read`.
    missing_label : object
        What stands for no answer, beside NaN and None.
    format : str
        Name of the format, ``"wide"`` or ``"table"``; by default it is found by content.
    """

    task: str
    worker: str
    label: str
    weight: str
    classes: Sequence[Any] | int
    duplicates: DuplicatePolicy
    missing_label: Any
    format: str


class Reading(Layout, total=False):
    """How the data of a fit are read, where they are not `Answers`.

    Attributes
    ----------
    labels : str
        What whole numbers are: ``"codes"``, positions in ``classes``, or ``"names"`` of classes.
    """

    labels: Meaning


def as_answers(data: Any, reading: Layout | None = None) -> tuple[Answers, Origin]:
    """What a user has at hand as answers, and where it came from.

    Parameters
    ----------
    data
        `Answers`; ``{task: {worker: label}}``; a path or pattern of any known format; a long
        frame of columns task, worker, label; a wide frame or an array (n_tasks, n_workers).
    reading
        See `Layout` and `Reading`.

    Raises
    ------
    DataError
        The data are nothing of these, or they are faulty.
    ParameterError
        Options are given that the data have no use for.
    """
    given: Any = dict(reading or {})
    known = Reading.__annotations__
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ParameterError(f"fit: no option {unknown[0]!r}; it has {', '.join(known)}")
    check_meaning(given.get("labels"))
    if isinstance(data, Answers):
        if given:
            raise ParameterError(f"fit: {next(iter(given))} is for frames, matrices and files")
        return data, Origin()
    if isinstance(data, Mapping):
        if set(given) - {"classes", "labels"}:
            raise ParameterError("fit: {task: {worker: label}} takes classes and labels alone")
        answers = Answers.from_mapping(data, **given)
        numbers = {str(y): y for row in data.values() for y in row.values() if type(y) is int}
        named = set(numbers) <= set(answers.classes) and _are_names(answers, given)
        return answers, Origin(classes=numbers if named else {})
    if isinstance(data, str | Path):
        return _read(data, given), Origin()
    if isinstance(data, list | tuple) and data and all(isinstance(d, str | Path) for d in data):
        return _read(list(data), given), Origin()
    if isinstance(data, np.ndarray | list | tuple):
        return _of_matrix(data, given)
    import narwhals as nw

    try:
        frame: Any = nw.from_native(data, pass_through=True)
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"the frame: {' '.join(str(error).split())}; rename one") from None
    if not isinstance(frame, nw.DataFrame | nw.LazyFrame):
        raise DataError(
            "answers: expected Answers, a frame with columns task, worker, label, a matrix"
            f" (tasks x workers), {{task: {{worker: label}}}} or a path, not {shown(data)}"
        )
    return _of_frame(frame, given)


def as_gold(gold: Any, origin: Origin) -> Any:
    """Gold labels by task id; beside a frame, numbers are names, as the frame has them."""
    if gold is None or not origin.tasks or not isinstance(gold, Mapping):
        return gold
    from peerannot.io import cell_text

    return {
        cell_text(task): [text for y in labels_in(given) if (text := cell_text(y)) is not None]
        for task, given in gold.items()
    }


def _read(data: Any, given: Mapping[str, Any]) -> Answers:
    from peerannot.io import cell_text, read_answers

    options: dict[str, Any] = {
        f"{k}_col": given[k] for k in ("task", "worker", "label", "weight") if k in given
    }
    if "missing_label" in given:
        options["no_answer"] = [cell_text(given["missing_label"]) or ""]
    form = given.get("format")
    return read_answers(
        data, format=form, classes=given.get("classes"), labels=given.get("labels"),
        duplicates=given.get("duplicates"), **options,
    )  # fmt: skip


def _of_matrix(data: Any, given: Mapping[str, Any]) -> tuple[Answers, Origin]:
    """A matrix (n_tasks, n_workers); a task or worker without answers stays one."""
    from peerannot.io import cell_text

    for name in ("task", "worker", "label", "weight", "duplicates", "format"):
        if name in given:
            raise ParameterError(f"fit: a matrix has no columns to name; drop {name}")
    try:
        array = np.asarray(data)
    except ValueError:
        array = np.empty(0)
    if array.ndim != 2:
        raise DataError(
            "answers: expected a matrix (tasks x workers) of equal rows, not an array of shape"
            f" {array.shape}"
        )
    missing = given.get("missing_label", np.nan)
    values = array.astype(object)
    marks = [not _is_missing(v) and v != missing for v in values.ravel()]
    here = np.array(marks, np.bool_).reshape(values.shape)
    row, column = np.nonzero(here)
    found = values[here].tolist()
    classes: Any = given.get("classes")
    if classes is not None and not isinstance(classes, int | np.integer):
        classes = [cell_text(c) for c in classes]
    names = [cell_text(value) for value in found]
    codes = given.get("labels") == "codes"
    answers = Answers.from_arrays(
        row, column, list(map(_whole, found)) if codes else names,
        tasks=map(str, range(len(array))), workers=map(str, range(array.shape[1])),
        classes=classes, labels=given.get("labels"),
    )  # fmt: skip
    rows = tuple(answers.tasks)
    came = dict(zip(names, map(_whole, found), strict=True))
    if "missing_label" not in given and array.dtype.kind == "O":
        missing = None
    return answers, Origin(
        tasks={r: i for i, r in enumerate(rows)},
        workers={str(i): i for i in range(array.shape[1])},
        classes=_named(came) if _are_names(answers, given) else {},
        rows=rows,
        missing=missing,
    )


def _of_frame(frame: Any, given: Mapping[str, Any]) -> tuple[Answers, Origin]:
    import narwhals as nw

    from peerannot.io import cell_text

    lazy = None
    if isinstance(frame, nw.LazyFrame):
        lazy = str(frame.implementation.value)
        frame = frame.collect(backend="polars")
    index: Any = nw.maybe_get_index(frame)
    held = [] if index is None else list(index.names)
    columns = list(map(str, [*frame.columns, *held]))
    names = {what: given.get(what, what) for what in ("task", "worker", "label")}
    long = any(what in given for what in names) or set(names.values()) <= set(columns)
    native = frame.to_native()
    rows: tuple[str, ...] | None = None
    if long:
        answers = _read(native, {**given, **names})
        tasks, workers, labels = (
            index.get_level_values(name).unique().tolist()
            if name in held
            else _values(frame[name].unique())
            for name in names.values()
        )
    else:
        answers = _of_wide(native, columns[: len(frame.columns)], held, given)
        tasks = _ids_of([*([] if index is None else [index]), *frame.iter_columns()], answers)
        workers = list(frame.columns if index is None else native.columns)
        labels = [value for column in frame.iter_columns() for value in _values(column.unique())]
        rows = tuple(str(cell_text(v)) for v in tasks)
        answers = _in_order(answers, rows, map(str, workers))
    texts = set(answers.classes)
    came = {name: v for v in labels if (name := cell_text(v)) is not None and name in texts}
    return answers, Origin(
        str(frame.implementation.value),
        lazy,
        {str(cell_text(v)): v for v in tasks},
        {str(cell_text(v)): v for v in workers},
        _named(came) if _are_names(answers, given) else {},
        rows,
    )


def _of_wide(
    native: Any, columns: Sequence[str], held: Sequence[Any], given: Mapping[str, Any]
) -> Answers:
    """Answers of a frame that is not long by the names of its columns."""
    try:
        return _read(native, given)
    except (DataError, ParameterError):
        numbered = not held or list(native.index) == [*range(len(native))]
        if numbered or "format" in given or any("," in c for c in columns):
            raise
        # An index of tasks says that every column is a worker's, whatever the cells look like.
        return _read(native, {**given, "format": "wide", "worker": ",".join(columns)})


def _in_order(answers: Answers, rows: Iterable[str], columns: Iterable[str]) -> Answers:
    """The answers with tasks in the order of rows, also those without answers, and workers in
    that of columns: what is given by position (probabilities, a start) then fits."""
    tasks = Ids(rows)
    workers = Ids([c for c in columns if c in answers.workers])
    if len(workers) < answers.n_workers:
        workers = answers.workers
    return Answers.from_codes(
        tasks.codes(list(answers.tasks))[answers.task],
        workers.codes(list(answers.workers))[answers.worker],
        answers.label, tasks, workers, answers.classes, answers.weight, "all",
    )  # fmt: skip


def _ids_of(series: Iterable[Any], answers: Answers) -> list[Any]:
    """Values of the index or column that holds the tasks of a wide frame, a row each."""
    from peerannot.io import cell_text

    wanted = set(answers.tasks)
    for column in series:
        values = column.tolist() if hasattr(column, "tolist") else _values(column)
        if wanted <= {cell_text(v) for v in values} and len(set(values)) == len(values):
            return list(values)
    return list(answers.tasks)


def _are_names(answers: Answers, given: Mapping[str, Any]) -> bool:
    """Whether labels, as they came, name classes; positions name those that are only counted."""
    return given.get("labels") != "codes" or answers.classes == Ids(answers.n_classes)


def _is_missing(value: Any) -> bool:
    # The NA of pandas is neither equal nor unequal to itself.
    return value is None or type(value).__name__ == "NAType" or value != value


def _values(series: Any) -> list[Any]:
    return list(series.to_list())


def _named(came: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _whole(value) for name, value in came.items()}


def _whole(value: Any) -> Any:
    """A label as it came; 1.0 is 1, as where a column became floats beside an empty cell."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown(value: Any) -> str:
    """A value for a message, in short: what is no plain value is named by its type."""
    plain = value is None or isinstance(value, str | int | float)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return repr(value)[:60] if plain else f"a {type(value).__name__}"
