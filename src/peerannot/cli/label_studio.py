"""``peerannot label-studio``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from peerannot.cli._campaign import campaign_options, read_rules, run_campaign
from peerannot.cli._common import emit, emit_json, json_option, note, progress_bar, spoken_warnings
from peerannot.cli._paths import LocalPath

if TYPE_CHECKING:
    from peerannot.label_studio import Client, Mirror, Pushed, Wanted

__all__ = ["label_studio"]

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = LocalPath(file_okay=False)


@click.group("label-studio")
def label_studio() -> None:
    """Work with a project of a Label Studio server, live.

    The token of the server is read from PEERANNOT_LABEL_STUDIO_TOKEN or LABEL_STUDIO_API_KEY, else
    it is asked for; it is never written. A folder that was pulled into knows its project, so that
    --url and --project are needed once.
    """


def server_options(function: F) -> F:
    """``--url`` and ``--project``."""
    for option in (
        click.option(
            "--project",
            type=click.IntRange(1),
            help="Number of the project, as in /projects/N.  [default: that of the folder]",
        ),
        click.option(
            "--url",
            metavar="URL",
            help="Address of the server, http://localhost:8080.  [default: that of the folder]",
        ),
    ):
        function = option(function)
    return function


def answer_options(function: F) -> F:
    """``--control``, ``--users`` and ``--multiple``: how answers are read."""
    for option in (
        click.option(
            "--multiple",
            type=click.Choice(["error", "drop"]),
            default="error",
            show_default=True,
            help="What to do with several labels in one answer.",
        ),
        click.option(
            "--users",
            type=click.Choice(["email", "name", "id"]),
            help="What names a worker.  [default: email]",
        ),
        click.option(
            "--control", metavar="NAME", help="The control to read, where there are several."
        ),
    ):
        function = option(function)
    return function


@label_studio.command()
@click.argument("folder", metavar="FOLDER", type=FOLDER)
@server_options
@answer_options
@click.option("--images", is_flag=True, help="Fetch the images of the tasks, too.")
@json_option
def pull(
    folder: Path,
    url: str | None,
    project: int | None,
    control: str | None,
    users: Any,
    images: bool,
    multiple: str,
    as_json: bool,
) -> None:
    """Bring the answers of a project into the dataset FOLDER.

    The first time everything, then what changed since. Cancelled annotations are abstentions,
    ground truth goes to gold.json, workers go by e-mail. The folder is the same as one that
    'peerannot import' makes of an export.
    """
    from peerannot._text import few
    from peerannot.label_studio import pull as pull_

    client, _, number = connect(folder, url, project)
    with spoken_warnings(), progress_bar("pull") as progress:
        found = pull_(
            client, number, folder, control=control, users=users, images=images,
            multiple=multiple, progress=progress,
        )  # fmt: skip
    answers, report = found.imported.answers, found.imported.report
    if as_json:
        emit_json(
            "label-studio-pull",
            {
                "dataset": str(folder),
                "project": {"id": number, "title": found.project.title},
                "control": found.mirror.control,
                "tasks_fetched": found.refreshed.fetched,
                "tasks_removed": found.refreshed.removed,
                "n_tasks": answers.n_tasks,
                "n_workers": answers.n_workers,
                "n_answers": answers.n_answers,
                "classes": list(answers.classes),
                "gold": report.gold,
                "images": found.folder.images,
                "tasks_without_image": dict(found.without_image),
                "reading": report.as_dict(),
            },
        )
        return
    emit(str(folder))
    gone = f", {found.refreshed.removed:,} removed" if found.refreshed.removed else ""
    note(
        f"project {number} ({found.project.title}): {found.refreshed.fetched:,} tasks fetched{gone}"
    )
    for line in report.lines():
        note(line)
    note(
        f"{answers.n_tasks:,} tasks, {answers.n_workers:,} workers, {answers.n_answers:,} answers,"
        f" {answers.n_classes:,} classes"
    )
    if images:
        note(f"{found.folder.images:,} images fetched")
    if found.without_image:
        some = few((f"{task} ({why})" for task, why in found.without_image.items()), 3)
        note(f"{len(found.without_image):,} tasks have no image: {some}")


@label_studio.command()
@click.argument("folder", metavar="FOLDER", type=FOLDER)
@click.option(
    "--strategy",
    "-s",
    default="one-coin",
    show_default=True,
    help='Strategy by name, options in brackets: "DS[max_iter=50]".',
)
@click.option(
    "--model-version",
    default="peerannot",
    show_default=True,
    help="What the predictions go by; those of others are not touched.",
)
@click.option(
    "--columns",
    is_flag=True,
    help="Write agreement and number of answers into the data of each task, too: columns of the"
    " Data Manager.",
)
@click.option(
    "--serve",
    is_flag=True,
    help="Have the project serve tasks of low scores first.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@json_option
def push(
    folder: Path,
    strategy: str,
    model_version: str,
    columns: bool,
    serve: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write labels of the answers in FOLDER back, as predictions on the tasks of the project.

    Each task that has answers gets one, by its number, in the project's own control, with the
    probability of the label as its score. Only what differs is written, so a second push changes
    nothing. A project without a model version gets ours, so that the Data Manager shows the scores;
    those who label do not see the predictions.
    """
    from peerannot.aggregation import build
    from peerannot.io.votes import load_votes
    from peerannot.label_studio import push as push_
    from peerannot.label_studio import read_project, serve_by_score, show_scores, wanted

    rule = build(strategy)
    client, mirror, number = connect(folder, None, None)
    assert mirror is not None
    votes = load_votes(folder)
    with spoken_warnings(), progress_bar(rule.name) as progress:
        result = rule.fit(votes.answers, progress=progress)
    project = read_project(client, number, mirror.control)
    goal = wanted(votes.answers, result, columns=columns)
    with progress_bar("push") as progress:
        told = push_(
            client, project, goal, version=model_version, dry_run=dry_run, progress=progress
        )
    if not dry_run:
        (serve_by_score if serve else show_scores)(client, project, model_version)
    facts = {
        "project": {"id": number, "title": project.title},
        "strategy": rule.name,
        "model_version": model_version,
        "dry_run": dry_run,
        "created": told.count("create"),
        "changed": told.count("change"),
        "removed": told.count("remove"),
        "columns": told.count("columns"),
        "same": told.same,
        "tasks_missing": list(told.missing),
    }
    if as_json:
        emit_json("label-studio-push", facts)
        return
    if dry_run:
        _print_changes(told, goal)
    made, changed, removed = facts["created"], facts["changed"], facts["removed"]
    note(
        f"project {number} ({project.title}): {made:,} prediction{'s' * (made != 1)} made,"
        f" {changed:,} changed, {removed:,} removed; {told.same:,} tasks are right"
        + ("; this was a dry run, nothing is written" if dry_run else "")
    )
    if told.missing:
        note(f"{len(told.missing):,} tasks are not in the project any more; pull again")


@label_studio.command()
@click.argument("folder", metavar="FOLDER", type=FOLDER)
@server_options
@answer_options
@campaign_options
@click.option(
    "--model-version",
    default="peerannot",
    show_default=True,
    help="What the predictions go by; those of others are not touched.",
)
@click.option("--columns", is_flag=True, help="As 'label-studio push' has it.")
@click.option(
    "--webhook",
    metavar="[HOST:]PORT",
    help="Listen here (on 127.0.0.1 without HOST), and have the server tell of each answer.",
)
@json_option
def watch(
    folder: Path,
    url: str | None,
    project: int | None,
    control: str | None,
    users: Any,
    multiple: str,
    model_version: str,
    columns: bool,
    webhook: str | None,
    every: float,
    once: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Run a campaign in a project: label its answers as they come, write labels and scores back,
    open the tasks that are worth another answer and close the others, until the budget, the target
    accuracy or all tasks are done.

    FOLDER is a dataset as 'label-studio pull' makes it, kept up to date. Killed at any moment, the
    same command goes on.
    """
    from peerannot.label_studio import HOME, LabelStudio, listening, place_of

    rules = read_rules(given)
    place = None if webhook is None else place_of(webhook)
    client, _, number = connect(folder, url, project)
    tool = LabelStudio(
        client, number, folder, control=control, users=users, multiple=multiple,
        batch=rules.batch, version=model_version, columns=columns,
    )  # fmt: skip
    wake = threading.Event()
    with contextlib.ExitStack() as stack:
        if place is not None and not once:
            stack.enter_context(listening(client, number, *place, wake.set))
        run_campaign(
            "label-studio-watch", tool, rules, folder / HOME / "campaign", every=every, once=once,
            as_json=as_json, facts={"dataset": str(folder), "project": number}, wake=wake,
            explore_port=given["explore_port"],
        )  # fmt: skip


def _print_changes(told: Pushed, goal: Sequence[Wanted]) -> None:
    from peerannot.cli._table import print_table

    by_task = {one.task: one for one in goal}
    rows = []
    for change in told.changes:
        one = by_task[change.task]
        cells = (change.what, change.task, change.label, change.score, one.agreement, one.answers)
        rows.append(["" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
                     for cell in cells])  # fmt: skip
    if rows:
        print_table(["change", "task", "label", "score", "agreement", "answers"], rows)


def connect(
    folder: Path, url: str | None, project: int | None
) -> tuple[Client, Mirror | None, int]:
    """The server, what is known of the project, and its number: as said, else as the folder says.

    Raises
    ------
    click.UsageError
        Neither says it.
    ParameterError
        The folder is of another project, or there is no token.
    """
    from peerannot.label_studio import Client, Mirror, find_token, server_url

    address = None if url is None else server_url(url)
    mirror = Mirror.load(folder)
    if mirror is not None:
        mirror.same(address, project)
        address, project = mirror.url, mirror.project
    if address is None or project is None:
        raise click.UsageError(
            f"{folder} was not pulled into yet: label-studio pull needs --url and --project"
        )
    return Client(address, find_token(_ask)), mirror, project


def _ask() -> str:
    """The token, of a person at a terminal."""
    import sys

    if not sys.stdin.isatty():
        return ""
    return str(click.prompt("Token of Label Studio", hide_input=True, err=True))
