"""Figures of a training run: learning curves, confusion matrix, reliability diagram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from peerannot._files import atomic_write
from peerannot._optional import require
from peerannot.learning.results.calibration import probabilities
from peerannot.learning.results.metrics import calibration_error, reliability

__all__ = ["draw_confusion", "draw_curves", "draw_reliability"]

# Two colours of Okabe and Ito's palette, told apart by every eye, and a grey.
_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#8a8f98"
_INK = "#24292f"
_DPI = 200
_AXES = {"epoch": "epoch", "penalty": "penalty, strongest first"}
# Most classes whose cells hold their numbers, and most whose names stand on the axes.
_NUMBERED, _NAMED = 12, 40
_STYLE: dict[str, Any] = {
    "font.size": 10.0,
    "font.family": "DejaVu Sans",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.edgecolor": "#c4c9d0",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e8eb",
    "legend.frameon": False,
    # Names of elements in an SVG are drawn at random unless they are salted.
    "svg.hashsalt": "peerannot",
    "svg.fonttype": "none",
}


def draw_curves(
    stem: Path,
    history: Mapping[str, Sequence[float]],
    best_epoch: int,
    kinds: Sequence[str],
    step: str = "epoch",
) -> list[Path]:
    """Loss and validation accuracy by epoch (or other ``step``), the best (from 0) marked."""
    epochs = np.arange(1, len(history["val_loss"]) + 1)
    few = "o" if len(epochs) <= 30 else None
    with _figure(9.0, 3.6) as figure:
        loss, accuracy = figure.subplots(1, 2)
        figure.get_layout_engine().set(wspace=0.06)
        for key, name, colour in (
            ("train_loss", "training", _ORANGE),
            ("val_loss", "validation", _BLUE),
        ):
            loss.plot(epochs, history[key], color=colour, label=name, marker=few, markersize=3.5)
        accuracy.plot(epochs, history["val_accuracy"], color=_BLUE, marker=few, markersize=3.5)
        best = best_epoch + 1
        for axes, title, label in (
            (loss, "Loss", "cross entropy"),
            (accuracy, "Validation accuracy", "accuracy (%)"),
        ):
            axes.axvline(
                best, color=_GREY, linestyle="--", linewidth=1, label=f"best {step} ({best})"
            )
            axes.set(title=title, xlabel=_AXES[step], ylabel=label)
            if len(epochs) <= 10:
                axes.set(xticks=epochs, xlim=(0.7, len(epochs) + 0.3))
            else:
                axes.xaxis.get_major_locator().set_params(integer=True)
                axes.margins(x=0.03)
            axes.legend()
        return _save(figure, stem, kinds)


def draw_confusion(
    stem: Path, counts: NDArray[np.int64], classes: Sequence[str], kinds: Sequence[str]
) -> list[Path]:
    """Share of each true class (rows) given each class, with counts where there is room."""
    k = len(classes)
    total = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(total, 1)
    side = float(np.clip(2.4 + 0.48 * k, 4.2, 11.0))
    with _figure(side + 1.0, side) as figure:
        axes = figure.subplots()
        image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
        right = counts.diagonal().sum() / max(1, counts.sum())
        axes.set(
            title=f"Test set: {counts.sum()} images, {100 * right:.1f} % right",
            xlabel="predicted class",
            ylabel="true class",
        )
        axes.grid(visible=False)
        axes.tick_params(length=0)
        if k <= _NAMED:
            size = 10.0 if k <= 20 else 8.0
            names = [name if len(name) <= 18 else f"{name[:17]}…" for name in classes]
            turn = 0 if max(map(len, names)) * k < 45 else 45
            axes.set_xticks(
                range(k),
                names,
                rotation=turn,
                ha="right" if turn else "center",
                rotation_mode="anchor" if turn else "default",
                fontsize=size,
            )
            axes.set_yticks(range(k), names, fontsize=size)
        if k <= _NUMBERED:
            for true, given in np.ndindex(k, k):
                if counts[true, given]:
                    axes.text(
                        given,
                        true,
                        str(counts[true, given]),
                        ha="center",
                        va="center",
                        fontsize=9,
                        color="white" if shares[true, given] > 0.55 else _INK,
                    )
        bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
        bar.set_label("share of the true class (%)")
        bar.outline.set_visible(False)
        return _save(figure, stem, kinds)


def draw_reliability(
    stem: Path, logits: Tensor, target: Tensor, temperature: float, kinds: Sequence[str]
) -> list[Path]:
    """Accuracy by confidence, as trained and at the temperature; beneath, how many images."""
    right = logits.argmax(dim=1) == target.argmax(dim=1)
    with _figure(5.4, 5.8) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        upper.plot((0, 1), (0, 1), color=_GREY, linestyle="--", linewidth=1, label="calibrated")
        for name, divisor, colour, marker, width in (
            ("as trained", 1.0, _ORANGE, "s", -1.0),
            (f"temperature {temperature:.2f}", temperature, _BLUE, "o", 1.0),
        ):
            confidence = probabilities(logits, divisor).max(dim=1).values
            count, sure, hit = reliability(confidence, right)
            used, n_bins = count > 0, len(count)
            ece = calibration_error(confidence, right)
            upper.plot(
                sure[used] / count[used],
                hit[used] / count[used],
                color=colour,
                marker=marker,
                markersize=5,
                clip_on=False,
                zorder=3,
                label=f"{name}: ECE {100 * ece:.1f} %",
            )
            lower.bar(
                (np.arange(n_bins) + 0.5) / n_bins,
                100 * count / count.sum(),
                width=0.42 * width / n_bins,
                align="edge",
                color=colour,
            )
        upper.set(
            title="Test set: is it right as often as it is sure?",
            ylabel="share that is right",
            xlim=(0, 1),
            ylim=(-0.02, 1.03),
        )
        upper.legend(loc="upper left")
        lower.set(xlabel="confidence", ylabel="images (%)")
        return _save(figure, stem, kinds)


@contextmanager
def _figure(width: float, height: float) -> Iterator[Any]:
    """A figure of our style, drawn without a display and without pyplot's global state."""
    matplotlib = require("matplotlib", extra="report", feature="drawing figures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        yield figure


def _save(figure: Any, stem: Path, kinds: Sequence[str]) -> list[Path]:
    files = []
    for kind in kinds:
        file = stem.with_name(f"{stem.name}.{kind}")
        # No dates: the same run writes the same bytes.
        dated = {"svg": {"Date": None}}.get(kind)
        with atomic_write(file) as handle:
            figure.savefig(handle, format=kind, dpi=_DPI, metadata=dated)
        files.append(file)
    return files
