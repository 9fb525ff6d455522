"""Predictions on the tasks of a fake server: what differs is written, and nothing twice."""

from __future__ import annotations

import json
from itertools import product

import pytest

from helpers.fake_label_studio import TOKEN
from peerannot.errors import AwayError, DataError
from peerannot.label_studio.project import read_project
from peerannot.label_studio.pushing import Wanted, push


@pytest.fixture
def project(fake, client):
    fake.add(4)
    return read_project(client, 1)


WANTED = [Wanted(11, "cat", 0.9), Wanted(12, "dog", 2 / 3), Wanted(13, "dog", 0.51)]
HELD = [(11, "cat", 0.9), (12, "dog", 0.666667), (13, "dog", 0.51)]


def writes(fake):
    return [(m, p) for m, p, _ in fake.requests if m != "GET" and "token" not in p]


def test_a_second_push_changes_nothing(fake, client, project):
    first = push(client, project, WANTED)
    assert (first.count("create"), first.same) == (3, 0)
    assert fake.held() == HELD
    held = fake.tasks[11]["predictions"][0]
    assert held["model_version"] == "peerannot"
    assert held["result"] == [
        {"from_name": "cls", "to_name": "img", "type": "choices", "value": {"choices": ["cat"]}}
    ]
    before = len(writes(fake))
    second = push(client, project, WANTED)
    assert (second.changes, second.same) == ((), 3)
    assert fake.held() == HELD and len(writes(fake)) == before


def test_what_differs_is_written(fake, client, project):
    push(client, project, WANTED)
    push(client, project, [Wanted(14, "cat", 1.0)], version="another")
    fresh = [Wanted(11, "dog", 0.9), Wanted(12, "dog", 0.7), Wanted(13, None), Wanted(99, "cat", 1)]
    told = push(client, project, fresh)
    assert [(c.what, c.task) for c in told.changes] == [
        ("change", 11), ("change", 12), ("remove", 13),
    ]  # fmt: skip
    assert told.missing == (99,)
    assert fake.held() == [(11, "dog", 0.9), (12, "dog", 0.7), (14, "cat", 1.0)]


def test_twice_the_same_becomes_one(fake, client, project):
    push(client, project, WANTED)
    fake.tasks[11]["predictions"].append({**fake.tasks[11]["predictions"][0], "id": 77})
    assert push(client, project, WANTED).count("remove") == 1
    assert fake.held() == HELD


def test_a_dry_run_writes_nothing(fake, client, project):
    told = push(client, project, WANTED, dry_run=True)
    assert told.count("create") == 3 and fake.held() == [] and writes(fake) == []


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_that_got_lost_makes_no_doubles(fake, client, project, after):
    fake.hang_up("/api/projects/1/import", after=after)
    push(client, project, WANTED)
    assert fake.held() == HELD


def test_killed_anywhere_and_run_again(fake, client, project, monkeypatch):
    """As after kill -9 before and behind each write: the next push ends with the same."""
    monkeypatch.setattr("peerannot.label_studio.pushing._BATCH", 1)
    old = [Wanted(11, "dog", 0.5), Wanted(14, "cat", 0.5)]
    target = [*WANTED, Wanted(14, None)]
    push(client, project, old)
    done = push(client, project, target, dry_run=True)
    for stop, after in product(range(len(done.changes)), (False, True)):
        push(client, project, [Wanted(n, None) for n in (11, 12, 13, 14)])
        push(client, project, old)
        send, left = client._send, [stop]

        def dying(method, url, *args, left=left, after=after, send=send, **more):
            if method != "GET":
                if left[0] == 0 and after:
                    send(method, url, *args, **more)
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
            return send(method, url, *args, **more)

        client._send = dying
        with pytest.raises(Killed):
            push(client, project, target)
        client._send = send
        push(client, project, target)
        assert fake.held() == HELD


class Killed(BaseException):
    """Nothing catches it."""


def test_a_label_that_the_control_lacks(fake, client, project):
    with pytest.raises(DataError, match=r"'cats' is no label of its control 'cls'; did you mean"):
        push(client, project, [Wanted(11, "cat", 1.0), Wanted(12, "cats", 1.0)])
    assert fake.held() == []


def test_columns_of_the_data_manager(fake, client, project):
    wanted = [Wanted(11, "cat", 0.9, 0.5, 2, True), Wanted(12, None, answers=0, columns=True)]
    assert push(client, project, wanted).count("columns") == 2
    assert fake.tasks[11]["data"] == {
        "image": "/data/upload/1/11.png", "peerannot_agreement": 0.5, "peerannot_answers": 2,
    }  # fmt: skip
    assert "peerannot_agreement" not in fake.tasks[12]["data"]
    assert push(client, project, wanted).changes == ()


def test_the_server_goes_away_half_way(fake, client, project):
    client.tries = 1
    push(client, project, [Wanted(11, "dog", 0.5), Wanted(12, "cat", 0.5)])
    fake.fail(500, "/api/predictions/2/")
    with pytest.raises(AwayError):
        push(client, project, WANTED)
    push(client, project, WANTED)
    assert fake.held() == HELD


def test_the_command(fake, run, tmp_path, monkeypatch):
    monkeypatch.setenv("PEERANNOT_LABEL_STUDIO_TOKEN", TOKEN)
    fake.add(4)
    for task, votes in {11: ("cat", "cat"), 12: ("dog", "cat"), 13: ("dog",)}.items():
        for who, label in enumerate(votes, 1):
            fake.answer(task, who, label)
    folder = tmp_path / "set"
    run("label-studio", "pull", folder, "--url", fake.url, "--project", 1)
    dry = run("label-studio", "push", folder, "-s", "MV", "--dry-run")
    assert fake.held() == []
    assert [line.split() for line in dry.stdout.splitlines() if line.strip()][2:3] == [
        ["create", "11", "cat", "1", "1", "2"]
    ]
    assert "nothing is written" in dry.stderr
    done = run("label-studio", "push", folder, "-s", "MV", "--columns")
    assert "3 predictions made" in done.stderr
    assert [(task, score) for task, _, score in fake.held()] == [(11, 1.0), (12, 0.5), (13, 1.0)]
    assert fake.tasks[12]["data"]["peerannot_agreement"] == 0.0
    assert fake.tasks[14]["data"]["peerannot_answers"] == 0
    again = json.loads(
        run("label-studio", "push", folder, "-s", "MV", "--columns", "--json").stdout
    )
    assert again["schema"] == "peerannot/label-studio-push/1"
    assert (again["created"], again["changed"], again["removed"], again["same"]) == (0, 0, 0, 4)
    # Answers that came meanwhile are no part of it; a pull brings them.
    fake.answer(14, 1, "cat")
    run("label-studio", "pull", folder)
    assert "1 prediction made" in run("label-studio", "push", folder, "-s", "MV").stderr


def test_a_folder_that_was_not_pulled(run, tmp_path):
    (tmp_path / "set").mkdir()
    done = run("label-studio", "push", tmp_path / "set", code=2)
    assert "was not pulled into yet" in done.stderr
