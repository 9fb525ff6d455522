"""Options that name strategies: what every command that fits some shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["parameters_option", "strategies_option", "strategy_option"]

F = TypeVar("F", bound=Callable[..., Any])


def strategy_option(default: str = "one-coin", *, more: str = "") -> Callable[[F], F]:
    """``--strategy``: one, with its options in brackets; ``more`` ends its help."""
    return click.option(
        "--strategy",
        "-s",
        default=default,
        show_default=True,
        help=f'Strategy by name, options in brackets: "DS[max_iter=50]"{more}.',
    )


def strategies_option(*default: str, more: str) -> Callable[[F], F]:
    """``--strategy``, repeatable, as ``strategies``; ``more`` ends its help."""
    return click.option(
        "--strategy",
        "-s",
        "strategies",
        multiple=True,
        default=default,
        show_default=bool(default),
        help=f"Strategy by name, options in brackets; repeat it for more{more}",
    )


def parameters_option(function: F) -> F:
    """``-P``: an option of the strategy, as ``options``."""
    decorate = click.option(
        "-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of the strategy."
    )
    return decorate(function)
