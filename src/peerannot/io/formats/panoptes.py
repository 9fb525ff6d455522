"""Extracts of Zooniverse's panoptes_aggregation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from peerannot._no_answer import is_no_answer
from peerannot._options import option
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError
from peerannot.io._controls import choose
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, moment, text_id

__all__ = ["Panoptes"]

EXTRACT = {"classification_id", "user_name", "subject_id", "extractor"}
CHOICE, NONE = "data.choice", "data.None"
NO_LABELS = ("data.aggregation_version", "data.gold_standard")
QUESTION = "question_extractor"
READ = (QUESTION, "survey_extractor")


@FORMATS.register("panoptes", "panoptes-extracts")
@dataclass(frozen=True, kw_only=True)
class Panoptes(RowFormat):
    """Extracts in CSV: a row a classification of a question, or a choice of a survey.

    The task is ``subject_id`` (the column ``task`` is the question, as ``T0``), the worker
    ``user_name``, the label ``data.choice``, or the one of the ``data.<answer>`` columns that is
    set. Reductions hold counts and no workers, so they are refused.

    Parameters
    ----------
    task_col, worker_col, label_col
        Columns to read instead.
    control
        The question (``T0``), where there are several.
    workflow
        Id of the workflow, where there are several.
    """

    task_col: str = option("subject_id", help="column of the task")
    worker_col: str = option("user_name", help="column of the worker")
    label_col: str | None = option(None, help="column of the label")
    control: str | None = option(None, help="the question, as T0")
    workflow: str | None = option(None, help="id of the workflow")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        header = set(source.header)
        return CERTAIN if header >= EXTRACT or header >= {"subject_id", "reducer"} else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        header = source.header
        if "reducer" in header:
            raise DataError(
                f"{source.name}: reductions hold counts and do not say who answered; give the"
                " extracts, or the classification export"
            )
        for name in (*sorted(EXTRACT), self.task_col, self.worker_col, self.label_col):
            if name is not None and name not in header:
                raise DataError(
                    f"{source.name}: no column {name!r}; there are {few(header, 12)}"
                    + did_you_mean(name, header)
                )
        column = self.label_col or (CHOICE if CHOICE in header else None)
        answers = [c for c in header if c.startswith("data.") and c not in (*NO_LABELS, NONE)]
        control, workflow = self._which(source)
        if self.label_col is None:
            yield Said("label", column or "data.<answer>")
        # A survey has a row for each choice of a classification.
        given: dict[tuple[str, str, str], list[str]] = {}
        first: dict[tuple[str, str, str], Row] = {}
        for place, row in source.csv_rows():
            if row.get("task", control) != control or row.get("workflow_id", workflow) != workflow:
                continue
            task = text_id(row[self.task_col], place, self.task_col)
            worker = text_id(row[self.worker_col], place, self.worker_col)
            key = (row["classification_id"], task, worker)
            first.setdefault(key, Row(task, worker, None, place, moment(row.get("created_at"))))
            labels = [row[column]] if column else _set(row, answers, place)
            given.setdefault(key, []).extend(t for t in labels if not is_no_answer(t))
        for key, row_ in first.items():
            labels = list(dict.fromkeys(given[key]))
            if len(labels) > 1:
                yield self.several(labels, row_.place, row_.task, None)
            else:
                yield row_._replace(label=labels[0] if labels else None)

    def _which(self, source: Source) -> tuple[str, str]:
        """The question and the workflow to read."""
        questions: dict[str, dict[str, bool]] = {}
        kinds: dict[str, str] = {}
        for _, row in source.csv_rows():
            task, kind = row.get("task", ""), row["extractor"]
            fits = self.label_col is not None or kind in READ
            there = questions.setdefault(row.get("workflow_id", ""), {})
            there[task] = fits and there.get(task, True)
            kinds[task] = f"{kind} {task!r}"
        everything = dict.fromkeys(questions, True)
        workflow = choose(
            source.name, self.workflow, everything, {}, "workflow", "--read workflow=ID"
        )
        what = f"question with one answer a subject ({', '.join(READ)})"
        return choose(source.name, self.control, questions.get(workflow, {}), kinds, what), workflow


def _set(row: Mapping[str, str], columns: list[str], place: str) -> list[str]:
    """Answers whose column is set: counts of 1, where the others are empty or 0."""
    found = []
    for column in columns:
        text = row[column]
        try:
            ticked = not is_no_answer(text) and float(text) != 0
        except ValueError:
            raise DataError(
                f"{place}: {column} is {text!r}, expected 1 or nothing; give --label-col"
            ) from None
        if ticked:
            found.append(column.removeprefix("data."))
    return found
