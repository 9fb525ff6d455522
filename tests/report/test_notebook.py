"""Answers and Result in a notebook."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from peerannot import Answers, aggregate
from peerannot.errors import DataError, ParameterError

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def answers() -> Answers:
    rows = [(EVIL, EVIL, EVIL), (EVIL, "b", "$x$"), *((f"t{i}", "b", "$x$") for i in range(9))]
    return Answers.from_arrays(*zip(*rows, strict=True))


def test_tables_are_small_and_escaped(answers):
    for shown in (answers._repr_html_(), aggregate(answers, "DS")._repr_html_()):
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown
        assert shown.count("<tr>") == 6
        assert " more" in shown
        assert len(shown) < 3000
    long = Answers.from_arrays(["x" * 500], ["w"], ["c"])
    assert len(long._repr_html_()) < 500


def test_table_of_nothing():
    empty = Answers.from_arrays([], [], [], tasks=["a"], classes=2)
    assert "0 of 0 workers" in empty._repr_html_()
    assert (
        "(undecided)"
        in aggregate(
            Answers.from_arrays(["a", "a"], [1, 2], ["x", "y"]), "MV[ties=abstain]"
        )._repr_html_()
    )


def test_figures(answers):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    result = aggregate(answers, "DS")
    axes = result.plot.confidence()
    assert sum(bar.get_height() for bar in axes.patches) == len(result.tasks)
    assert result.plot.entropy(ax=axes) is axes
    shares = [bar.get_width() for bar in result.plot.classes().patches]
    assert sum(shares) == pytest.approx(1)
    points = result.plot.workers().collections[0].get_offsets()
    assert np.allclose(points[:, 1], result.skill)
    image = result.plot.confusion("b").images[0].get_array()
    assert np.allclose(image, result.confusion[result.workers.index_of["b"]])
    assert np.allclose(result.plot.confusion().images[0].get_array().sum(1), 1)
    line = result.plot.objective().lines[0]
    assert tuple(line.get_ydata()) == result.diagnostics.objective
    axes.figure.canvas.draw()
    pyplot.close("all")


def test_figures_that_cannot_be(answers):
    pytest.importorskip("matplotlib")
    result = aggregate(answers, "MV")
    for name in ("workers", "confusion", "objective"):
        with pytest.raises(DataError):
            getattr(result.plot, name)()
    with pytest.raises(ParameterError, match="no worker 'bo'; did you mean 'b'"):
        aggregate(answers, "DS").plot.confusion("bo")


def test_plot_is_lazy():
    code = (
        "import sys; from peerannot import Answers, aggregate;"
        "r = aggregate(Answers.from_arrays([1], [1], ['a']), 'MV'); r.plot; r._repr_html_();"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
