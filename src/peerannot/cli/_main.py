"""The group of commands, loaded one at a time, and the way every error leaves."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from peerannot import errors
from peerannot._text import advice, did_you_mean, one_line
from peerannot._version import __version__
from peerannot.cli._common import spoken_warnings
from peerannot.cli._last_resort import debugging, enough_memory, out_of_memory, report, trace_of
from peerannot.cli._terminal import Notes, emit, hush, note, prepare
from peerannot.errors import ExitCode, PeerannotError

__all__ = ["main"]

# Command: module that holds it as an attribute of the same name (hyphens as underscores), help.
COMMANDS: dict[str, tuple[str, str]] = {
    "aggregate": ("aggregate", "Turn votes into labels with a strategy."),
    "aggregate-deep": ("aggregate_deep", "Train a network directly on the votes."),
    "agginfo": ("info", "List the aggregation strategies."),
    "audit": ("audit", "Have an expert judge some tasks, and tell what is true of all."),
    "budget": ("budget", "Forecast what further answers would bring."),
    "check": ("check", "Check whether the model of a strategy fits the votes."),
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
    "label-studio": ("label_studio", "Work with a project of a Label Studio server, live."),
    "modelinfo": ("info", "List the networks that can be trained."),
    "next": ("next", "Tell which tasks to ask whom about next, and which are done."),
    "predict": ("predict", "Predict the classes of images with a trained network."),
    "replay": ("replay", "Tell what choosing whom to ask would have saved, on answers at hand."),
    "report": ("report", "Draw a report of votes, workers and labels into one HTML file."),
    "simulate": ("simulate", "Simulate a crowd with known truth."),
    "train": ("train", "Train a network on aggregated labels."),
    "watch": ("watch", "Follow votes as they come: label, tell what to ask next, and stop."),
}


class _Commands(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        enough_memory()
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
        emit(ctx.get_help())


def main() -> NoReturn:
    """Run the command line and exit with the documented code; errors are one line, no traceback.

    ``PEERANNOT_DEBUG=1`` shows the trace of every error.
    """
    prepare()
    logging.getLogger("peerannot").addHandler(Notes())
    try:
        with spoken_warnings():
            code = peerannot.main(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else ExitCode.OK)
    except SystemExit:
        raise
    except click.ClickException as error:
        _fail(error, error.format_message(), error.exit_code, "UsageError", _usage(error))
    except (click.Abort, KeyboardInterrupt) as error:
        stopped = "interrupted; nothing half written is left"
        _fail(error, stopped, ExitCode.INTERRUPTED, "Interrupted")
    except BrokenPipeError:
        # The reader (head, less) has gone: that is no fault.
        hush()
        sys.exit(ExitCode.OK)
    except PeerannotError as error:
        # A kind of its own below one of ours is told as that.
        kind = next(c.__name__ for c in type(error).__mro__ if c.__name__ in errors.__all__)
        _fail(error, str(error), error.exit_code, kind)
    except BaseException as error:
        try:
            said = _unforeseen(error)
        except BaseException:  # the machine has nothing left, not even for this
            said = f"unexpected {type(error).__name__}", ExitCode.FAILURE, type(error).__name__
        _fail(error, *said)


def _unforeseen(error: BaseException) -> tuple[str, ExitCode, str]:
    """Message, exit code and kind of an error that nothing below turned into one of ours."""
    kind = type(error).__name__
    if starved := out_of_memory(error):
        return starved, ExitCode.FAILURE, "MemoryError"
    if isinstance(error, OSError) and error.errno is not None:
        code = ExitCode.DATA if error.errno == errno.ENAMETOOLONG else ExitCode.FAILURE
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{advice(error)}", code, kind
    if "(os error " in str(error):
        return f"cannot write: {advice(error)}", ExitCode.FAILURE, kind
    if isinstance(error, UnicodeEncodeError) and error.encoding != "utf-8":
        return (
            f"{error.object[:100]!r} cannot be the name of a file in this locale"
            f" ({error.encoding}); set LC_ALL=C.UTF-8 or PYTHONUTF8=1",
            ExitCode.FAILURE,
            kind,
        )
    return report(error), ExitCode.FAILURE, kind


def _usage(error: click.ClickException) -> str:
    """What click says of a wrong command line: how it is used, and the error."""
    text = io.StringIO()
    error.show(text)
    said = error.format_message()
    return text.getvalue().replace(said, one_line(said)).rstrip("\n")


def _fail(
    error: BaseException, message: str, code: int, kind: str, shown: str | None = None
) -> NoReturn:
    line = one_line(message)
    if debugging():
        note(trace_of(error))
    if "--json" in sys.argv:
        # Stdout may be what failed.
        facts = {"code": int(code), "kind": kind, "message": line, **getattr(error, "facts", {})}
        with contextlib.suppress(OSError):
            emit(json.dumps({"error": facts}))
        shown = None
    note(shown or f"Error: {line}")
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        hush()
    sys.exit(int(code))
