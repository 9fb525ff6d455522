"""`peerannot.aggregate`: whatever the data and the engine, the same labels; refusals are told."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from peerannot import Result, aggregate, read_answers
from peerannot.aggregation import DawidSkene
from peerannot.aggregation.partitions.sharded_result import ShardedResult
from peerannot.aggregation.request import Engine, Request, Sizes
from peerannot.engines import ENGINES, engine_of
from peerannot.engines.choice import bytes_needed
from peerannot.errors import (
    ConvergenceWarning,
    DataError,
    NotConvergedError,
    ParameterError,
)

SPEC = "DS[max_iter=12,tol=0]"
pytestmark = pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")


@pytest.fixture
def votes(tmp_path: Path) -> pl.DataFrame:
    """A frame of votes with weights; ``votes.csv`` and ``shards/*.parquet`` hold the same."""
    rng = np.random.default_rng(3)
    truth, task = rng.integers(3, size=60), np.repeat(np.arange(60), 4)
    worker = np.concatenate([rng.choice(8, 4, replace=False) for _ in range(60)])
    right = rng.random(240) < 0.7
    label = np.where(right, truth[task], rng.integers(3, size=240))
    frame = pl.DataFrame(
        {"task": task, "worker": worker, "label": label, "w": rng.uniform(0.5, 3, 240).round(2)}
    )
    frame.write_csv(tmp_path / "votes.csv")
    (tmp_path / "shards").mkdir()
    for part in range(3):
        frame[part * 80 : part * 80 + 80].write_parquet(tmp_path / "shards" / f"{part}.parquet")
    return frame


def shards(folder: Path) -> str:
    return str(folder / "shards" / "*.parquet")


def written(result: Result | ShardedResult) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Labels and posterior, in order of task."""
    if isinstance(result, Result):
        return result.label_names(), result.dense_posterior()
    table = pl.read_parquet(f"{result.folder}/tasks/*.parquet")
    return [x or "" for x in table["label"]], table.select("^p_.*$").to_numpy()


def check_same(one: Result | ShardedResult, other: Result | ShardedResult) -> None:
    (labels, posterior), (others, other_posterior) = written(one), written(other)
    assert labels == others
    np.testing.assert_allclose(posterior, other_posterior, rtol=0, atol=1e-9)


def test_the_same_data_by_every_route(tmp_path: Path, votes: pl.DataFrame) -> None:
    answers = read_answers(votes)
    first = aggregate(answers, SPEC)
    mapping: dict[str, dict[str, str]] = {}
    for task, worker, label in votes.select("task", "worker", "label").rows():
        mapping.setdefault(str(task), {})[str(worker)] = str(label)
    matrix = np.full((60, 8), np.nan)
    matrix[votes["task"].to_numpy(), votes["worker"].to_numpy()] = votes["label"].to_numpy()
    pattern, parts = shards(tmp_path), sorted((tmp_path / "shards").iterdir())
    every = (votes, votes.to_pandas(), votes.to_arrow(), votes.lazy(), mapping, matrix,
             tmp_path / "votes.csv", str(tmp_path / "votes.csv"), pattern, parts)  # fmt: skip
    for data in every:
        check_same(aggregate(data, SPEC), first)
    for n, data in enumerate((pattern, tmp_path / "shards", parts)):
        there = aggregate(data, SPEC, engine="disk", output=tmp_path / f"out-{n}")
        check_same(there, first)
        assert (there.n_tasks, there.n_answers, there.diagnostics.n_iter) == (60, 240, 12)
    for strategy in (DawidSkene(max_iter=12, tol=0), "dawid_skene[max_iter=12,tol=0]"):
        check_same(aggregate(answers, strategy), first)


def test_gold_and_weights_by_every_route(tmp_path: Path, votes: pl.DataFrame) -> None:
    gold = {str(t): str(t % 3) for t in range(0, 60, 5)}
    pl.DataFrame({"task": list(gold), "label": list(gold.values())}).write_csv(tmp_path / "g.csv")
    codes = np.full(60, -1)
    codes[::5] = np.arange(0, 60, 5) % 3
    answers = read_answers(votes)
    # In the order of the answers, which need not be that of the rows.
    rows = votes.select("task", "worker", "w").rows()
    given = {(str(task), str(worker)): weight for task, worker, weight in rows}
    names = zip(answers.task, answers.worker, strict=True)
    weights = [given[answers.tasks[t], answers.workers[w]] for t, w in names]
    first = aggregate(answers, SPEC, gold=gold, weights=weights)
    assert np.abs(first.posterior - aggregate(answers, SPEC).posterior).max() > 1e-3
    for known in (gold, codes, tmp_path / "g.csv", str(tmp_path / "g.csv")):
        for data in (votes, votes.to_pandas(), tmp_path / "votes.csv"):
            check_same(aggregate(data, SPEC, gold=known, weights="w"), first)
        out = {"engine": "disk", "output": tmp_path / "out", "force": True}
        check_same(aggregate(shards(tmp_path), SPEC, gold=known, weights="w", **out), first)


def test_names_of_columns_by_every_route(tmp_path: Path, votes: pl.DataFrame) -> None:
    names = {"task": "item", "worker": "who", "label": "said"}
    renamed = votes.select("task", "worker", "label").rename(names)
    renamed.write_parquet(tmp_path / "named.parquet")
    first = aggregate(votes, "MV")
    check_same(aggregate(renamed, "MV", **names), first)
    check_same(aggregate(tmp_path / "named.parquet", "MV", **names), first)
    out = tmp_path / "out"
    check_same(
        aggregate(tmp_path / "named.parquet", "MV", engine="disk", output=out, **names), first
    )


SAMPLES: dict[str, Any] = {
    "classes": 3, "labels": "codes", "duplicates": "first", "bootstrap": 2, "workers": 2,
    "partitions": 2, "checkpoint_every": 3, "memory_limit": 1, "sizes": Sizes(block=7),
    "read": {"where": ["a=b"]},
    **dict.fromkeys(
        ("hard", "force", "strict", "save_state", "intervals", "resume", "skip_bad_shards"), True
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_what_an_engine_does_not_take_is_refused_and_nothing_else(engine: str) -> None:
    """Refusals come of what engines say that they take."""
    chosen = engine_of(engine)
    for one in fields(Request):
        if one.name in Engine.ALWAYS:
            continue
        value = SAMPLES.get(one.name, "some")
        request = Request.of("votes.csv", DawidSkene(), {one.name: value})
        assert {*request.given()} - Engine.ALWAYS == {one.name}
        assert bool(chosen.not_taken(request)) == (one.name not in chosen.takes)
        if one.name not in chosen.takes:
            takers = [n for n in ENGINES if one.name in engine_of(n).takes]
            name = "read.where" if one.name == "read" else one.name
            told = f"^{name} is for engine .*{takers[-1]}, not {engine}"
            with pytest.raises(ParameterError, match=told):
                aggregate("votes.csv", "DS", engine=engine, **{one.name: value})
    assert chosen.takes | Engine.ALWAYS <= Request.__dataclass_fields__.keys()


def test_every_field_is_for_some_engine() -> None:
    taken = {name for engine in ENGINES for name in engine_of(engine).takes}
    assert taken | Engine.ALWAYS == Request.__dataclass_fields__.keys()


def test_auto_fits_from_disk_what_does_not_fit_or_is_wanted_in_shards(
    tmp_path: Path, votes: pl.DataFrame
) -> None:
    told: list[str] = []
    (tmp_path / "gold.csv").write_text("task,label\n0,2\n")
    options: dict[str, Any] = {"gold": tmp_path / "gold.csv", "force": True, "tell": told.append}
    first = aggregate(votes, SPEC, gold={0: 2})
    # 240 answers of whole numbers, 120 bytes each.
    for limit, lines in ((240 * 120, 0), (240 * 120 - 1, 1)):
        told.clear()
        options["memory_limit"] = limit
        there = aggregate(shards(tmp_path), SPEC, output=tmp_path / "out", **options)
        assert isinstance(there, ShardedResult)
        check_same(there, first)
        sizes = [line for line in told if line.startswith("the answers need about 0.0 MiB of mem")]
        assert len(sizes) == lines and all(line.endswith("; fitted from disk") for line in sizes)
        told.clear()
        table = tmp_path / "labels.csv"
        here = aggregate(shards(tmp_path), SPEC, output=table, **options)
        assert isinstance(here, ShardedResult if lines else Result)
        assert ("fitted from disk" in "".join(told)) == bool(lines)
        assert pl.read_csv(table)["label"].cast(pl.String).to_list() == first.label_names()
        frames: list[pl.DataFrame] = []
        check_same(aggregate(shards(tmp_path), SPEC, **options), first)
        here = aggregate(shards(tmp_path), SPEC, rows=frames.append, **options)
        assert isinstance(here, ShardedResult if lines else Result)
        assert pl.concat(frames)["label"].to_list() == first.label_names()
    with pytest.raises(ParameterError, match="the name must end in"):
        aggregate(votes, SPEC, output=tmp_path / "other")


@pytest.mark.parametrize(
    ("strategy", "options", "why"),
    [
        (SPEC, {"intervals": True}, "intervals is not for engine disk"),
        ("LA", {}, "la needs all tasks in memory"),
        ("auto", {}, "engine disk takes one strategy"),
    ],
)
def test_auto_says_why_it_stays_in_memory(
    tmp_path: Path, votes: pl.DataFrame, strategy: str, options: dict[str, Any], why: str
) -> None:
    told: list[str] = []
    binary = tmp_path / "two.parquet"
    votes.filter(pl.col("label") < 2).write_parquet(binary)
    result = aggregate(binary, strategy, memory_limit=1, tell=told.append, **options)
    assert isinstance(result, Result)
    assert told[0].endswith(why) and "still fitted in memory" in told[0]


def test_texts_need_more_memory(tmp_path: Path, votes: pl.DataFrame) -> None:
    texts = votes.with_columns(pl.col("task").cast(pl.String))
    texts.write_parquet(tmp_path / "texts.parquet")
    ask = lambda data: bytes_needed(Request(data=data, strategy=None))  # noqa: E731
    few, more = ask(shards(tmp_path)), ask(tmp_path / "texts.parquet")
    assert few == 240 * 120 and more is not None and more > few
    assert ask(tmp_path / "votes.csv") == 240 * 155
    assert ask(votes) is ask("-") is None
    assert ask(str(tmp_path / "none-*.parquet")) is None


def test_a_fit_that_does_not_converge_says_the_same_everywhere(
    tmp_path: Path, votes: pl.DataFrame
) -> None:
    spec, out = "DS[max_iter=2]", tmp_path / "out"
    told = re.escape("dawid-skene stopped after 2 iterations before it converged; raise max_iter,")
    with pytest.warns(ConvergenceWarning, match=told):
        aggregate(votes, spec)
    with pytest.warns(ConvergenceWarning, match=told):
        aggregate(shards(tmp_path), spec, engine="disk", output=out)
    for engine, where in (("memory", tmp_path / "out.csv"), ("disk", out)):
        with pytest.raises(NotConvergedError, match="or drop strict"):
            aggregate(shards(tmp_path), spec, engine=engine, output=where, strict=True, force=True)
    assert not (tmp_path / "out.csv").exists()


def test_outputs_are_written_and_never_overwritten_unasked(
    tmp_path: Path, votes: pl.DataFrame
) -> None:
    table, people = tmp_path / "labels.parquet", tmp_path / "workers.csv"
    result = aggregate(votes, SPEC, output=table, workers_output=people, intervals=True)
    assert isinstance(result, Result) and "accuracy" in result.diagnostics.notes
    assert pl.read_parquet(table)["label"].to_list() == result.label_names()
    assert pl.read_csv(people).height == 8
    for engine, where in (("memory", table), ("disk", tmp_path / "out")):
        aggregate(shards(tmp_path), SPEC, engine=engine, output=where, force=True)
        with pytest.raises(ParameterError, match="force to overwrite it"):
            aggregate(shards(tmp_path), SPEC, engine=engine, output=where)


def test_a_dataset_folder_keeps_labels_and_a_state_where_asked(tmp_path: Path) -> None:
    home = tmp_path / "set"
    home.mkdir()
    (home / "metadata.json").write_text('{"name": "toy", "n_classes": 2}')
    (home / "answers.json").write_text('{"0": {"0": 0, "1": 1}, "1": {"0": 1, "1": 1}}')
    before = sorted(home.rglob("*"))
    result = aggregate(home, "MV")
    assert sorted(home.rglob("*")) == before
    check_same(aggregate(home, "MV", output=home), result)
    np.testing.assert_array_equal(np.load(home / "labels" / "labels_toy_MV.npy"), result.posterior)
    aggregate(home, "MV", output=home, save_state=True, gold={"0": 1})
    (tmp_path / "late.json").write_text('{"2": {"0": 0, "1": 0}}')
    grown = aggregate(home, "MV", output=home, update=tmp_path / "late.json")
    assert written(grown)[0] == ["1", "1", "0"]
    assert json.loads((home / "labels" / "labels_toy_MV.json").read_text())["n_tasks"] == 3
    with pytest.raises(ParameterError, match="name a DATASET folder"):
        aggregate(tmp_path / "late.json", "MV", save_state=True)
    with pytest.raises(ParameterError, match=r"^task is for a file of votes; .* dataset folder$"):
        aggregate(home, "MV", task="item")


def test_the_best_strategy_is_taken_by_name_auto(votes: pl.DataFrame) -> None:
    told: list[str] = []
    result = aggregate(votes, "auto", tell=told.append)
    assert told == [f"auto: {result.strategy} predicts held-out answers best"]


@pytest.mark.parametrize(
    ("data", "strategy", "options", "error", "message"),
    [
        ("votes", DawidSkene, {}, ParameterError, "not the class DawidSkene"),
        ("votes", 7, {}, ParameterError, "strategy must be a name or a strategy .*, not 7"),
        ("votes", None, {}, ParameterError, "strategy must be a name or a strategy .*, not None"),
        ("votes", "DSS", {}, ParameterError, "unknown strategy 'DSS'; did you mean 'DS'"),
        ("votes", "MV", {"engine": "disc"}, ParameterError, "'disc'; did you mean 'disk'"),
        ("votes", "MV", {"engine": 3}, ParameterError, "unknown engine 3; there are auto, mem"),
        ("votes", "MV", {"wieghts": "w"}, ParameterError, "no option 'wieghts'; did you mean 'w"),
        ("votes", "MV", {"weights": [1.0]}, ParameterError, "weights: expected the name of a col"),
        ("votes", "MV", {"read": {"sheet": 2}}, ParameterError, "read is for a path"),
        ("answers", "MV", {"weights": [1.0]}, DataError, "weights: expected 240 numbers >= 0"),
        ("answers", "MV", {"weights": "w"}, DataError, "weights: expected 240 numbers >= 0"),
        ("answers", "MV", {"task": "t"}, ParameterError, "task is for frames, matrices and files"),
        (7, "MV", {}, DataError, "expected Answers, a frame .* or a path, not 7"),
        (None, "MV", {}, DataError, "expected Answers, a frame .* or a path, not None"),
        ("nowhere.csv", "MV", {}, DataError, "nowhere.csv: no such file"),
        ("votes", "MV", {"gold": "nowhere.csv"}, DataError, "nowhere.csv: no such file"),
        ("votes", "MV", {"engine": "disk", "output": "x"}, DataError, "expected .*paths"),
    ],
)  # fmt: skip
def test_what_is_of_a_wrong_kind_is_told(
    votes: pl.DataFrame, data: Any, strategy: Any, options: dict[str, Any],
    error: type[Exception], message: str,
) -> None:  # fmt: skip
    known = {"votes": votes, "answers": read_answers(votes)}
    with pytest.raises(error, match=message) as found:
        aggregate(known.get(data, data), strategy, **options)
    assert "\n" not in str(found.value)


def test_a_repeated_answer_counts_as_asked_on_disk_too(tmp_path: Path) -> None:
    file = tmp_path / "twice.parquet"
    frame = pl.DataFrame({"task": [1, 1, 2], "worker": [1, 1, 1], "label": ["a", "b", "a"]})
    frame.write_parquet(file)
    for policy, label in (("first", "a"), ("last", "b")):
        out = {"engine": "disk", "output": tmp_path / policy}
        there = aggregate(file, "MV", duplicates=policy, **out)
        here = aggregate(file, "MV", duplicates=policy)
        framed = aggregate(frame, "MV", duplicates=policy)
        assert written(there)[0][0] == written(here)[0][0] == written(framed)[0][0] == label
