"""Fixtures of allocation."""

from __future__ import annotations

import pytest

from helpers.small_crowds import Small, make


@pytest.fixture
def small() -> Small:
    return make()
