"""``peerannot completion``: the script that makes a shell complete peerannot's commands."""

from __future__ import annotations

import click

from peerannot.cli._common import emit

__all__ = ["completion"]

_VARIABLE = "_PEERANNOT_COMPLETE"


@click.command(
    epilog='bash: add  eval "$(peerannot completion bash)"  to ~/.bashrc; zsh: the same with zsh'
    " in ~/.zshrc; fish: peerannot completion fish > ~/.config/fish/completions/peerannot.fish"
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, strategies and data sets in SHELL."""
    from click.shell_completion import get_completion_class

    from peerannot.cli._main import peerannot

    made = get_completion_class(shell)
    assert made is not None
    emit(made(peerannot, {}, "peerannot", _VARIABLE).source())
