"""Which format a source is in: by its name, by its content, or as given."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

from peerannot._text import one_line
from peerannot.errors import DataError, ParameterError, PeerannotError, PluginWarning
from peerannot.io._source import Source
from peerannot.io.base import FORMATS, NO

__all__ = ["detect"]


def detect(source: Source, given: Mapping[str, str], *, strict: bool = True) -> str:
    """Name of the format that the content of a source has.

    Not ``strict`` is for several sources: options ``given`` may be those of another one's format.

    Raises
    ------
    ParameterError
        Several formats fit; the message names them.
    DataError
        None fits.
    """
    sure: dict[str, int] = {}
    if source.folder is None and len(source.files) > 1:
        # Files that a pattern names are alike; the first says what they are.
        source = replace(source, name=str(source.files[0]), files=source.files[:1])
    for name in FORMATS:
        fields = FORMATS[name].__dataclass_fields__
        if not strict or all(key in fields for key in given):
            how = _sniffed(name, source, given)
            if how > NO:
                sure[name] = how
    best = [name for name, how in sure.items() if how == max(sure.values())]
    if len(best) == 1:
        return best[0]
    if best:
        raise ParameterError(
            f"{source.name}: it may be {' or '.join(best)}; say which with --format"
        )
    if source.shape in ("table", "parquet", "ndjson"):
        # The table's own error lists the columns and what is near.
        return "table"
    if source.shape == "json" and source.document in ({}, []):
        raise DataError(f"{source.name}: no answers in it")
    what = {"json": "JSON", "xml": "XML", "zip": "a zip archive", "npy": "a NumPy array"}
    raise DataError(
        f"{source.name}: {what.get(source.shape, f'a {source.shape}')} of no known format; say"
        f" which with --format: {', '.join(FORMATS)}"
    )


def _sniffed(name: str, source: Source, given: Mapping[str, str]) -> int:
    """How sure a format is; one that fails over a file that others may read is left out."""
    cls = FORMATS[name]
    try:
        return cls.sniff(source, given)
    except DataError:
        if cls.__module__.startswith("peerannot."):
            raise
        return NO
    except (PeerannotError, OSError, MemoryError):
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        warnings.warn(
            one_line(f"{source.name}: format {name!r} cannot look at it ({why}); it is left out"),
            PluginWarning,
            stacklevel=2,
        )
        return NO
