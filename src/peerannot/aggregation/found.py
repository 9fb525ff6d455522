"""What a strategy found, as arrays, tables and files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from peerannot._files import load_npy, read_json, write_csv, write_json, write_npy
from peerannot._memory import TABLE_BYTES
from peerannot._text import did_you_mean
from peerannot._version import __version__
from peerannot.answers import Ids
from peerannot.errors import ConvergenceWarning, DataError, NotConvergedError

__all__ = ["Diagnostics", "Found", "WorkerView"]


@dataclass(frozen=True)
class Diagnostics:
    """How a fit went.

    Attributes
    ----------
    n_iter : int
        Iterations done; 0 for rules that do not iterate.
    converged : bool
        Whether the last gain was under the tolerance (or nothing iterates).
    objective : tuple of float
        Objective after each iteration.
    notes : mapping
        What else the strategy wants to say.
    """

    n_iter: int = 0
    converged: bool = True
    objective: tuple[float, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)

    def warn(self, strategy: str, *, of: str = "", stacklevel: int = 2) -> None:
        """Warn where the fit did not converge; ``of`` tells of what, where not of all answers."""
        if not self.converged:
            warnings.warn(
                f"{strategy} stopped after {self.n_iter} iterations{of} before it converged;"
                " raise max_iter, or tol if this is close enough",
                ConvergenceWarning,
                stacklevel=stacklevel + 1,
            )

    def must_converge(self, strategy: str, strict: str) -> None:
        """Refuse a fit that did not converge, as the option ``strict`` asks.

        Raises
        ------
        NotConvergedError
        """
        if not self.converged:
            raise NotConvergedError(
                f"{strategy} did not converge in {self.n_iter} iterations;"
                f" raise max_iter or tol, or drop {strict}"
            )


@dataclass(frozen=True)
class WorkerView:
    """What is known of one worker.

    Attributes
    ----------
    id : str
    n_answers : int
    skill : float or None
    confusion : float64 array (n_classes true, n_classes answered) or None
    columns : mapping
        What else the model knows.
    """

    id: str
    n_answers: int
    skill: float | None
    confusion: NDArray[np.float64] | None
    columns: Mapping[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Found:
    """What a strategy found: arrays, their tables, and the files of both.

    Attributes
    ----------
    strategy, options
        Registry name, and every option with its value.
    tasks, workers, classes : Ids
        Vocabularies, those of the answers.
    posterior : (n_tasks, n_classes)
        Probability of each class; dense float array, or `scipy.sparse.csr_array` where classes
        are very many. Rows sum to 1.
    labels : int32 array (n_tasks,)
        Hard labels by the tie rule; -1 for undecided.
    n_answers : int64 array (n_tasks,)
    worker_answers : int64 array (n_workers,)
    share_confidence, share_entropy : float64 array (n_tasks,) or None
        Of the shares of votes, where the posterior holds the winner alone; see `confidence`.
    skill : float64 array (n_workers,) or None
        Estimated probability that the worker is right, where the model has it.
    confusion : float64 array (n_workers, n_classes true, n_classes answered) or None
        Rows sum to 1.
    prior : float64 array (n_classes,) or None
    worker_columns, task_columns : mapping of name to array
        What else the model knows of each worker or task.
    extra : mapping of name to array
        Other arrays of the model.
    diagnostics : Diagnostics
    """

    strategy: str
    options: Mapping[str, Any]
    tasks: Ids
    workers: Ids
    classes: Ids
    posterior: Any
    labels: NDArray[np.int32]
    n_answers: NDArray[np.int64]
    worker_answers: NDArray[np.int64]
    share_confidence: NDArray[np.float64] | None = None
    share_entropy: NDArray[np.float64] | None = None
    skill: NDArray[np.float64] | None = None
    confusion: NDArray[np.float64] | None = None
    prior: NDArray[np.float64] | None = None
    worker_columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    task_columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    input_sha256: str | Callable[[], str] = ""

    def dense_posterior(self) -> NDArray[np.float64]:
        """The posterior as a dense float64 array.

        Raises
        ------
        DataError
            It would take more than 2 GiB; use ``posterior`` as it is.
        """
        if isinstance(self.posterior, np.ndarray):
            return np.asarray(self.posterior, dtype=np.float64)
        n, k = self.posterior.shape
        if n * k * 8 > TABLE_BYTES:
            raise DataError(
                f"a dense posterior of {n} tasks x {k} classes takes {n * k * 8 / 2**30:.0f} GiB;"
                " write a table (--output FILE.parquet) or use hard labels"
            )
        dense = np.asarray(self.posterior.toarray(), dtype=np.float64)
        empty = dense.sum(1) <= 0
        dense[empty] = 1.0 / k
        return dense

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the label, float64 (n_tasks,); of the best class where undecided."""
        if self.share_confidence is not None:
            return self.share_confidence
        if isinstance(self.posterior, np.ndarray):
            return np.asarray(self.posterior.max(1), dtype=np.float64)
        return np.asarray(self.posterior.max(axis=1).toarray(), dtype=np.float64).ravel()

    @cached_property
    def entropy(self) -> NDArray[np.float64]:
        """Entropy of each task's distribution in nats, float64 (n_tasks,)."""
        if self.share_entropy is not None:
            return self.share_entropy
        p = self.posterior if isinstance(self.posterior, np.ndarray) else self.posterior.data
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(p > 0, -p * np.log(p), 0.0)
        if isinstance(self.posterior, np.ndarray):
            return np.asarray(terms.sum(1))
        rows = np.repeat(np.arange(len(self.tasks)), np.diff(self.posterior.indptr))
        return np.bincount(rows, weights=terms, minlength=len(self.tasks)).astype(np.float64)

    def label_names(self) -> list[str]:
        """Names of the hard labels; an empty text where undecided."""
        names = [*self.classes, ""]
        return [names[i] for i in self.labels]

    def task_table(self) -> dict[str, Any]:
        """Columns task, label, confidence, n_answers, entropy, and what the model adds."""
        texts = {"task": list(self.tasks), "label": self.label_names()}
        return {**self.task_file(), **texts}

    def task_file(self) -> dict[str, Any]:
        """`task_table` for files: texts are polars Series, without an object a task."""
        import polars as pl

        names = pl.Series([*self.classes, ""], dtype=pl.String)
        return {
            "task": self.tasks.texts(),
            "label": names.gather(np.where(self.labels < 0, len(self.classes), self.labels)),
            "confidence": self.confidence,
            "n_answers": self.n_answers,
            "entropy": self.entropy,
            **self.task_columns,
        }

    def label_file(self, *, hard: bool = False) -> dict[str, Any]:
        """`task_file` with a column ``p_CLASS`` for each class unless ``hard``.

        A sparse posterior, one of very many classes, has no columns.
        """
        columns = self.task_file()
        if not hard and isinstance(self.posterior, np.ndarray):
            columns |= {f"p_{c}": self.posterior[:, k] for k, c in enumerate(self.classes)}
        return columns

    def lacks(self, *, hard: bool) -> str | None:
        """What is not in `label_file`, in a line for a person."""
        if hard or isinstance(self.posterior, np.ndarray):
            return None
        return f"{len(self.classes)} classes: the table has no columns of probabilities"

    def worker_table(self) -> dict[str, Any]:
        """Columns worker, n_answers, skill (where known), and what the model adds."""
        skill = {} if self.skill is None else {"skill": self.skill}
        return {
            "worker": list(self.workers),
            "n_answers": self.worker_answers,
            **skill,
            **self.worker_columns,
        }

    def worker(self, worker: Any) -> WorkerView:
        """What is known of one worker.

        Raises
        ------
        DataError
            There is no such worker.
        """
        at = self.workers.index_of.get(str(worker))
        if at is None:
            raise DataError(
                f"there is no worker {str(worker)!r}" + did_you_mean(str(worker), self.workers)
            )
        return WorkerView(
            self.workers[at],
            int(self.worker_answers[at]),
            None if self.skill is None else float(self.skill[at]),
            None if self.confusion is None else self.confusion[at],
            {name: column[at] for name, column in self.worker_columns.items()},
        )

    def manifest(self) -> dict[str, Any]:
        """Everything needed to say how this came to be; no times, so files stay comparable."""
        sha = self.input_sha256() if callable(self.input_sha256) else self.input_sha256
        return {
            "schema": "peerannot/result/1",
            "version": __version__,
            "strategy": self.strategy,
            "options": dict(self.options),
            "input_sha256": sha,
            "n_tasks": len(self.tasks),
            "n_workers": len(self.workers),
            "n_answers": int(self.n_answers.sum()),
            "classes": list(self.classes),
            "n_iter": self.diagnostics.n_iter,
            "converged": self.diagnostics.converged,
            "objective": list(self.diagnostics.objective),
            "notes": dict(self.diagnostics.notes),
        }

    def save(self, folder: str | Path) -> Path:
        """Write the result into a folder; `load` reads it back.

        Files: ``manifest.json`` (last, so that a folder with it is whole), ``tasks.csv``,
        ``workers.csv``, ``posterior.npy`` (or its sparse parts), ``labels.npy``, and the arrays
        that the model has.
        """
        folder = Path(folder)
        (folder / "manifest.json").unlink(missing_ok=True)
        arrays: dict[str, NDArray[Any]] = {"labels": self.labels}
        if isinstance(self.posterior, np.ndarray):
            arrays["posterior"] = self.posterior
        else:
            for part in ("data", "indices", "indptr"):
                arrays[f"posterior_{part}"] = getattr(self.posterior, part)
        for name in ("skill", "confusion", "prior", "share_confidence", "share_entropy"):
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        for group, columns in (
            ("worker", self.worker_columns),
            ("task", self.task_columns),
            ("extra", self.extra),
        ):
            arrays.update({f"{group}.{name}": column for name, column in columns.items()})
        for name, array in arrays.items():
            write_npy(folder / f"{name}.npy", array)
        write_csv(folder / "tasks.csv", self.task_file())
        write_csv(folder / "workers.csv", self.worker_table())
        write_json(folder / "manifest.json", {**self.manifest(), "arrays": sorted(arrays)})
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            The folder is not a complete result.
        """
        import polars as pl

        folder = Path(folder)
        facts = read_json(folder / "manifest.json")
        if not isinstance(facts, dict) or facts.get("schema") != "peerannot/result/1":
            raise DataError(f"{folder}/manifest.json: not a result of this version")
        arrays = {name: load_npy(folder / f"{name}.npy") for name in facts["arrays"]}
        tasks = pl.read_csv(folder / "tasks.csv", infer_schema=False)
        workers = pl.read_csv(folder / "workers.csv", infer_schema=False)

        def group(prefix: str) -> dict[str, NDArray[Any]]:
            return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

        posterior = arrays.get("posterior")
        if posterior is None:
            from scipy.sparse import csr_array

            parts = tuple(arrays[f"posterior_{p}"] for p in ("data", "indices", "indptr"))
            posterior = csr_array(parts, shape=(tasks.height, len(facts["classes"])))
        return cls(
            strategy=facts["strategy"],
            options=facts["options"],
            tasks=Ids(tasks["task"].to_list()),
            workers=Ids(workers["worker"].to_list()),
            classes=Ids(facts["classes"]),
            posterior=posterior,
            labels=arrays["labels"],
            n_answers=tasks["n_answers"].cast(pl.Int64).to_numpy(),
            worker_answers=workers["n_answers"].cast(pl.Int64).to_numpy(),
            skill=arrays.get("skill"),
            confusion=arrays.get("confusion"),
            prior=arrays.get("prior"),
            share_confidence=arrays.get("share_confidence"),
            share_entropy=arrays.get("share_entropy"),
            worker_columns=group("worker."),
            task_columns=group("task."),
            extra=group("extra."),
            diagnostics=Diagnostics(
                facts["n_iter"], facts["converged"], tuple(facts["objective"]), facts["notes"]
            ),
            input_sha256=facts["input_sha256"],
        )

    def __repr__(self) -> str:
        state = "" if self.diagnostics.converged else ", not converged"
        return (
            f"{type(self).__name__}({self.strategy}, {len(self.tasks)} tasks,"
            f" {len(self.workers)} workers, {len(self.classes)} classes,"
            f" {self.diagnostics.n_iter} iterations{state})"
        )
