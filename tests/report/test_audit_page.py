"""The page of an audit: nothing of the crowd in it, and what is chosen stands in the sheet."""

from __future__ import annotations

import csv
import http.client
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.pages import document_of, write_votes
from helpers.waiting import PATIENCE
from peerannot.audit import draw, read_sheet, write_sheet
from peerannot.dataset import Dataset
from peerannot.dataset.images import images_of_tasks
from peerannot.report import AuditExplorer, draw_audit

Judge = Callable[..., AuditExplorer]


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    """Serve the page of a sheet of some tasks of a folder."""
    running = []

    def make(root: Path, n: int = 8, *, images: bool = True) -> AuditExplorer:
        folder = Dataset.open(root)
        answers, path = folder.answers(), tmp_path / "audit.csv"
        if not path.exists():
            drawing = draw(answers.n_tasks, n, seed=2)
            write_sheet(path, answers, drawing, design="random", seed=2)
        sheet = read_sheet(path, answers)
        pictures = images_of_tasks(folder.images("train"), answers.tasks) if images else None
        page = draw_audit(folder.name, answers, sheet, pictures)
        explorer = AuditExplorer(page.content, sheet, answers)
        thread = threading.Thread(target=explorer.serve)
        thread.start()
        running.append((explorer, thread))
        return explorer

    yield make
    for explorer, thread in running:
        explorer.close()
        thread.join()


def said(explorer: AuditExplorer) -> dict[str, str]:
    with explorer.gold.open(newline="") as handle:
        return {row["task"]: row["label"] for row in csv.DictReader(handle)}


def post(explorer: AuditExplorer, task: str, label: str | None) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=PATIENCE)
    body = json.dumps({"task": task, "label": label})
    connection.request("POST", "/gold", body, {"X-Peerannot-Token": explorer.token})
    reply = connection.getresponse()
    content = json.loads(reply.read())
    connection.close()
    return reply.status, content


def test_nothing_of_the_crowd_is_in_the_page(tmp_path, judge):
    """Neither answers nor who gave them: the page of other votes is the same to the byte."""
    classes = ["cat", "dog"]
    votes = {f"t{i}": {"some-worker": "cat", f"other-{i}": "dog"} for i in range(9)}
    root = write_votes(tmp_path / "crowd", votes, classes)
    page = judge(root, images=False).page
    document = document_of(page)
    assert set(document) == {"name", "classes", "unsaid", "tasks", "pictures", "notes"}
    assert set(document["tasks"]) == {"id", "said"}
    assert b"some-worker" not in page and b"other-" not in page
    (tmp_path / "audit.csv").unlink()
    other = {task: dict.fromkeys(each, "dog") for task, each in votes.items()}
    assert judge(write_votes(root, other, classes), images=False).page == page


def test_labels_go_into_the_sheet(crowd_folder, judge):
    explorer = judge(crowd_folder(images=True))
    first, second = list(said(explorer))[:2]
    assert post(explorer, first, "class 1") == (200, {"gold": 1})
    assert post(explorer, second, "?") == (200, {"gold": 2})
    assert said(explorer)[first] == "class 1" and said(explorer)[second] == "?"
    assert explorer.known() == {first: "class 1", second: "?"}
    assert post(explorer, first, None) == (200, {"gold": 1})
    assert said(explorer)[first] == ""
    assert post(explorer, first, "class 9")[0] == 400
    assert post(explorer, "no task", "class 1")[0] == 400
    explorer.gold.write_text("nothing\n")
    status, content = post(explorer, first, "class 1")
    assert (status == 400 and "not a table" in content["error"]) or "no column" in content["error"]


def test_many_at_once_lose_nothing(crowd_folder, judge):
    explorer = judge(crowd_folder(images=True), 30)
    with ThreadPoolExecutor(8) as pool:
        codes = pool.map(lambda task: post(explorer, task, "class 2")[0], list(said(explorer)))
        assert set(codes) == {200}
    assert set(said(explorer).values()) == {"class 2"}


def test_an_expert_judges_in_the_browser(crowd_folder, judge, browser):
    explorer = judge(crowd_folder(images=True))
    browser.open(explorer.url)
    browser.until("return document.querySelector('#judge h1') !== null")
    names = list(said(explorer))
    title = "return document.querySelector('#judge h1').textContent"
    assert browser.js(title) == names[0]
    browser.until("return document.querySelector('#judge img').naturalWidth === 32")
    # All of the picture is to be seen, whatever the form of the window.
    for width, height in ((1280, 500), (500, 900), (1280, 900)):
        browser.size(width, height)
        assert browser.js(
            "const a = document.querySelector('#judge img').getBoundingClientRect(),"
            " b = document.querySelector('#judge .pic').getBoundingClientRect();"
            " return a.top >= b.top && a.bottom <= b.bottom + 1 && a.right <= b.right + 1;"
        )
    browser.press("2")
    browser.until(f"return document.querySelector('#judge h1').textContent === '{names[1]}'")
    assert said(explorer)[names[0]] == "class 1"
    browser.press("0")
    browser.until(f"return document.querySelector('#judge h1').textContent === '{names[2]}'")
    assert said(explorer)[names[1]] == "?"
    assert browser.one("#count").text == "2 of 8 judged"
    browser.press("arrow_left", "arrow_left")
    assert browser.js(title) == names[0]
    assert browser.one('[aria-pressed="true"]').text.endswith("class 1")
    browser.press("2")
    browser.until("return document.querySelector('[aria-pressed=\"true\"]') === null")
    assert said(explorer)[names[0]] == ""
    browser.press("1")
    browser.until(f"return document.querySelector('#judge h1').textContent === '{names[2]}'")
    for _ in names[2:]:
        before = browser.one("#count").text
        browser.press("3")
        browser.until(f"return document.getElementById('count').textContent !== '{before}'")
    assert browser.one("#count").text == "8 of 8 judged"
    browser.until("return document.getElementById('said').textContent.startsWith('All are')")
    assert set(said(explorer).values()) == {"class 0", "class 2", "?"}
    browser.open(explorer.url)
    browser.until("return document.getElementById('count')?.textContent === '8 of 8 judged'")
    assert browser.complaints == []


def test_where_the_sheet_cannot_be_written(crowd_folder, judge, browser):
    explorer = judge(crowd_folder(images=True))
    browser.open(explorer.url)
    browser.until("return document.querySelector('#judge h1') !== null")
    kept = explorer.gold.read_bytes()
    explorer.gold.write_text("nothing\n")
    browser.press("2")
    browser.until("return document.getElementById('said').textContent.startsWith('Not saved')")
    assert browser.one("#unsaved").is_displayed()
    explorer.gold.write_bytes(kept)
    browser.one("#send").click()
    browser.until("return document.getElementById('unsaved').hidden")
    assert "class 1" in said(explorer).values()


@pytest.mark.parametrize(
    ("judged", "at", "to"),
    [([0, 0, 0], 0, 0), ([1, 0, 0], 0, 1), ([0, 1, 1], 1, 0), ([1, 1], 0, -1), ([1, 0], 2, 1)],
)
def test_the_next_to_judge(script, judged, at, to):
    assert script("audit/judge.mjs", "m.nextOpen(x[0], x[1])", [judged, at]) == to


def test_the_command(crowd_folder, run, tmp_path):
    root, sheet = crowd_folder(images=True), tmp_path / "audit.csv"
    run("audit", root, "--n", 5, "-o", sheet)
    rows = list(csv.DictReader(sheet.read_text().splitlines()))
    assert all(Path(row["image"]).is_file() for row in rows)
    for option in (("-s", "MV"), ("--main", "MV"), ("--tasks", "5")):
        done = run("explore", root, "--audit", sheet, *option, code=2)
        assert "leave it out with --audit" in done.stderr
    assert "no such file" in run("explore", root, "--audit", tmp_path / "x.csv", code=3).stderr
    command = [sys.executable, "-m", "peerannot", "explore", str(root), "--audit", str(sheet),
               "--no-browser"]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            assert document_of(reply.read())["tasks"]["id"] == [row["task"] for row in rows]
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert f"Stopped; labels are in {sheet}" in notes
