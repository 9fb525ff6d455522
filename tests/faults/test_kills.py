"""Every command that writes, killed before each of its renames, syncs and removals."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from helpers.commands import Commands
from helpers.sweep import CASES

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("command", CASES)
def test_old_or_new_or_named(command: str, commands: Commands) -> None:
    done = commands([command], TESTS, os.environ, "helpers.sweep")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # What `doctor` finds is settled by looking at it: nothing old is left to be seen.
    assert found["kills"] >= 3 and found["new"] >= 1, found
    assert found["old"] >= 1 or command == "doctor", found
