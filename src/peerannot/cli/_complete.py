"""What a shell offers at each place: names of strategies, methods, networks, sets, folders.

A key press must not wait for PyTorch or Polars to be imported: names are read off the decorators
in the files, see `peerannot._registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from peerannot._registry import decorated, spellings

__all__ = ["COMPLETERS", "attach", "network_names"]

_NETWORKS = ("timm.models", "torchvision.models")
Names = Callable[[], Iterable[str]]


def network_names() -> list[str]:
    """Networks of peerannot, and those that timm and torchvision register, if they are there.

    They are read from the sources: importing the libraries would take seconds.
    """
    from peerannot.learning.networks import OWN

    found = set(OWN)
    for package in _NETWORKS:
        top, _, below = package.partition(".")
        spec = find_spec(top)
        for home in (spec.submodule_search_locations if spec is not None else None) or ():
            for file in (Path(home) / below).rglob("*.py"):
                source = file.read_text(encoding="utf-8")
                found |= {d.defines for d in decorated(source) if d.decorator == "register_model"}
    return sorted(found)


def _set_names() -> Iterable[str]:
    from peerannot.dataset import catalogue

    return catalogue()


def _offer(names: Names, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    fold = incomplete.casefold()
    return [CompletionItem(name) for name in names() if name.casefold().startswith(fold)]


def _offer_dataset(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Dataset folders that fit; where there is none, whatever the shell finds."""
    above = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    place = Path(above or ".").expanduser()
    found = []
    if place.is_dir():
        found = [
            CompletionItem(f"{above}{entry.name}")
            for entry in sorted(place.iterdir())
            if f"{above}{entry.name}".startswith(incomplete)
            and ((entry / "metadata.json").is_file() or (entry / "answers.json").is_file())
        ]
    return found or [CompletionItem(incomplete, type="file")]


_strategies = partial(spellings, "peerannot.aggregation")
_deep = partial(spellings, "peerannot.learning.strategies")
_methods = partial(spellings, "peerannot.identification")
_policies = partial(spellings, "peerannot.allocation")
_models = partial(spellings, "peerannot.simulation.models")
_formats = partial(spellings, "peerannot.io.formats")
_writers = partial(spellings, "peerannot.io.writers")

# Command, parameter: names to offer there; None is a dataset folder.
COMPLETERS: dict[tuple[str, str], Names | None] = {
    ("aggregate", "dataset"): None,
    ("aggregate", "format"): _formats,
    ("aggregate", "strategy"): lambda: ["auto", *_strategies()],
    ("aggregate-deep", "dataset"): None,
    ("aggregate-deep", "model"): network_names,
    ("aggregate-deep", "strategy"): _deep,
    ("compare", "datasets"): None,
    ("compare", "format"): _formats,
    ("compare", "strategies"): _strategies,
    ("evaluate", "dataset"): None,
    ("evaluate", "format"): _formats,
    ("evaluate", "strategies"): lambda: ["all", *_strategies()],
    ("explore", "dataset"): None,
    ("explore", "strategies"): _strategies,
    ("export", "dataset"): None,
    ("export", "format"): _formats,
    ("export", "strategy"): _strategies,
    ("export", "to"): _writers,
    ("identify", "folder"): None,
    ("identify", "method"): _methods,
    ("identify", "model"): network_names,
    ("import", "format"): _formats,
    ("info", "name"): _set_names,
    ("install", "name"): _set_names,
    ("modelinfo", "pattern"): network_names,
    ("next", "dataset"): None,
    ("next", "format"): _formats,
    ("next", "policy"): _policies,
    ("next", "strategy"): _strategies,
    ("report", "dataset"): None,
    ("report", "strategies"): _strategies,
    ("simulate", "strategy"): _models,
    ("train", "datapath"): None,
    ("train", "model"): network_names,
}


def attach(command: click.Command) -> None:
    """Give the parameters of a command, and of those below it, what completes them."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            attach(below)
    for param in command.params:
        key = (command.name or "", param.name or "")
        if key in COMPLETERS:
            names = COMPLETERS[key]
            param.shell_complete = (  # type: ignore[method-assign]
                _offer_dataset if names is None else partial(_offer, names)
            )
