"""``peerannot export-model``."""

from __future__ import annotations

from pathlib import Path

import click

from peerannot.cli._common import emit, emit_json, json_option, spoken_warnings
from peerannot.cli._paths import LocalPath

__all__ = ["export_model"]


@click.command("export-model")
@click.argument("model", type=LocalPath(exists=True))
@click.option(
    "--output",
    "-o",
    required=True,
    type=LocalPath(dir_okay=False),
    help="File to write, NAME.onnx.",
)
@click.option("--force", is_flag=True, help="Overwrite the output.")
@json_option
def export_model(model: Path, output: Path, force: bool, as_json: bool) -> None:
    """Write MODEL as ONNX, for programs without PyTorch.

    MODEL is a best_models/.../NAME.safetensors of `train` or `aggregate-deep`, or a folder that
    holds one. The batch size is free; class names, normalisation and temperature are in the
    metadata.
    """
    from peerannot.io import may_write

    may_write(output, force=force, suffixes=(".onnx",))
    from peerannot.learning import load_model, write_onnx

    with spoken_warnings():
        loaded = load_model(model)
        write_onnx(loaded, output)
    if as_json:
        facts = {"model": str(loaded.file), "output": str(output), "classes": loaded.card.classes}
        emit_json("export-model", facts)
        return
    emit(str(output))
