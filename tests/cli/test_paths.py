"""A URL is never taken as a path on this machine."""

from __future__ import annotations

import click
import pytest

from peerannot.cli._main import COMMANDS, peerannot
from peerannot.cli._paths import PathOrUrl
from peerannot.errors import ParameterError

URL = "s3://bucket/x"
# What is written there is no path, but a name within the data set.
NAMES = {"--output-name"}


def parameters(command: str) -> list[click.Parameter]:
    """Those of a command and of all commands below it."""
    context = click.Context(peerannot)
    found = peerannot.get_command(context, command)
    assert found is not None
    below = found.commands.values() if isinstance(found, click.Group) else ()
    return [*found.params, *(one for each in below for one in each.params)]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_url_is_no_path(command: str) -> None:
    context = click.Context(click.Command(command))
    for one in parameters(command):
        if "output" in one.opts[0] and one.opts[0] not in NAMES:
            assert isinstance(one.type, click.Path), one.opts
        if not isinstance(one.type, click.Path):
            continue
        if isinstance(one.type, PathOrUrl):
            assert (command, one.opts[0]) == ("aggregate", "--output")
            continue
        with pytest.raises(ParameterError, match=f"{URL} is a URL; give a path on this machine"):
            one.type_cast_value(context, (URL,) if one.multiple or one.nargs == -1 else URL)


@pytest.mark.parametrize("engine", ["auto", "memory", "disk"])
@pytest.mark.parametrize("votes", ["votes.csv", "votes.parquet"])
def test_labels_go_to_a_url_from_dask_only(run, tmp_path, engine, votes) -> None:
    import polars as pl

    table = pl.DataFrame({"task": ["a", "b"], "worker": ["u", "v"], "label": ["x", "y"]})
    table.write_csv(tmp_path / "votes.csv")
    table.write_parquet(tmp_path / "votes.parquet")
    before = sorted(tmp_path.rglob("*"))
    done = run("aggregate", votes, "--engine", engine, "-o", URL, cwd=tmp_path, code=2)
    assert done.stderr == "Error: --output URL is for --engine dask\n"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "args",
    [
        ("export", "votes.csv", "--to", "label-studio", "-o"),
        ("simulate", "--n-worker", 3, "--n-task", 3, "--folder"),
        ("check", "votes.csv", "-s", "DS", "-o"),
        ("aggregate", "votes.csv", "--workers-output"),
        ("import", "votes.csv", "--to"),
    ],
    ids=lambda args: args[0],
)
def test_commands_write_nothing_to_a_url(run, tmp_path, args) -> None:
    (tmp_path / "votes.csv").write_text("task,worker,label\na,u,x\nb,u,y\n")
    done = run(*args, URL, cwd=tmp_path, code=2)
    name = "--output" if args[-1] == "-o" else args[-1]
    assert done.stderr == f"Error: {name}: {URL} is a URL; give a path on this machine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["votes.csv"]
