"""What each strategy can do is what is said of it, and what is missing has a reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import polars as pl
import pytest

from peerannot.aggregation import STRATEGIES, skill_intervals
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.capabilities import (
    CAPABILITIES,
    ENGINES,
    MISSING,
    capabilities,
    why_not,
)
from peerannot.aggregation.confusion.dawid_skene import DawidSkene
from peerannot.aggregation.partitions.out_of_core import fit_shards
from peerannot.answers import Answers
from peerannot.checks.strategies import ready
from peerannot.engines import engine_of
from peerannot.errors import DataError, ParameterError
from peerannot.predictive import check_model

NAMES = list(STRATEGIES)
pytestmark = pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, dict[str, str], Path]:
    """Answers, gold labels of some tasks, and the same answers in a shard."""
    rng = np.random.default_rng(1)
    truth, task = rng.integers(3, size=30), np.repeat(np.arange(30), 4)
    worker = np.concatenate([rng.choice(6, 4, replace=False) for _ in range(30)])
    right = rng.random(120) < np.linspace(0.5, 0.95, 6)[worker]
    label = np.where(right, truth[task], rng.integers(3, size=120))
    answers = Answers.from_arrays(task, worker, label, classes=3)
    shard = tmp_path_factory.mktemp("shards") / "answers.parquet"
    pl.DataFrame({"task": task, "worker": worker, "label": label}).write_parquet(shard)
    return answers, {str(i): str(truth[i]) for i in range(0, 30, 3)}, shard


def on_shards(rule: Strategy, start: Any, folder: Path) -> Strategy:
    """With options under which it takes shards: its start in a file, tasks where they are."""
    for name, kind in get_type_hints(type(rule)).items():
        if Path in get_args(kind) and start is not None:
            np.save(folder / "start.npy", start)
            rule = replace(rule, **{name: folder / "start.npy"})
        for choice in get_args(kind) if get_origin(kind) is Literal else ():
            other = replace(rule, **{name: choice})
            if rule.needs_all_tasks() is not None and other.needs_all_tasks() is None:
                rule = other
    return rule


def does(name: str, capability: str, votes: Any, folder: Path) -> bool:
    """Whether a strategy does something, found by trying."""
    answers, gold, shard = votes
    rule, needed = ready(STRATEGIES[name], answers)
    known = {"gold": needed["gold"]} if "gold" in needed else {}
    try:
        match capability:
            case "gold":
                result = rule.fit(answers, **{**needed, "gold": gold})
                assert all(result.labels[answers.tasks.index_of[t]] == int(gold[t]) for t in gold)
            case "weights":
                plain = rule.fit(answers, **needed).dense_posterior()
                heavy = np.random.default_rng(0).uniform(0.1, 9.0, answers.n_answers)
                rows = [answers.task, answers.worker, answers.label]
                ids = [answers.tasks, answers.workers, answers.classes]
                found = rule.fit(Answers(*rows, *ids, heavy), **needed).dense_posterior()
                return bool(np.abs(found - plain).max() > 1e-6)
            case "init":
                start = np.random.default_rng(0).dirichlet(np.ones(3), answers.n_tasks)
                rule.fit(answers, **{**needed, "init": start})
            case "online":
                rule.partial_fit(answers, **known).result()
            case "intervals":
                skill_intervals(rule.fit(answers, **needed), answers)
            case "check":
                check_model(answers, rule, replicates=19)
            case "out of core":
                rule = on_shards(rule, needed.get("init"), folder)
                fit_shards(shard, rule, output=folder / "out", **known)
            case _:
                raise AssertionError(capability)
    except (ParameterError, DataError) as error:
        # Refused in one line that tells the strategy.
        assert name in str(error) and "\n" not in str(error)
        return False
    return True


@pytest.mark.parametrize("capability", [what for what in CAPABILITIES if what != "Dask"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_is_what_happens(
    name: str, capability: str, votes: Any, tmp_path: Path
) -> None:
    assert does(name, capability, votes, tmp_path) == capabilities(STRATEGIES[name])[capability]


def test_all_that_is_missing_has_a_reason_and_nothing_else() -> None:
    assert MISSING.keys() == CAPABILITIES.keys()
    for what, told in MISSING.items():
        lacking = {name for name in NAMES if not capabilities(STRATEGIES[name])[what]}
        assert told.keys() == lacking, what
        assert all(told.values())


@pytest.mark.parametrize(("engine", "name"), [("out of core", "disk"), ("Dask", "dask")])
def test_engines_take_what_is_not_missing(engine: str, name: str) -> None:
    takes = engine_of(name).takes
    for what in ("gold", "weights", "init", "intervals"):
        assert (what in takes) == (what not in ENGINES[engine]), what
    assert ENGINES[engine].keys() < CAPABILITIES.keys()


class Mine(DawidSkene):
    name = "mine"


class MineOnceMore(DawidSkene):
    name = "mine-once-more"
    grow = None  # type: ignore[assignment]
    takes_init = False


def test_a_subclass_can_what_its_family_can(votes: Any) -> None:
    assert capabilities(Mine) == capabilities(DawidSkene)
    assert all(capabilities(Mine).values())
    changed = {**capabilities(DawidSkene), "online": False, "init": False}
    assert capabilities(MineOnceMore) == changed
    assert why_not(MineOnceMore, "online") == "it does not say how"
    answers, *_ = votes
    state = Mine().partial_fit(answers)
    np.testing.assert_array_equal(
        state.result().posterior, DawidSkene().partial_fit(answers).result().posterior
    )
    with pytest.raises(ParameterError, match="cannot learn"):
        MineOnceMore().partial_fit(answers)


def test_command(run: Any) -> None:
    told = run("agginfo", "FDS").stdout
    assert "fast-dawid-skene" in told and "switch = " in told
    assert f"online      no   {MISSING['online']['fast-dawid-skene']}" in told
    facts = json.loads(run("agginfo", "kos", "--json").stdout)
    assert facts["cannot"]["gold"] == MISSING["gold"]["kos"] and "Dask" in facts["can"]
    assert "did you mean" in run("agginfo", "kso", code=2).stderr
