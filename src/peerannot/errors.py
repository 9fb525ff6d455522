"""What can go wrong, and the exit code that says so.

::

    PeerannotError                    1  something failed (disk full, download, ...)
    ├── DataError(ValueError)         3  the input is wrong
    ├── ParameterError(ValueError)    2  an option is wrong
    ├── MissingDependencyError(ImportError)
    │                                 4  an extra is not installed
    ├── StorageError(OSError)         1  a file could not be read or written
    ├── DownloadError(OSError)        1  a download failed or has a wrong checksum
    ├── AwayError(OSError)            1  a labelling tool is away, or its file is being written
    ├── ServerError(OSError)          1  the server of a labelling tool refuses
    ├── NotConvergedError             5  no convergence, under ``--strict``
    ├── ClusterError                  6  a cluster was lost or cannot be reached
    └── MisfitError                   7  a model fails its check, under ``--strict``

Every message is one line that says where, what and how to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, ClassVar

__all__ = [
    "AwayError",
    "ClusterError",
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "DownloadError",
    "ExitCode",
    "MisfitError",
    "MissingDependencyError",
    "NotConvergedError",
    "ParameterError",
    "PeerannotError",
    "PluginWarning",
    "ServerError",
    "StorageError",
]


class ExitCode(IntEnum):
    """Exit codes of the command line; codes over 125 belong to the shell."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    DATA = 3
    MISSING_DEPENDENCY = 4
    NOT_CONVERGED = 5
    CLUSTER = 6
    MISFIT = 7
    INTERRUPTED = 130


class PeerannotError(Exception):
    """Base of every error that peerannot raises on purpose.

    Attributes
    ----------
    facts : mapping
        What a program may want beside the message; ``--json`` has it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE
    facts: Mapping[str, Any] = MappingProxyType({})


class DataError(PeerannotError, ValueError):
    """The input data are wrong; the message names the place."""

    exit_code = ExitCode.DATA


class ParameterError(PeerannotError, ValueError):
    """An option has a value that it cannot have, or does not exist."""

    exit_code = ExitCode.USAGE


class MissingDependencyError(PeerannotError, ImportError):
    """A feature needs an extra that is not installed."""

    exit_code = ExitCode.MISSING_DEPENDENCY


class StorageError(PeerannotError, OSError):
    """A file could not be read or written (disk full, permission, ...)."""


class DownloadError(PeerannotError, OSError):
    """A download failed, or what came is not what was expected."""


class AwayError(PeerannotError, OSError):
    """A labelling tool cannot be asked now: it is away, busy, or its file is being written.

    Attributes
    ----------
    retry_after : float or None
        Seconds after which it asked to be tried again.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerError(PeerannotError, OSError):
    """The server of a labelling tool refuses, or answers what cannot be used."""


class NotConvergedError(PeerannotError):
    """An iterative method stopped at its cap, and the user asked for strictness."""

    exit_code = ExitCode.NOT_CONVERGED


class ClusterError(PeerannotError):
    """A cluster cannot be reached, was lost, or gave up; what was saved can be resumed."""

    exit_code = ExitCode.CLUSTER


class MisfitError(PeerannotError):
    """A model does not fit the answers, and the user asked for strictness."""

    exit_code = ExitCode.MISFIT


class ConvergenceWarning(UserWarning):
    """An iterative method stopped at its cap before it converged."""


class DataWarning(UserWarning):
    """The data are usable but look odd."""


class PluginWarning(UserWarning):
    """Something that another distribution adds to peerannot cannot be used."""
