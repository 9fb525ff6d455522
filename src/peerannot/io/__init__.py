"""Answers from any labelling tool, and back: one file a family of formats, found by content.

To add a format, write one file in ``peerannot/io/formats`` (or ``peerannot/io/writers``) with a
class under ``@FORMATS.register(...)``; detection, command line and fuzz tests pick it up. Another
distribution does the same with an entry point, see ``docs/extending.md``; all that either needs
is exported here.
"""

from peerannot._options import option
from peerannot.io._cells import cell_text
from peerannot.io._controls import choose
from peerannot.io._folder import Folder, write_dataset
from peerannot.io._output import is_table, may_write, table_text, write_frames, write_table
from peerannot.io._read import (
    Imported,
    ImportReport,
    NoAnswersError,
    detect,
    read,
    read_answers,
    read_classes,
)
from peerannot.io._source import Source
from peerannot.io._write import WRITERS, Export, Labelled, Writer, export
from peerannot.io.base import (
    CERTAIN,
    FORMATS,
    NO,
    PLAUSIBLE,
    Asked,
    Format,
    Row,
    RowFormat,
    Said,
    Skip,
    Votes,
    WorkerFormat,
    moment,
    text_id,
)
from peerannot.io.formats.table import read_columns, read_rows

__all__ = [
    "CERTAIN",
    "FORMATS",
    "NO",
    "PLAUSIBLE",
    "WRITERS",
    "Asked",
    "Export",
    "Folder",
    "Format",
    "ImportReport",
    "Imported",
    "Labelled",
    "NoAnswersError",
    "Row",
    "RowFormat",
    "Said",
    "Skip",
    "Source",
    "Votes",
    "WorkerFormat",
    "Writer",
    "cell_text",
    "choose",
    "detect",
    "export",
    "is_table",
    "may_write",
    "moment",
    "option",
    "read",
    "read_answers",
    "read_classes",
    "read_columns",
    "read_rows",
    "table_text",
    "text_id",
    "write_dataset",
    "write_frames",
    "write_table",
]
