"""Write a page per strategy from its docstring and options: ``python docs/generate.py``.

The docstring is the source: model, update, options, cost, references. A test checks that the
pages are those of the code.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from peerannot._options import describe
from peerannot.aggregation import STRATEGIES

HOME = Path(__file__).parent / "strategies"


def page(name: str) -> str:
    """Markdown of a strategy's page."""
    cls = STRATEGIES[name]
    text = inspect.cleandoc(cls.__doc__ or "")
    text = re.sub(r"\n\n(Parameters)\n-+\n.*?(?=\n\n\w[\w ]*\n-+\n|\Z)", "", text, flags=re.DOTALL)
    text = re.sub(r"^(\w[\w ]*)\n-{3,}$", r"## \1", text, flags=re.MULTILINE)
    text = re.sub(
        r"\.\. math::\n((?:\n|    .*\n?)+)",
        lambda m: "$$\n" + inspect.cleandoc(m[1]).strip() + "\n$$\n\n",
        text,
    )
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    also = ", ".join(f"`{alias}`" for alias in cls.aliases)
    rows = "\n".join(
        f"| `{key}` | {kind.replace('|', ' or ')} | `{default}` | {meaning} |"
        for key, kind, default, meaning in describe(cls)
    )
    takes = [w for w, has in (("gold", cls.takes_gold), ("init", cls.takes_init)) if has]
    return (
        f"# {name}\n\n"
        f"`peerannot aggregate DATASET -s {name}`"
        + (f", also {also}" if also else "")
        + f"; `from peerannot.aggregation import {cls.__name__}`"
        + (f"; takes `{'=` and `'.join(takes)}=`" if takes else "")
        + f".\n\n{text.strip()}\n\n## Options\n\n"
        f"| option | type | default | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def pages() -> dict[Path, str]:
    """Every page by its path."""
    return {HOME / f"{name}.md": page(name) for name in STRATEGIES}


if __name__ == "__main__":
    HOME.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
