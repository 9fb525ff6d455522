"""Paths as the commands take them: a URL is never the name of a folder on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from peerannot.errors import ParameterError

__all__ = ["LocalPath", "PathOrUrl"]


class LocalPath(click.Path):
    """A path on this machine, as `pathlib.Path`.

    ``s3://bucket/x`` would be one to a folder ``s3:``, which nobody means: it is refused.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"path_type": Path, **options})

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # fmt: skip
        if isinstance(value, str) and "://" in value:
            name = param.opts[0] if isinstance(param, click.Option) else "the path"
            raise ParameterError(f"{name}: {value} is a URL; give a path on this machine")
        return super().convert(value, param, ctx)


class PathOrUrl(click.Path):
    """A path, or a URL such as ``s3://bucket/folder``, which stays a text."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # fmt: skip
        if isinstance(value, str) and "://" in value:
            return value
        return super().convert(value, param, ctx)
