"""Write a page per strategy from its docstring and options: ``python docs/generate.py``.

The docstring is the source: model, update, options, cost, references. A test checks that the
pages are those of the code.
"""

from __future__ import annotations

import inspect
import re
from importlib.util import find_spec
from pathlib import Path

from peerannot._options import describe
from peerannot.aggregation import STRATEGIES

HOME = Path(__file__).parent / "strategies"
DEEP = Path(__file__).parent / "learning"


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


def pages() -> dict[Path, str]:
    """Every page by its path."""
    found = {HOME / f"{name}.md": page(name) for name in STRATEGIES}
    # End-to-end strategies are read off their classes, which need PyTorch.
    if find_spec("torch") is not None:
        from peerannot.learning import strategy_names

        found |= {DEEP / f"{name}.md": deep_page(name) for name in strategy_names()}
    return found


if __name__ == "__main__":
    for home in (HOME, DEEP):
        home.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
