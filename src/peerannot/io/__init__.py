"""Answers from any labelling tool, and back: one file a family of formats, found by content.

To add a format, write one file in ``peerannot/io/formats`` (or ``peerannot/io/writers``) with a
class under ``@FORMATS.register(...)``; detection, command line and fuzz tests pick it up.
"""

from peerannot.io._output import may_write, table_text, write_table
from peerannot.io._read import (
    Imported,
    ImportReport,
    detect,
    read,
    read_answers,
    read_classes,
)
from peerannot.io._source import Source
from peerannot.io.base import FORMATS
from peerannot.io.formats.table import read_columns

__all__ = [
    "FORMATS",
    "ImportReport",
    "Imported",
    "Source",
    "detect",
    "may_write",
    "read",
    "read_answers",
    "read_classes",
    "read_columns",
    "table_text",
    "write_table",
]
