"""A page of answers that come in."""

from __future__ import annotations

import http.client
import json

import pytest

from helpers.misfits import coin_crowd
from helpers.waiting import PATIENCE
from peerannot.aggregation import build
from peerannot.report import LivePage, ReportSource


def source(n_tasks: int) -> ReportSource:
    answers, _ = coin_crowd(n_tasks, 6, 3)
    return ReportSource("votes.csv", answers, {"one-coin": build("one-coin").fit(answers)},
                        "one-coin")  # fmt: skip


def ask(live: LivePage, method: str, path: str, body: bytes | None = None, token: str = ""):
    """Status and content of a reply."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=PATIENCE)
    connection.request(method, path, body, {"X-Peerannot-Token": token})
    reply = connection.getresponse()
    found = reply.status, reply.read()
    connection.close()
    return found


@pytest.fixture
def live():
    with LivePage() as page:
        yield page


def test_another_page_has_another_version(live):

    def version() -> str:
        return json.loads(ask(live, "GET", "/version", token=live.token)[1])["version"]

    home = f"/?token={live.token}"
    assert version() == "" and b"No answers yet" in ask(live, "GET", home)[1]
    live.show(source(20))
    first = version()
    assert first and first.encode() in ask(live, "GET", home)[1]
    live.show(source(20))
    assert version() == first
    live.show(source(21))
    assert version() != first
    assert ask(live, "GET", "/version")[0] == 403
    body = json.dumps({"task": "1", "label": "0"}).encode()
    assert ask(live, "POST", "/gold", body, live.token)[0] == 400


def test_the_browser_loads_it_again(live, browser):
    browser.open(live.url)
    browser.until("return document.body.textContent.includes('No answers yet')")
    count = "return document.querySelectorAll('.tile').length"
    for n in (12, 15):
        live.show(source(n))
        browser.until(f"{count} === {n}")
