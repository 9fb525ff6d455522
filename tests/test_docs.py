"""The docs say what the code is."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_strategy_pages_are_those_of_the_code():
    pages = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
    stale = [p.name for p, text in pages.items() if not p.exists() or p.read_text() != text]
    assert not stale, "run: python docs/generate.py"


@pytest.mark.parametrize(
    "name", sorted(p.name for p in (ROOT / "docs" / "strategies").glob("*.md"))
)
def test_every_strategy_page_is_of_a_strategy_and_linked(name):
    from peerannot.aggregation import STRATEGIES

    assert name == "README.md" or name.removesuffix(".md") in list(STRATEGIES)
    index = (ROOT / "docs" / "strategies" / "README.md").read_text()
    assert name == "README.md" or f"({name})" in index


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "docs" / "learning").glob("*.md")))
def test_every_page_of_learning_is_of_a_strategy_and_linked(name):
    from peerannot.learning import strategy_names

    index = (ROOT / "docs" / "learning" / "README.md").read_text()
    assert name == "README.md" or name.removesuffix(".md") in strategy_names()
    assert name == "README.md" or f"({name})" in index


def test_every_end_to_end_strategy_says_how_workers_of_few_answers_share():
    from peerannot.learning import strategy_names

    index = (ROOT / "docs" / "learning" / "README.md").read_text()
    table = index.partition("## Workers of few answers")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| [")]
    named = [name for row in rows for name in row.split("|")[1].replace("[", "").split()]
    said = {name.partition("]")[0] for name in named}
    assert said == set(strategy_names())
