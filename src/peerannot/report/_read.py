"""From a dataset folder to the source of a report."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._files import load_npy
from peerannot._progress import Progress, silent
from peerannot.aggregation import STRATEGIES, Result, build
from peerannot.answers import Answers, gold_labels
from peerannot.dataset import Dataset
from peerannot.dataset.images import images_of_tasks
from peerannot.errors import ConvergenceWarning, DataError, ParameterError, PeerannotError
from peerannot.report._check import model_check
from peerannot.report._format import average
from peerannot.report._gold import GOLD, read_gold
from peerannot.report._source import ReportSource
from peerannot.selection import choose

__all__ = ["STRATEGY_NAMES", "Named", "read_source"]

STRATEGY_NAMES = ("majority-vote", "naive-soft", "dawid-skene", "glad", "wds", "iwmv")
_ENOUGH = 3  # answers for each entry of the workers' confusion matrices


@dataclass(frozen=True)
class Named:
    """Votes that no folder holds: their name, and the known labels that came with them."""

    name: str
    answers: Answers
    gold: Mapping[str, Any] = field(default_factory=dict)


def read_source(
    dataset: Dataset | Named,
    *,
    strategies: Sequence[str] = (),
    main: str | None = None,
    answers_file: str | Path = "answers.json",
    images: bool = True,
    check: int | None = None,
    progress: Progress = silent,
) -> ReportSource:
    """Read the votes of a dataset folder, fit strategies, and find what else there is.

    Also read, where they exist: images under ``train/``, ``ground_truth.npy``, ``gold.json``,
    ``workers.csv``, and ``waum.csv`` under ``identification/``.

    Parameters
    ----------
    dataset
        The folder, or votes alone.
    strategies
        What to fit, options in brackets; by default the usual ones (`STRATEGY_NAMES`). A
        strategy that was not asked for by name is left out, with a note, where it cannot be
        fitted.
    main
        The strategy whose labels are shown; ``"auto"`` takes the one that predicts held-out
        answers best, which fits each five times more. By default dawid-skene where there are
        at least three answers for each entry of the workers' confusion matrices, else the first
        that there is of glad, wds, and those given.
    answers_file
        Votes, inside the folder or anywhere.
    images
        Whether to look for images.
    check
        Replicates of the check of the model behind the labels, 0 for no check; by default 39 on
        at most 10,000 answers.

    Raises
    ------
    DataError
        Votes, gold labels or images are damaged.
    ParameterError
        A strategy or one of its options is unknown.
    """
    answers = dataset.answers if isinstance(dataset, Named) else dataset.answers(answers_file)
    notes: list[str] = []
    names = list(strategies) or [n for n in STRATEGY_NAMES if n in STRATEGIES]
    auto = main is not None and main.strip().lower() == "auto"
    if main is not None and not auto and main not in names:
        names.append(main)
    results = _fit(answers, names, bool(strategies), notes, progress)
    if main is None:
        main, why = _choose(answers, results)
    elif auto:
        main = choose(answers, list(results), progress=progress)
        why = "of these it predicts held-out answers best"
    else:
        why = ""
    if main not in results:
        raise ParameterError(f"--main {main}: could not be fitted: {'; '.join(notes)}")
    order = [main, *(name for name in results if name != main)]
    checked = model_check(answers, order, check, notes, progress)
    if isinstance(dataset, Named):
        gold = gold_labels(answers, dataset.gold)
        return ReportSource(
            dataset.name, answers, results, main, why, gold=gold, notes=tuple(notes), check=checked
        )
    roster = dataset.roster()
    return ReportSource(
        name=dataset.name,
        answers=answers,
        results=results,
        main=main,
        why_main=why,
        truth=_truth(dataset, answers, notes),
        gold=gold_labels(answers, read_gold(dataset.path / GOLD, answers.classes)),
        waum=_waum(dataset, answers, notes),
        images=_images(dataset, answers, notes) if images else None,
        notes=tuple(notes),
        kinds=roster.of(answers.workers) if roster.kinds else (),
        groups={w: g for w, g in roster.groups.items() if w in answers.workers},
        check=checked,
    )


def _fit(
    answers: Answers,
    names: Sequence[str],
    asked: bool,
    notes: list[str],
    progress: Progress,
) -> dict[str, Result]:
    results: dict[str, Result] = {}
    for i, name in enumerate(names):
        progress(i, len(names), name)
        strategy = build(name)
        try:
            with warnings.catch_warnings():
                # The page says in its table which strategies did not converge.
                warnings.simplefilter("ignore", ConvergenceWarning)
                results[name] = strategy.fit(answers)
        except (PeerannotError, MemoryError) as error:
            if asked:
                raise
            notes.append(f"{name} is left out: {error}")
    if not results:
        raise DataError(f"no strategy could be fitted: {'; '.join(notes)}")
    return results


def _choose(answers: Answers, results: Mapping[str, Result]) -> tuple[str, str]:
    by_kind: dict[str, str] = {}
    for name, result in results.items():
        by_kind.setdefault(result.strategy, name)
    active = int((answers.answers_per_worker > 0).sum())
    entries = active * answers.n_classes**2
    if "dawid-skene" in by_kind and answers.n_answers >= _ENOUGH * entries:
        why = "there are enough answers to estimate a confusion matrix of each worker"
        return by_kind["dawid-skene"], why
    for kind in ("glad", "wds"):
        if kind in by_kind:
            why = (
                f"{average(answers.n_answers / max(active, 1))} answers a worker are few for"
                f" confusion matrices of {answers.n_classes} x {answers.n_classes}"
            )
            return by_kind[kind], why if "dawid-skene" in by_kind else ""
    return next(iter(results)), ""


def _truth(dataset: Dataset, answers: Answers, notes: list[str]) -> NDArray[np.int64] | None:
    path = dataset.path / "ground_truth.npy"
    if not path.exists():
        return None
    array = load_npy(path)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        notes.append(f"{path.name} is left out: it is not one whole number a task")
        return None
    if array.size == answers.n_tasks:
        truth = array.astype(np.int64)
    else:
        keys = answers.tasks.numbers()
        if keys is None or not keys.size or keys.min() < 0 or keys.max() >= array.size:
            notes.append(
                f"{path.name} is left out: it has {array.size:,} rows for {answers.n_tasks:,} tasks"
            )
            return None
        truth = array[keys].astype(np.int64)
    return np.where((truth >= 0) & (truth < answers.n_classes), truth, -1)


def _waum(dataset: Dataset, answers: Answers, notes: list[str]) -> NDArray[np.float64] | None:
    """Column ``waum`` of the first table of that name, by the column ``task``."""
    files = sorted((dataset.path / "identification").glob("**/waum.csv"))
    if not files:
        return None
    import polars as pl

    try:
        frame = pl.read_csv(files[0], infer_schema=False)
        keys = answers.tasks.codes(frame["task"].to_list())
        values = frame["waum"].cast(pl.Float64).to_numpy()
    except (pl.exceptions.PolarsError, OSError) as error:
        notes.append(f"{files[0].name} is left out: {str(error).splitlines()[0]}")
        return None
    if len(files) > 1:
        notes.append(f"WAUM is that of {files[0].relative_to(dataset.path)}")
    waum = np.full(answers.n_tasks, np.nan)
    waum[keys[keys >= 0]] = values[keys >= 0]
    return waum


def _images(dataset: Dataset, answers: Answers, notes: list[str]) -> list[Path | None] | None:
    if not (dataset.path / "train").is_dir():
        return None
    try:
        files = dataset.images("train")
    except DataError as error:
        notes.append(f"the images are left out: {error}")
        return None
    found = images_of_tasks(files, answers.tasks)
    missing = found.count(None)
    if missing == answers.n_tasks:
        notes.append("no image in train/ has the key of a task in its name (<name>-<key>)")
        return None
    if missing:
        notes.append(f"{missing:,} of {answers.n_tasks:,} tasks have no image")
    return found
