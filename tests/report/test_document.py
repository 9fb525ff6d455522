"""The document between Python and the script of the page: both keep to one schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.pages import document_of, write_votes
from peerannot import Answers, aggregate
from peerannot.dataset import Dataset
from peerannot.report import ReportSource, _script, read_source, render

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

HOME = Path(_script.__file__).parent
SCHEMA = json.loads((HOME / "page" / "document.schema.json").read_text(encoding="utf-8"))


def keys_of(schema: dict[str, Any], above: str = "") -> set[str]:
    """Paths of all keys that a schema describes, as ``tasks.entropy``."""
    found: set[str] = set()
    for key, part in schema.get("properties", {}).items():
        found |= {above + key} | keys_of(part, f"{above}{key}.")
    return found | (keys_of(schema["items"], above) if schema.get("items") else set())


def check(page: bytes) -> dict[str, Any]:
    document = document_of(page)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def test_the_schema_is_one_and_describes_every_key():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def walk(schema: dict[str, Any]) -> None:
        for key, part in schema.get("properties", {}).items():
            assert part.get("description"), key
            walk(part)
        if "properties" in schema:
            assert schema["additionalProperties"] is False
            assert set(schema["properties"]) - set(schema["required"]) <= {"pictures"}
        if schema.get("items"):
            walk(schema["items"])

    walk(SCHEMA)


@pytest.mark.parametrize("editable", [False, True])
def test_python_keeps_to_it(crowd_folder, editable):
    root = crowd_folder(n_tasks=200, images=True)
    home = root / "identification" / "net" / "waum_0.01_yang"
    home.mkdir(parents=True)
    (home / "waum.csv").write_text("index,task,waum\n0,3,0.25\n1,0,-1.5\n")
    (root / "gold.json").write_text(json.dumps({"4": "class 1"}))
    document = check(render(read_source(Dataset.open(root)), editable=editable))
    assert document["editable"] is editable
    assert document["tasks"]["waum"] and document["pictures"] and document["workers"]["flags"][0]


def test_python_keeps_to_it_where_little_is_known(tmp_path, crowd_folder):
    odd = {"0": {"a": 0, "b": 1}, "1": {}, "2": {"a": 1, "b": 1}}
    for name, votes in (("odd", odd), ("none", {"0": {}})):
        root = write_votes(tmp_path / name, votes, ["x", "y"])
        for strategies in (("MV[ties=abstain]", "DS"), ("NaiveSoft",)):
            check(render(read_source(Dataset.open(root), strategies=strategies)))
    check(render(read_source(Dataset.open(crowd_folder(n_tasks=60, k=100)), strategies=("MV",))))
    answers = Answers.from_arrays(np.arange(3), [0, 0, 0], ["x", "y", "x"])
    check(render(ReportSource("bare", answers, {"MV": aggregate(answers, "MV")}, "MV")))


def test_the_script_reads_what_the_schema_has(crowd_folder, script):
    """All keys that the script reads are recorded: each is described, and none is in vain."""
    root = crowd_folder(images=True)
    (root / "workers.csv").write_text("worker,kind\nw0,model\nw1,model\n")
    document = check(render(read_source(Dataset.open(root), strategies=("MV", "DS"))))
    read = script(
        "report.mjs",
        """(() => {
          const seen = new Set();
          const watched = (value, path) => {
            if (Array.isArray(value)) {
              return value.some((v) => v && typeof v === "object" && !Array.isArray(v))
                ? value.map((v) => watched(v, path)) : value;
            }
            if (!value || typeof value !== "object") return value;
            return new Proxy(value, { get: (target, key) => {
              seen.add(path + key); return watched(target[key], `${path}${key}.`); } });
          };
          m.readReport(watched(x, ""));
          return [...seen];
        })()""",
        document,
    )
    described = keys_of(SCHEMA)
    assert set(read) <= described
    python = "".join(
        (HOME / name).read_text(encoding="utf-8")
        for name in ("_page.py", "_words.py", "page/report.html.j2")
    )
    unread = {
        key for key in described - set(read) if not re.search(rf"\b{key.split('.')[-1]}\b", python)
    }
    assert unread == set()


def test_only_one_module_knows_the_document():
    for path in (HOME / "page" / "script").rglob("*.mjs"):
        keys = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", path.read_text(encoding="utf-8")))
        assert path.name == "report.mjs" or not keys, path


def test_rows_are_unpacked(script):
    rows = script(
        "report.mjs",
        "(({ tasks, workers, confusion }) => [tasks, workers, confusion.cells])(m.readReport(x))",
        {
            "classes": ["a", "b"], "main": 0, "ambiguous_below": 0.8, "alpha": {}, "strategies": [],
            "strategy_agreement": [], "editable": False, "totals": {}, "balance": {},
            "bars": {
                "answers_per_task": [], "answers_per_worker": [], "confidence": [],
                "votes_entropy": [[0, 0.5, 2]],
            },
            "confusion": {"classes": [0, 1], "cells": [0, 1, 5]},
            "workers": {
                "id": ["w", "v"], "answers": [1, 1], "agreement": [1, 0.5], "low": [0, 0],
                "high": [1, 1], "favourite": [0, 1], "favourite_share": [1, 1], "total": 2,
                "flags": [["one-class"], []], "skill": None, "spam_score": [0.5, None],
                "confusion": [[0, 0, 1, 1, 0, 2]], "skill_by": None, "spam_score_by": "DS",
            },
            "tasks": {
                "id": ["t"], "label": [1], "confidence": [0.5], "entropy": [0.7],
                "votes_entropy": [None], "disagreement": [0], "waum": None, "truth": [0],
                "gold": None, "answers": [3], "counts": [[0, 1, 1, 2]], "votes": [[1, 0]],
                "posterior": [[1, 0.5]], "by_strategy": [[1]],
            },
        },
    )  # fmt: skip
    (task,), (first, second), cells = rows
    assert cells == [{"label": 0, "answer": 1, "count": 5}]
    assert task["counts"] == [{"label": 0, "count": 1}, {"label": 1, "count": 2}]
    assert task["votes"] == [{"worker": 1, "label": 0}]
    assert task["posterior"] == [{"label": 1, "probability": 0.5}]
    assert (task["truth"], task["gold"], task["waum"]) == (0, -1, None)
    assert first["confusion"][1] == {"label": 1, "answer": 0, "count": 2}
    assert (second["confusion"], second["skill"], first["spamScore"]) == (None, None, 0.5)
