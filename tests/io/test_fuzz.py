"""Damaged exports: a `DataError` of one line, or success; never anything else."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random

import pytest

from helpers.exports import CASES
from helpers.files import put
from peerannot.errors import DataError, ParameterError
from peerannot.io import read

POSITIONS = 40


def attempt(path, options) -> None:
    try:
        read(path, **options)
    except (DataError, ParameterError) as error:
        assert "\n" not in str(error).strip()
        assert len(str(error)) < 2000


def damaged(content: bytes, rng: random.Random):
    """The content cut at some bytes, and with some bytes or bits changed."""
    cuts = (
        range(len(content))
        if len(content) < POSITIONS
        else rng.sample(range(len(content)), POSITIONS)
    )
    for cut in cuts:
        yield content[:cut]
    for _ in range(POSITIONS):
        broken = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 8])):
            at = rng.randrange(len(broken))
            broken[at] = rng.choice([broken[at] ^ (1 << rng.randrange(8)), rng.randrange(256)])
        yield bytes(broken)
        at = rng.randrange(len(content))
        token = rng.choice([b"null", b"[]", b"{}", b"0", b'""', b"1e999", b'"', b",", b"\n", b"\0"])
        yield content[:at] + token + content[at + rng.randrange(6) :]


@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
@pytest.mark.parametrize("name", CASES)
def test_damage(tmp_path, name, named):
    case = CASES[name]
    put(tmp_path, case.files)
    options = {**case.options, "format": case.format} if named else case.options
    target, content = next(iter(case.files.items()))
    for broken in damaged(content, random.Random(name)):
        (tmp_path / target).write_bytes(broken)
        attempt(f"{tmp_path}/{case.source}", options)


OTHERS = [None, [], {}, 0, -1.5, "x", "", True, [None], [{}], {"id": None}, "\U0001f408", 2**70]


def _paths(value, path=()):
    """Every place inside a JSON document."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else []
    for key, inner in enumerate(value) if isinstance(value, list) else inside:
        yield from _paths(inner, (*path, key))


def _replaced(document, path, other):
    if not path:
        return other
    copy = document.copy()
    copy[path[0]] = _replaced(document[path[0]], path[1:], other)
    return copy


@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
@pytest.mark.parametrize("name", CASES)
def test_values_of_other_kinds(tmp_path, name, named):
    """A file that is sound JSON, or a sound table, with something else at one place."""
    case, rng = CASES[name], random.Random(name)
    put(tmp_path, case.files)
    options = {**case.options, "format": case.format} if named else case.options
    target, content = next(iter(case.files.items()))
    try:
        text = content.decode()
        documents = [json.loads(line) for line in text.splitlines()]
        write = lambda parts: "\n".join(map(json.dumps, parts))  # noqa: E731
    except UnicodeDecodeError:
        pytest.skip("no text")
    except json.JSONDecodeError:
        mark = "\t" if "\t" in text else ","
        documents = list(csv.reader(io.StringIO(text), delimiter=mark))
        write = lambda rows: "\n".join(  # noqa: E731
            mark.join('"{}"'.format(str(c).replace('"', '""')) for c in row) for row in rows
        )
    places = list(_paths(documents))
    for path in rng.sample(places, min(len(places), POSITIONS)):
        for other in rng.sample(OTHERS, 4):
            changed = _replaced(documents, path, other)
            if all(isinstance(part, list | dict) for part in changed) and changed:
                (tmp_path / target).write_text(write(changed))
                attempt(f"{tmp_path}/{case.source}", options)


@pytest.mark.parametrize("name", ["csv", "records", "prodigy"])
def test_damage_under_gzip(tmp_path, name):
    case = CASES[name]
    content = gzip.compress(next(iter(case.files.values())), mtime=0)
    for broken in damaged(content, random.Random(name)):
        (tmp_path / "x").write_bytes(broken)
        attempt(tmp_path / "x", case.options)


@pytest.mark.parametrize("wrong", sorted({case.format for case in CASES.values()}))
def test_the_wrong_format_named(tmp_path, wrong):
    # Whatever a user calls a file, the answer is a message.
    for case in CASES.values():
        put(tmp_path, case.files)
        attempt(f"{tmp_path}/{case.source}", {"format": wrong})
        attempt(f"{tmp_path}/{case.source}", {"format": wrong, **_worker(wrong)})


def _worker(name: str) -> dict[str, str]:
    return {"worker": "w"} if name in ("cvat", "doccano", "labelme", "prodigy") else {}
