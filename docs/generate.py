"""Write the pages of strategies, policies and formats: ``python docs/generate.py``.

Docstrings are the source: model, update, options, cost, references; for formats, formats.toml
beside them. A test checks that the pages are those of the code.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

from peerannot._options import describe
from peerannot.aggregation import STRATEGIES
from peerannot.aggregation.capabilities import CAPABILITIES, ENGINES, MISSING, capabilities
from peerannot.allocation import POLICIES
from peerannot.io import FORMATS

FORMATS_PAGE = Path(__file__).parent / "formats.md"
HOME = Path(__file__).parent / "strategies"
DEEP = Path(__file__).parent / "learning"
POLICY = Path(__file__).parent / "policies"
CAPABILITIES_PAGE = Path(__file__).parent / "capabilities.md"


def page(name: str) -> str:
    """Markdown of the page of an aggregation strategy."""
    cls = STRATEGIES[name]
    takes = [w for w, has in (("gold", cls.takes_gold), ("init", cls.takes_init)) if has]
    return (
        f"# {name}\n\n"
        f"`peerannot aggregate DATASET -s {name}`"
        + _also(cls)
        + f"; `from peerannot.aggregation import {cls.__name__}`"
        + (f"; takes `{'=` and `'.join(takes)}=`" if takes else "")
        + f".\n\n{_text(cls)}\n\n{_options(cls)}"
    )


def deep_page(name: str) -> str:
    """Markdown of the page of an end-to-end strategy."""
    from peerannot.learning import STRATEGIES as DEEP_STRATEGIES

    cls = DEEP_STRATEGIES[name]
    return (
        f"# {name}\n\n`peerannot aggregate-deep DATASET -s {name}`{_also(cls)};"
        f' `train_on_votes(DATASET, strategy="{name}")`.\n\n'
        f"{_text(cls)}\n\n{_options(cls)}"
    )


def policy_page(name: str) -> str:
    """Markdown of the page of a policy of what to label next."""
    cls = POLICIES[name]
    value = f"gain in {cls.unit}" if cls.unit else "an order, without a gain"
    more = "; needs `--probabilities`" if "probabilities" in cls.needs else ""
    return (
        f"# {name}\n\n`peerannot next DATASET --budget N -p {name}`{_also(cls)}; "
        f"`from peerannot.allocation import {cls.__name__}`; {value}{more}.\n\n"
        f"{_text(cls)}\n\n{_options(cls)}"
    )


def _also(cls: type) -> str:
    aliases = ", ".join(f"`{alias}`" for alias in cls.aliases)  # type: ignore[attr-defined]
    return f", also {aliases}" if aliases else ""


def _text(cls: type) -> str:
    """The docstring without its options, as Markdown."""
    text = inspect.cleandoc(cls.__doc__ or "")
    text = re.sub(r"\n\n(Parameters)\n-+\n.*?(?=\n\n\w[\w ]*\n-+\n|\Z)", "", text, flags=re.DOTALL)
    text = re.sub(r"^(\w[\w ]*)\n-{3,}$", r"## \1", text, flags=re.MULTILINE)
    text = re.sub(
        r"\.\. math::\n((?:\n|    .*\n?)+)",
        lambda m: "$$\n" + inspect.cleandoc(m[1]).strip() + "\n$$\n\n",
        text,
    )
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text).strip()


def _options(cls: type) -> str:
    rows = [
        f"| `{key}` | {kind.replace('|', ' or ')} | `{default}` | {meaning} |\n"
        for key, kind, default, meaning in describe(cls)
    ]
    if not rows:
        return "There are no options.\n"
    head = "## Options\n\n| option | type | default | meaning |\n|---|---|---|---|\n"
    return head + "".join(rows)


ROLES = ("found", "task", "worker", "label", "gold", "weight", "time", "silent")
ROLE_NAMES = {"found": "recognised by", "gold": "known label", "silent": "abstention"}


def formats_page() -> str:
    """Markdown of the page of the formats: the registry, and what formats.toml says of each."""
    told = tomllib.loads(FORMATS_PAGE.with_suffix(".toml").read_text())
    intro, traps = told["intro"], told["traps"]
    head = [["format", *(ROLE_NAMES.get(role, role) for role in ROLES)]]
    rows = [
        [f"[{name}](#{name})", *(told[name].get(role, "") for role in ROLES)] for name in FORMATS
    ]
    cells = [
        [name, *(told[name].get("traps", {}).get(trap, ["-"])[0] for trap in traps)]
        for name in FORMATS
    ]
    return (
        f"# Formats\n\n{intro}\n## {len(FORMATS)} formats\n\n{_table(head + rows)}"
        + "\n## What becomes of traps\n\n"
        + "Each cell is held by a test; `-` is what a form cannot hold, or needs no rule. Damaged"
        + " bytes end in a message of one line in every format, and any crowd, written in each"
        + " format that can hold it, reads back to the same answers.\n\n"
        + _table([["format", *traps.values()], *cells])
        + "\n## Formats and their options\n"
        + "".join(
            f"\n### {name}\n\n`--format {name}`{_also(FORMATS[name])}.\n\n{_text(FORMATS[name])}"
            f"\n\n{_options(FORMATS[name]).replace('## Options', '#### Options')}"
            for name in FORMATS
        )
    )


def capabilities_page() -> str:
    """Markdown of what each strategy can do, and why not the rest."""
    found = {name: capabilities(STRATEGIES[name]) for name in STRATEGIES}
    rows = [
        [f"[{name}](strategies/{name}.md)", *("yes" if can[what] else "-" for what in CAPABILITIES)]
        for name, can in found.items()
    ]
    meaning = "".join(f"- **{what}**: {text}.\n" for what, text in CAPABILITIES.items())
    reasons = [
        [what, name, why] for what, told in MISSING.items() for name, why in sorted(told.items())
    ]
    engines = [
        [engine, what, why] for engine, told in ENGINES.items() for what, why in told.items()
    ]
    return (
        "# What each strategy can do\n\n`peerannot agginfo NAME` says the same of one. A test holds"
        f" every cell.\n\n{meaning}\n{_table([['strategy', *CAPABILITIES], *rows])}"
        "\nA subclass can do what its family can, unless it changes how it is fitted.\n"
        f"\n## What is missing on engines\n\n{_table([['engine', 'missing', 'why'], *engines])}"
        f"\n## What is missing, and why\n\n{_table([['missing', 'strategy', 'why'], *reasons])}"
    )


def _table(rows: list[list[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |\n" for row in rows)
    return head + "|---" * len(rows[0]) + "|\n" + "".join(body)


def pages() -> dict[Path, str]:
    """Every page by its path."""
    found = {HOME / f"{name}.md": page(name) for name in STRATEGIES}
    found |= {POLICY / f"{name}.md": policy_page(name) for name in POLICIES}
    found[FORMATS_PAGE] = formats_page()
    found[CAPABILITIES_PAGE] = capabilities_page()
    # End-to-end strategies are read off their classes, which need PyTorch.
    if find_spec("torch") is not None:
        from peerannot.learning import strategy_names

        found |= {DEEP / f"{name}.md": deep_page(name) for name in strategy_names()}
    return found


if __name__ == "__main__":
    for home in (HOME, DEEP, POLICY):
        home.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
