"""A campaign in a fake project: what is opened and closed, written once, and survives anything."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from helpers.fake_label_studio import TOKEN
from helpers.waiting import eventually
from peerannot.campaign import Campaign, Rules
from peerannot.errors import AwayError, DataError, ParameterError, StorageError
from peerannot.label_studio import Client, LabelStudio, listening, place_of
from peerannot.label_studio.project import read_project
from peerannot.label_studio.queue import answered_by, openings

RULES = {"strategy": "one-coin", "batch": 5, "stop": {"sure": 0.95}, "checks": False}


def campaign(client: Client, folder: Path, **rules: object) -> Campaign:
    settings = Rules(**{**RULES, **rules})
    tool = LabelStudio(client, 1, folder, batch=settings.batch)
    return Campaign(tool, settings, folder / "label-studio/campaign", lambda text: None)


def open_tasks(fake) -> set[int]:
    return {n for n, task in fake.tasks.items() if not task["is_labeled"]}


def answer_open(fake, rng, truth, skill=0.85) -> int:
    """Each of the workers answers what is open to them, as Label Studio would hand it out."""
    given = 0
    for who in fake.users:
        for number in sorted(open_tasks(fake)):
            task = fake.tasks[number]
            if who in {a["completed_by"] for a in task["annotations"]} or task["is_labeled"]:
                continue
            right = truth[number]
            wrong = "dog" if right == "cat" else "cat"
            fake.answer(number, who, right if rng.random() < skill else wrong)
            given += 1
    return given


@pytest.fixture
def project(fake):
    fake.add(20)
    fake.users = {n: f"{name}@x.org" for n, name in enumerate("abcdef", 1)}
    return fake


def test_a_campaign_asks_less_and_ends(project, client, tmp_path):
    rng = np.random.default_rng(1)
    truth = {n: "cat" if n % 2 else "dog" for n in project.tasks}
    run = campaign(client, tmp_path / "set")
    assert run.round().round.n_answers == 0 and open_tasks(project) == set(project.tasks)
    assert project.held() == []
    for turn in range(60):
        answer_open(project, rng, truth)
        decision = run.round()
        assert decision is not None, turn
        if decision.round.over:
            break
        done = {int(task) for task in decision.why_done}
        # What is done is closed; no more than a batch is open of what somebody answered.
        assert not done & open_tasks(project)
        assert 0 < len(open_tasks(project)) <= 5
    assert decision.round.over.startswith("all 20 tasks are done")
    assert open_tasks(project) == set()
    answers = sum(len(task["annotations"]) for task in project.tasks.values())
    assert answers < 20 * 6 * 0.8
    held = {task: label for task, label, _ in project.held()}
    assert held == {int(task): label for task, label in decision.labels.items()}
    assert np.mean([held[n] == truth[n] for n in truth]) >= 0.9
    # At the end scores are exact, and another round changes nothing.
    assert [s for _, _, s in project.held()] == pytest.approx(
        list(decision.result.confidence), abs=1e-6
    )
    before = project.asked("PATCH") + project.asked("POST", "/api/projects")
    assert run.tool.push(decision) == 0
    assert project.asked("PATCH") + project.asked("POST", "/api/projects") == before


def test_nothing_new_is_no_round(project, client, tmp_path):
    rng = np.random.default_rng(2)
    run = campaign(client, tmp_path / "set")
    answer_open(project, rng, dict.fromkeys(project.tasks, "cat"))
    first = run.round()
    assert first is not None and run.round() is None
    again = campaign(client, tmp_path / "set")  # another process
    assert again.known.since == run.known.since
    same = again.round()  # pushed again, as it may have been killed before
    assert same is not None and same.labels == first.labels
    assert again.round() is None
    # A label that somebody changed is news.
    project.tasks[11]["annotations"][0]["result"][0]["value"]["choices"] = ["dog"]
    project.tasks[11]["updated_at"] = project.now()
    assert again.round() is not None


def test_killed_at_any_write_it_ends_with_the_same(project, client, tmp_path):
    rng = np.random.default_rng(3)
    truth = {n: "cat" if n % 2 else "dog" for n in project.tasks}
    answer_open(project, rng, truth)
    began = json.loads(json.dumps([project.tasks, project.predictions]), object_hook=_numbers)

    def state():
        return {
            n: (t["overlap"], t["is_labeled"]) for n, t in project.tasks.items()
        }, project.held()

    campaign(client, tmp_path / "whole").round()
    whole = state()
    writes = sum(m in ("PATCH", "POST") and "token" not in p for m, p, _ in project.requests)
    assert writes > 5
    for stop in (0, writes // 2, writes - 1):
        project.tasks, project.predictions = json.loads(json.dumps(began), object_hook=_numbers)
        project.settings["model_version"] = ""
        left, send = [stop], client._send

        def dying(method, url, *args, left=left, send=send, **more):
            if method in ("PATCH", "POST") and "token" not in url:
                if left[0] == 0:
                    send(method, url, *args, **more)
                    raise Killed
                left[0] -= 1
            return send(method, url, *args, **more)

        client._send = dying
        with pytest.raises(Killed):
            campaign(client, tmp_path / f"set{stop}").round()
        client._send = send
        campaign(client, tmp_path / f"set{stop}").round()
        assert state() == whole


class Killed(BaseException):
    """Nothing catches it."""


def _numbers(document):
    return {int(k) if k.isdecimal() else k: v for k, v in document.items()}


def test_a_server_that_is_away_is_waited_for(project, client, tmp_path):
    client.tries = 1
    rng = np.random.default_rng(4)
    answer_open(project, rng, dict.fromkeys(project.tasks, "dog"))
    run = campaign(client, tmp_path / "set")
    project.fail(503, "/api/tasks/")
    with pytest.raises(AwayError):
        run.round()
    project.fail(503, "/api/projects/1/import")
    with pytest.raises(AwayError):
        run.round()
    assert run.round() is not None
    assert len(project.held()) == 20


def test_what_counts_as_answered():
    task = {"annotations": [
        {"completed_by": 1, "result": [], "was_cancelled": False},
        {"completed_by": 1, "result": [], "was_cancelled": False},
        {"completed_by": 2, "result": [], "was_cancelled": True},
    ]}  # fmt: skip
    assert answered_by(task, {"skip_queue": "REQUEUE_FOR_OTHERS"}) == 1
    assert answered_by(task, {"skip_queue": "IGNORE_SKIPPED"}) == 2


def test_openings():
    def task(answers, overlap, labeled):
        given = [{"completed_by": n, "result": []} for n in range(answers)]
        return {"overlap": overlap, "is_labeled": labeled, "annotations": given}

    known = {
        1: task(0, 1, False), 2: task(0, 3, False), 3: task(1, 1, True), 4: task(1, 3, False),
        5: task(2, 2, True), 6: task(0, 1, True), 7: task(0, 1, False),
    }  # fmt: skip
    found = {o.task: (o.overlap, o.is_labeled) for o in openings(known, {}, {2, 3}, {5, 7})}
    # 1, 2: nobody answered, open as they are; 3: one more; 4: not its turn; 5: done;
    # 6: somebody closed what nobody answered; 7: done without an answer.
    assert found == {3: (2, False), 4: (1, True), 6: (1, False), 7: (1, True)}


def test_several_labels_in_one_answer(project, client, tmp_path):
    project.answer(11, 1, "cat")
    project.answer(12, 1, "cat")
    project.tasks[12]["annotations"][0]["result"][0]["value"]["choices"] = ["cat", "dog"]
    with pytest.raises(DataError, match="several labels in one answer"):
        LabelStudio(client, 1, tmp_path / "set").pull(None)
    pulled = LabelStudio(client, 1, tmp_path / "set", multiple="drop").pull(None)
    assert pulled is not None and pulled.answers.n_answers == 1


def test_another_folder(project, client, tmp_path):
    (tmp_path / "answers.json").write_text("{}")
    with pytest.raises(ParameterError, match="not pulled from Label Studio"):
        LabelStudio(client, 1, tmp_path).pull(None)


def test_a_webhook_wakes_once_and_is_taken_down(fake, client, monkeypatch):
    monkeypatch.setattr("peerannot.label_studio.webhook._GATHER", 0.05)
    rung = []
    with listening(client, 1, "127.0.0.1", 0, lambda: rung.append(1)) as base:
        (hook,) = fake.hooks.values()
        assert hook["url"].startswith(base) and hook["send_payload"] is False
        for path in ("", "wrong"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(urllib.request.Request(base + path, b"{}"))
        for _ in range(3):
            urllib.request.urlopen(urllib.request.Request(hook["url"], b"{}"))
        eventually(lambda: rung)
        time.sleep(0.2)
        assert len(rung) == 1
        port = int(base.split(":")[2].split("/")[0])
        with pytest.raises(StorageError, match="choose another port"), \
                listening(client, 1, "127.0.0.1", port, rung.clear):  # fmt: skip
            pass
        # One that was left behind is taken down by the next.
        fake.hooks[99] = {"id": 99, "url": f"{base}old", "project": 1}
    assert fake.hooks == {}


@pytest.mark.parametrize("text", ["", "x", "1:2:x", "70000"])
def test_places_to_listen(text):
    assert place_of("8081") == ("127.0.0.1", 8081)
    assert place_of("0.0.0.0:8081") == ("0.0.0.0", 8081)
    with pytest.raises(ParameterError, match="expected PORT or HOST:PORT"):
        place_of(text)


def test_the_command(project, run, tmp_path, monkeypatch):
    monkeypatch.setenv("PEERANNOT_LABEL_STUDIO_TOKEN", TOKEN)
    rng = np.random.default_rng(5)
    truth = {n: "cat" if n % 2 else "dog" for n in project.tasks}
    stop = threading.Event()

    def people():
        while not stop.is_set():
            with project.lock:
                answer_open(project, rng, truth)
            time.sleep(0.05)

    working = threading.Thread(target=people, daemon=True)
    working.start()
    try:
        done = run("label-studio", "watch", tmp_path / "set", "--url", project.url, "--project", 1,
                   "--every", 0.1, "--batch", 5, "--per-task", 6, "--stop", "sure=0.95",
                   "--json")  # fmt: skip
    finally:
        stop.set()
        working.join()
    facts = json.loads(done.stdout)
    assert facts["schema"] == "peerannot/label-studio-watch/1"
    assert facts["round"]["over"] == "all 20 tasks are done" and facts["round"]["saved"] > 0
    assert "round 1: " in done.stderr and "answers saved" in done.stderr
    assert len(project.held()) == 20 and open_tasks(project) == set()
    assert read_project(Client(project.url, TOKEN), 1).settings["sampling"] == "Sequential sampling"
