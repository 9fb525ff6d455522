"""The docs say what the code is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "docs" / "policies").glob("*.md")))
def test_every_page_of_a_policy_is_of_one_and_linked(name):
    from peerannot.allocation import POLICIES

    assert name.removesuffix(".md") in list(POLICIES)
    assert f"(policies/{name})" in (ROOT / "docs" / "allocation.md").read_text()


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


COMING_FROM = sorted((ROOT / "docs" / "coming-from").glob("*.md"))


def _pairs(page):
    """Code of another package and ours, in turn."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.M)
    return list(zip(blocks[::2], blocks[1::2], strict=True))


@pytest.mark.parametrize("page", COMING_FROM, ids=lambda page: page.stem)
def test_code_beside_that_of_a_peer_is_not_longer_and_runs(page):
    pd = pytest.importorskip("pandas")
    df = pd.DataFrame(
        [("t1", "w1", "cat"), ("t1", "w2", "cat"), ("t1", "w3", "dog"), ("t2", "w1", "dog")],
        columns=["task", "worker", "label"],
    )
    index = pd.MultiIndex.from_product([["w1"], ["cat", "dog"]], names=["worker", "label"])
    given = {
        "df": df,
        "gold": pd.Series({"t1": "cat"}),
        "history": pd.DataFrame([[9, 1], [1, 9]], index=index, columns=["cat", "dog"]),
        "labels": np.array([[1, 1, np.nan], [0, np.nan, 0], [1, 0, 1]]),
        "given": np.array([1, 0, 1]),
        "pred_probs": np.array([[0.1, 0.9], [0.8, 0.2], [0.9, 0.1]]),
        "y": np.array([[0, 1, -1, 2], [1, -1, 1, 1], [-1, -1, -1, -1]]),
        "answers": {0: {0: 1, 1: 1}, 1: {0: 0, 1: 0, 2: 1}},
    }
    assert _pairs(page)
    for theirs, ours in _pairs(page):
        assert not theirs.startswith("# here")
        assert ours.startswith("# here")
        assert len(ours.splitlines()) <= len(theirs.splitlines())
        exec(ours, dict(given))
