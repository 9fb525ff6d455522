"""Damaged exports: a `DataError` of one line, or success; never anything else."""

from __future__ import annotations

import gzip
import random

import pytest

from helpers.examples import part_of
from helpers.exports import CASES
from helpers.files import put
from peerannot.checks.formats import damaged, with_other_values
from peerannot.errors import DataError, ParameterError
from peerannot.io import read


def attempt(path, options) -> None:
    try:
        read(path, **options)
    except (DataError, ParameterError) as error:
        assert "\n" not in str(error).strip()
        assert "the reader of" not in str(error), "a reader of ours lacks a check"
        assert len(str(error)) < 2000


@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
@pytest.mark.parametrize("name", CASES)
def test_damage(tmp_path, name, named):
    case = CASES[name]
    put(tmp_path, case.files)
    options = {**case.options, "format": case.format} if named else case.options
    target, content = next(iter(case.files.items()))
    for broken in part_of(damaged(content, random.Random(name)), named):
        (tmp_path / target).write_bytes(broken)
        attempt(f"{tmp_path}/{case.source}", options)


@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
@pytest.mark.parametrize("name", CASES)
def test_values_of_other_kinds(tmp_path, name, named):
    """A file that is sound JSON, or a sound table, with something else at one place."""
    case = CASES[name]
    put(tmp_path, case.files)
    options = {**case.options, "format": case.format} if named else case.options
    target, content = next(iter(case.files.items()))
    for changed in part_of(with_other_values(content, random.Random(name)), named):
        (tmp_path / target).write_text(changed)
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
