"""The group of commands, loaded one at a time, and the way every error leaves."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from peerannot._text import did_you_mean
from peerannot._version import __version__
from peerannot.errors import ExitCode, PeerannotError

__all__ = ["main"]

# Command: module that holds it as an attribute of the same name (hyphens as underscores), help.
COMMANDS: dict[str, tuple[str, str]] = {
    "aggregate": ("aggregate", "Turn votes into labels with a strategy."),
    "aggregate-deep": ("aggregate_deep", "Train a network directly on the votes."),
    "agginfo": ("info", "List the aggregation strategies."),
    "compare": ("compare", "Compare strategies on your votes, with or without truth."),
    "completion": ("completion", "Print the script that completes commands in a shell."),
    "datasets": ("datasets", "List, describe and install public crowd sets."),
    "demo": ("demo", "Build the demo data set and run the main job on it."),
    "doctor": ("doctor", "Tell versions, extras, devices, threads and caches."),
    "evaluate": ("evaluate", "Score strategies against known labels."),
    "explore": ("explore", "Look at the tasks in the browser and correct labels."),
    "export": ("export", "Write answers or labels for another tool."),
    "export-model": ("export_model", "Write a trained network as ONNX."),
    "identificationinfo": ("info", "List the identification methods."),
    "identify": ("identify", "Find ambiguous tasks and unreliable workers."),
    "import": ("import_", "Make a data set of an export of a labelling tool."),
    "install": ("install", "Install a data set from its recipe."),
    "modelinfo": ("info", "List the networks that can be trained."),
    "predict": ("predict", "Predict the classes of images with a trained network."),
    "report": ("report", "Draw a report of votes, workers and labels into one HTML file."),
    "simulate": ("simulate", "Simulate a crowd with known truth."),
    "train": ("train", "Train a network on aggregated labels."),
}


class _Commands(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"peerannot.cli.{COMMANDS[name][0]}")
        attribute = name.replace("-", "_")
        # A command named as a Python keyword has an underscore behind it.
        command: click.Command = getattr(module, attribute, None) or getattr(
            module, f"{attribute}_"
        )
        if "_PEERANNOT_COMPLETE" in os.environ:
            from peerannot.cli._complete import attach

            attach(command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            name = args[0] if args else ""
            raise click.UsageError(
                f"no command {name!r}{did_you_mean(name, COMMANDS)}", ctx
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="PeerAnnot", message="%(prog)s version %(version)s")
@click.pass_context
def peerannot(ctx: click.Context) -> None:
    """Manage crowdsourced labels for classification and learn from them."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> NoReturn:
    """Run the command line and exit with the documented code; errors are one line, no traceback."""
    try:
        code = peerannot.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else ExitCode.OK)
    except click.ClickException as error:
        if "--json" in sys.argv:
            _fail(error.format_message(), error.exit_code, "UsageError")
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; nothing half written is left", ExitCode.INTERRUPTED, "Interrupted")
    except BrokenPipeError:
        # The reader (head, less) has gone: that is no fault. Keep Python quiet at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except PeerannotError as error:
        _fail(str(error), error.exit_code, type(error).__name__)
    except MemoryError as error:
        _fail(f"not enough memory: {error}", ExitCode.FAILURE, "MemoryError")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}", ExitCode.FAILURE, type(error).__name__)


def _fail(message: str, code: int, kind: str) -> NoReturn:
    line = " ".join(message.split())
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": {"code": int(code), "kind": kind, "message": line}}))
    click.echo(f"Error: {line}", err=True)
    sys.exit(int(code))
