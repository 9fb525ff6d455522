"""A word on how answers are made, where something else is given."""

from __future__ import annotations

from typing import Any

from peerannot.answers._answers import Answers
from peerannot.errors import DataError

__all__ = ["check_answers"]


def check_answers(data: Any) -> None:
    """Say how answers are made where something else is given.

    Raises
    ------
    DataError
        The data are no `Answers`.
    """
    if not isinstance(data, Answers):
        raise DataError(
            f"answers: expected Answers, not a {type(data).__name__}; peerannot.read_answers makes"
            " them of a frame or a file"
        )
