"""The page in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.misfits import coin_crowd
from peerannot.aggregation import build
from peerannot.dataset import Dataset
from peerannot.report import GOLD, Explorer, ReportSource, read_source, render
from peerannot.report._check import model_check

Show = Callable[..., dict]


@pytest.fixture
def show(browser, tmp_path) -> Show:
    """Open the report of a folder from disk."""

    def call(root: Path, **options) -> None:
        path = tmp_path / "report.html"
        path.write_bytes(render(read_source(Dataset.open(root)), **options))
        browser.open(path.as_uri())
        browser.until("return document.querySelectorAll('.tile').length > 0")

    return call


def tiles(browser) -> list[str]:
    return browser.js(
        "return [...document.querySelectorAll('.tile')].map((t) => t.getAttribute('aria-label'))"
    )


def ids(browser) -> list[str]:
    return [text.split(":")[0].removeprefix("Task ") for text in tiles(browser)]


def test_draws_without_complaint(crowd_folder, show, browser):
    show(crowd_folder(images=True))
    for figure in [
        "per-task",
        "per-worker",
        "alpha",
        "entropy",
        "confidence",
        "balance",
        "confusion",
        "scatter",
    ]:
        browser.until(f"return document.querySelector('#{figure} svg') !== null")
    browser.until("return document.querySelector('#between table') !== null")
    browser.js("document.getElementById('explorer').scrollIntoView()")
    browser.until("return document.querySelector('.tile img').naturalWidth === 32")
    assert browser.js("return typeof module_main") == "undefined"
    assert browser.complaints == []


def test_names_of_the_check_and_of_judges_lead_on(browser, tmp_path):
    answers, _ = coin_crowd(hard=0.25, n_tasks=200, n_classes=4, seed=1)
    results = {name: build(name).fit(answers) for name in ("one-coin", "MV")}
    found = model_check(answers, ["one-coin"], 19, [])
    kinds = ["human"] * 8 + ["model"] * 4
    source = ReportSource("crowd", answers, results, "one-coin", check=found, kinds=kinds)
    path = tmp_path / "report.html"
    path.write_bytes(render(source))
    browser.open(path.as_uri())
    browser.until("return document.querySelector('#check svg circle') !== null")
    worst = browser.one("#model [data-task]")
    name = worst.text
    worst.click()
    assert browser.one("#task .eyebrow").text == f"Task {name}"
    browser.one("#close").click()
    judge = browser.one("#judges [data-worker]")
    name = judge.text
    browser.js("arguments[0].click()", judge)
    assert browser.one("#card h3").text == f"Worker {name}"
    assert browser.complaints == []


def test_sort_and_filter(crowd_folder, show, browser):
    root = crowd_folder(n_tasks=40)
    show(root)
    document = browser.js("return JSON.parse(document.getElementById('data').textContent)")
    tasks = document["tasks"]
    assert len(ids(browser)) == 40
    browser.choose("#sort", "lowest confidence")
    by_id = dict(zip(tasks["id"], tasks["confidence"], strict=True))
    shown = [by_id[i] for i in ids(browser)]
    assert shown == sorted(shown)
    browser.choose("#sort", "disagreement of strategies")
    by_id = dict(zip(tasks["id"], tasks["disagreement"], strict=True))
    assert [by_id[i] for i in ids(browser)] == sorted(by_id.values(), reverse=True)
    browser.choose("#sort", "task id")
    assert ids(browser) == [str(i) for i in range(40)]

    browser.choose("#by-class", "class 1")
    of_class = {i for i, k in zip(tasks["id"], tasks["label"], strict=True) if k == 1}
    assert set(ids(browser)) == of_class
    browser.choose("#by-worker", "w5")
    votes = json.loads((root / "answers.json").read_text())
    assert set(ids(browser)) == {i for i in of_class if "w5" in votes[i]}
    browser.choose("#by-worker", "anyone")
    browser.choose("#by-status", "unanimous")
    alike = {i for i, v in votes.items() if len(set(v.values())) == 1}
    assert set(ids(browser)) == of_class & alike
    assert f"{len(of_class & alike)} of 40 tasks" in browser.one("#count").text
    browser.choose("#by-class", "any")
    browser.choose("#by-status", "any")
    browser.one("#by-id").send_keys("39")
    assert ids(browser) == ["39"]
    browser.one("#by-id").send_keys("999")
    assert tiles(browser) == []
    assert "No task is like that" in browser.one("#grid").text
    assert browser.complaints == []


def test_open_a_task(crowd_folder, show, browser):
    root = crowd_folder()
    show(root)
    first = ids(browser)[0]
    browser.one(".tile").click()
    assert browser.one("#task").get_attribute("open")
    assert f"Task {first}" in browser.one("#task").text
    votes = json.loads((root / "answers.json").read_text())[first]
    rows = {r.text.split()[0] for r in browser.all("#task .votes tbody tr")}
    assert rows == set(votes)
    assert len(browser.all("#task .by li")) == 6
    worker = browser.one("#task .votes .link")
    name = worker.text
    worker.click()
    assert not browser.one("#task").get_attribute("open")
    assert browser.one("#card h3").text == f"Worker {name}"
    assert browser.complaints == []


def test_keyboard(crowd_folder, show, browser):
    show(crowd_folder(n_tasks=40))
    order = ids(browser)
    at = "return Number(document.activeElement.dataset.position)"
    across = browser.js(
        "return getComputedStyle(document.getElementById('grid'))"
        ".gridTemplateColumns.split(' ').length"
    )
    browser.js("document.querySelector('.tile').focus()")
    browser.press("arrow_right", "arrow_right", "arrow_left")
    assert browser.js(at) == 1
    browser.press("arrow_down")
    assert browser.js(at) == 1 + across
    browser.press("arrow_up", "end")
    assert browser.js(at) == 39
    browser.press("arrow_right", "home", "arrow_left", "arrow_up")
    assert browser.js(at) == 0
    assert browser.js("return document.querySelectorAll('.tile[tabindex=\"0\"]').length") == 1
    browser.press("enter")
    assert f"Task {order[0]}" in browser.one("#task").text
    browser.press("arrow_right", "arrow_right")
    assert f"Task {order[2]}" in browser.one("#task").text
    browser.press("escape")
    assert not browser.one("#task").get_attribute("open")
    assert browser.until(f"{at} === 2")
    assert browser.complaints == []


def test_more_tasks_than_drawn_at_first(crowd_folder, show, browser):
    show(crowd_folder(n_tasks=300))
    assert len(tiles(browser)) < 300
    browser.js("document.querySelector('.tile').focus()")
    browser.press("end")
    assert browser.js("return document.activeElement.dataset.position") == "299"


@pytest.mark.parametrize("k", [2, 100])
def test_phone_has_no_sideways_scrolling(crowd_folder, show, browser, k):
    root = crowd_folder(n_tasks=60, k=k, images=True)
    votes = json.loads((root / "answers.json").read_text())
    long = {t: {f"worker-{'x' * 60}-{w}": k for w, k in v.items()} for t, v in votes.items()}
    (root / "answers.json").write_text(json.dumps(long))
    browser.size(360, 740, mobile=True)
    show(root)
    browser.until("return document.querySelector('#scatter svg') !== null")
    wide = "return document.documentElement.scrollWidth"
    assert browser.js(wide) == 360
    lines = "return [...document.querySelectorAll('nav li a')].map(a => a.getClientRects().length)"
    assert set(browser.js(lines)) == {1}
    browser.js("document.querySelector('.tile').click()")
    assert browser.js("const d = document.getElementById('task'); return d.scrollWidth") <= 360
    assert browser.js(wide) == 360
    assert browser.complaints == []


def test_workers(crowd_folder, show, browser):
    show(crowd_folder(n_tasks=200))
    assert browser.one("#card h3").text == "Worker w5"
    assert "near chance" in browser.one("#card").text
    names = (
        "return [...document.querySelectorAll('#worker-table tbody th')].map((t) => t.textContent)"
    )
    browser.js("document.querySelectorAll('#worker-table .sorter')[0].click()")
    assert browser.js(names) == [f"w{i}" for i in range(6)]
    browser.js("document.querySelectorAll('#worker-table .sorter')[0].click()")
    assert browser.js(names) == [f"w{i}" for i in reversed(range(6))]
    assert browser.one("#worker-table th[aria-sort]").get_attribute("aria-sort") == "descending"
    before = browser.one("#confusion svg").get_attribute("outerHTML")
    browser.choose("#confusion-of", "worker w5")
    assert browser.one("#confusion svg").get_attribute("outerHTML") != before
    assert "worker w5" in browser.one("#confusion svg").get_attribute("aria-label")
    browser.js("[...document.querySelectorAll('#card button')].at(-1).click()")
    assert browser.js("return document.getElementById('by-worker').selectedOptions[0].text") == "w5"
    assert 0 < len(tiles(browser)) < 200


def luminance(colour: str) -> float:
    parts = [float(x) / 255 for x in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_themes_and_their_contrast(crowd_folder, show, browser):
    show(crowd_folder())
    seen = set()
    for _ in range(2):
        colour = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        paper = browser.js(colour, "body", "backgroundColor")
        seen.add(paper)
        for selector in ("body", ".lead", "nav a", ".eyebrow", "#card p", ".cap span"):
            assert contrast(browser.js(colour, selector, "color"), paper) >= 4.5, selector
        browser.one("#theme").click()
    assert len(seen) == 2


def test_everything_has_a_name(crowd_folder, show, browser):
    show(crowd_folder(images=True))
    nameless = """
      const named = (e) => e.textContent.trim() || e.getAttribute('aria-label')
        || e.getAttribute('aria-labelledby') || (e.labels && e.labels.length);
      return [...document.querySelectorAll('button, select, input, a, dialog, [role=img], nav')]
        .filter((e) => !named(e)).map((e) => e.outerHTML);"""
    assert browser.js(nameless) == []
    assert browser.js("return [...document.images].every((i) => i.hasAttribute('alt'))")
    assert browser.js("return document.documentElement.lang") == "en"
    assert browser.js("return document.querySelectorAll('h1').length") == 1


def test_untrusted_text_runs_nothing(evil, show, browser):
    show(evil)
    for i in range(len(tiles(browser))):
        browser.js("document.querySelectorAll('.tile')[arguments[0]].click()", i)
        browser.press("escape")
    browser.js("document.querySelectorAll('#worker-table .link').forEach((b) => b.click())")
    assert browser.js("return document.querySelectorAll('main script, main img').length") == 0
    assert "<script>" in browser.one("h1").text
    assert browser.complaints == []


def test_explore_saves_corrections(crowd_folder, browser):
    root = crowd_folder(images=True)
    source = read_source(Dataset.open(root), strategies=("MV",))
    page = render(source, editable=True)
    answers = source.answers
    explorer = Explorer(page, root / GOLD, answers.tasks, answers.classes)
    thread = threading.Thread(target=explorer.serve)
    thread.start()
    try:
        browser.open(explorer.url)
        browser.until("return document.querySelectorAll('.tile').length > 0")
        first = ids(browser)[0]
        browser.one(".tile").click()
        browser.all("#task .choices button")[2].click()
        browser.until("return document.getElementById('said').textContent.includes('class 2')")
        assert json.loads((root / GOLD).read_text()) == {first: "class 2"}
        browser.press("1")
        browser.until("return document.getElementById('said').textContent.includes('class 0')")
        assert json.loads((root / GOLD).read_text()) == {first: "class 0"}
        browser.press("escape")
        assert "corrected to class 0" in tiles(browser)[0]
        browser.open(explorer.url)
        browser.until("return document.querySelectorAll('.mark .gold').length === 1")
        browser.choose("#by-status", "corrected by a person")
        assert ids(browser) == [first]
        browser.one(".tile").click()
        browser.press("1")
        browser.until("return document.getElementById('said').textContent.startsWith('Choose')")
        assert json.loads((root / GOLD).read_text()) == {}
        assert browser.complaints == []
        browser.js("history.replaceState(null, '', '/?token=wrong')")
    finally:
        explorer.close()
        thread.join()
    browser.press("2")
    browser.until("return document.getElementById('said').textContent.startsWith('Not saved')")
    assert json.loads((root / GOLD).read_text()) == {}


def test_a_correction_that_cannot_be_saved_is_kept_and_sent_again(crowd_folder, browser):
    root = crowd_folder(images=True)
    source = read_source(Dataset.open(root), strategies=("MV",))
    answers = source.answers
    explorer = Explorer(render(source, editable=True), root / GOLD, answers.tasks, answers.classes)
    thread = threading.Thread(target=explorer.serve)
    thread.start()
    full = (root / GOLD, root / "in-the-way" / GOLD)
    try:
        browser.open(explorer.url)
        browser.until("return document.querySelectorAll('.tile').length > 0")
        first = ids(browser)[0]
        (root / "in-the-way").write_text("no folder: nothing can be saved")
        explorer.gold = full[1]
        browser.one(".tile").click()
        browser.all("#task .choices button")[2].click()
        browser.until("return document.getElementById('said').textContent.startsWith('Not saved')")
        assert "kept here" in browser.one("#said").text
        browser.press("escape")
        assert "a correction is not saved" in tiles(browser)[0]
        assert "1 correction not saved" in browser.one("#unsaved").text
        browser.open(explorer.url)
        browser.until("return !document.getElementById('unsaved').hidden")
        explorer.gold = full[0]
        browser.one("#send").click()
        browser.until("return document.getElementById('unsaved').hidden")
        assert json.loads((root / GOLD).read_text()) == {first: "class 2"}
        assert "corrected to class 2" in tiles(browser)[0]
    finally:
        explorer.close()
        thread.join()
