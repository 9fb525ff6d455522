"""The command line: parse, call one library function, print. The only layer that prints or exits."""

from peerannot.cli._main import main

__all__ = ["main"]
