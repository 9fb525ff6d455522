"""``peerannot doctor``: what is installed, what the machine has, and what may go wrong."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import warnings
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from peerannot._registry import Registry
from peerannot._version import __version__
from peerannot.cli._common import emit, emit_json, json_option, note
from peerannot.cli._paths import LocalPath
from peerannot.errors import ExitCode, PeerannotError

__all__ = ["doctor"]

_THREADS = (
    "PEERANNOT_NUM_THREADS",
    "PEERANNOT_ISA",
    "OMP_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "CUDA_VISIBLE_DEVICES",
)
# Extras that only gather others, or are for work on peerannot itself.
_SUMS = ("all", "dev", "docs")
_PLACES = ("PEERANNOT_CACHE", "PEERANNOT_MIRROR")


@click.command()
@click.argument("dataset", required=False, type=LocalPath())
@click.option("--accept", is_flag=True, help="Take files of DATASET that were changed as they are.")
@json_option
def doctor(dataset: Path | None, accept: bool, as_json: bool) -> int:
    """Tell versions, extras, devices, threads, cache folders and plugins; for bug reports.

    Nothing is changed. Exit code 0 also where something could be better: see "advice".

    With DATASET, check its files against the SHA-256 in its manifests, finish or clear away what
    interrupted commands left, and say what to run again. Exit code 3 where something is wrong
    that was not mended.
    """
    if dataset is not None:
        return _examine(dataset, accept, as_json)
    if accept:
        raise click.UsageError("--accept: name a DATASET")
    packages = _packages()
    facts: dict[str, Any] = {
        "peerannot": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages["core"],
        "extras": {n: found for n, found in packages.items() if n not in ("core", *_SUMS)},
        "devices": _devices(),
        "instructions": _instructions(),
        "threads": _threads(),
        "caches": _caches(),
        "plugins": _plugins(),
        "environment": {n: os.environ[n] for n in (*_PLACES, *_THREADS) if n in os.environ},
    }
    facts["advice"] = _advice(facts)
    if as_json:
        emit_json("doctor", facts)
    else:
        _show(facts)
    return ExitCode.OK


def _examine(dataset: Path, accept: bool, as_json: bool) -> int:
    """Look a data set over and tell what was found; the exit code."""
    from peerannot.dataset import examine

    health = examine(dataset, accept=accept)
    code = ExitCode.DATA if health.wrong else ExitCode.OK
    if as_json:
        emit_json("doctor-dataset", {"dataset": str(dataset), "sound": not code, **asdict(health)})
        return code
    for line in health.mended:
        emit(f"mended: {line}")
    for wrong in health.wrong:
        emit(f"wrong: {wrong.file}: {wrong.problem}; {wrong.advice}")
    for line in health.notes:
        note(line)
    note(
        f"{dataset}: {health.files} files of {health.sets} sets, {len(health.mended)} mended,"
        f" {len(health.wrong)} wrong"
    )
    return code


def _packages() -> dict[str, dict[str, str | None]]:
    """Version of every package that peerannot may use, by extra; None where it is absent."""
    groups: dict[str, dict[str, str | None]] = {"core": {}}
    for requirement in metadata.requires("peerannot") or ():
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", requirement)
        if name is None or name[0] == "peerannot":
            continue
        group = groups.setdefault(extra[1] if extra else "core", {})
        try:
            group[name[0]] = metadata.version(name[0])
        except metadata.PackageNotFoundError:
            group[name[0]] = None
    return groups


def _devices() -> list[dict[str, Any]]:
    """Where networks can be trained; empty without PyTorch."""
    try:
        import torch
    except ImportError:
        return []
    found: list[dict[str, Any]] = [{"device": "cpu", "name": platform.processor() or "cpu"}]
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(i)
            found.append(
                {"device": f"cuda:{i}", "name": card.name, "memory_mb": card.total_memory >> 20}
            )
    if torch.backends.mps.is_available():
        found.append({"device": "mps", "name": "Apple"})
    return found


def _instructions() -> dict[str, Any]:
    """The instruction set that loops use, and those that they could."""
    from peerannot._loops import native

    return {"used": native.isa(), "known": list(native.isas())}


def _threads() -> dict[str, int | None]:
    from peerannot._threads import threads

    usable = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    counts: dict[str, int | None] = {"cores": usable, "loops": threads(), "torch": None}
    if "torch" in sys.modules:
        counts["torch"] = sys.modules["torch"].get_num_threads()
    return counts


def _caches() -> dict[str, dict[str, Any]]:
    from peerannot.dataset import cache_folder

    places = {"downloads": cache_folder()}
    return {
        name: {
            "folder": None if folder is None else str(folder),
            "writable": folder is not None and _writable(folder),
            "size_mb": None if folder is None else round(_size(folder) / 2**20, 1),
        }
        for name, folder in places.items()
    }


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, or in the nearest one above that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        # A folder's permission bits lie to the administrator and on network shares.
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def _plugins() -> list[dict[str, str | None]]:
    """What other distributions add; each is loaded, to see whether it can be."""
    from peerannot._plugins import GROUPS, distribution_of, plugins

    return [
        {
            "name": entry.name,
            "group": group,
            "distribution": distribution_of(entry),
            "fault": _fault_of(package, entry.name),
        }
        for package, group in GROUPS.items()
        for entry in plugins(package)
    ]


def _fault_of(package: str, name: str) -> str | None:
    """Why a class of another distribution cannot be used; None where it can."""
    try:
        with warnings.catch_warnings(action="ignore"):
            found = _registry(package)[name]
    except PeerannotError as error:
        return str(error)
    if found.__module__.startswith("peerannot."):
        return f"left out: the name {name!r} already belongs to {found.name!r} of peerannot"
    return None


def _registry(package: str) -> Registry[Any]:
    """The registry that other distributions add to by a package."""
    match package.removeprefix("peerannot."):
        case "aggregation":
            from peerannot.aggregation import STRATEGIES

            return STRATEGIES
        case "allocation":
            from peerannot.allocation import POLICIES

            return POLICIES
        case "identification":
            from peerannot.identification import METHODS

            return METHODS
        case "io.formats":
            from peerannot.io import FORMATS

            return FORMATS
        case "io.writers":
            from peerannot.io import WRITERS

            return WRITERS
        case "learning.strategies":
            from peerannot.learning import STRATEGIES as NETWORKS

            return NETWORKS
        case "simulation.models":
            from peerannot.simulation import SIMULATIONS

            return SIMULATIONS
    raise AssertionError(f"no registry is known of {package}")


def _advice(facts: dict[str, Any]) -> list[str]:
    lines = []
    for extra, packages in facts["extras"].items():
        absent = [name for name, version in packages.items() if version is None]
        if absent:
            lines.append(
                f"{extra}: {', '.join(absent)} not installed: pip install 'peerannot[{extra}]'"
            )
    caches = facts["caches"]
    if not caches["downloads"]["writable"]:
        lines.append(
            f"downloads cannot be kept in {caches['downloads']['folder']}: set PEERANNOT_CACHE"
        )
    return [*lines, *(plugin["fault"] for plugin in facts["plugins"] if plugin["fault"])]


def _show(facts: dict[str, Any]) -> None:
    def head(text: str) -> None:
        click.secho(text, bold=True)

    emit(
        f"peerannot {facts['peerannot']}, Python {facts['python']}, {facts['platform']}",
    )
    for group, packages in {"packages": facts["packages"], **facts["extras"]}.items():
        head(group if group == "packages" else f"extra {group}")
        for name, version in packages.items():
            emit(f"  {name:<20} {version or 'not installed'}")
    head("devices")
    for item in facts["devices"] or [{"device": "none", "name": "PyTorch is not installed"}]:
        memory = f", {item['memory_mb']:,} MB" if "memory_mb" in item else ""
        emit(f"  {item['device']:<20} {item['name']}{memory}")
    head("instructions")
    emit(f"  {facts['instructions']['used']:<20} of {', '.join(facts['instructions']['known'])}")
    head("threads")
    for name, count in facts["threads"].items():
        emit(f"  {name:<20} {'-' if count is None else count}")
    head("caches")
    for name, place in facts["caches"].items():
        state = f"{place['size_mb']} MB" if place["writable"] else "cannot be written"
        emit(f"  {name:<20} {place['folder'] or '-'} ({state})")
    if facts["plugins"]:
        head("plugins")
    for plugin in facts["plugins"]:
        state = f": {plugin['fault']}" if plugin["fault"] else ""
        emit(f"  {plugin['name']:<20} {plugin['group']} of {plugin['distribution']}{state}")
    if facts["environment"]:
        head("environment")
        for name, value in facts["environment"].items():
            emit(f"  {name:<20} {value}")
    head("advice")
    for line in facts["advice"] or ["nothing to mend"]:
        emit(f"  {line}")
