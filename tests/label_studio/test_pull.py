"""``peerannot label-studio pull`` from a fake server: what comes, what is asked for, what stays."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from helpers.fake_label_studio import CONFIG, PIXEL, TOKEN
from peerannot.errors import AwayError, DataError, ParameterError
from peerannot.io import read
from peerannot.label_studio import pull
from peerannot.label_studio.config import find_control


def document(file: Path) -> object:
    return json.loads(file.read_text())


@pytest.fixture
def answered(fake):
    """Five tasks; two workers, an abstention, a known label, an answer that was thought over."""
    fake.add(5)
    fake.answer(11, 1, "cat")
    fake.answer(11, 2, "dog")
    fake.answer(12, 1, "dog", was_cancelled=True)
    fake.answer(12, 2, "dog")
    fake.answer(13, 1, "cat", ground_truth=True)
    fake.answer(14, 1, "dog")
    fake.answer(14, 1, "cat")
    return fake


def test_the_folder_is_that_of_an_export(answered, client, tmp_path):
    found = pull(client, 1, tmp_path / "set", users="id")
    export = tmp_path / "export.json"
    export.write_text(json.dumps(list(answered.tasks.values())))
    whole = read(export, classes=["cat", "dog"])
    assert found.imported.answers == whole.answers
    assert dict(found.imported.gold) == dict(whole.gold) == {"13": "cat"}
    assert found.imported.images == whole.images
    assert found.imported.abstained.equals(whole.abstained)
    assert found.imported.report.dropped == whole.report.dropped
    assert (found.refreshed.fetched, found.refreshed.removed) == (5, 0)
    assert document(tmp_path / "set/gold.json") == {"13": "cat"}
    assert document(tmp_path / "set/answers.json")["11"] == {"1": 0, "2": 1}
    again = read(tmp_path / "set/label-studio/tasks.json", classes=["cat", "dog"])
    assert again.answers == whole.answers


def test_workers_go_by_name(answered, client, tmp_path):
    answered.users[2] = "ann@elsewhere.org"
    votes = {}
    for users in ("email", "name", "id"):
        pull(client, 1, tmp_path / users, users=users)
        votes[users] = set(document(tmp_path / users / "answers.json")["11"])
    # Two have the same name: their e-mails tell them apart.
    assert votes["name"] == votes["email"] == {"ann@x.org", "ann@elsewhere.org"}
    answered.users[2] = "ben@x.org"
    pull(client, 1, tmp_path / "more", users="name")
    assert set(document(tmp_path / "more/answers.json")["11"]) == {"Ann", "Ben"}
    assert votes["id"] == {"1", "2"}


def test_only_what_changed_is_asked_for(answered, client, tmp_path, monkeypatch):
    monkeypatch.setattr("peerannot.label_studio.pulling._OVERLAP", timedelta())
    pull(client, 1, tmp_path / "set")
    first = (tmp_path / "set/answers.json").read_bytes()
    still = pull(client, 1, tmp_path / "set")
    assert still.refreshed.fetched == 1  # the newest: others may have the same time
    assert (tmp_path / "set/answers.json").read_bytes() == first
    answered.answer(15, 2, "dog")
    more = pull(client, 1, tmp_path / "set")
    assert more.refreshed.fetched == 2
    assert document(tmp_path / "set/answers.json")["15"] == {"ben@x.org": 1}
    # An annotation that was taken back, and a task that was deleted.
    answered.tasks[15]["annotations"].clear()
    answered.tasks[15]["updated_at"] = answered.now()
    del answered.tasks[11]
    less = pull(client, 1, tmp_path / "set")
    assert (less.refreshed.fetched, less.refreshed.removed) == (1, 1)
    votes = document(tmp_path / "set/answers.json")
    assert "11" not in votes and votes["15"] == {}


def test_a_count_that_does_not_fit_has_everything_asked_for(
    answered, client, tmp_path, monkeypatch
):
    monkeypatch.setattr("peerannot.label_studio.pulling._OVERLAP", timedelta())
    pull(client, 1, tmp_path / "set")
    del answered.tasks[11]["annotations"][0]  # and no time of change tells of it
    found = pull(client, 1, tmp_path / "set")
    assert found.refreshed.fetched == 6  # the newest, then all
    assert document(tmp_path / "set/answers.json")["11"] == {"ben@x.org": 1}


def test_pages_leave_nothing_out(fake, client, tmp_path, monkeypatch):
    monkeypatch.setattr("peerannot.label_studio.pages._PAGE", 3)
    fake.add(10)
    found = pull(client, 1, tmp_path / "set")
    assert found.imported.answers.n_tasks == 10 and found.refreshed.fetched == 10
    assert fake.asked("GET", "/api/tasks/") == 6  # four pages, the end, the totals


def test_nobody_has_answered_yet(fake, client, tmp_path):
    with pytest.raises(DataError, match=r"project 1 \(Animals\): it has no tasks yet"):
        pull(client, 1, tmp_path / "set")
    fake.add(3)
    fake.answer(11, 1, "dog", ground_truth=True)
    fake.answer(12, 1, None)
    found = pull(client, 1, tmp_path / "set")
    assert (found.imported.answers.n_tasks, found.imported.answers.n_answers) == (3, 0)
    assert document(tmp_path / "set/metadata.json")["class_names"] == ["cat", "dog"]
    assert document(tmp_path / "set/gold.json") == {"11": "dog"}
    fake.answer(13, 1, "dog")
    pull(client, 1, tmp_path / "set")
    votes = document(tmp_path / "set/answers.json")
    assert votes == {"11": {}, "12": {}, "13": {"ann@x.org": 1}}


def test_classes_keep_their_positions(answered, client, tmp_path):
    pull(client, 1, tmp_path / "set")
    answered.config = CONFIG.replace('<Choice value="cat"/>', '<Choice value="ape"/>')
    answered.answer(15, 1, "ape")
    pull(client, 1, tmp_path / "set")
    assert document(tmp_path / "set/metadata.json")["class_names"] == ["cat", "dog", "ape"]
    assert document(tmp_path / "set/answers.json")["15"] == {"ann@x.org": 2}
    # In a new folder, what the control lost stands behind what it has.
    pull(client, 1, tmp_path / "other")
    assert document(tmp_path / "other/metadata.json")["class_names"] == ["ape", "dog", "cat"]


def test_images_come_once(answered, client, tmp_path):
    found = pull(client, 1, tmp_path / "set", images=True)
    assert found.folder.images == 5 and not found.without_image
    files = sorted((tmp_path / "set/train").glob("*/*"))
    assert [f"{f.parent.name}/{f.name}" for f in files] == [
        "cat/13-13.png", "unlabelled/11-11.png", "unlabelled/12-12.png", "unlabelled/14-14.png",
        "unlabelled/15-15.png",
    ]  # fmt: skip
    assert files[0].read_bytes() == PIXEL
    assert not (tmp_path / "set/label-studio/incoming").exists()
    asked = answered.asked("GET", "/data/")
    answered.add(1)
    assert pull(client, 1, tmp_path / "set", images=True).folder.images == 1
    assert answered.asked("GET", "/data/") == asked + 1
    assert len(list((tmp_path / "set/train").glob("*/*"))) == 6


def test_images_that_do_not_come_are_named(answered, client, tmp_path):
    answered.tasks[11]["data"] = {"image": "data:image/png;base64,!!"}
    answered.tasks[12]["data"] = {"text": "no image"}
    answered.tasks[13]["data"] = {"image": "/nowhere.png"}
    answered.say(b"<html>", "text/html", "/data/upload/1/14")
    found = pull(client, 1, tmp_path / "set", images=True)
    assert found.folder.images == 1 and set(found.without_image) == {"11", "12", "13", "14"}
    assert "what came is no image" in found.without_image["14"]
    assert "not found (404)" in found.without_image["13"]
    assert found.folder.without_image == ("11", "12", "13", "14")


def test_images_that_came_are_kept_when_the_server_goes(answered, client, tmp_path):
    client.tries = 1
    answered.fail(500, "/data/upload/1/14")
    with pytest.raises(AwayError):
        pull(client, 1, tmp_path / "set", images=True)
    assert not (tmp_path / "set/answers.json").exists()
    asked = answered.asked("GET", "/data/upload/1/11")
    assert pull(client, 1, tmp_path / "set", images=True).folder.images == 5
    assert answered.asked("GET", "/data/upload/1/11") == asked == 1


def test_a_failed_pull_changes_nothing(answered, client, tmp_path):
    pull(client, 1, tmp_path / "set")
    before = {p: p.read_bytes() for p in (tmp_path / "set").rglob("*") if p.is_file()}
    answered.answer(15, 1, "cat")
    client.tries = 1
    for path in ("/api/projects/1/", "/api/projects/1/annotators", "/api/tasks"):
        answered.fail(500, path)
        with pytest.raises(AwayError):
            pull(client, 1, tmp_path / "set")
        assert before == {p: p.read_bytes() for p in (tmp_path / "set").rglob("*") if p.is_file()}


def test_another_project_is_refused(answered, client, tmp_path):
    pull(client, 1, tmp_path / "set")
    with pytest.raises(ParameterError, match=r"is of project 1 of http.*give another folder"):
        pull(client, 2, tmp_path / "set")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/answers.json").write_text("{}")
    with pytest.raises(ParameterError, match="not pulled from Label Studio; give a new folder"):
        pull(client, 1, tmp_path / "own")


def test_somebody_whose_account_is_gone(answered, client, tmp_path):
    answered.answer(15, None, "cat")
    answered.users = {1: "ann@x.org"}
    pull(client, 1, tmp_path / "set")
    votes = document(tmp_path / "set/answers.json")
    assert votes["15"] == {"deleted user": 0} and votes["12"] == {"2": 1}


CONTROLS = {
    "several": (
        "<View><Image name='i' value='$u'/><Choices name='a' toName='i'><Choice value='x'/>"
        "</Choices>"
        "<Rating name='b' toName='i'/></View>", r"several controls of one.*: a, b; .*--control",
    ),
    "none": (
        "<View><Image name='i' value='$u'/><RectangleLabels name='box' toName='i'/></View>",
        r"no control of one label a task .*; found rectanglelabels 'box'",
    ),
    "regions": (
        "<View><Image name='i' value='$u'/><Choices name='c' toName='i' perRegion='true'/></View>",
        "no control of one label a task .*; found choices 'c'",
    ),
    "nothing": ("<View></View>", "has no control of one label a task"),
    "no XML": ("<View>", r"its labelling interface is not XML"),
    "entities": ("<!DOCTYPE x [<!ENTITY a 'b'>]><View/>", "with a DOCTYPE is refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTROLS)
def test_projects_of_another_configuration(name, fake, client, tmp_path):
    fake.config, message = CONTROLS[name]
    fake.add(1)
    with pytest.raises(DataError, match=message) as error:
        pull(client, 1, tmp_path / "set")
    assert "project 1 (Animals)" in str(error.value)
    assert not (tmp_path / "set").exists()


def test_controls_and_their_classes():
    config = (
        "<View><Text name='t' value='$text'/><Image name='i' value='$url'/>"
        "<Choices name='a' toName='i'><Choice value='Cat' alias='cat'/><Choice value='dog'/>"
        "</Choices><Taxonomy name='b' toName='t'><Choice value='Animal'><Choice value='Dog'/>"
        "<Choice value='Cat'/></Choice><Choice value='Thing'/></Taxonomy>"
        "<Rating name='c' toName='i' maxRating='3'/></View>"
    )
    a, b, c = (find_control(config, name, "here") for name in "abc")
    assert a.classes == ("cat", "dog") and (a.shows, a.data_key) == ("image", "url")
    assert b.classes == ("Animal/Dog", "Animal/Cat", "Thing") and b.shows == "text"
    assert c.classes == ("1", "2", "3")
    for control in (a, b, c):
        for label in control.classes:
            assert control.label_of([control.result(label)]) == label
    assert b.result("Animal/Dog")["value"] == {"taxonomy": [["Animal", "Dog"]]}
    assert c.result("2")["value"] == {"rating": 2}
    with pytest.raises(DataError, match=r"no control of one label a task .* named 'd'"):
        find_control(config, "d", "here")


def test_the_command(answered, run, tmp_path, monkeypatch):
    monkeypatch.setenv("PEERANNOT_LABEL_STUDIO_TOKEN", TOKEN)
    folder = tmp_path / "set"
    refused = run("label-studio", "pull", folder, code=2)
    assert "was not pulled into yet: label-studio pull needs --url" in refused.stderr
    done = run("label-studio", "pull", folder, "--url", answered.url, "--project", 1, "--images")
    assert done.stdout == f"{folder}\n"
    assert "project 1 (Animals): 5 tasks fetched" in done.stderr
    assert "5 tasks, 2 workers, 4 answers, 2 classes" in done.stderr
    assert "5 images fetched" in done.stderr
    facts = json.loads(run("label-studio", "pull", folder, "--json").stdout)
    assert facts["schema"] == "peerannot/label-studio-pull/1"
    assert (facts["n_answers"], facts["gold"], facts["control"]) == (4, 1, "cls")
    held = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    assert TOKEN.encode() not in held and b"access-" not in held
    run("aggregate", folder, "-s", "MV")
    other = run("label-studio", "pull", folder, "--project", 2, code=2)
    assert "is of project 1 of" in other.stderr


def test_the_command_without_a_token(answered, run, tmp_path, monkeypatch):
    for name in ("PEERANNOT_LABEL_STUDIO_TOKEN", "LABEL_STUDIO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    done = run("label-studio", "pull", tmp_path / "set", "--url", answered.url, "--project", 1,
               code=2)  # fmt: skip
    assert "no token: set PEERANNOT_LABEL_STUDIO_TOKEN" in done.stderr
    assert not (tmp_path / "set").exists()


def test_the_command_and_a_server_that_fails(answered, run, tmp_path, monkeypatch):
    monkeypatch.setenv("PEERANNOT_LABEL_STUDIO_TOKEN", TOKEN)
    args = ["label-studio", "pull", tmp_path / "set", "--url", answered.url, "--project"]
    assert "project 7: not found (404)" in run(*args, 7, code=1).stderr
    answered.say(b"<html><title>Hello</title>", "text/html", "/api/projects")
    done = run(*args, 1, code=1)
    assert done.stderr.count("\n") == 1 and "a web page, 'Hello', came" in done.stderr
    answered.config = CONTROLS["none"][0]
    assert "found rectanglelabels 'box'" in run(*args, 1, code=3).stderr
    assert not (tmp_path / "set").exists()
