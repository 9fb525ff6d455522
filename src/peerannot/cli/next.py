"""``peerannot next``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit_json,
    json_option,
    must_write_csv,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._paths import LocalPath
from peerannot.cli._strategy import strategy_option
from peerannot.cli._votes import answers_file_option, load_votes, reading_options

if TYPE_CHECKING:
    from peerannot.allocation import Plan
    from peerannot.predictive import Trusted

__all__ = ["next_"]

FILE = LocalPath(dir_okay=False)


@click.command(name="next", epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@click.option(
    "--budget",
    "-n",
    type=float,
    required=True,
    help="Number of answers to ask for; with --cost, what they may cost.",
)
@click.option(
    "--policy",
    "-p",
    default="mutual-information",
    show_default=True,
    help='Policy by name, options in brackets: "uniform[seed=1]"; all are in docs/allocation.md.',
)
@strategy_option()
@click.option(
    "--workers",
    "workers_file",
    type=FILE,
    help="Table of who can be asked, with a column worker.  [default: who has answered]",
)
@click.option(
    "--tasks",
    "tasks_file",
    type=FILE,
    help="Table of all tasks, with a column task: those without answers are asked, too, and other"
    " columns (image_url) go into the output.  [default: those of the answers, and images of"
    " DATASET that nobody has answered]",
)
@click.option(
    "--cost",
    metavar="COL",
    help="Column with the cost of an answer, of --workers, of --tasks, or of both, which are then"
    " multiplied.",
)
@click.option(
    "--worker",
    "-w",
    "ask",
    multiple=True,
    metavar="NAME",
    help="Ask this worker alone; repeatable.",
)
@click.option(
    "--per-worker",
    metavar="M|COL",
    help="Most answers to ask of each worker: a number, or the column of --workers with it.",
)
@click.option("--allowed", type=FILE, help="Table of task and worker: ask only these pairs.")
@click.option("--forbidden", type=FILE, help="Table of task and worker: ask none of these pairs.")
@click.option(
    "--gold",
    type=FILE,
    help="Known labels (columns task, label; or JSON, .npy), which the strategy keeps fixed: new"
    " workers are asked about these tasks first, nobody else is.",
)
@click.option(
    "--probes",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="With --gold: answers from which on a worker is not new.",
)
@click.option(
    "--probabilities",
    type=FILE,
    multiple=True,
    help="What a classifier says of each task, for the policy activelab or -s crowdlab: a table"
    " with a column task (or image) and one of each class, as 'peerannot predict' writes it, or"
    " .npy (n_tasks, K); repeatable for several classifiers.",
)
@click.option(
    "--stop",
    "rules",
    multiple=True,
    metavar="RULE=VALUE",
    help="When a task is done: sure=0.99 (the default; none for never), error=0.05, answers=5,"
    " hopeless=0.001, gain=0.001; repeatable.",
)
@click.option(
    "--check",
    "stored",
    metavar="FILE|none",
    help="Whether the model fits decides whose probabilities may end a task: a check.json of"
    " 'peerannot check --output', or none to trust the strategy as it is.  [default: checked now,"
    " on at most 5,000 answers]",
)
@answers_file_option
@reading_options(without={"worker"})
@click.option(
    "--output",
    "-o",
    type=FILE,
    help="Write the table here instead of showing it.",
)
@click.option(
    "--to",
    metavar="FORMAT",
    help="Format of --output: csv, parquet, ndjson, label-studio or mturk; default: by its ending.",
)
@click.option("-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of --to.")
@click.option("--done", type=FILE, help="Write the tasks that are done, with the reason, here.")
@click.option("--force", is_flag=True, help="Overwrite the outputs.")
@spreadsheet_option
@json_option
def next_(
    dataset: str,
    budget: float,
    policy: str,
    strategy: str,
    rules: tuple[str, ...],
    stored: str | None,
    answers_file: str,
    output: Path | None,
    to: str | None,
    options: tuple[str, ...],
    done: Path | None,
    force: bool,
    as_json: bool,
    gold: Path | None,
    probes: int,
    probabilities: tuple[Path, ...],
    workers_file: Path | None,
    tasks_file: Path | None,
    cost: str | None,
    ask: tuple[str, ...],
    per_worker: str | None,
    allowed: Path | None,
    forbidden: Path | None,
    **reading: Any,
) -> None:
    """Tell which tasks of DATASET (default: this folder) or FILE to ask whom about next.

    A strategy is fitted; then pairs of task and worker are chosen one after the other, the one
    whose answer is worth most per cost first, and nobody is asked a second time. Tasks that are
    done are counted, with why. Where the model of the strategy fails its check, the one that
    relaxes what fails decides, with probabilities tempered by answers that it has not seen.
    """
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.allocation import Stop, TaskList, plan, read_tasks
    from peerannot.allocation import build as build_policy
    from peerannot.allocation.handing import Handed, format_of, hand
    from peerannot.cli._asking import Asked, Known
    from peerannot.io import may_write, write_table

    must_write_csv(*(path for path in (output, done) if path is not None))
    if output is None and (to is not None or options):
        raise click.UsageError("--to and -P are of --output; give the file, too")
    given = parse_pairs(options)
    if output is not None:
        to = format_of(output, to)
        may_write(output, force=force, suffixes=())
    if done is not None:
        may_write(done, force=force)
    chosen, rule = build_policy(policy), build(strategy)
    stop = Stop.of(parse_pairs(rules, where="--stop"))
    tasks = TaskList() if tasks_file is None else read_tasks(tasks_file)
    who = Asked.read(workers_file, tasks_file, tasks, cost, per_worker, ask)
    votes = load_votes(dataset, answers_file=answers_file, **reading)
    listed = None if tasks_file is None else tasks
    known = Known.read(dataset, votes.answers, listed, gold, probabilities)
    known.must_be_of_use(chosen, rule)
    pairs = who.pairs(known.answers, allowed, forbidden)
    with spoken_warnings(), progress_bar(rule.name) as progress:
        trust = None if stored == "none" else _trust(
            rule, known.answers, stop, _stored(stored), known.for_strategy(rule), progress
        )  # fmt: skip
        if trust is None:
            result = rule.fit(known.answers, progress=progress, **known.for_strategy(rule))
        else:
            result = trust.result
    with spoken_warnings(), progress_bar("next") as progress:
        found = plan(
            result, budget, **who.arguments(), **pairs, **known.for_policy(chosen), probes=probes,
            policy=chosen, stop=stop, progress=progress,
        )  # fmt: skip
    table = found.table()
    if output is not None:
        hand(output, Handed(found, known.answers, tasks, given), to)
    if done is not None:
        write_table(done, found.done_table())
    if as_json:
        emit_json(
            "next",
            {
                "policy": chosen.name,
                "strategy": rule.name,
                "check": None if trust is None else trust.as_dict(),
                "budget": budget,
                "spent": found.spent,
                "unit": chosen.unit or None,
                "asked": [
                    dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)
                ],
                "done": found.done_counts(),
                "n_tasks": found.n_candidates,
                **votes.facts,
            },
        )
        return
    if output is None and found.picks:
        _print(table, costly=cost is not None)
    if trust is not None:
        note(trust.sentence)
    _tell(found, budget, output, done)


def _stored(path: str | None) -> Any:
    """A check that was written before; None where there is none."""
    from peerannot._files import read_json
    from peerannot.errors import DataError

    if path is None:
        return None
    found = read_json(Path(path))
    if not isinstance(found, dict):
        raise DataError(f"{path}: not a check.json of 'peerannot check --output'")
    return found


def _trust(
    rule: Any, answers: Any, stop: Any, known: Any, given: Any, progress: Any
) -> Trusted | None:
    """Whose probabilities decide; None where none end a task."""
    from peerannot.predictive import trusted

    left = [v for v in (None if stop.sure is None else 1 - stop.sure, stop.error) if v is not None]
    if not left:
        return None
    return trusted(
        answers, rule, stored=known, tolerance=max(min(left), 0.001), progress=progress, **given
    )


def _print(table: dict[str, Any], *, costly: bool) -> None:
    from peerannot.cli._table import print_table

    columns = ["task", "worker", "gain", *(["cost"] if costly else []), "reason"]
    rows = zip(*(table[name] for name in columns), strict=True)
    print_table(columns, [[_cell(value) for value in row] for row in rows])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tell(found: Plan, budget: float, output: Path | None, done: Path | None) -> None:
    n = found.n_candidates
    counts = found.done_counts()
    total = sum(counts.values())
    why = f": {', '.join(f'{reason} {m:,}' for reason, m in counts.items())}" * bool(total)
    what = f"all {n:,} tasks are done" if total == n else f"{total:,} of {n:,} tasks are done"
    note(f"{what}{why}")
    unit = f"; gain in {found.policy.unit}" if found.policy.unit else ""
    note(f"{len(found.picks):,} answers to ask for, {found.spent:g} of {budget:g} spent{unit}")
    if found.spent < budget and total < n:
        note(
            "Nothing more to ask for: nobody who may and can be paid gains anything; more workers,"
            " --per-worker or other --stop rules would"
        )
    for path in (output, done):
        if path is not None:
            note(str(path))
