"""The page: template, style, script and data put together into one file that loads nothing."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from peerannot._optional import require
from peerannot._progress import Progress, silent
from peerannot._version import __version__
from peerannot.report._facts import facts
from peerannot.report._format import average, count, counted, score, share
from peerannot.report._script import bundle
from peerannot.report._source import ReportSource
from peerannot.report._thumbs import thumbnails

__all__ = ["Page", "draw", "fill", "render"]

_PICTURES = 3_600_000


@dataclass(frozen=True)
class Page:
    """A report, and what its reader should know of it.

    Attributes
    ----------
    content : bytes
        The HTML file.
    notes : list of str
        What was left out, and why.
    bad : list of (Path, str)
        Images that cannot be read, and why.
    """

    content: bytes
    notes: list[str]
    bad: list[tuple[Path, str]]


def render(
    source: ReportSource,
    *,
    n_tasks: int = 1000,
    editable: bool = False,
    limit: int = 5_000_000,
    progress: Progress = silent,
) -> bytes:
    """The report as one HTML file: the content of `draw`, which has the options and errors."""
    return draw(source, n_tasks=n_tasks, editable=editable, limit=limit, progress=progress).content


def draw(
    source: ReportSource,
    *,
    n_tasks: int = 1000,
    editable: bool = False,
    live: str | None = None,
    limit: int = 5_000_000,
    progress: Progress = silent,
) -> Page:
    """Draw the report as one HTML file; the same source gives the same bytes.

    Parameters
    ----------
    source
        Votes and results.
    n_tasks
        Most tasks in the explorer; the most uncertain ones where there are more.
    editable
        Whether labels can be corrected: for `Explorer`, which receives them.
    live
        Version of a page that is to be loaded again when its server has another: for `LivePage`.
    limit
        Bytes that the file has at most: images are left out for it.
    progress
        Told about the images read.

    Raises
    ------
    MissingDependencyError
        jinja2 is not installed (extra ``report``).
    """
    require("jinja2", extra="report", feature="the report")
    document = facts(source, n_tasks=n_tasks)
    shown = document.pop("position").tolist()
    document["editable"] = editable
    document["live"] = live
    lost: list[tuple[Path, str]] = []
    if source.images is not None:
        paths = [source.images[i] for i in shown]
        room = limit - 200_000 - len(_escaped(document))
        pictures, lost = thumbnails(paths, max(min(room, _PICTURES), 0), progress=progress)
        document["pictures"] = pictures
        document["notes"] += unreadable(lost)
        left = sum(p is not None for p in paths) - len(lost) - sum(map(bool, pictures))
        if left:
            document["notes"].append(f"{count(left)} images are left out to keep the file small")
    content = fill(
        "report.html.j2",
        "main.mjs",
        document,
        served=editable or live is not None,
        figures=_figures(document),
        explorer_lead=_lead(document, n_tasks),
    )
    return Page(content, list(document["notes"]), lost)


def unreadable(lost: Sequence[tuple[Path, str]]) -> list[str]:
    """A note of the images that cannot be read; none where all can."""
    if not lost:
        return []
    path, why = lost[0]
    return [f"{count(len(lost))} images cannot be read, the first is {path.name} ({why})"]


def fill(
    template: str, script: str, document: dict[str, Any], *, served: bool, **values: Any
) -> bytes:
    """A template of ``page`` with style, a module with all that it imports, and data.

    Where it is ``served`` it may speak to its server.

    Raises
    ------
    MissingDependencyError
        jinja2 is not installed (extra ``report``).
    """
    jinja2 = require("jinja2", extra="report", feature="the report")
    safe = require("markupsafe", extra="report", feature="the report").Markup
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, code = _text("style.css"), bundle(script)
    page = environment.from_string(_text(template)).render(
        d=document,
        version=__version__,
        average=average,
        count=count,
        counted=counted,
        score=score,
        share=share,
        # Only what was written here is marked as safe.
        style=safe(style),
        script=safe(code),
        data=safe(_escaped(document)),
        policy=_policy(style, code, served),
        **values,
    )
    return str(page).encode() + b"\n"


def _text(name: str) -> str:
    return (files("peerannot.report") / "page" / name).read_text(encoding="utf-8")


def _escaped(document: Any) -> str:
    """JSON that can stand in a script element: no text in it can end the element."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    # A lone surrogate, from a damaged id, cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode()


def _policy(style: str, script: str, served: bool) -> str:
    """Nothing is loaded, and only our own script runs."""

    def digest(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    connect = "'self'" if served else "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src {digest(style)};"
        f" script-src {digest(script)}; connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _lead(document: dict[str, Any], n_tasks: int) -> str:
    total, shown = document["totals"]["tasks"], len(document["tasks"]["id"])
    if shown < total:
        return (
            f"The {count(shown)} most uncertain of {counted(total, 'task')}, by the entropy of the"
            " posterior and then of the votes; sorting and filters act on these. For more:"
            " --tasks N."
        )
    return "Every task, the most uncertain first. Open one to see who answered what."


def _figures(document: dict[str, Any]) -> Sequence[tuple[str, str, str]]:
    """The key numbers: value, name, and a few words."""
    totals, alpha = document["totals"], document["alpha"]
    repeated = max(totals["repeated"], 1)
    figures = [
        (
            score(alpha["value"]),
            "agreement",
            "Krippendorff's alpha",
        ),
        (share(totals["unanimous"] / repeated), "unanimous", "tasks of two answers or more"),
        (share(totals["confidence"]), "confidence", "mean probability of the label"),
        (
            count(totals["ambiguous"]),
            "ambiguous tasks",
            f"confidence under {share(document['ambiguous_below'])}",
        ),
        (count(totals["flagged"]), "workers to look at", f"of {count(totals['workers'])}"),
    ]
    if totals["accuracy"] is not None:
        figures.insert(3, (share(totals["accuracy"]), "accuracy", "by " + totals["checked_by"]))
    return figures
