"""Campaigns on the command line: their options, lines of progress and signals, for every tool."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from peerannot.cli._common import emit_json, note, spoken_warnings
from peerannot.cli._paths import LocalPath
from peerannot.errors import PeerannotError

if TYPE_CHECKING:
    from peerannot.campaign import Decision, Round, Rules, Tool
    from peerannot.report import LivePage, ReportSource

__all__ = ["campaign_options", "read_rules", "round_line", "run_campaign"]

F = TypeVar("F", bound=Callable[..., Any])

FILE = LocalPath(dir_okay=False)

_OPTIONS = (
    click.option(
        "--strategy", "-s", default="one-coin", show_default=True,
        help='Strategy by name, options in brackets: "DS[max_iter=50]".',
    ),
    click.option(
        "--policy", "-p", default="mutual-information", show_default=True,
        help="Policy by name, options in brackets; all are in docs/allocation.md.",
    ),
    click.option(
        "--budget", "-n", type=float,
        help="Answers from the first round on; with --cost, what they may cost.",
    ),
    click.option(
        "--target-accuracy", type=float, metavar="A",
        help="Over once the expected share of right labels is A.",
    ),
    click.option(
        "--stop", "stops", multiple=True, metavar="RULE=VALUE",
        help="When a task is done, as 'peerannot next' has it: sure=0.99 (the default);"
        " repeatable.",
    ),
    click.option(
        "--least", type=click.IntRange(0), default=2, show_default=True,
        help="Answers that a task has at least before it is done.",
    ),
    click.option(
        "--batch", type=click.IntRange(1), default=100, show_default=True,
        help="Pairs of task and worker to ask next.",
    ),
    click.option(
        "--workers", "workers_file", type=FILE,
        help="Table of who can be asked, with a column worker.  [default: who has answered]",
    ),
    click.option("--cost", metavar="COL", help="Column of --workers with the cost of an answer."),
    click.option("--per-worker", type=click.IntRange(1), help="Most pairs of a batch for one."),
    click.option(
        "--per-task", type=click.IntRange(1), metavar="M",
        help="Answers to each task that would be asked for otherwise: tells how many are saved.",
    ),
    click.option(
        "--online", is_flag=True,
        help="Add new answers to what the strategy learned, instead of a fit of all.",
    ),
    click.option("--no-check", is_flag=True, help="Do not check the model now and then."),
    click.option(
        "--every", type=click.FloatRange(0.05), default=10.0, show_default=True,
        help="Seconds between two looks.",
    ),
    click.option(
        "--explore", "explore_port", type=click.IntRange(0, 65535), metavar="PORT",
        help="Serve a page of what is known on this port of this machine; 0 for a free one.",
    ),
    click.option("--once", is_flag=True, help="One round and no more, as for cron."),
)  # fmt: skip


def campaign_options(function: F) -> F:
    """Options of `read_rules` and `run_campaign`."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


def read_rules(given: Mapping[str, Any]) -> Rules:
    """What `campaign_options` gave, as rules.

    Raises
    ------
    PeerannotError
        An option is out of range, or the table of workers cannot be used.
    """
    from peerannot._options import parse_pairs
    from peerannot.allocation import Stop, read_workers
    from peerannot.campaign import Rules

    names, costs = None, None
    if given["workers_file"] is not None:
        names, listed = read_workers(given["workers_file"], given["cost"])
        costs = None if listed is None else dict(zip(names, listed, strict=True))
    elif given["cost"] is not None:
        raise click.UsageError("--cost is a column of --workers; give the file, too")
    same = ("strategy", "policy", "budget", "target_accuracy", "least", "batch", "per_worker",
            "per_task", "online")  # fmt: skip
    return Rules(
        **{name: given[name] for name in same},
        stop=Stop.of(parse_pairs(given["stops"], where="--stop")),
        workers=names,
        cost=costs,
        checks=not given["no_check"],
    )


def run_campaign(
    schema: str,
    tool: Tool,
    rules: Rules,
    state: Path,
    *,
    every: float,
    once: bool,
    as_json: bool,
    explore_port: int | None = None,
    facts: Mapping[str, Any] | None = None,
    wake: threading.Event | None = None,
) -> None:
    """Run a campaign until it is over or stopped; a line a round on stderr.

    Parameters
    ----------
    schema
        Name of the command, for the document of ``as_json``.
    explore_port
        Port of a page that shows each round; None for none.
    facts
        What else goes into that document.
    wake
        Set to look at the tool at once.

    Raises
    ------
    PeerannotError
        The tool cannot be used; with ``once`` also where it is away.
    """
    from peerannot.campaign import Campaign, run

    if once and explore_port is not None:
        raise click.UsageError("--explore is for a campaign that goes on: leave out --once")
    last: list[Round] = []

    def tell(decision: Decision) -> None:
        last[:] = [decision.round]
        note(round_line(decision.round))
        if page is not None:
            try:
                page.show(_report(tool.name, decision))
            except PeerannotError as error:
                # It is looked at; the campaign is what counts.
                note(f"The page stays as it was: {error}")

    wake, stop = wake or threading.Event(), threading.Event()
    with spoken_warnings(), _signals(stop, wake), _page(explore_port) as page:
        campaign = Campaign(tool, rules, state, note)
        if once:
            decision = campaign.round()
            if decision is not None:
                tell(decision)
        else:
            run(campaign, every=every, told=tell, wake=wake, stop=stop)
    if stop.is_set():
        note(f"Stopped; the same command goes on with {state}")
    if as_json:
        found = last[0].as_dict() if last else None
        emit_json(schema, {"round": found, "state": str(state), **(facts or {})})


def round_line(found: Round) -> str:
    """The numbers of a round in a line for people."""
    parts = [
        f"round {found.number}: {found.n_answers:,} answers ({found.n_new:+,})",
        f"{found.n_done:,} of {found.n_tasks:,} tasks done",
        f"accuracy {found.accuracy:.3f} by its own account",
    ]
    if found.saved is not None:
        parts.append(f"{found.saved:,} answers saved")
    if found.budget is not None:
        parts.append(f"{found.spent:g} of {found.budget:g} spent")
    parts.append(f"over: {found.over}" if found.over else f"{found.asked:,} to ask")
    return ", ".join(parts)


@contextmanager
def _page(port: int | None) -> Iterator[LivePage | None]:
    """A page that shows rounds, and its address; None where none is wanted."""
    if port is None:
        yield None
        return
    from peerannot.report import LivePage

    with LivePage(port) as page:
        note(f"The labels as they come: {page.url}")
        yield page


def _report(name: str, decision: Decision) -> ReportSource:
    from peerannot.report import ReportSource

    strategy = decision.result.strategy
    return ReportSource(name, decision.answers, {strategy: decision.result}, strategy)


@contextmanager
def _signals(stop: threading.Event, wake: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the campaign after the step that is being done, a second at once."""

    def asked(number: int, _: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        wake.set()

    kinds = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32":
        kinds.append(signal.SIGHUP)
    before = {kind: signal.signal(kind, asked) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
