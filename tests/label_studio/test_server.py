"""A real Label Studio server: what the fake one stands for holds there."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.waiting import eventually
from peerannot.errors import DataError, ServerError
from peerannot.io import read
from peerannot.label_studio import (
    Client,
    Wanted,
    pull,
    push,
    read_project,
    serve_by_score,
    show_scores,
)

TWO = """<View><Image name="img" value="$image"/>
<Choices name="cls" toName="img"><Choice value="cat"/><Choice value="dog"/></Choices>
<Choices name="mood" toName="img"><Choice value="calm"/><Choice value="cross"/></Choices></View>"""


def images(count: int) -> list[dict[str, str]]:
    return [{"image": f"https://example.org/{i}.png"} for i in range(count)]


def exported(server, project: int, file: Path) -> Path:
    whole = server.admin.get(
        f"api/projects/{project}/export", exportType="JSON", download_all_tasks="true"
    )
    file.write_text(json.dumps(whole))
    return file


def test_tokens(server):
    ann = server.people["ann"]
    assert ann.client.get("api/current-user/whoami")["email"] == "ann@example.org"
    ann.client._access = "eyJhbGciOiJIUzI1NiJ9.e30.run-out"
    assert ann.client.get("api/current-user/whoami")["email"] == "ann@example.org"
    legacy = Client(server.url, ann.legacy)
    with pytest.raises(ServerError, match=r"a legacy token; they are off by default\): .*disabled"):
        legacy.get("api/projects/")
    server.admin.post("api/jwt/settings", {"legacy_api_tokens_enabled": True,
                                           "api_tokens_enabled": True})  # fmt: skip
    assert legacy.get("api/current-user/whoami")["email"] == "ann@example.org"
    with pytest.raises(ServerError, match="token is not accepted"):
        Client(server.url, ann.token[:-3] + "abc").get("api/projects/")
    with pytest.raises(ServerError, match=r"project 4711: not found \(404\)"):
        read_project(ann.client, 4711)


def test_a_pull_is_an_export_and_its_import(server, tmp_path):
    project = server.project(TWO)
    tasks = server.tasks(project, images(6))
    ann, ben, dan = (server.people[name] for name in ("ann", "ben", "dan"))
    ann.answer(tasks[0], "cat")
    ben.answer(tasks[0], "dog")
    ann.answer(tasks[1], "dog", was_cancelled=True)
    ben.answer(tasks[1], None)
    ann.answer(tasks[2], "cat", ground_truth=True)
    dan.answer(tasks[2], "dog")
    dan.answer(tasks[3], "calm", control="mood")
    thought = ann.answer(tasks[3], "dog")
    ann.client.patch(f"api/annotations/{thought['id']}/", {
        "result": [{**thought["result"][0], "value": {"choices": ["cat"]}}]})  # fmt: skip
    with pytest.raises(DataError, match=r"several controls of one label a task .*: cls, mood"):
        pull(server.admin, project, tmp_path / "set")
    whole = read(exported(server, project, tmp_path / "export.json"), control="cls",
                 classes=["cat", "dog"])  # fmt: skip
    found = pull(server.admin, project, tmp_path / "set", control="cls", users="id")
    assert found.imported.answers == whole.answers
    assert whole.answers.n_answers == 4 and whole.answers.n_tasks == 6
    assert dict(found.imported.gold) == dict(whole.gold) == {str(tasks[2]): "cat"}
    assert found.imported.images == whole.images
    assert sorted(found.imported.abstained.rows()) == sorted(whole.abstained.rows())
    mood = pull(server.admin, project, tmp_path / "mood", control="mood", users="name")
    assert list(mood.imported.answers.workers) == ["dan@example.org"]
    named = pull(server.admin, project, tmp_path / "names", control="cls", users="name")
    assert list(named.imported.answers.workers) == [
        "Ann Example", "Ben Example", "dan@example.org"
    ]  # fmt: skip


def test_what_changed_comes_and_what_was_deleted_goes(server, tmp_path, monkeypatch):
    monkeypatch.setattr("peerannot.label_studio.pages._PAGE", 4)
    project = server.project()
    tasks = server.tasks(project, images(10))
    ann = server.people["ann"]
    for task in tasks:
        last = ann.answer(task, "cat")
    first = pull(server.admin, project, tmp_path / "set")
    assert (first.refreshed.fetched, first.imported.answers.n_answers) == (10, 10)
    monkeypatch.setattr("peerannot.label_studio.pulling._OVERLAP", timedelta())
    assert pull(server.admin, project, tmp_path / "set").refreshed.fetched <= 1
    ann.client.delete(f"api/annotations/{last['id']}/")
    server.admin.delete(f"api/tasks/{tasks[3]}/")
    server.people["ben"].answer(tasks[5], "dog")
    server.tasks(project, images(2))
    found = pull(server.admin, project, tmp_path / "set")
    assert (found.refreshed.fetched, found.refreshed.removed) == (4, 1)
    whole = read(exported(server, project, tmp_path / "export.json"), classes=["cat", "dog"])
    again = pull(server.admin, project, tmp_path / "fresh", users="id")
    assert again.imported.answers == whole.answers
    assert list(found.imported.answers.tasks) == list(whole.answers.tasks)
    assert found.imported.answers.n_answers == whole.answers.n_answers == 9


def test_uploaded_images(server, tmp_path):
    rng = np.random.default_rng(0)
    files = {}
    for number in range(3):
        packed = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(packed, "PNG")
        files[f"picture {number}.png"] = packed.getvalue()
    project = server.project()
    tasks = server.upload(project, files)
    found = pull(server.people["ann"].client, project, tmp_path / "set", images=True)
    assert found.folder.images == 3 and not found.without_image
    came = {p.stem.rpartition("-")[2]: p.read_bytes()
            for p in (tmp_path / "set/train/unlabelled").iterdir()}  # fmt: skip
    assert came == dict(zip(map(str, tasks), files.values(), strict=True))


def test_predictions_go_to_the_tasks_there_are(server, tmp_path):
    project = server.project()
    tasks = server.tasks(project, images(36))
    goal = [
        Wanted(task, "dog" if i % 3 else "cat", round(0.5 + i / 100, 2))
        for i, task in enumerate(tasks)
    ]
    found = read_project(server.admin, project)
    assert push(server.admin, found, goal).count("create") == 36
    held = server.predictions(project)
    assert [row[:3] for row in held] == [(one.task, one.label, one.score) for one in goal]
    assert {row[3] for row in held} == {"peerannot"}
    assert server.numbers(project) == tasks  # and no new ones
    assert show_scores(server.admin, found) and not show_scores(server.admin, found)
    shown = server.admin.get("api/tasks/", project=project, fields="all", page_size=100)["tasks"]
    assert [task["predictions_score"] for task in shown] == [one.score for one in goal]
    assert push(server.admin, found, goal).changes == ()
    assert server.predictions(project) == held
    goal[7] = Wanted(tasks[7], "cat", 0.25)
    goal[8] = Wanted(tasks[8], None)
    told = push(server.admin, found, goal)
    assert [(c.what, c.task) for c in told.changes] == [
        ("change", tasks[7]), ("remove", tasks[8])
    ]  # fmt: skip
    assert (tasks[7], "cat", 0.25, "peerannot") in server.predictions(project)
    assert len(server.predictions(project)) == 35
    # The task of the lowest score is served first, and nobody sees what we think.
    assert serve_by_score(server.admin, read_project(server.admin, project))
    settings = read_project(server.admin, project)
    assert not serve_by_score(server.admin, settings)
    assert settings.settings["show_collab_predictions"] is False
    ann = server.people["ann"]
    assert ann.next_task(project) == tasks[7]
    assert ann.client.get(f"api/projects/{project}/next/")["predictions"] == []


def test_agreement_is_a_column(server):
    project = server.project()
    tasks = server.tasks(project, images(2))
    found = read_project(server.admin, project)
    goal = [Wanted(tasks[0], "cat", 0.9, 1 / 3, 3, True)]
    push(server.admin, found, goal)
    assert push(server.admin, found, goal).changes == ()
    columns = server.admin.get("api/dm/columns/", project=project)["columns"]
    assert {"peerannot_agreement", "peerannot_answers", "image"} <= {c["id"] for c in columns}


def test_a_push_that_was_killed_and_one_more(server, tmp_path):
    """kill -9 somewhere in the middle, then again: one prediction a task."""
    project = server.project()
    tasks = server.tasks(project, images(60))
    ann = server.people["ann"]
    for task in tasks[:12]:
        ann.answer(task, "cat")
    old = [Wanted(task, "dog", 0.5) for task in tasks[:8]]
    push(server.admin, read_project(server.admin, project), old)
    env = {**os.environ, "PEERANNOT_LABEL_STUDIO_TOKEN": server.people["admin"].token}

    def command(*args):
        return [sys.executable, "-m", "peerannot", "label-studio", *map(str, args)]

    folder = tmp_path / "set"
    subprocess.run(command("pull", folder, "--url", server.url, "--project", project), env=env,
                   check=True, capture_output=True)  # fmt: skip
    killed = subprocess.Popen(command("push", folder, "-s", "MV"), env=env)
    eventually(
        lambda: (
            any(row[1] == "cat" for row in server.predictions(project)) or killed.poll() is not None
        )
    )
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    subprocess.run(command("push", folder, "-s", "MV"), env=env, check=True, capture_output=True)
    assert [row[:2] for row in server.predictions(project)] == [(t, "cat") for t in tasks[:12]]
