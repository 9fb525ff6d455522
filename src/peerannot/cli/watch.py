"""``peerannot watch``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from peerannot.cli._campaign import campaign_options, read_rules, run_campaign
from peerannot.cli._common import json_option, must_write_csv, spreadsheet_option
from peerannot.cli._paths import LocalPath
from peerannot.cli._votes import read_keywords, reading_names, reading_options

__all__ = ["watch"]

FILE = LocalPath(dir_okay=False)


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("votes", metavar="FILE|FOLDER", type=LocalPath())
@campaign_options
@click.option(
    "--tasks",
    "tasks_file",
    type=FILE,
    help="Table of all tasks, with a column task: those without answers are asked first, and"
    " without it nobody knows when all are done.",
)
@click.option("--next", "next_file", type=FILE, help="Write whom to ask about what here.")
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
    from peerannot.campaign.files import Files, write_labels, write_next
    from peerannot.errors import ParameterError
    from peerannot.io import Source, may_write, read_columns

    rules = read_rules(given)
    outputs: dict[Path, Any] = {}
    for path, write in ((next_file, write_next), (labels_file, write_labels)):
        if path is not None:
            may_write(path, force=True)
            outputs[path] = write
    must_write_csv(*outputs)
    if rules.target_accuracy is not None and tasks_file is None:
        raise ParameterError(
            "--target-accuracy needs --tasks FILE: without it nobody knows which tasks are to come"
        )
    if any(path.resolve() == votes.resolve() for path in outputs):
        raise ParameterError(f"{votes}: has the votes; write to another file")
    tasks = None
    if tasks_file is not None:
        names = ("task", "task_id", "item", "id")
        tasks = read_columns(Source.open(tasks_file), {"task": names})[0]["task"].to_list()
    reading = {name: given[name] for name in reading_names() if name in given}
    tool = Files(votes, outputs, tasks, read_keywords(reading))
    home = state or votes.with_name(f"{votes.resolve().name}.campaign")
    outcome = {"votes": str(votes), **{k: str(v) for k, v in
               (("next", next_file), ("labels", labels_file)) if v}}  # fmt: skip
    run_campaign("watch", tool, rules, home, every=every, once=once, as_json=as_json, facts=outcome)
