"""``peerannot watch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._campaign import campaign_options, read_rules, run_campaign
from peerannot.cli._common import json_option, must_write_csv, spreadsheet_option
from peerannot.cli._paths import LocalPath
from peerannot.cli._votes import read_keywords, reading_names, reading_options

if TYPE_CHECKING:
    from peerannot.campaign import Decision

__all__ = ["watch"]

FILE = LocalPath(dir_okay=False)


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("votes", metavar="FILE|FOLDER", type=LocalPath())
@campaign_options
@click.option(
    "--tasks",
    "tasks_file",
    type=FILE,
    help="Table of all tasks, with a column task: those without answers are asked first, other"
    " columns (image_url) go into --next. Without it nobody knows when all are done.",
)
@click.option("--next", "next_file", type=FILE, help="Write whom to ask about what here.")
@click.option(
    "--to",
    metavar="FORMAT",
    help="Format of --next: csv, parquet, ndjson, label-studio or mturk; default: by its ending.",
)
@click.option("-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of --to.")
@click.option("--labels", "labels_file", type=FILE, help="Write the labels here.")
@click.option(
    "--state",
    type=LocalPath(file_okay=False),
    help="Folder of the campaign's state.  [default: FILE.campaign]",
)
@reading_options(without=("labels",))
@spreadsheet_option
@json_option
def watch(
    votes: Path,
    tasks_file: Path | None,
    next_file: Path | None,
    to: str | None,
    options: tuple[str, ...],
    labels_file: Path | None,
    state: Path | None,
    every: float,
    once: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Follow votes in FILE, or in the files of FOLDER, as they grow: label, tell what to ask next
    and which tasks are done, until the budget, the target accuracy or all tasks are done.

    FILE grows by rows that are appended, FOLDER by files, of any format that 'import' knows. Killed
    at any moment, the same command goes on.
    """
    from peerannot._options import parse_pairs
    from peerannot.allocation import TaskList, read_tasks
    from peerannot.allocation.handing import Handed, format_of, hand
    from peerannot.campaign.files import Files, write_labels
    from peerannot.errors import ParameterError
    from peerannot.io import may_write

    rules = read_rules(given)
    outputs: dict[Path, Any] = {}
    tasks = TaskList() if tasks_file is None else read_tasks(tasks_file)
    if next_file is not None:
        to, extra = format_of(next_file, to), parse_pairs(options)

        def write_next(path: Path, decision: Decision) -> None:
            hand(path, Handed(decision.plan, decision.answers, tasks, extra), to)

        outputs[next_file] = write_next
    elif to is not None or options:
        raise click.UsageError("--to and -P are of --next; give the file, too")
    if labels_file is not None:
        may_write(labels_file, force=True)
        outputs[labels_file] = write_labels
    must_write_csv(*outputs)
    if rules.target_accuracy is not None and tasks_file is None:
        raise ParameterError(
            "--target-accuracy needs --tasks FILE: without it nobody knows which tasks are to come"
        )
    if any(path.resolve() == votes.resolve() for path in outputs):
        raise ParameterError(f"{votes}: has the votes; write to another file")
    reading = {name: given[name] for name in reading_names() if name in given}
    listed = None if tasks_file is None else list(tasks.ids)
    tool = Files(votes, outputs, listed, read_keywords(reading))
    home = state or votes.with_name(f"{votes.resolve().name}.campaign")
    outcome = {"votes": str(votes), **{k: str(v) for k, v in
               (("next", next_file), ("labels", labels_file)) if v}}  # fmt: skip
    run_campaign(
        "watch", tool, rules, home, every=every, once=once, as_json=as_json, facts=outcome,
        explore_port=given["explore_port"],
    )  # fmt: skip
