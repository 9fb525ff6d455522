"""`ModelCheck`: what was found, as tables, sentences and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from peerannot._figures import save_figure
from peerannot._file_set import MANIFEST, file_set
from peerannot._files import Document
from peerannot._text import did_you_mean
from peerannot._version import __version__
from peerannot.aggregation.origin import Origin, build_frame
from peerannot.errors import ParameterError
from peerannot.predictive.plots import figure_of
from peerannot.predictive.significance import Assumed, Items, Statistic

__all__ = ["Assumption", "ModelCheck"]

_TABLES = ("statistics", "tasks", "pairs", "workers")


@dataclass(frozen=True)
class Assumption:
    """What became of one assumption.

    Attributes
    ----------
    name : str
        ``"difficulty"``, ``"dependence"`` or ``"skill"``: what there is where it fails.
    claim : str
        What the model assumes.
    p_value : float or None
        Corrected for the number of statistics; None where nothing can be measured.
    rejected : bool
        Whether it is at most the level.
    n_flagged : int
        Tasks (difficulty), pairs (dependence) or workers (skill) where it fails, see ``q_value``.
    n_items : int
        How many were looked at.
    relaxed_by : str or None
        Strategy that drops the assumption.
    relaxed_error : float or None
        Share of wrong labels of the checked strategy by that one; None where it was not asked or
        does not run.
    matters : bool
        Whether it is rejected, and this share is above the stated error by more than the tolerance
        (or not known).
    sentence : str
    """

    name: Assumed
    claim: str
    p_value: float | None
    rejected: bool
    n_flagged: int
    n_items: int
    relaxed_by: str | None
    relaxed_error: float | None
    matters: bool
    sentence: str


@dataclass(frozen=True, eq=False, repr=False)
class ModelCheck:
    """Whether a model fits the answers, which assumption fails, and where.

    Attributes
    ----------
    strategy : str
        Name of the strategy, with its options where they are given.
    passed : bool
        Whether no assumption fails in a way that matters to the labels.
    assumptions : tuple of Assumption
    statistics : tuple of Statistic
    task_table, pair_table, worker_table : mapping of columns
        Tests of tasks (hardest first), of pairs of workers and of workers (worst first), with
        ``p_value``, ``q_value`` (Benjamini and Hochberg) and ``flagged``.
    stated_error : float
        Share of wrong labels by the model's own confidence.
    together : float
        Mean correlation of errors of two answers to a task, beyond the model.
    votes_worth : float
        What one of the votes on a task is worth, in independent votes: 1 / (1 + (n - 1) r), n
        votes a task and r ``together``.
    replicates, seed, level, tolerance
        As given.
    n_answers, n_tasks : int
        Checked ones; fewer than ``of_answers`` and ``of_tasks`` where tasks were drawn.
    items : mapping of assumption to Items
        Scores of tasks, pairs and workers in the order of the answers, for pictures.
    """

    strategy: str
    passed: bool
    assumptions: tuple[Assumption, ...]
    statistics: tuple[Statistic, ...]
    task_table: Mapping[str, Any]
    pair_table: Mapping[str, Any]
    worker_table: Mapping[str, Any]
    stated_error: float
    together: float
    votes_worth: float
    replicates: int
    seed: int
    level: float
    tolerance: float
    n_answers: int
    n_tasks: int
    of_answers: int
    of_tasks: int
    input_sha256: str
    items: Mapping[Assumed, Items]
    origin: Origin

    @property
    def fits(self) -> bool:
        """Whether no assumption is rejected at all."""
        return not any(a.rejected for a in self.assumptions)

    def __getitem__(self, name: str) -> Assumption:
        for assumption in self.assumptions:
            if assumption.name == name:
                return assumption
        known = [a.name for a in self.assumptions]
        raise ParameterError(f"no assumption {name!r}{did_you_mean(name, known)}")

    def statistic_table(self) -> dict[str, Any]:
        """The statistics as columns."""
        names = ("name", "assumption", "meaning", "observed", "expected", "spread", "p_value",
                 "p_adjusted")  # fmt: skip
        return {name: [getattr(s, name) for s in self.statistics] for name in names}

    def to_frame(
        self,
        of: Literal["statistics", "tasks", "pairs", "workers"] = "statistics",
        kind: str | None = None,
    ) -> Any:
        """A table as a frame of the kind that was given, else of Polars.

        Raises
        ------
        ParameterError
            There is no such table or kind.
        """
        return build_frame(self._table(of), kind, self.origin)

    def _table(self, of: str) -> dict[str, Any]:
        match of:
            case "statistics":
                return self.statistic_table()
            case "tasks":
                return dict(self.task_table)
            case "pairs":
                return dict(self.pair_table)
            case "workers":
                return dict(self.worker_table)
        raise ParameterError(f"to_frame: of must be one of {', '.join(_TABLES)}, not {of!r}")

    def verdict(self) -> str:
        """``passes``, ``passes, though it does not fit: ...`` or ``fails: ...``."""
        failing = [a.name for a in self.assumptions if a.matters]
        if failing:
            return f"fails: {', '.join(failing)}"
        rejected = [a.name for a in self.assumptions if a.rejected]
        if rejected:
            return (
                f"passes, though it does not fit ({', '.join(rejected)}): at most"
                f" {100 * self.tolerance:g} % more of its labels are wrong than it says"
            )
        return "passes: no assumption is rejected"

    def sentences(self) -> list[str]:
        """A sentence for each assumption."""
        return [a.sentence for a in self.assumptions]

    def as_dict(self) -> dict[str, Any]:
        """All but the tables, of plain values."""
        simple = ("strategy", "passed", "fits", "stated_error", "together", "votes_worth",
                  "replicates", "seed", "level", "tolerance", "n_answers", "n_tasks",
                  "of_answers", "of_tasks")  # fmt: skip
        table = self.statistic_table()
        return {
            **{name: getattr(self, name) for name in simple},
            "verdict": self.verdict(),
            "assumptions": [vars(a) for a in self.assumptions],
            "statistics": [
                dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)
            ],
        }

    def plot(self) -> Any:
        """The statistics beside their replicates, and the three worst lists: a matplotlib figure.

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.
        """
        return figure_of(self)

    def save(self, folder: str | Path, *, picture: bool = True) -> list[Path]:
        """Write ``check.json``, the tables and ``check.png``, all or nothing; their paths.

        Raises
        ------
        MissingDependencyError
            A picture is wanted and matplotlib is not installed.
        StorageError
            A file cannot be written; the folder is as before.
        """
        folder = Path(folder)
        figure = self.plot() if picture else None
        names = ["check.json", *(f"check_{name}.csv" for name in _TABLES)]
        with file_set(folder) as files:
            facts = {"schema": "peerannot/check/1", "version": __version__,
                     "input_sha256": self.input_sha256, **self.as_dict()}  # fmt: skip
            files.add("check.json", Document(facts))
            for name in _TABLES:
                files.add(f"check_{name}.csv", self._table(name))
            if figure is not None:
                save_figure(figure, files.at("check.png"))
                names.append("check.png")
            files.manifest(MANIFEST.replace(".peerannot", ".check.peerannot"), {
                "schema": "peerannot/check-files/1",
            }, names)  # fmt: skip
        return [folder / name for name in names]

    def __repr__(self) -> str:
        state = "passed" if self.passed else "failed"
        failing = [a.name for a in self.assumptions if a.rejected]
        return f"ModelCheck({self.strategy}, {state}, rejected: {', '.join(failing) or 'nothing'})"
