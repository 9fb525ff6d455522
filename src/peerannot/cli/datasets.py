"""``peerannot datasets``: public crowd sets."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from peerannot.cli._common import emit, emit_json, json_option
from peerannot.cli._paths import LocalPath
from peerannot.cli.install import late_bar, spoken

__all__ = ["datasets"]


@click.group()
def datasets() -> None:
    """List, describe and install public crowd sets."""


@datasets.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the public crowd sets that are known; "-" is a fact that is not certain."""
    from peerannot.dataset import catalogue

    entries = catalogue().values()
    if as_json:
        emit_json("datasets-list", {"datasets": [_facts(entry) for entry in entries]})
        return
    from peerannot.cli._table import print_table

    header = ["name", "tasks", "workers", "classes", "answers", "known", "images", "how"]
    print_table(
        header,
        [
            [
                e.name,
                *(_count(n) for n in (e.tasks, e.workers, e.classes, e.answers, e.truth)),
                "yes" if e.images else "",
                e.way,
            ]
            for e in entries
        ],
    )


@datasets.command()
@click.argument("name")
@json_option
def info(name: str, as_json: bool) -> None:
    """Tell what is known of the set NAME: counts, size, licence, source, paper."""
    from peerannot.dataset import public_set

    entry = public_set(name)
    if as_json:
        emit_json("datasets-info", _facts(entry))
        return
    size = None if entry.size is None else f"{entry.size / 2**20:.2f} MB to download"
    checked = [r.name for r in entry.tables if r.checksum]
    lines = {
        "name": ", ".join((entry.name, *entry.aliases)),
        "asks": entry.title,
        "tasks": _count(entry.tasks),
        "workers": _count(entry.workers),
        "classes": _count(entry.classes),
        "answers": _count(entry.answers),
        "known labels": _count(entry.truth),
        "images": "yes" if entry.images else "no",
        "size": size or "-",
        "licence": entry.licence or "- (ask the source)",
        "source": entry.source,
        "paper": entry.paper or "-",
    }
    if entry.tables:
        lines["checked by SHA-256"] = ", ".join(checked) or "-"
    lines["install"] = (
        f"peerannot datasets install {entry.name}" if entry.way != "by hand" else entry.way
    )
    if entry.by_hand is not None:
        lines["by hand"] = entry.by_hand
    width = max(map(len, lines))
    for key, value in lines.items():
        emit(f"{key:<{width}}  {value}")


@datasets.command()
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=LocalPath(file_okay=False),
    help="Folder to install into; by default NAME.",
)
@json_option
def install(name: str, folder: Path | None, as_json: bool) -> None:
    """Install the public set NAME as a dataset folder.

    Downloads are checked, kept in PEERANNOT_CACHE, and taken from PEERANNOT_MIRROR where that is
    set. Where a person has to do something, this says what, and fails.
    """
    from peerannot.dataset import install_public

    elsewhere = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    with spoken(), late_bar("install") as progress, elsewhere:
        done = install_public(name, folder, progress=progress)
    if as_json:
        emit_json("datasets-install", {"recipe": done.recipe, "folder": str(done.folder)})
    else:
        emit(f"{done.recipe} is installed in {done.folder}")


def _count(n: int | None) -> str:
    return "-" if n is None else f"{n:,}"


def _facts(entry: Any) -> dict[str, Any]:
    return {**asdict(entry), "way": entry.way}
