"""The command line: parse, call one library function, print. Only this layer prints or exits."""

from peerannot.cli._main import main

__all__ = ["main"]
