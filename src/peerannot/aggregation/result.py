"""`Result`: what a strategy found, as frames and figures too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from peerannot.aggregation.display.html import result_html
from peerannot.aggregation.display.plots import Plots
from peerannot.aggregation.found import Diagnostics, Found, WorkerView
from peerannot.aggregation.origin import Origin, build_frame, id_column
from peerannot.errors import ParameterError

__all__ = ["Diagnostics", "Result", "WorkerView"]


@dataclass(frozen=True, eq=False, repr=False)
class Result(Found):
    """What a strategy found: all of `Found`, also as frames and figures.

    Attributes
    ----------
    origin : Origin
        What kind of data was fitted, so that frames are of the same kind; not saved.
    """

    origin: Origin = field(default_factory=Origin)

    def to_frame(
        self, of: Literal["tasks", "workers", "posterior"] = "tasks", kind: str | None = None
    ) -> Any:
        """A table of the result as a frame.

        Parameters
        ----------
        of
            ``"tasks"`` or ``"workers"``, a row each, see `task_table` and `worker_table`; or
            ``"posterior"``, the tasks with a column a class.
        kind
            ``"pandas"`` (indexed by task or worker), ``"polars"`` or ``"pyarrow"``; by default
            the one of the frame that was fitted, else Polars.

        Raises
        ------
        ParameterError
            There is no such table or kind.
        """
        if of == "tasks":
            table = self.task_table()
        elif of == "workers":
            table = self.worker_table()
        elif of == "posterior":
            shares = dict(zip(self.classes, self.dense_posterior().T, strict=True))
            table = {id_column(self.classes): list(self.tasks), **shares}
        else:
            raise ParameterError(f"to_frame: of must be tasks, workers or posterior, not {of!r}")
        return build_frame(table, kind, self.origin)

    @property
    def plot(self) -> Plots:
        """Figures of this result as matplotlib axes, see `Plots`."""
        return Plots(self)

    def _repr_html_(self) -> str:
        return result_html(self)
