"""What Python writes that is no JSON."""

from __future__ import annotations

import json

import pytest

from peerannot.errors import DataError
from peerannot.io import read

NAN = float("nan")
ROWS = [
    {"task": "1", "worker": "a", "label": NAN},
    {"task": "1", "worker": "b", "label": 1},
    {"task": "2", "worker": "b", "label": 0},
]


@pytest.mark.parametrize("first", [0, 1])
def test_nan_is_no_answer(tmp_path, first):
    rows = ROWS[first:] + ROWS[:first]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "b.json").write_text(json.dumps({"1": {"a": NAN, "b": 1}, "2": {"b": 0}}))
    for name in ("a.ndjson", "a.json", "b.json"):
        found = read(tmp_path / name)
        assert list(found.answers.classes) == ["0", "1"]
        assert (found.answers.n_answers, found.report.dropped["no answer given"]) == (2, 1)


def test_broken_json_with_nan_is_still_refused_and_texts_are_texts(tmp_path):
    (tmp_path / "a.json").write_text('{"a": {"x": NaN, "y": }}')
    with pytest.raises(DataError, match="line 1 column 13: not JSON"):
        read(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"a NaN": {"x": "Infinity"}, "b": {"x": NaN, "y": "z"}}')
    assert list(read(tmp_path / "b.json").answers.classes) == ["Infinity", "z"]
    (tmp_path / "c.json").write_text('{"a": {"x": NaN, "x": 1}}')
    with pytest.raises(DataError, match="'x' occurs twice"):
        read(tmp_path / "c.json")
