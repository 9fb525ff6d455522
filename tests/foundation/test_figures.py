"""Figures are the same bytes for the same figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerannot._figures import FIGURES, new_figure, save_figure


def drawn(path: Path) -> bytes:
    figure = new_figure(3, 2, feature="a test")
    axes = figure.add_subplot()
    axes.plot([0, 1, 2], [0, 1, 0], marker="o", label="a")
    axes.legend()
    return save_figure(figure, path).read_bytes()


@pytest.mark.parametrize("ending", FIGURES)
def test_the_same_figure_is_the_same_bytes(tmp_path, ending):
    pytest.importorskip("matplotlib")
    first, second = drawn(tmp_path / f"a{ending}"), drawn(tmp_path / f"b{ending}")
    assert first == second
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a{ending}", f"b{ending}"]
