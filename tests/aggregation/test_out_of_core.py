"""Fits of Parquet shards out of core: equal to those in memory, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from helpers.examples import part_of
from helpers.small_shards import shards
from peerannot._progress import silent
from peerannot._threads import with_threads
from peerannot.aggregation import STRATEGIES, Result, build
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.partitions import mapped, out_of_core
from peerannot.aggregation.partitions.sharded_result import ShardedResult
from peerannot.aggregation.reliability.crowdlab import CROWDLAB
from peerannot.aggregation.request import Sizes
from peerannot.answers import Answers
from peerannot.errors import DataError, DataWarning, ParameterError, StorageError
from peerannot.io import read_answers
from peerannot.io import shards as shards_module

# So small that a small crowd has many blocks, chunks and parts.
SMALL = Sizes(
    block=97, sorted_rows=150, step=64, chunk_cells=0, least_chunk=50, part=40, held=2**12
)  # fmt: skip


def fit_shards(pattern: str | Path, *strategy: Any, **options: Any) -> ShardedResult:
    return out_of_core.fit_shards(pattern, *strategy, **{"sizes": SMALL, **options})


def table(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "tasks" / "*.parquet")


SPECS = [
    "DS[max_iter=15,tol=0]",
    "LFC",
    "FDS",
    "FDS[ties=random,seed=3]",
    "hybrid-ds",
    "MV",
    "MV[ties=random,seed=5]",
    "MV[ties=abstain]",
    "NaiveSoft",
]
# Every other strategy that runs on partitions.
OTHERS = [
    "TwoThird", "WMV[default_weight=2]", "Wawa", "Wawa[ties=random]", "ZBS[ties=random]", "IWMV",
    "IWMV[ties=random]", "WDS", "IBCC", "one-coin[prior=estimated]", "ZC", "MACE[restarts=2]",
    "LA[order=given]", "LA2[order=given,ties=random]", "GLAD", "GoldMV",
    "PlantNet[theta_conf=0.5,taxa_votes_weight=1.0,ties=random]", "PM", "CRH[ties=random]", "CATD",
    "BWA", "class-one-coin", "DSWC", "EBCC[subtypes=2,restarts=2]", "KOS", "KOS[spread=1]", "M-MSR",
    "crowdlab[probabilities=p.npy]", "hierarchical-dawid-skene", "hierarchical-mace",
    "bwa-normalised", "consensus",
    "DS[accelerate=true,tol=1e-9]",
    "GLAD[accelerate=true,tol=1e-9]", "one-coin[accelerate=true,tol=1e-9]",
    "class-one-coin[accelerate=true,tol=1e-9]",
]  # fmt: skip


def some_gold(pattern: str) -> dict[str, str]:
    """Every ninth task, always the first class but for one, by name."""
    answers = read_answers(pattern)
    return {t: answers.classes[i == 9] for i, t in enumerate(answers.tasks) if i % 9 == 0}


def ready(spec: str, folder: Path, answers: Answers) -> Strategy:
    """The strategy, with probabilities of a classifier where it needs some."""
    rule = build(spec)
    if isinstance(rule, CROWDLAB):
        rule = replace(rule, probabilities=folder / "p.npy")
        shape = answers.n_tasks, answers.n_classes
        np.save(folder / "p.npy", np.random.default_rng(0).uniform(0.1, 1.0, shape))
    return rule


def equals(folder: Path, here: Result) -> None:
    found = table(folder)
    assert found["task"].cast(pl.String).to_list() == list(here.tasks)
    posterior = found.select(f"p_{name}" for name in here.classes).to_numpy()
    np.testing.assert_allclose(posterior, here.dense_posterior(), rtol=0, atol=1e-9)
    assert [x or "" for x in found["label"]] == here.label_names()
    np.testing.assert_allclose(found["confidence"].to_numpy(), here.confidence, atol=1e-9)
    workers = pl.read_parquet(folder / "workers.parquet")
    columns = dict(here.worker_columns)
    if here.skill is not None:
        columns["skill"] = here.skill
    for name, column in columns.items():
        np.testing.assert_allclose(workers[name].to_numpy(), column, atol=1e-9)


@dataclass(frozen=True)
class Crowd:
    """Shards, what they hold, and where they are coded, by the first fit for all."""

    pattern: str
    answers: Answers
    gold: dict[str, str]
    scratch: Path


@pytest.fixture(scope="module")
def crowd_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Crowd]:
    """One crowd for each way to write shards."""

    @cache
    def make(text: bool, order: str, weighted: bool) -> Crowd:
        folder = tmp_path_factory.mktemp("crowd")
        pattern = shards(folder / "in", text=text, order=order, weighted=weighted)
        answers = read_answers(pattern, weight_col="w" if weighted else None)
        return Crowd(pattern, answers, some_gold(pattern), folder / "scratch")

    return make


def assert_as_in_memory(crowd: Crowd, spec: str, folder: Path, **options: Any) -> None:
    """With gold labels, where they are taken, and without."""
    rule, out = ready(spec, folder, crowd.answers), folder / "out"
    for known in (crowd.gold, None):
        if rule.takes_gold if known is not None else spec != "GoldMV":
            there = fit_shards(
                crowd.pattern, rule, output=out, gold=known, scratch=crowd.scratch, **options
            )
            here = rule.fit(crowd.answers, gold=known)
            equals(out, here)
            assert there.diagnostics.n_iter == here.diagnostics.n_iter
    assert not list(out.glob(".scratch*"))


EVERY = [*SPECS, *OTHERS]
# What shards hold and in which order is read before any model has a part in it.
TEXTS = [(spec, text) for i, spec in enumerate(EVERY) for text in part_of((False, True), i % 2)]
ORDERS = [
    (spec, order)
    for i, spec in enumerate(EVERY)
    for order in part_of(("sorted", "shuffled"), i % 2)
]


@pytest.mark.parametrize(("spec", "text"), TEXTS)
def test_gold_and_all_strategies_as_in_memory(
    tmp_path: Path, crowd_of: Callable[..., Crowd], spec: str, text: bool
) -> None:
    assert_as_in_memory(crowd_of(text, "shuffled", False), spec, tmp_path)


@pytest.mark.parametrize(("spec", "order"), ORDERS)
def test_weights_of_answers_as_in_memory(
    tmp_path: Path, crowd_of: Callable[..., Crowd], spec: str, order: str
) -> None:
    crowd = crowd_of(order == "shuffled", order, True)
    assert crowd.answers.weight is not None
    assert_as_in_memory(crowd, spec, tmp_path, weight_col="w")


@pytest.mark.parametrize("spec", ["GoldMV", "DS"])
def test_gold_of_several_labels_as_in_memory(tmp_path: Path, spec: str) -> None:
    pattern = shards(tmp_path / "in")
    names = read_answers(pattern).classes
    gold = {t: [y, names[-1]] if int(t) % 2 else y for t, y in some_gold(pattern).items()}
    with pytest.warns(DataWarning, match="tasks have several labels"):
        fit_shards(pattern, spec, output=tmp_path / "out", gold=gold)
        here = build(spec).fit(read_answers(pattern), gold=gold)
    equals(tmp_path / "out", here)
    assert here.skill is not None
    plain = build(spec).fit(read_answers(pattern), gold=some_gold(pattern))
    assert not np.allclose(here.skill, plain.skill)


def test_gold_as_a_series(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pattern = shards(tmp_path / "in")
    gold = some_gold(pattern)
    fit_shards(pattern, "DS", output=tmp_path / "out", gold=pd.Series(gold))
    equals(tmp_path / "out", build("DS").fit(read_answers(pattern), gold=gold))


def test_weights_are_coded_where_they_are_asked_for(tmp_path: Path) -> None:
    pattern, scratch = shards(tmp_path / "in", weighted=True), tmp_path / "scratch"
    options: dict[str, Any] = {"output": tmp_path / "out", "scratch": scratch}
    coded = scratch / "coded-answers"
    for name, weight_col in (("a", "w"), ("b", None), ("c", "w")):
        fit_shards(pattern, "MV", weight_col=weight_col, **options)
        assert (coded / "weight.bin").exists() == (weight_col is not None), name
        equals(tmp_path / "out", build("MV").fit(read_answers(pattern, weight_col=weight_col)))
    with (coded / "weight.bin").open("r+b") as file:
        file.write(b"8 bytes.")
    with pytest.raises(DataError, match=r"damaged \(weight\.bin is not what was written"):
        fit_shards(pattern, "MV", weight_col="w", **options)


def test_weights_that_are_none_are_told(tmp_path: Path) -> None:
    pattern, out = shards(tmp_path / "in", weighted=True), tmp_path / "out"
    with pytest.raises(DataError, match=r"no column 'wieght'; there are .*--weight-col"):
        fit_shards(pattern, "MV", output=out, weight_col="wieght")
    with pytest.raises(DataError, match="one column serves twice"):
        fit_shards(pattern, "MV", output=out, weight_col="label")
    second = tmp_path / "in" / "answers-1.parquet"
    for weight in (None, -1.0, float("nan"), float("inf")):
        frame = pl.read_parquet(second)
        frame[4, "w"] = weight
        frame.write_parquet(second)
        with pytest.raises(
            DataError, match=r"answers-1\.parquet row 5: the weight .* is not a num"
        ):
            fit_shards(pattern, "MV", output=out, weight_col="w")
    assert not (out / "manifest.json").exists()


def test_every_strategy_that_runs_on_partitions_is_tried_here() -> None:
    tried = {build(spec).name for spec in [*SPECS, *OTHERS]}
    assert tried == {name for name in STRATEGIES if STRATEGIES[name].runs_on_partitions()}


def test_weights_of_workers_from_a_file(tmp_path: Path) -> None:
    pattern, file = shards(tmp_path / "in"), tmp_path / "weights.csv"
    file.write_text("worker,weight\n0,9\n2,0.5\n")
    rule = build(f"WMV[weights={file}]")
    fit_shards(pattern, rule, output=tmp_path / "out")
    equals(tmp_path / "out", rule.fit(read_answers(pattern)))
    file.write_text("worker,weight\n0,-9\n")
    with pytest.raises(DataError, match=f"^{file}: the weight of worker '0' must be"):
        fit_shards(pattern, rule, output=tmp_path / "out")


def test_gold_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out"
    with pytest.raises(DataError, match="gold: 1 tasks have no answers entry: 8"):
        fit_shards(pattern, "MV", output=out, gold={"7": "1", "8": "1"})
    with pytest.raises(DataError, match="gold: label '5' of task '7' is not one of 0, 1, 2"):
        fit_shards(pattern, "MV", output=out, gold={"7": "5"})
    with pytest.raises(DataError, match="gold: expected 200 whole numbers"):
        fit_shards(pattern, "MV", output=out, gold=[1, 2])
    fit_shards(pattern, "MV", output=out, gold=np.zeros(200, int))
    assert (table(out)["label"] == "0").all()
    assert not (out / ".scratch").exists()
    fit_shards(pattern, "MV", output=out, gold={})
    equals(out, build("MV").fit(read_answers(pattern)))


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("text", "order"), [(False, "sorted"), (True, "sorted"), (False, "shuffled")]
)
def test_equals_the_fit_in_memory(tmp_path: Path, spec: str, text: bool, order: str) -> None:
    pattern = shards(tmp_path / "in", text=text, order=order)
    there = fit_shards(pattern, spec, output=tmp_path / "out")
    here = build(spec).fit(read_answers(pattern))
    found = table(tmp_path / "out")
    assert found["task"].cast(pl.String).to_list() == list(here.tasks)
    posterior = found.select(f"p_{name}" for name in here.classes).to_numpy()
    np.testing.assert_allclose(posterior, here.posterior, atol=1e-9)
    assert [x or "" for x in found["label"]] == here.label_names()
    np.testing.assert_allclose(found["confidence"].to_numpy(), here.confidence, atol=1e-9)
    assert (found["n_answers"].to_numpy() == here.n_answers).all()
    workers = pl.read_parquet(tmp_path / "out" / "workers.parquet")
    assert workers["worker"].to_list() == list(here.workers)
    assert (workers["n_answers"].to_numpy() == here.worker_answers).all()
    assert there.diagnostics.n_iter == here.diagnostics.n_iter
    assert there.diagnostics.objective == pytest.approx(here.diagnostics.objective, rel=1e-9)
    if here.confusion is not None:
        np.testing.assert_allclose(workers["skill"].to_numpy(), here.skill, atol=1e-9)
        confusion = np.load(tmp_path / "out" / "confusion.npy")
        np.testing.assert_allclose(confusion, here.confusion, atol=1e-9)
    assert len(list((tmp_path / "out" / "tasks").iterdir())) > 2
    assert not (tmp_path / "out" / ".scratch").exists()


@pytest.mark.parametrize("spec", ["DS[max_iter=5]", "IWMV", "GLAD[max_iter=5]", "BWA", "KOS"])
def test_what_stays_in_memory_changes_nothing(tmp_path: Path, spec: str) -> None:
    pattern = shards(tmp_path / "in")
    columns = dict.fromkeys(("task", "worker", "label", "weight"))
    coded = shards_module.code_shards(
        pattern, tmp_path / "coded", columns=columns, classes=None, labels=None,
        duplicates="last", progress=silent, sizes=SMALL,
    )  # fmt: skip
    rule, held, found = build(spec), [], []
    for room in (0, 2**10, 2**12, 2**13, 2**30):
        parts = mapped.MappedParts(coded, room)
        fitted = rule.fit_parts(parts, silent)
        posterior = [fitted.write(part, *fitted.given).posterior for part in parts]
        held.append(len(parts._held))
        found.append(np.concatenate(posterior))
        parts.close()
    assert held[0] == 0 and held[-1] == len(parts)
    assert any(0 < n < len(parts) for n in held)
    for posterior in found[1:]:
        np.testing.assert_array_equal(posterior, found[0])


def test_threads_do_not_matter(tmp_path: Path) -> None:
    pattern = shards(tmp_path / "in")
    for n, name in ((1, "one"), (2, "two")):
        with with_threads(n):
            fit_shards(pattern, "DS", output=tmp_path / name)
    for file in (tmp_path / "one").rglob("*.*"):
        assert (
            file.read_bytes()
            == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
        )


def test_scratch_is_used_again_until_shards_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern, scratch = shards(tmp_path / "in"), tmp_path / "scratch"
    fit_shards(pattern, "MV", output=tmp_path / "a", scratch=scratch)
    surveys: list[Any] = []
    real = shards_module.survey
    monkeypatch.setattr(shards_module, "survey", lambda *a: surveys.append(a) or real(*a))
    fit_shards(pattern, "DS", output=tmp_path / "b", scratch=scratch)
    assert not surveys
    shards(tmp_path / "in", seed=1)
    fit_shards(pattern, "DS", output=tmp_path / "b", scratch=scratch)
    assert surveys
    here = build("DS").fit(read_answers(pattern))
    assert table(tmp_path / "b")["label"].to_list() == here.label_names()


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_an_interrupted_conversion_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    pattern, scratch = shards(tmp_path / "in", order=order), tmp_path / "scratch"

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shards_module._Writer, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit_shards(pattern, "MV", output=tmp_path / "out", scratch=scratch)
    assert not (scratch / "coded-answers" / "manifest.json").exists()
    fit_shards(pattern, "MV", output=tmp_path / "out", scratch=scratch)
    here = build("MV").fit(read_answers(pattern))
    assert table(tmp_path / "out")["label"].to_list() == here.label_names()
    assert not (scratch / "coded-answers" / "partitions").exists()


def test_shards_are_never_overwritten(tmp_path: Path) -> None:
    shards(tmp_path / "tasks")
    for number, file in enumerate(sorted((tmp_path / "tasks").iterdir())):
        file.rename(file.with_name(f"part-{number}.parquet"))
    with pytest.raises(ParameterError, match="holds the answers"):
        fit_shards(tmp_path / "tasks", "MV", output=tmp_path)
    # Shards that bear the names of scratch files, in the scratch folder.
    for file in (tmp_path / "tasks").iterdir():
        file.rename(file.with_name(file.name.replace("part", "tasks")))
    fit_shards(tmp_path / "tasks", "MV", output=tmp_path / "out", scratch=tmp_path / "tasks")
    assert len(list((tmp_path / "tasks").glob("*.parquet"))) == 3


def test_hard_leaves_out_the_posterior(tmp_path: Path) -> None:
    fit_shards(shards(tmp_path / "in"), "DS", output=tmp_path / "out", hard=True)
    assert table(tmp_path / "out").columns == ["task", "label", "confidence", "n_answers"]


def test_classes_and_columns_can_be_named(tmp_path: Path) -> None:
    pattern = shards(tmp_path / "in")
    for file in (tmp_path / "in").iterdir():
        pl.read_parquet(file).rename({"label": "x", "worker": "y", "task": "z"}).write_parquet(file)
    names = {"task_col": "z", "worker_col": "y", "label_col": "x"}
    done = fit_shards(pattern, "MV", output=tmp_path / "out", classes=4, **names)
    assert done.n_classes == 4
    assert table(tmp_path / "out")["p_3"].sum() == 0
    with pytest.raises(DataError, match=r"label '2' is not in 0\.\.1"):
        fit_shards(pattern, "MV", output=tmp_path / "out", classes=2, **names)


def test_many_combinations_of_workers_and_classes(tmp_path: Path) -> None:
    pattern = shards(tmp_path / "in")
    fit_shards(pattern, "DS", output=tmp_path / "out", sizes=replace(SMALL, marked=3, span=3))
    here = build("DS").fit(read_answers(pattern))
    posterior = table(tmp_path / "out").select("^p_.*$").to_numpy()
    np.testing.assert_allclose(posterior, here.posterior, atol=1e-9)


def test_what_cannot_be_fitted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = shards(tmp_path / "in")
    with pytest.raises(ParameterError, match=r"la needs all tasks in memory, in one place: "):
        fit_shards(pattern, "LA", output=tmp_path / "out")
    with pytest.raises(DataError, match="no file matches"):
        fit_shards(str(tmp_path / "none-*.parquet"), output=tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(shards_module.shutil, "disk_usage", lambda _: _Disk())
        with pytest.raises(StorageError, match=r"takes about .* GiB.* are free"):
            fit_shards(pattern, output=tmp_path / "out")
    second = tmp_path / "in" / "answers-1.parquet"
    frame = pl.read_parquet(second)
    frame[4, "label"] = None
    frame.write_parquet(second)
    with pytest.raises(DataError, match=r"answers-1\.parquet row 5: the label is missing"):
        fit_shards(pattern, output=tmp_path / "out")
    second.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match=r"answers-1\.parquet.* Parquet"):
        fit_shards(pattern, output=tmp_path / "out")
    assert not (tmp_path / "out" / ".scratch").exists()
    assert not (tmp_path / "out" / "manifest.json").exists()


class _Disk:
    free = 10


def test_gold_of_a_file_as_in_memory(tmp_path: Path, run: Any) -> None:
    pattern, gold = shards(tmp_path / "in", text=True), tmp_path / "gold.csv"
    names = list(read_answers(pattern).tasks)[::4]
    # Names, and positions; a task without answers is no fault.
    for labels in (["cat", "dog", "eel"], ["0", "1", "2"]):
        rows = [f"{t},{labels[i % 3]}" for i, t in enumerate([*names, "nowhere"])]
        gold.write_text("\n".join(["task,label", *rows]))
        run(
            "aggregate", pattern, "-s", "DS", "--gold", gold, "-o", tmp_path / "here.csv", "--force"
        )
        run("aggregate", pattern, "-s", "DS", "--gold", gold, "--out-of-core", "--output",
            tmp_path / "out", "--force")  # fmt: skip
        here = pl.read_csv(tmp_path / "here.csv", infer_schema=False)
        assert table(tmp_path / "out")["label"].to_list() == here["label"].to_list()
        known = table(tmp_path / "out").filter(pl.col("task").is_in(names))["label"].to_list()
        assert known == [("cat", "dog", "eel")[i % 3] for i in range(len(names))]
    gold.write_text("task,label\n" + f"{names[0]},fox")
    command = ("aggregate", pattern, "--gold", gold, "--out-of-core", "--output", tmp_path / "x")
    assert (
        "gold.csv line 2: label 'fox' is not one of cat, dog, eel" in run(*command, code=3).stderr
    )


def test_command(tmp_path: Path, run: Any) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out"
    command = ("aggregate", pattern, "-s", "DS", "--out-of-core", "--output", out)
    facts = json.loads(run(*command, "--json").stdout)
    assert facts["n_tasks"] == table(out).height
    assert facts["strategy"] == "dawid-skene"
    assert "--force" in run(*command, code=2).stderr
    run(*command, "--force", "--hard", "-P", "max_iter=3", "-P", "tol=0")
    assert "p_0" not in table(out).columns
    assert json.loads((out / "manifest.json").read_text())["n_iter"] == 3


def test_command_with_weights(tmp_path: Path, run: Any) -> None:
    pattern, out = shards(tmp_path / "in", weighted=True), tmp_path / "out"
    weights = ("--weight-col", "w", "-s", "DS")
    run("aggregate", pattern, *weights, "--out-of-core", "--output", out)
    equals(out, build("DS").fit(read_answers(pattern, weight_col="w")))
    told = run("aggregate", pattern, "--weight-col", "x", "--out-of-core", "-o", out, "--force",
               code=3).stderr  # fmt: skip
    assert "'x'" in told and "Traceback" not in told


def test_a_worker_that_was_not_there_at_first_is_told() -> None:
    coding = shards_module.Coding(
        pl.Series(["u", "v"]), pl.Series(["x"]), None, "last", "votes.parquet"
    )
    rows = pl.DataFrame({"task": ["a", "a"], "worker": ["v", "w"], "label": ["x", "x"]})
    assert coding.codes(rows.head(1))["worker"].to_list() == [1]
    with pytest.raises(DataError, match=r"votes.parquet: worker 'w' was not there at first"):
        coding.codes(rows)
