"""The token of a server: from the environment or a person, never from a file or an argument."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from peerannot.errors import ParameterError
from peerannot.label_studio.client import TOKEN_VARIABLES

__all__ = ["find_token"]


def find_token(ask: Callable[[], str] | None = None) -> str:
    """The token of the environment, else what ``ask`` gives.

    Raises
    ------
    ParameterError
        There is none, or it holds what no token holds.
    """
    token = next((value for name in TOKEN_VARIABLES if (value := os.environ.get(name))), "")
    token = (token or (ask() if ask is not None else "")).strip()
    if not token:
        raise ParameterError(
            f"no token: set {TOKEN_VARIABLES[0]} to a personal access token of Label Studio"
            " (Account & Settings)"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        # It is not shown: a token that was pasted with something else is still one.
        raise ParameterError(f"{TOKEN_VARIABLES[0]}: blanks or signs that no token has are in it")
    return token
