"""Each logical crowd, written in every format that can hold it, reads back to the same answers."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from helpers.examples import examples
from helpers.files import put
from helpers.written import HOLDS, Crowd, crowds
from peerannot.answers import Answers, Ids
from peerannot.io import FORMATS, read

# Text matrices hold whole numbers only; their round trip is a test of its own.
ELSEWHERE = {"dataset", "text-matrix"}


def expected(crowd: Crowd, *, weights: bool) -> Answers:
    newest = {}
    for answer in sorted(crowd.answers, key=lambda a: a.time):
        newest[answer.task, answer.worker] = answer
    kept = [a for a in newest.values() if a.label is not None]
    classes = {a.label for a in crowd.answers} - {None} | set(crowd.gold.values())
    task, worker, label = ([getattr(a, c) for a in kept] for c in ("task", "worker", "label"))
    return Answers.from_arrays(
        task, worker, label, [a.weight for a in kept] if weights else None,
        tasks=Ids.sorted({a.task for a in crowd.answers}), classes=_in_order(classes),
    )  # fmt: skip


def _in_order(classes: set[str]) -> Ids:
    """Classes as `Answers` puts labels in order."""
    labels = sorted(classes)
    return Answers.from_arrays(labels, labels, labels).classes


def test_every_format_is_here():
    cases = {name.partition("-json")[0] for name in HOLDS} | set(HOLDS)
    known = {n for n in FORMATS if n in cases or n == "table" or n == "label-studio-flat"}
    assert known | ELSEWHERE == set(FORMATS)


@pytest.mark.parametrize("name", HOLDS)
@examples(
    15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_alike(tmp_path, name, data):
    holds = HOLDS[name]
    crowd = data.draw(crowds(holds))
    files, options = holds.write(crowd)
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    put(tmp_path / "x", files)
    named = dict(options)
    path = named.pop("path", None) or next(iter(files))
    got = read(f"{tmp_path}/x/{path}", **named)
    wanted = expected(crowd, weights=holds.weights)
    assert list(got.answers.tasks) == list(wanted.tasks)
    assert list(got.answers.classes) == list(wanted.classes)
    assert got.answers == wanted
    assert dict(got.gold) == crowd.gold
    silent = {(a.task, a.worker) for a in crowd.answers if a.label is None}
    assert set(got.abstained.rows()) == silent
