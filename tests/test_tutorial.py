"""The commands of the tutorials run as written, each page in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
# Page: whether it trains networks, and a file that it leaves.
PAGES = {
    "tutorial.md": (True, "digits.html"),
    "tutorials/add-dataset.md": (False, "coins/answers.json"),
    "tutorials/add-strategy.md": (False, "power_vote.py"),
    "tutorials/campaign.md": (False, "labels.csv"),
    "tutorials/budget.md": (False, "curves.csv"),
    "tutorials/choosing.md": (False, "crowd/labels"),
    "tutorials/datasets.md": (False, "mirror"),
    "tutorials/label-studio.md": (True, "predictions.json"),
    "tutorials/learning.md": (True, "crowd/results/on_votes.json"),
    "tutorials/million.md": (False, "labels.parquet"),
    "tutorials/spammers.md": (False, "crowd/identification/workers.csv"),
    "coming-from/cleanlab.md": (False, "wide.csv"),
    "coming-from/crowd-kit.md": (False, "votes.csv"),
    "coming-from/peerannot.md": (False, "same.py"),
    "coming-from/skactiveml.md": (False, "same.py"),
}


def commands(page: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", (DOCS / page).read_text(), flags=re.DOTALL | re.M)


def test_every_page_with_commands_is_run():
    here = {p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md") if "_build" not in p.parts}
    assert {page for page in here if commands(page)} == set(PAGES)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(PAGES))
def test_commands_of_the_page(page, tmp_path):
    trains, left = PAGES[page]
    if trains:
        pytest.importorskip("torch")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands(page))],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / left).exists()
