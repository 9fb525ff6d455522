"""Names of networks: ours, then timm's, then torchvision's."""

from __future__ import annotations

from fnmatch import fnmatchcase

from peerannot._optional import require
from peerannot._text import did_you_mean
from peerannot.errors import ParameterError
from peerannot.learning.networks import OWN

__all__ = ["ALIASES", "known_name", "list_models", "timm_names", "torchvision_names"]

ALIASES = {"logistic_regression": "logistic", "logisticregression": "logistic"}


def list_models(pattern: str | None = None) -> list[str]:
    """Names of all networks, offline; with a pattern (``resnet*``), those that match.

    Ours come first; then those of timm and torchvision's classification models, in one order.
    """
    names = [*OWN, *sorted({*timm_names(), *torchvision_names()} - set(OWN))]
    if pattern is None:
        return names
    fold = pattern.casefold()
    return [name for name in names if fnmatchcase(name.casefold(), fold)]


def timm_names() -> list[str]:
    timm = require("timm", extra="deep", feature="this network")
    return list(timm.list_models())


def torchvision_names() -> list[str]:
    models = require("torchvision.models", extra="deep", feature="this network")
    return list(models.list_models(module=models))


def known_name(name: str) -> str:
    """The name as its library writes it, with timm's tag of the weights (``resnet18.a1_in1k``).

    Raises
    ------
    ParameterError
        There is no such network; near matches are named.
    """
    name = name.strip()
    stem = name.partition(".")[0]
    own = ALIASES.get(stem.casefold(), stem.casefold())
    if own in OWN:
        return own
    fold = {known.casefold(): known for known in (*torchvision_names(), *timm_names())}
    if stem.casefold() not in fold:
        near = did_you_mean(name, [*OWN, *fold.values()])
        raise ParameterError(
            f"unknown network {name!r}" + (near or "; `peerannot modelinfo` lists them")
        )
    return fold[stem.casefold()] + name[len(stem) :]
