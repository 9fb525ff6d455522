"""A key that occurs twice in an object is found, wherever it is and however it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot._json import load
from peerannot.errors import DataError
from peerannot.io import read

TWICE = {
    "outside": ('{"a": 1, "b": 2, "a": 1}', 1, "a"),
    "inside": ('{"a": {"w": 1},\n "b": {"v": 2,\n "w": 1, "v": 2}}', 3, "v"),
    "in a list": ('[{"a": 1},\n{"a": 1, "a": 2}]', 2, "a"),
    "spaces before the colon": ('{"a"  : 1, "a"\t\n: 2}', 1, "a"),
    "another spelling": ('{"task": 1, "t\\u0061sk": 2}', 1, "task"),
    "colons in texts": ('{"http://a": ":", "b": "\\":", "http://a": ""}', 1, "http://a"),
    "quotes in keys": ('{"a\\"": {}, "a\\"": 1}', 1, 'a"'),
    "backslashes": ('{"a\\\\": "\\\\", "a\\\\": 1}', 1, "a\\"),
    "not ASCII": ('{"\u00e9": 1, "\u00e9": 1}', 1, "\u00e9"),
    "braces in texts": ('{"a": "}{", "b": "{", "a": 1}', 1, "a"),
    "no key at all": ('{"": 1, "": 1}', 1, ""),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_repeated_key_is_named(name: str) -> None:
    text, line, key = TWICE[name]
    with pytest.raises(DataError) as error:
        load(text.encode(), "x.json")
    assert str(error.value) == (
        f"x.json line {line}: the key {key!r} occurs twice in one object; keep one"
    )


texts = st.text(st.sampled_from('ab:"\\{}[],\u00e9\n') | st.characters(codec="utf-8"), max_size=5)
documents = st.recursive(
    st.none() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=15,
)


@given(documents, st.booleans(), st.sampled_from([None, 1]))
def test_what_is_sound_is_read(document: Any, ascii: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii, indent=indent)
    assert load(text.encode(), "x") == document


@given(st.dictionaries(texts, documents, min_size=1, max_size=4), st.data())
def test_what_is_written_twice_is_found(document: dict[str, Any], data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(sorted(document)))
    members = [*document.items(), (again, data.draw(documents))]
    text = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in members)
    with pytest.raises(DataError, match="twice"):
        load(f'{{"outer": [{{{text}}}]}}'.encode(), "x")


def test_a_block_may_end_in_a_text() -> None:
    text = json.dumps({f"{i}:": [{"a:": ":" * i}] for i in range(9)})
    for size in range(1, 40):
        load(text.encode(), "x", block=size)
        with pytest.raises(DataError, match="twice"):
            load(f'{{"x": {text}, "x": ":"}}'.encode(), "x", block=size)


RECORDS = '{"task": "1", "worker": "u", "label": "a"}\n'
REPEATED = {
    "ndjson": RECORDS + '{"task": "2", "worker": "u", "label": "a", "label": "b"}\n',
    "ndjson in another spelling": RECORDS
    + '{"task": "2", "worker": "u", "label": "a", "l\\u0061bel": "b"}\n',
    "records": f"[{RECORDS},\n" + '{"task": "2", "worker": "u", "label": "a", "label": "b"}]',
    "rows": '{"task": ["1"],\n"worker": ["u"],\n"label": ["a"], "label": ["b"]}',
}


@pytest.mark.parametrize("name", REPEATED)
def test_readers_of_answers_see_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "votes.json"
    path.write_text(REPEATED[name])
    with pytest.raises(DataError, match=r"line \d: the key 'label' occurs twice"):
        read(path)


def test_names_of_columns_in_values_are_no_repetition(tmp_path: Path) -> None:
    path = tmp_path / "votes.ndjson"
    path.write_text(RECORDS + '{"task": "task", "worker": "label", "label": "a"}\n')
    assert read(path).answers.tasks[1] == "task"
