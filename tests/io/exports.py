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
}  # fmt: skip
