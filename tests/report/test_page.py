"""The file itself: complete, safe whatever the data hold, and within its size."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from helpers.pages import EVIL, document_of
from peerannot.dataset import Dataset
from peerannot.report import read_source, render


class Outline(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.text.append(data)


def page_of(root, **options) -> bytes:
    source = read_source(Dataset.open(root), strategies=("MV", "DS"))
    return render(source, **options)


@pytest.mark.parametrize("editable", [False, True])
def test_untrusted_text_is_text(evil, editable):
    page = page_of(evil, editable=editable)
    outline = Outline(page)
    assert outline.tags.count("script") == 2
    assert "img" not in outline.tags
    assert "b" not in outline.tags
    assert not any(name.startswith("on") for name in outline.attributes)
    document = document_of(page)
    assert document["name"].startswith("<script>")
    assert document["classes"] == list(EVIL)
    assert set(document["workers"]["id"]) == {*EVIL, "c"}
    assert set(document["tasks"]["id"]) == set(EVIL)
    assert any("<script>alert(1)</script>" in text for text in outline.text)
    raw = page.split(b'id="data">')[1].split(b"</script>")[0]
    assert not set(b"<>&") & set(raw)
    assert "\u2028".encode() not in raw


def test_nothing_is_loaded(crowd_folder):
    page = page_of(crowd_folder(images=True))
    outline = Outline(page)
    assert all(link.startswith(("#", "data:")) for link in outline.links), outline.links
    assert not {"iframe", "object", "embed", "base"} & set(outline.tags)
    assert "style" not in outline.attributes
    assert b"http://" not in page.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in page
    assert b"connect-src &#39;none&#39;" in page or b"connect-src 'none'" in page


def test_size_holds_for_images_that_do_not_compress(crowd_folder):
    page = page_of(crowd_folder(n_tasks=120, images=True), limit=350_000)
    assert len(page) < 350_000
    assert any(document_of(page)["pictures"])


def test_no_wandering_numbers(crowd_folder):
    document = document_of(page_of(crowd_folder()))

    def walk(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, float):
            assert np.isfinite(value)
            assert len(repr(value)) < 12

    walk(document)
