"""Smallest valid exports of each tool, for all tests of formats: name to files, path, options.

Each file set holds the same four answers wherever the format can say them:
cat.png: ann cat, bob dog; dog.png: ann dog, bob dog.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

CHOICE = {"from_name": "choice", "to_name": "image", "type": "choices"}


def annotation(who: Any, *choices: str, **more: Any) -> dict[str, Any]:
    result = [{**CHOICE, "value": {"choices": list(choices)}}] if choices else []
    return {"completed_by": who, "result": result, "was_cancelled": False, **more}


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(r) + "\n" for r in records).encode()


def parquet(frame: pl.DataFrame, **metadata: str) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata=metadata or None)
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def prodigy(task: int, who: str, **more: Any) -> dict[str, Any]:
    return {
        "_input_hash": task,
        "_task_hash": task * 7,
        "_annotator_id": who,
        "image": f"img/{'cat' if task == 1 else 'dog'}.png",
        "answer": "accept",
        "options": [{"id": "cat"}, {"id": "dog"}],
        **more,
    }


def labelme(path: str, **flags: bool) -> bytes:
    document = {"version": "4.0.0", "flags": flags, "shapes": [], "imagePath": path}
    return json.dumps({**document, "imageData": None}).encode()


def cvat(worker: str, *images: tuple[str, str], assignee: str = "") -> bytes:
    who = assignee or f"<job><assignee><username>{worker}</username></assignee></job>"
    body = "".join(
        f'<image id="{i}" name="{name}" width="4" height="4">'
        f'<tag label="{label}" source="manual"/></image>'
        for i, (name, label) in enumerate(images)
    )
    return f"<?xml version='1.0'?><annotations><version>1.1</version><meta>{who}</meta>{body}</annotations>".encode()  # noqa: E501


def table(*rows: dict[str, Any], separator: str = ",") -> bytes:
    """CSV of the columns of all rows, in the order that they come in."""
    columns = dict.fromkeys(name for row in rows for name in row)
    frame = pl.DataFrame(
        {c: [None if row.get(c) is None else str(row[c]) for row in rows] for c in columns},
        schema=dict.fromkeys(columns, pl.String),
    )
    return frame.write_csv(separator=separator).encode()


def toloka(task: str, who: str, label: str, **more: Any) -> dict[str, Any]:
    return {
        "INPUT:image": task,
        "OUTPUT:result": label,
        "GOLDEN:result": None,
        "HINT:text": None,
        "ASSIGNMENT:link": "https://x/1",
        "ASSIGNMENT:task_id": f"id-{task}",
        "ASSIGNMENT:assignment_id": f"a-{task}-{who}",
        "ASSIGNMENT:task_suite_id": "s",
        "ASSIGNMENT:worker_id": who,
        "ASSIGNMENT:status": "APPROVED",
        "ASSIGNMENT:started": "2021-01-01T10:00:00.123",
        "ASSIGNMENT:submitted": "2021-01-01T10:00:09.456",
        **more,
    }


def appen(unit: str, who: str, label: str, **more: Any) -> dict[str, Any]:
    return {
        "_unit_id": unit,
        "_created_at": "3/2/2016 10:00:01",
        "_golden": "false",
        "_id": f"{unit}{who}",
        "_missed": None,
        "_started_at": "3/2/2016 09:59:01",
        "_tainted": "false",
        "_channel": "neodev",
        "_trust": "0.9",
        "_worker_id": who,
        "_country": "AAA",
        "kind": label,
        "image_url": f"http://x/{unit}.jpg",
        "kind_gold": None,
        **more,
    }


def zooniverse(subject: str, who: str, value: Any, task: str = "T0", **more: Any) -> dict[str, Any]:
    return {
        "classification_id": f"{subject}{who}",
        "user_name": who,
        "user_id": None,
        "user_ip": "ab12",
        "workflow_id": "7",
        "workflow_name": "Pets",
        "workflow_version": "12.34",
        "created_at": "2024-05-01 10:00:00 UTC",
        "gold_standard": None,
        "expert": None,
        "metadata": json.dumps({"session": "x", "finished_at": "2024-05-01T10:00:00.000Z"}),
        "annotations": json.dumps([{"task": task, "task_label": "Which?", "value": value}]),
        "subject_data": json.dumps({subject: {"retired": None, "Filename": f"{subject}.jpg"}}),
        "subject_ids": subject,
        **more,
    }


def extract(subject: str, who: str, kind: str = "survey_extractor", **more: Any) -> dict[str, Any]:
    return {
        "classification_id": f"{subject}{who}",
        "user_name": who,
        "user_id": None,
        "workflow_id": "7",
        "task": "T0",
        "created_at": "2024-05-01 10:00:00 UTC",
        "subject_id": subject,
        "extractor": kind,
        "data.aggregation_version": "4.1.0",
        **more,
    }


def labelbox(row: str, *labels: dict[str, Any], project: str = "p") -> dict[str, Any]:
    return {
        "data_row": {"id": row, "global_key": f"key-{row}", "row_data": f"https://x/{row}.jpg"},
        "media_attributes": {"height": 4, "width": 4},
        "projects": {project: {"name": "Pets", "labels": list(labels), "project_details": {}}},
    }


def labelbox_label(who: str, label: str | None, **more: Any) -> dict[str, Any]:
    answer = {"feature_id": "f", "name": label, "value": label, "classifications": []}
    item = {"feature_id": "g", "name": "kind", "value": "kind", "radio_answer": answer}
    return {
        "label_kind": "Default",
        "version": "1.0.0",
        "id": f"{who}-{label}",
        "label_details": {"created_at": "2024-01-01T00:00:00.000+00:00", "created_by": who},
        "annotations": {"objects": [], "classifications": [] if label is None else [item]},
        **more,
    }


def response(*answers: tuple[str, Any]) -> bytes:
    return json.dumps({"answers": [
        {"acceptanceTime": "2024-01-01T00:00:00Z", "answerContent": content,
         "submissionTime": "2024-01-01T00:00:05Z", "timeSpentInSeconds": 5.2, "workerId": who,
         "workerMetadata": {"identityData": {"identityProviderType": "Cognito"}}}
        for who, content in answers
    ]}).encode()  # fmt: skip


def choice_of(label: str) -> dict[str, Any]:
    return {"crowd-image-classifier": {"label": label}}


def consolidation(*answers: tuple[str, Any]) -> list[dict[str, Any]]:
    return [
        {"workerId": who, "annotationData": {"content": json.dumps(content)}}
        for who, content in answers
    ]


@dataclass(frozen=True)
class Case:
    """Files to write, the path to read, options to give, and what must come out."""

    files: dict[str, bytes]
    format: str
    path: str = ""
    options: dict[str, str] = field(default_factory=dict)
    tasks: tuple[str, str] = ("1", "2")
    workers: tuple[str, ...] = ("ann", "bob")
    classes: tuple[str, str] = ("cat", "dog")

    @property
    def source(self) -> str:
        return self.path or next(iter(self.files))


def mturk(header: str, *rows: str) -> bytes:
    return "\n".join([header, *rows]).encode()


LS_FLAT = [
    {"image": f"/data/{i}.png", "id": i, "choice": c, "annotator": w, "annotation_id": i,
     "created_at": "2024-01-01T00:00:00Z", "updated_at": "", "lead_time": 1.5}
    for i, w, c in [(1, "ann", "cat"), (1, "bob", "dog"), (2, "ann", "dog"), (2, "bob", "dog")]
]  # fmt: skip
FEATURES = json.dumps(
    {"info": {"features": {"human_labels": {
        "feature": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "_type": "Sequence"}}}}
)  # fmt: skip
PARALLEL = pl.DataFrame(
    {"id": ["1", "2"], "annotator_ids": [["ann", "bob"]] * 2, "human_labels": [[0, 1], [1, 1]]}
)
MTURK = "HITId,WorkerId,AssignmentStatus,WorkTimeInSeconds,Input.image_url,{},Approve,Reject"

CASES: dict[str, Case] = {
    "csv": Case(
        {"a.csv": b"task,worker,label\n1,ann,cat\n1,bob,dog\n2,ann,dog\n2,bob,dog\n"}, "table"
    ),
    "records": Case(
        {"a.json": json.dumps(
            [{"task": t, "performer": w, "label": y} for t, w, y in
             [(1, "ann", "cat"), (1, "bob", "dog"), (2, "ann", "dog"), (2, "bob", "dog")]]
        ).encode()}, "table",
    ),
    "answers-json": Case(
        {"a.json": b'{"2":{"ann":"dog","bob":"dog"},"1":{"ann":"cat","bob":"dog"}}'},
        "answers-json",
    ),
    "worker-first": Case(
        {"a.json": b'{"ann":{"1":"cat","2":"dog"},"bob":{"1":"dog","2":"dog"}}'},
        "worker-first", options={"format": "worker-first"},
    ),
    "text-matrix": Case(
        {"answers.txt": b"0 1 -1\n1 1 -1\n"}, "text-matrix",
        tasks=("0", "1"), workers=("0", "1"), classes=("0", "1"),
    ),
    "cleanlab": Case(
        {"a.csv": b",ann,bob,eve\n1,0.0,1.0,\n2,1.0,1.0,\n"}, "cleanlab", classes=("0", "1")
    ),
    "cleanlab-npy": Case(
        {"a.npy": npy(np.array([[0, 1, np.nan], [1, 1, np.nan]]))}, "cleanlab",
        tasks=("0", "1"), workers=("0", "1"), classes=("0", "1"),
    ),
    "label-studio": Case(
        {"a.json": json.dumps([
            {"id": 1, "data": {"image": "/data/upload/cat.png"},
             "annotations": [annotation("ann", "cat"), annotation("bob", "dog")]},
            {"id": 2, "data": {"image": "/data/upload/dog.png"},
             "annotations": [annotation("ann", "dog"), annotation("bob", "dog")]},
        ]).encode()}, "label-studio",
    ),
    "label-studio-min": Case({"a.json": json.dumps(LS_FLAT).encode()}, "label-studio-flat"),
    "label-studio-csv": Case(
        {"a.csv": pl.DataFrame(LS_FLAT).write_csv().encode()}, "label-studio-flat"
    ),
    "argilla": Case(
        {"a.jsonl": lines(
            {"id": "1", "q.responses.users": ["ann", "bob"], "q.responses": ["cat", "dog"],
             "q.responses.status": ["submitted", "submitted"], "q.suggestion": "bird"},
            {"id": "2", "q.responses.users": ["ann", "bob"], "q.responses": ["dog", "dog"],
             "q.responses.status": ["submitted", "submitted"], "q.suggestion": "bird"},
        )}, "argilla",
    ),
    "argilla-1": Case(
        {"a.json": json.dumps([
            {"id": "1", "q": [{"user_id": "ann", "value": "cat", "status": "submitted"},
                              {"user_id": "bob", "value": "dog", "status": "submitted"}]},
            {"id": "2", "q": [{"user_id": "ann", "value": "dog", "status": "submitted"},
                              {"user_id": "bob", "value": "dog", "status": "submitted"}]},
        ]).encode()}, "argilla",
    ),
    "huggingface": Case({"a.parquet": parquet(PARALLEL, huggingface=FEATURES)}, "huggingface"),
    "doccano": Case(
        {"a.zip": zipped(
            ann__jsonl=lines({"id": 1, "filename": "cat.png", "label": ["cat"], "Comments": []},
                             {"id": 2, "filename": "dog.png", "label": ["dog"], "Comments": []}),
            bob__jsonl=lines({"id": 1, "filename": "cat.png", "label": ["dog"], "Comments": []},
                             {"id": 2, "filename": "dog.png", "label": ["dog"], "Comments": []}),
        )}, "doccano",
    ),
    "doccano-csv": Case(
        {"a.zip": zipped(ann__csv=b"id,filename,label,Comments\n1,a,cat,\n2,b,dog,\n",
                         bob__csv=b"id,filename,label,Comments\n1,a,dog,\n2,b,dog,\n")},
        "doccano",
    ),
    "cvat": Case(
        {"jobs/1.xml": cvat("ann", ("1", "cat"), ("2", "dog")),
         "jobs/2.xml": cvat("bob", ("1", "dog"), ("2", "dog"))}, "cvat", path="jobs/*.xml",
    ),
    "mturk": Case(
        {"a.csv": mturk(MTURK.format("Answer.choice.label"),
                        "H,ann,Approved,3,1,cat,,", "H,bob,Approved,3,1,dog,,",
                        "H,ann,Approved,3,2,dog,,", "H,bob,Approved,3,2,dog,,")}, "mturk",
    ),
    "prodigy": Case(
        {"a.jsonl": lines(prodigy(1, "ann", accept=["cat"]), prodigy(1, "bob", accept=["dog"]),
                          prodigy(2, "ann", accept=["dog"]), prodigy(2, "bob", accept=["dog"]))},
        "prodigy",
    ),
    "labelme": Case(
        {"in/ann/1.json": labelme("1", cat=True, dog=False),
         "in/ann/2.json": labelme("2", cat=False, dog=True),
         "in/bob/1.json": labelme("1", cat=False, dog=True),
         "in/bob/2.json": labelme("2", dog=True)},
        "labelme", path="in", options={"worker_from": "dir"},
    ),
    "toloka": Case(
        {"a.tsv": table(toloka("1", "ann", "cat"), toloka("1", "bob", "dog"),
                        toloka("2", "ann", "dog"), toloka("2", "bob", "dog"), separator="\t")},
        "toloka",
    ),
    "appen": Case(
        {"f1.csv": table(appen("1", "ann", "cat"), appen("1", "bob", "dog"),
                         appen("2", "ann", "dog"), appen("2", "bob", "dog"))}, "appen",
    ),
    "zooniverse": Case(
        {"a.csv": table(zooniverse("1", "ann", "cat"), zooniverse("1", "bob", "dog"),
                        zooniverse("2", "ann", "dog"), zooniverse("2", "bob", "dog"))},
        "zooniverse",
    ),
    "panoptes-survey": Case(
        {"a.csv": table(*(extract(t, w, **{"data.choice": y}) for t, w, y in
                          [("1", "ann", "cat"), ("1", "bob", "dog"),
                           ("2", "ann", "dog"), ("2", "bob", "dog")]))}, "panoptes",
    ),
    "panoptes-question": Case(
        {"a.csv": table(*(extract(t, w, "question_extractor", **{f"data.{y}": "1.0"})
                          for t, w, y in [("1", "ann", "cat"), ("1", "bob", "dog"),
                                          ("2", "ann", "dog"), ("2", "bob", "dog")]))},
        "panoptes",
    ),
    "labelbox": Case(
        {"a.ndjson": lines(
            labelbox("1", labelbox_label("ann", "cat"), labelbox_label("bob", "dog")),
            labelbox("2", labelbox_label("ann", "dog"), labelbox_label("bob", "dog")))},
        "labelbox",
    ),
    "sagemaker": Case(
        {"job/annotations/worker-response/iteration-1/1/2024-01-01.json":
            response(("ann", choice_of("cat")), ("bob", choice_of("dog"))),
         "job/annotations/worker-response/iteration-1/2/2024-01-01.json":
            response(("ann", choice_of("dog")), ("bob", choice_of("dog")))},
        "sagemaker", path="job",
    ),
    "sagemaker-requests": Case(
        {"a.json": json.dumps([
            {"datasetObjectId": "1", "dataObject": {"s3Uri": "s3://x/1.jpg"},
             "annotations": consolidation(("ann", choice_of("cat")), ("bob", choice_of("dog")))},
            {"datasetObjectId": "2", "dataObject": {"s3Uri": "s3://x/2.jpg"},
             "annotations": consolidation(("ann", choice_of("dog")), ("bob", choice_of("dog")))},
        ]).encode()}, "sagemaker",
    ),
    "sagemaker-manifest": Case(
        {"output.manifest": lines(
            {"source-ref": "1", "job-metadata": {"type": "groundtruth/custom"}, "job":
             {"annotationsFromAllWorkers": consolidation(("ann", choice_of("cat")),
                                                         ("bob", choice_of("dog")))}},
            {"source-ref": "2", "job-metadata": {"type": "groundtruth/custom"}, "job":
             {"annotationsFromAllWorkers": consolidation(("ann", choice_of("dog")),
                                                         ("bob", choice_of("dog")))}})},
        "sagemaker",
    ),
    "dataset": Case(
        {"set/answers.json": b'{"1": {"ann": 0, "bob": 1}, "2": {"ann": 1, "bob": 1}}',
         "set/metadata.json": json.dumps(
             {"name": "set", "n_classes": 2, "n_workers": 2, "class_names": ["cat", "dog"]}
         ).encode()}, "dataset", path="set",
    ),
}  # fmt: skip
