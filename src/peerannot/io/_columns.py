"""What the columns of a long table are: names propose, contents decide.

Nothing is taken for a role whose contents speak against it; where two columns may play one role
equally well, the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from peerannot._text import did_you_mean, few, plain
from peerannot.errors import DataError
from peerannot.io.sample import Sample

__all__ = [
    "FLAGS",
    "GOLD",
    "LABEL",
    "TASK",
    "WORKER",
    "MissingColumnError",
    "Roles",
    "find_column",
    "find_roles",
    "flat",
    "holds_labels",
    "is_flag",
    "missing_column",
]

# Usual names, the likeliest first; those of a later group count where no earlier one is there.
TASK = (
    ("task", "task_id", "item", "item_id", "object", "object_id", "question", "question_id",
     "unit", "unit_id", "subject", "subject_id", "example_id", "instance_id", "sample_id"),
    ("image", "image_id", "image_name", "filename", "file", "file_name", "image_url", "url",
     "path"),
)  # fmt: skip
WORKER = (
    ("worker", "worker_id", "performer", "performer_id", "annotator", "annotator_id", "rater",
     "rater_id", "user", "labeler", "labeller", "coder", "judge"),
    ("user_name", "username", "user_id", "annotator_name", "worker_name", "participant",
     "participant_id", "reviewer"),
)  # fmt: skip
LABEL = (
    ("label", "answer", "response", "annotation"),
    ("class", "category", "rating", "value", "choice", "judgment", "judgement", "vote", "label_id"),
)
GOLD = (
    ("truth", "true_label", "gold_label", "ground_truth_label", "true_class"),
    ("gold", "ground_truth", "groundtruth", "golden", "_golden", "is_gold"),
)
# Names of a task that may as well be the question asked about it.
QUESTIONS = frozenset({"task", "taskid", "question", "questionid"})
WEIGHT = ("weight", "confidence", "trust", "_trust", "certainty")
ROLES = {"task": TASK, "worker": WORKER, "label": LABEL}

FLAGS = frozenset({"true", "false", "0", "1", "yes", "no", "t", "f", "y", "n"})
SOME = 20  # rows under which it means little that all values of a column differ
OFTEN = 0.2  # share of (task, worker) with several labels from which on a second key is sought
NUMBERS = 50  # different numbers, not whole, from which on they are a measure and no labels


_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")


def flat(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names of all groups, the likeliest first."""
    return tuple(name for group in names for name in group)


@dataclass(frozen=True)
class Roles:
    """Which column is what.

    Attributes
    ----------
    columns : dict of role to column
        task, worker, label and, where there is one, gold.
    guessed : dict of role to column
        Those that the user did not name.
    notes : tuple of str
        Lines for the user.
    """

    columns: Mapping[str, str]
    guessed: Mapping[str, str]
    notes: tuple[str, ...] = ()


def find_column(
    columns: Sequence[str], named: str | None, known: Iterable[str], *, exact: bool = False
) -> str | None:
    """The column that the user named, or the first with a usual name; None where there is none."""
    if named:
        return named if named in columns else None
    by_fold = {plain(c): c for c in reversed(columns)}
    return next((by_fold[plain(name)] for name in known if plain(name) in by_fold), None)


class MissingColumnError(DataError):
    """No column has a role; the problem and the advice apart, for readers that know better."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem + advice)
        self.problem = problem


def missing_column(
    where: str, columns: Sequence[str], named: str | None, known: Sequence[str], what: str
) -> MissingColumnError:
    """An error that lists the columns and the nearest."""
    if named:
        problem = f"no column {named!r}"
        near = did_you_mean(named, columns) or f"; give --{what}-col"
    else:
        problem = f"no column for the {what} ({', '.join(known[:4])}, ...)"
        near = next((hint for name in known if (hint := did_you_mean(name, columns))), ";")
        near += f" give --{what}-col"
    return MissingColumnError(f"{where}: {problem}; there are {few(columns, 12)}", near)


def find_roles(
    where: str, columns: Sequence[str], cells: Sample, named: Mapping[str, str]
) -> Roles:
    """Which column is what.

    Parameters
    ----------
    where
        Name of the source, for messages.
    columns
        All columns of the table.
    cells
        Its first rows.
    named
        From the role (weight and time among them) to the column, where the user named one; the
        gold may be ``"none"``.

    Raises
    ------
    DataError
        There is no column for a role; or two that may play it; or another column tells apart
        answers that would replace each other.
    """
    picked: dict[str, str] = {}
    for role in ROLES:
        column = find_column(columns, named.get(role), flat(ROLES[role]))
        if column is None:
            raise missing_column(where, columns, named.get(role), flat(ROLES[role]), role)
        if named.get(role):
            picked[role] = column
    if len(set(picked.values())) < len(picked):
        raise DataError(
            f"{where}: one column serves twice ({few(picked.values())}); name them with"
            " --task-col, --worker-col and --label-col"
        )
    for role in ("label", "worker", "task"):
        if role not in picked:
            picked[role] = _choose(where, columns, cells, picked, role)
    guessed = {role: column for role, column in picked.items() if not named.get(role)}
    notes = []
    key = _second_key(cells, picked)
    if key is not None:
        text = (
            f"the same workers give several labels to the same {picked['task']!r}, told apart by"
            f" the column {key!r}"
        )
        value = _first(cells, key)
        advice = f"give --where {key}={value} to read one of them"
        if not named.get("task"):
            known = plain(key) in map(plain, flat(TASK))
            task = f"--task-col {key if known else picked['task']}"
            raise DataError(f"{where}: {text}; {advice}, or {task}")
        notes.append(f"{text}; {advice}")
    else:
        notes += _repeats(where, cells, picked, named)
    if "label" in guessed:
        notes += _other_labels(cells, picked, named)
    gold, why = _gold(where, columns, cells, picked, named.get("gold"))
    if gold is not None:
        picked["gold"] = gold
    if not named.get("gold"):
        guessed["gold"] = gold or "none"
    notes += why
    worker = picked["worker"]
    if "worker" in guessed and cells.distinct(worker) == cells.frame.height >= SOME:
        notes.append(
            f"every row has another {worker!r}: no worker has two answers; --worker-col names the"
            " column of workers, if it is another"
        )
    used = {*picked.values(), *named.values()}
    for column in columns:
        if plain(column) in map(plain, WEIGHT) and column not in used:
            notes.append(
                f"the column {column!r} is not used; --weight-col {column} weighs answers by it"
            )
    if not named.get("time") and _contradicting(cells, picked) is not None:
        held = set(cells.frame.columns) - used - cells.nested
        times = [c for c in columns if c in held and _is_time(c, cells.frame[c])]
        if times:
            notes.append(
                "workers gave different labels to one task, and the last row counts;"
                f" --time-col {times[0]} makes the newest count"
            )
    order = [role for role in ("task", "worker", "label", "gold") if role in guessed]
    return Roles(picked, {role: guessed[role] for role in order}, tuple(notes))


def _choose(
    where: str, columns: Sequence[str], cells: Sample, picked: Mapping[str, str], role: str
) -> str:
    unfit: dict[str, str] = {}
    free = [c for c in columns if c not in picked.values()]
    for group in ROLES[role]:
        wanted = [plain(name) for name in group]
        found = sorted(
            (c for c in free if plain(c) in wanted), key=lambda c: wanted.index(plain(c))
        )
        unfit |= {c: why for c in found if (why := _unfit(cells, c, role)) is not None}
        fit = [c for c in found if c not in unfit]
        if role == "task" and len(fit) > 1:
            # One value for all rows may be the question that was asked, but hardly the task.
            every, fit = fit, [c for c in fit if cells.distinct(c) > 1] or fit[:1]
            asked = {c for c in every if plain(c) in QUESTIONS}
            if asked.issuperset(fit) and asked != {*every} and cells.distinct(fit[0]) < SOME:
                fit = every  # few questions about one item
        if fit:
            _must_agree(where, cells, fit, picked, role)
            return min(fit, key=lambda c: cells.frame[c].null_count())
    if unfit:
        column, why = next(iter(unfit.items()))
        raise DataError(
            f"{where}: the column {column!r} {why}, so it is not the {role}; give --{role}-col;"
            f" there are {few(columns, 12)}"
        )
    raise missing_column(where, columns, None, flat(ROLES[role]), role)


def _unfit(cells: Sample, column: str, role: str) -> str | None:
    """What in the contents of a column speaks against its role."""
    if column not in cells.frame.columns or cells.frame.height == 0:
        return None
    if column in cells.nested:
        return "holds lists or objects (parallel lists are read by --format huggingface)"
    filled, distinct = cells.filled(column), cells.distinct(column)
    if not filled:
        return "is empty" if role != "label" else None
    if role == "label" and filled >= SOME:
        if distinct > 0.9 * filled:
            return f"has {distinct} different values in {filled} rows"
        if distinct > max(NUMBERS, 0.1 * filled) and _are_measures(cells.frame[column]):
            return f"holds {distinct} different numbers"
    return None


def _are_measures(column: pl.Series) -> bool:
    numbers = column.drop_nulls().cast(pl.Float64, strict=False)
    return numbers.null_count() == 0 and not bool((numbers == numbers.round()).all())


def _must_agree(
    where: str, cells: Sample, fit: Sequence[str], picked: Mapping[str, str], role: str
) -> None:
    """Refuse columns that may play one role equally well and do not say the same."""
    for one, other in combinations([c for c in fit if c in cells.frame.columns], 2):
        pairs = cells.frame.select(one, other).drop_nulls().unique()
        if pairs[one].is_duplicated().any() or pairs[other].is_duplicated().any():
            advice = f"give --{role}-col {one} or --{role}-col {other}"
            if role == "task":
                for task, key in ((one, other), (other, one)):
                    if _second_key(cells, {**picked, "task": task}) == key:
                        value = _first(cells, key)
                        advice = (
                            f"give --task-col {task}, with --where {key}={value} to read one"
                            f" {key} only; or --task-col {key}"
                        )
                        break
            raise DataError(f"{where}: is the {role} {one!r} or {other!r}? {advice}")


def _contradicting(cells: Sample, picked: Mapping[str, str]) -> pl.DataFrame | None:
    """Workers who gave several labels to a task, with their share; None where there are none."""
    if not set(picked.values()) <= set(cells.frame.columns):
        return None
    groups = (
        _answers(cells, picked).group_by("task", "worker").agg(labels=pl.col("label").n_unique())
    )
    several = groups.filter(pl.col("labels") > 1)
    share = pl.lit(several.height / max(groups.height, 1))
    return several.select("task", "worker", share=share) if several.height else None


def _answers(cells: Sample, picked: Mapping[str, str], key: str | None = None) -> pl.DataFrame:
    """Rows with an answer under the names of roles, with which no name of a user can clash."""
    own = {role: picked[role] for role in ROLES} | ({"key": key} if key is not None else {})
    return cells.frame.select(**own).drop_nulls(list(ROLES))


def _second_key(cells: Sample, picked: Mapping[str, str]) -> str | None:
    """A column that tells apart different labels of the same worker to the same task."""
    several = _contradicting(cells, picked)
    if several is None or several["share"][0] < OFTEN:
        return None
    usual = {plain(name) for name in flat(TASK)}
    for column in cells.frame.columns:
        if column in picked.values() or column in cells.nested:
            continue
        rows = _answers(cells, picked, column)
        own = rows["key"]
        distinct, named = own.n_unique(), plain(column) in usual
        if own.null_count() or distinct < 2 or (distinct == rows.height and not named):
            continue
        if _is_time(column, own) or _are_measures(own) or _is_code(rows, "key", "label"):
            continue
        doubtful = rows.join(several.select("task", "worker"), on=["task", "worker"])
        left = doubtful.group_by("task", "worker", "key").agg(labels=pl.col("label").n_unique())
        if not (left["labels"] > 1).any():
            return column
    return None


def _repeats(
    where: str, cells: Sample, picked: Mapping[str, str], named: Mapping[str, str]
) -> list[str]:
    """Tell of a column that tells apart the rows of one worker and task, or ask.

    Equal labels hide a second key; rows of other questions would be left out as said again.
    """
    if not set(picked.values()) <= set(cells.frame.columns):
        return []
    pairs = _answers(cells, picked).group_by("task", "worker").len("rows")
    share = float((pairs["rows"] > 1).mean() or 0)  # type: ignore[arg-type]
    if not share:
        return []
    task = picked["task"]
    usual = {plain(name) for name in flat(TASK)} if plain(task) in QUESTIONS else set()
    spelled = {plain(name) for name in (*flat(LABEL), *flat(GOLD), *WEIGHT)}
    for column in cells.frame.columns:
        if column in {*picked.values(), *named.values()} or column in cells.nested:
            continue
        rows = _answers(cells, picked, column)
        own = rows["key"]
        other = plain(column) in usual
        if own.null_count() or plain(column) in spelled or own.n_unique() < 2:
            continue
        if not other and own.n_unique() > min(SOME, rows.height - 1):
            continue
        if _is_time(column, own) or _are_measures(own):
            continue
        if rows.select("task", "worker", "key").is_duplicated().any():
            continue
        text = (
            f"the same workers answer the same {task!r} several times, told apart by the column"
            f" {column!r}"
        )
        advice = f"give --where {column}={own[0]} to read one of them"
        if named.get("task") or share < OFTEN or _is_code(rows, "key", "label"):
            return [f"{text}; {advice}"]
        if other:
            advice = (
                f"is the task {task!r} or {column!r}? give --task-col {column}, with --where"
                f" {task}={_first(cells, task)} to read one {task} only"
            )
        raise DataError(f"{where}: {text}; {advice}, or --task-col {task}")
    return []


def _other_labels(cells: Sample, picked: Mapping[str, str], named: Mapping[str, str]) -> list[str]:
    """Tell of a column that may be the label as well, and says something else."""
    label, usual = picked["label"], {plain(name) for name in flat(LABEL)}
    for column in cells.frame.columns:
        if plain(column) not in usual or column in {*picked.values(), *named.values()}:
            continue
        if cells.distinct(column) < 2 or _unfit(cells, column, "label") is not None:
            continue
        pairs = cells.frame.select(own=column, label=label).drop_nulls().unique()
        if pairs["own"].is_duplicated().any() or pairs["label"].is_duplicated().any():
            return [
                f"{label!r} is read as the label; --label-col {column} takes the column {column!r}"
            ]
    return []


def _is_code(rows: pl.DataFrame, column: str, label: str) -> bool:
    """Whether a column only spells the label otherwise."""
    pairs = rows.select(column, label).n_unique()
    return pairs == rows[column].n_unique() == rows[label].n_unique()


def _first(cells: Sample, column: str) -> str:
    return str(cells.frame[column].drop_nulls()[0])


def _is_time(name: str, column: pl.Series) -> bool:
    if re.search(r"time|date|created|updated|submitted|_at$", name, re.IGNORECASE):
        return True
    some = column.drop_nulls().head(100)
    return some.len() > 0 and bool(some.str.contains(r"^\d{4}-\d\d-\d\d").all())


def _gold(
    where: str, columns: Sequence[str], cells: Sample, picked: Mapping[str, str], named: str | None
) -> tuple[str | None, list[str]]:
    """The column of known labels, and what to tell of those that only look so."""
    if named:
        if named in columns:
            return named, []
        if named.casefold() == "none":
            return None, []
        raise missing_column(where, columns, named, (), "gold")
    notes = []
    for group in GOLD:
        for column in columns:
            if plain(column) not in map(plain, group) or column in picked.values():
                continue
            if column not in cells.frame.columns or column in cells.nested:
                continue
            held = cells.values(column)
            labels = cells.values(picked["label"])
            if held and not holds_labels(column, held, labels):
                notes.append(
                    f"the column {column!r} ({few(sorted(held), 3)}) holds no label, so it is not"
                    f" used; --gold-col {column} takes it as known labels"
                )
            elif (
                held
                and group is GOLD[-1]
                and is_flag(column, cells.frame[column], cells.frame[picked["label"]])
            ):
                raise DataError(
                    f"{where}: the column {column!r} ({few(sorted(held), 3)}) holds known labels,"
                    " or marks test questions? give --gold-col"
                    f" {column} or --gold-col none"
                )
            else:
                return column, notes
    return None, notes


def holds_labels(column: str, gold: Iterable[str], labels: Iterable[str]) -> bool:
    """Whether a column holds known labels: at least one was given, case and spaces aside.

    Where the name says so (``true_label``), another text beside texts is a class that nobody
    gave; marks as true and false never are.
    """
    known, given = ({text.strip().casefold() for text in texts} for texts in (gold, labels))
    if not known.isdisjoint(given):
        return True
    by_name = plain(column) in map(plain, GOLD[0])
    numbers = [all(map(_NUMBER.fullmatch, texts)) for texts in (known, given)]
    return by_name and numbers[0] == numbers[1] and not known <= FLAGS


def is_flag(name: str, gold: pl.Series, label: pl.Series) -> bool:
    """Whether a column that has the labels' values may be a mark of yes and no all the same.

    Known labels agree with answers more often than by chance, and are not known of all tasks.
    """
    pairs = pl.DataFrame([gold.alias("own"), label.alias("label")])
    if pairs["own"].null_count() or not {v.casefold() for v in gold.unique()} <= FLAGS:
        return False
    if plain(name).startswith("is"):
        return True
    pairs = pairs.drop_nulls()
    agree = float((pairs["own"] == pairs["label"]).mean() or 0)  # type: ignore[arg-type]
    share = {c: dict(pairs[c].value_counts(normalize=True).iter_rows()) for c in pairs.columns}
    chance = sum(p * share["label"].get(value, 0) for value, p in share["own"].items())
    return bool(agree - chance < 0.3 * (1 - chance) or chance == 1)
