"""``peerannot predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit,
    emit_json,
    json_option,
    must_write_csv,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._paths import LocalPath

if TYPE_CHECKING:
    from peerannot.learning import Predictions

__all__ = ["predict"]

_SUFFIXES = (".csv", ".tsv", ".parquet", ".json")


def _temperature(ctx: click.Context, param: click.Parameter, value: str) -> float | None:
    """``auto`` as None, or a number above 0."""
    if value.strip().casefold() == "auto":
        return None
    try:
        number = float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither auto nor a number", ctx, param) from None
    if not number > 0:
        raise click.BadParameter(f"{value} is not above 0", ctx, param)
    return number


@click.command()
@click.argument("model", type=LocalPath(exists=True))
@click.argument("images", type=LocalPath(exists=True))
@click.option(
    "--output",
    "-o",
    type=LocalPath(dir_okay=False),
    help="File to write: .csv, .tsv, .parquet or .json; by default CSV on stdout.",
)
@click.option(
    "--temperature",
    callback=_temperature,
    default="auto",
    show_default=True,
    metavar="[auto|NUMBER]",
    help="Divides the logits; auto: fitted on the validation set; 1: as trained.",
)
@click.option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda", "mps"), case_sensitive=False),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
@click.option(
    "--num-workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads that decode images.",
)
@click.option(
    "--skip-unreadable", is_flag=True, help="Leave out images that cannot be read, and say which."
)
@click.option("--force", is_flag=True, help="Overwrite the output.")
@spreadsheet_option
@json_option
def predict(
    model: Path,
    images: Path,
    output: Path | None,
    force: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Predict the classes of IMAGES with MODEL.

    MODEL is a best_models/.../NAME.safetensors of `train` or `aggregate-deep`, or a folder that
    holds one. IMAGES is a file, a folder of any depth, or a dataset folder. A row an image:
    image, label, confidence, and p_CLASS for each class.
    """
    from peerannot.dataset import bad_images
    from peerannot.io import may_write, table_text, write_table

    if output is not None:
        may_write(output, force=force, suffixes=_SUFFIXES)
    must_write_csv(output or (None if as_json else "stdout.csv"))
    from peerannot.learning import predict as predict_images

    with spoken_warnings(), progress_bar("predict") as progress:
        found = predict_images(model, images, progress=progress, **settings)
    if output is None:
        if as_json:
            emit_json("predict", _document(found))
        else:
            emit(table_text(found.columns()), end="")
        return
    if output.suffix.lower() == ".json":
        from peerannot._files import write_json

        write_json(output, {"schema": "peerannot/predict/1", **_document(found)})
    else:
        write_table(output, found.columns())
    if as_json:
        facts = {"output": str(output), "n_images": len(found.images), **bad_images(found.bad)}
        emit_json("predict", facts)
        return
    emit(str(output))
    note(f"{len(found.images)} images, temperature {found.temperature:.3g}")


def _document(found: Predictions) -> dict[str, Any]:
    from peerannot.dataset import bad_images

    confidence = found.probability.max(axis=1).tolist()
    rows = zip(found.images, found.labels, confidence, found.probability.tolist(), strict=True)
    return {
        "classes": found.classes,
        "temperature": found.temperature,
        **bad_images(found.bad),
        "predictions": [
            {"image": image, "label": label, "confidence": sure, "probability": row}
            for image, label, sure, row in rows
        ],
    }
