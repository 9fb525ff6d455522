"""Any crowd, written as each tool would: for the test that all formats read alike.

A writer takes a `Crowd` and gives files, and the options to read them with. `HOLDS` says what a
format can hold: `Holds.texts` of ids and labels, and whether it has abstentions, weights, known
labels and times.
"""

from __future__ import annotations

import csv
import io
import json
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import polars as pl
from hypothesis import strategies as st

from helpers.exports import (
    annotation,
    appen,
    consolidation,
    cvat,
    extract,
    labelbox,
    labelbox_label,
    lines,
    parquet,
    prodigy,
    response,
    table,
    toloka,
    zipped,
    zooniverse,
)
from peerannot._no_answer import NO_ANSWER

Files = tuple[dict[str, bytes], dict[str, str]]


@dataclass(frozen=True)
class Answer:
    task: str
    worker: str
    label: str | None
    weight: float = 1.0
    time: int = 0


@dataclass(frozen=True)
class Crowd:
    """Answers in the order of the file; a null label is an abstention; the newest counts."""

    answers: tuple[Answer, ...]
    gold: dict[str, str] = field(default_factory=dict)

    def tasks(self) -> dict[str, list[Answer]]:
        found: dict[str, list[Answer]] = {}
        for answer in self.answers:
            found.setdefault(answer.task, []).append(answer)
        return found

    def workers(self) -> dict[str, list[Answer]]:
        found: dict[str, list[Answer]] = {}
        for answer in self.answers:
            found.setdefault(answer.worker, []).append(answer)
        return found


@dataclass(frozen=True)
class Holds:
    """What a format can hold; ids and labels of any text, or of some texts only."""

    write: Callable[[Crowd], Files]
    ids: str = "any"
    labels: str = "any"
    abstentions: bool = True
    weights: bool = False
    gold: bool = False
    times: bool = False


# Ids and labels that are numbers, that hold what files are made of, and of many scripts.
SOME = (
    "0", "1", "01", "10", "1.5", "9007199254740993", "a,b", "a;b", 'say "x"', "O'Hara", "日本", "é",
    "e\u0301", "<a&b>", "a b", "x\ty", "true", "none", "#1", "a/b", "=1+1", "[1]", "{}",
)  # fmt: skip
_some = st.sampled_from(SOME)
_any = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=5)
_file = st.text(string.ascii_letters + string.digits + "_é日", min_size=1, max_size=6)
_lower = st.text("abcdefgh0123", min_size=1, max_size=6)
TEXTS = {
    "any": st.one_of(_some, _any),
    "file": _file.filter(lambda name: name != "all"),
    "lower": _lower,  # of names of files that a disk may fold
    "line": st.one_of(_some, _any).filter(lambda text: not set("\n\t#") & set(text)),
    "number": st.integers(0, 2**53 - 1).map(str),
}


def _is_label(text: str) -> bool:
    return text.strip() not in NO_ANSWER


@st.composite
def crowds(draw: st.DrawFn, holds: Holds) -> Crowd:
    """A crowd that a format can hold."""
    ids = TEXTS[holds.ids]
    tasks = draw(st.lists(ids, min_size=1, max_size=4, unique_by=str.casefold))
    workers = draw(st.lists(ids, min_size=1, max_size=4, unique_by=str.casefold))
    labels = draw(
        st.lists(TEXTS[holds.labels].filter(_is_label), min_size=1, max_size=3, unique=True)
    )
    pairs = draw(st.lists(st.tuples(st.sampled_from(tasks), st.sampled_from(workers)),
                          min_size=1, max_size=10, unique=True))  # fmt: skip
    answers = []
    for number, (task, worker) in enumerate(pairs):
        silent = holds.abstentions and number > 0 and draw(st.integers(0, 3)) == 0
        label = None if silent else draw(st.sampled_from(labels))
        weight = draw(st.sampled_from([0.25, 1.0, 3.0])) if holds.weights else 1.0
        answers.append(Answer(task, worker, label, weight, 1_000 + number))
        if holds.times and label is not None and draw(st.booleans()):
            older = draw(st.sampled_from(labels))
            answers.append(replace(answers[-1], label=older, time=number))
    given = sorted({a.label for a in answers if a.label is not None})
    known = st.dictionaries(st.sampled_from(sorted({t for t, _ in pairs})), st.sampled_from(given))
    return Crowd(tuple(draw(st.permutations(answers))), draw(known) if holds.gold else {})


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _american(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%m/%d/%Y %H:%M:%S")


def _long(crowd: Crowd) -> list[dict[str, Any]]:
    return [
        {"task": a.task, "worker": a.worker, "label": a.label, "confidence": a.weight,
         "when": _iso(a.time), "truth": crowd.gold.get(a.task)}
        for a in crowd.answers
    ]  # fmt: skip


TABLE = {"task_col": "task", "worker_col": "worker", "label_col": "label", "format": "table",
         "weight_col": "confidence", "time_col": "when", "gold_col": "truth"}  # fmt: skip


TEXT = {"label": pl.String, "truth": pl.String}


def _csv(crowd: Crowd, separator: str = ",") -> Files:
    return {"a": table(*_long(crowd), separator=separator)}, TABLE


def _tsv(crowd: Crowd) -> Files:
    return _csv(crowd, "\t")


def _parquet(crowd: Crowd) -> Files:
    return {"a": parquet(pl.DataFrame(_long(crowd), schema_overrides=TEXT))}, TABLE


def _ndjson(crowd: Crowd) -> Files:
    return {"a": lines(*_long(crowd))}, TABLE


def _records(crowd: Crowd) -> Files:
    return {"a": json.dumps(_long(crowd)).encode()}, TABLE


def _nested(crowd: Crowd, outer: str, inner: str) -> bytes:
    document: dict[str, dict[str, str | None]] = {}
    for a in crowd.answers:
        document.setdefault(getattr(a, outer), {})[getattr(a, inner)] = a.label
    return json.dumps(document).encode()


def _task_first(crowd: Crowd) -> Files:
    return {"a": _nested(crowd, "task", "worker")}, {"format": "answers-json"}


def _worker_first(crowd: Crowd) -> Files:
    return {"a": _nested(crowd, "worker", "task")}, {"format": "worker-first"}


def _wide(crowd: Crowd) -> Files:
    rows = []
    for task, answers in crowd.tasks().items():
        row: dict[str, Any] = dict.fromkeys(["\0task", *crowd.workers()])
        row["\0task"] = task
        rows.append(row | {a.worker: a.label for a in answers})
    content = table(*rows).replace(b"\0task", b"the task", 1)
    # Columns that share no labels may be anything, so the workers are named.
    names = io.StringIO()
    csv.writer(names, lineterminator="").writerow(crowd.workers())
    options = {"format": "cleanlab", "task_col": "the task", "worker_col": names.getvalue()}
    return {"a": content}, options


def _label_studio(crowd: Crowd) -> Files:
    tasks = []
    for task, answers in crowd.tasks().items():
        entries = [
            annotation(a.worker, *([] if a.label is None else [a.label]), created_at=_iso(a.time))
            for a in answers
        ]
        if task in crowd.gold:
            entries.append(annotation(99, crowd.gold[task], ground_truth=True))
        tasks.append({"id": task, "data": {}, "annotations": entries})
    return {"a": json.dumps(tasks).encode()}, {}


def _flat(crowd: Crowd) -> list[dict[str, Any]]:
    return [
        {"id": a.task, "kind": a.label, "annotator": a.worker, "annotation_id": number,
         "created_at": _iso(a.time)}
        for number, a in enumerate(crowd.answers)
    ]  # fmt: skip


def _json_min(crowd: Crowd) -> Files:
    rows = [{k: v for k, v in row.items() if v is not None} for row in _flat(crowd)]
    return {"a": json.dumps(rows).encode()}, {}


def _label_studio_csv(crowd: Crowd) -> Files:
    return {"a": table(*_flat(crowd))}, {}


def _argilla(crowd: Crowd) -> Files:
    rows = [
        {"id": task, "q.responses.users": [a.worker for a in answers],
         "q.responses": [a.label for a in answers],
         "q.responses.status": ["discarded" if a.label is None else "submitted" for a in answers]}
        for task, answers in crowd.tasks().items()
    ]  # fmt: skip
    return {"a": lines(*rows)}, {}


def _argilla_1(crowd: Crowd) -> Files:
    rows = [
        {"id": task, "q": [{"user_id": a.worker, "value": a.label, "status": "submitted"}
                           for a in answers]}
        for task, answers in crowd.tasks().items()
    ]  # fmt: skip
    return {"a": json.dumps(rows).encode()}, {}


def _lists(crowd: Crowd) -> list[dict[str, Any]]:
    return [
        {"id": task, "annotator_ids": [a.worker for a in answers],
         "annotations": [a.label for a in answers]}
        for task, answers in crowd.tasks().items()
    ]  # fmt: skip


def _hugging_face(crowd: Crowd) -> Files:
    kinds = {"annotations": pl.List(pl.String)}
    return {"a": parquet(pl.DataFrame(_lists(crowd), schema_overrides=kinds))}, {}


def _hugging_face_json(crowd: Crowd) -> Files:
    return {"a": lines(*_lists(crowd))}, {}


def _doccano(crowd: Crowd) -> Files:
    members = {}
    for worker, answers in crowd.workers().items():
        rows = [{"id": a.task, "filename": "", "label": [a.label]} for a in answers]
        members[f"{worker}__jsonl"] = lines(*rows)
    return {"a": zipped(**members)}, {}


def _doccano_csv(crowd: Crowd) -> Files:
    members = {}
    for worker, answers in crowd.workers().items():
        rows = [{"id": a.task, "label": a.label, "Comments": None} for a in answers]
        members[f"{worker}__csv"] = table(*rows)
    return {"a": zipped(**members)}, {}


def _xml(text: str) -> str:
    return escape(text, {'"': "&quot;", "\t": "&#9;"})


def _cvat(crowd: Crowd) -> Files:
    files = {}
    for number, (worker, answers) in enumerate(crowd.workers().items()):
        images = ((_xml(a.task), _xml(a.label or "")) for a in answers)
        files[f"a{number}.xml"] = cvat(_xml(worker), *images)
    return files, {"path": "a*.xml"}


def _mturk(crowd: Crowd) -> Files:
    rows = [
        {"HITId": "h", "WorkerId": a.worker, "Input.image": a.task, "Answer.kind.label": a.label}
        for a in crowd.answers
    ]
    return {"a": table(*rows)}, {}


def _prodigy(crowd: Crowd) -> Files:
    rows = [
        {**prodigy(1, a.worker), "_input_hash": a.task, "_timestamp": a.time,
         "accept": [] if a.label is None else [a.label],
         "answer": "ignore" if a.label is None else "accept"}
        for a in crowd.answers
    ]  # fmt: skip
    return {"a": lines(*rows)}, {}


def _labelme(crowd: Crowd) -> Files:
    files = {}
    for number, a in enumerate(crowd.answers):
        flags = {} if a.label is None else {a.label: True}
        document = {"imagePath": a.task, "shapes": [], "flags": flags}
        files[f"in/{a.worker}/{number}.json"] = json.dumps(document).encode()
    return files, {"path": "in", "worker_from": "dir"}


def _toloka(crowd: Crowd) -> Files:
    rows = [
        {**toloka(a.task, a.worker, ""), "OUTPUT:result": a.label,
         "GOLDEN:result": crowd.gold.get(a.task), "ASSIGNMENT:submitted": _iso(a.time)}
        for a in crowd.answers
    ]  # fmt: skip
    return {"a": table(*rows, separator="\t")}, {}


def _appen(crowd: Crowd) -> Files:
    rows = [
        {**appen(a.task, a.worker, ""), "kind": a.label, "_trust": a.weight,
         "_created_at": _american(a.time), "kind_gold": crowd.gold.get(a.task),
         "_golden": str(a.task in crowd.gold).lower()}
        for a in crowd.answers
    ]  # fmt: skip
    return {"a": table(*rows)}, {"weight_col": "_trust"}


def _zooniverse(crowd: Crowd) -> Files:
    rows = [zooniverse(a.task, a.worker, a.label, created_at=f"{_iso(a.time)[:19]} UTC")
            for a in crowd.answers]  # fmt: skip
    return {"a": table(*rows)}, {}


def _panoptes(crowd: Crowd) -> Files:
    rows = [
        {**extract(a.task, a.worker), "created_at": _iso(a.time), "classification_id": number,
         "data.choice": a.label}
        for number, a in enumerate(crowd.answers)
    ]  # fmt: skip
    return {"a": table(*rows)}, {}


def _labelbox(crowd: Crowd) -> Files:
    rows = []
    for task, answers in crowd.tasks().items():
        reference = {"benchmark_reference_label": "gold"} if task in crowd.gold else {}
        labels = [
            labelbox_label(a.worker, a.label, id=str(number), performance_details=reference,
                           label_details={"created_by": a.worker, "created_at": _iso(a.time)})
            for number, a in enumerate(answers)
        ]  # fmt: skip
        if task in crowd.gold:
            labels.append(labelbox_label("boss", crowd.gold[task], id="gold"))
        rows.append(labelbox(task, *labels))
    return {"a": lines(*rows)}, {}


def _contents(answers: list[Answer]) -> Iterator[tuple[str, Any]]:
    for a in answers:
        yield a.worker, {} if a.label is None else {"kind": {"label": a.label}}


def _requests(crowd: Crowd) -> Files:
    rows = [{"datasetObjectId": task, "dataObject": {}, "annotations": consolidation(*_contents(v))}
            for task, v in crowd.tasks().items()]  # fmt: skip
    return {"a": json.dumps(rows).encode()}, {}


def _manifest(crowd: Crowd) -> Files:
    rows = [{"source": task, "job": {"annotationsFromAllWorkers": consolidation(*_contents(v))}}
            for task, v in crowd.tasks().items()]  # fmt: skip
    return {"a": lines(*rows)}, {}


def _responses(crowd: Crowd) -> Files:
    files = {}
    for task, answers in crowd.tasks().items():
        name = f"job/annotations/worker-response/iteration-1/{task}/t.json"
        document = json.loads(response(*_contents(answers)))
        for entry, answer in zip(document["answers"], answers, strict=True):
            entry["submissionTime"] = _iso(answer.time)
        files[name] = json.dumps(document).encode()
    return files, {"path": "job"}


HOLDS = {
    "csv": Holds(_csv, weights=True, gold=True, times=True),
    "tsv": Holds(_tsv, weights=True, gold=True, times=True),
    "parquet": Holds(_parquet, weights=True, gold=True, times=True),
    "ndjson": Holds(_ndjson, weights=True, gold=True, times=True),
    "records": Holds(_records, weights=True, gold=True, times=True),
    "answers-json": Holds(_task_first, abstentions=False),
    "worker-first": Holds(_worker_first, abstentions=False),
    "cleanlab": Holds(_wide, abstentions=False),
    "label-studio": Holds(_label_studio, gold=True, times=True),
    "label-studio-min": Holds(_json_min, labels="file", times=True),
    "label-studio-csv": Holds(_label_studio_csv, labels="file", times=True),
    "argilla": Holds(_argilla),
    "argilla-1": Holds(_argilla_1),
    "huggingface": Holds(_hugging_face),
    "huggingface-json": Holds(_hugging_face_json),
    "doccano": Holds(_doccano, ids="file", abstentions=False),
    "doccano-csv": Holds(_doccano_csv, ids="file", labels="line", abstentions=False),
    "cvat": Holds(_cvat, abstentions=False),
    "mturk": Holds(_mturk, labels="file"),
    "prodigy": Holds(_prodigy, times=True),
    "labelme": Holds(_labelme, ids="lower"),
    "toloka": Holds(_toloka, gold=True, times=True),
    "appen": Holds(_appen, labels="line", weights=True, gold=True, times=True),
    "zooniverse": Holds(_zooniverse, times=True),
    "panoptes": Holds(_panoptes, times=True),
    "labelbox": Holds(_labelbox, gold=True, times=True),
    "sagemaker-requests": Holds(_requests),
    "sagemaker-manifest": Holds(_manifest),
    "sagemaker": Holds(_responses, ids="number", times=True),
}
