"""Fits on a cluster: equal to those on one machine, resumed, and what is left out is told."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("distributed", reason="needs the extra cluster")

from helpers.examples import part_of
from helpers.on_workers import count_on, dense, parts_of, received, take, through
from helpers.small_shards import assert_as_on_one_machine, shards, tasks_of
from peerannot import distributed
from peerannot._sizes import with_sizes
from peerannot.aggregation import build
from peerannot.aggregation.partitions.sharded_result import ShardedResult
from peerannot.aggregation.request import Sizes
from peerannot.distributed import _survey, _write, has_result
from peerannot.distributed._cluster import Machine
from peerannot.distributed._load import Loaded
from peerannot.distributed._survey import plan
from peerannot.errors import DataError, DataWarning, ParameterError
from peerannot.io import read_answers
from peerannot.selection import read_gold

DS = "DS[max_iter=12,tol=0]"


# So small that a small crowd has many blocks and files.
SMALL = Sizes(block=97, part=40)


def fit(pattern: str | Path, *strategy: Any, **options: Any) -> ShardedResult:
    return distributed.fit(pattern, *strategy, **{"sizes": SMALL, **options})


@pytest.mark.parametrize("partitions", [1, 2, 7])
@pytest.mark.parametrize(
    ("text", "order"), [(False, "sorted"), (True, "shuffled"), (False, "reversed")]
)
def test_equals_one_machine(
    tmp_path: Path, client: Any, partitions: int, text: bool, order: str
) -> None:
    pattern = shards(tmp_path / "in", text=text, order=order)
    for spec in (DS, "MV[ties=random,seed=5]"):
        done = fit(pattern, spec, output=tmp_path / "out", client=client, partitions=partitions)
        assert done.n_partitions == partitions
        assert_as_on_one_machine(tmp_path / "out", pattern, spec)
    files = [file.name for file in (tmp_path / "out" / "tasks").iterdir()]
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sorted(facts["parts"]) == sorted(f"tasks/{name}" for name in files)
    assert len(files) >= max(partitions, 5)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json", "tasks", "workers.parquet",
    }  # fmt: skip


SPECS = [
    "NaiveSoft", "LA[order=given]", "Wawa", "IWMV", "LFC[max_iter=4]", "FDS[max_iter=4]",
    "one-coin[max_iter=4]", "ZC[max_iter=4]", "IBCC[max_iter=4]", "MACE[max_iter=3,restarts=2]",
    "GLAD[max_iter=4]", "PlantNet[max_iter=4]",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
@pytest.mark.parametrize("spec", SPECS)
def test_every_family_runs_on_a_cluster(tmp_path: Path, client: Any, spec: str) -> None:
    """Every model's work and state can be sent, and kept where the partition is."""
    pattern = shards(tmp_path / "in", text=True)
    fit(pattern, spec, output=tmp_path / "out", client=client, partitions=3)
    assert_as_on_one_machine(tmp_path / "out", pattern, spec)


def test_text_among_numbers_is_one_vocabulary(tmp_path: Path, client: Any) -> None:
    """A shard of whole numbers beside one of text: both are text, in one order."""
    (tmp_path / "in").mkdir()
    numbers = {"task": [3, 10, 20, 3], "worker": [1, 1, 2, 2], "label": [0, 1, 1, 0]}
    text = {"task": ["t4", "10"], "worker": ["1", "ann"], "label": ["1", "0"]}
    pl.DataFrame(numbers).write_parquet(tmp_path / "in" / "a.parquet")
    pl.DataFrame(text).write_parquet(tmp_path / "in" / "b.parquet")
    fit(tmp_path / "in", "NaiveSoft", output=tmp_path / "out", client=client, partitions=3)
    found = tasks_of(tmp_path / "out").select("task", "p_1").rows()
    assert found == [("3", 0.0), ("10", 0.5), ("20", 1.0), ("t4", 1.0)]


@pytest.mark.parametrize(("order", "partitions"), [("sorted", 3), ("shuffled", 7)])
def test_texts_of_numbers_stand_by_their_values(
    tmp_path: Path, client: Any, order: str, partitions: int
) -> None:
    """As in memory: labels drawn for ties, and known labels in an array, are of the same tasks."""
    pattern = shards(tmp_path / "in", order=order)
    number = pl.col("task").cast(pl.String)
    word = (
        pl.when(pl.col("task") > 500)
        .then("0" + number)
        .when(pl.col("task") < 20)
        .then("t" + number)
    )
    for file in (tmp_path / "in").iterdir():
        pl.read_parquet(file).with_columns(task=word.otherwise(number)).write_parquet(file)
    answers = read_answers(pattern)
    assert list(answers.tasks) != sorted(answers.tasks)
    gold = np.where(np.arange(answers.n_tasks) % 5 == 0, 2, -1)
    for spec, known in (("MV[ties=random,seed=5]", None), ("DS[max_iter=5,tol=0]", gold)):
        fit(
            pattern, spec, output=tmp_path / "out", client=client, partitions=partitions,
            gold=known,
        )  # fmt: skip
        found, here = tasks_of(tmp_path / "out"), build(spec).fit(answers, gold=known)
        assert found["task"].to_list() == list(here.tasks)
        assert found["label"].to_list() == here.label_names()


@pytest.mark.parametrize("duplicates", ["last", "first", "all"])
def test_repeated_answers_count_in_order_of_shards(
    tmp_path: Path, client: Any, duplicates: Any
) -> None:
    (tmp_path / "in").mkdir()
    for number, label in enumerate(["a", "b", "c"]):
        row = {"task": [5, 1], "worker": ["x", f"y{number}"], "label": [label, "a"]}
        pl.DataFrame(row).write_parquet(tmp_path / "in" / f"{number}.parquet")
    done = fit(
        tmp_path / "in", "NaiveSoft", output=tmp_path / "out", client=client, partitions=2,
        duplicates=duplicates,
    )  # fmt: skip
    row = tasks_of(tmp_path / "out").row(1, named=True)
    shares = [row[f"p_{name}"] for name in "abc"]
    expected = {"last": [0, 0, 1], "first": [1, 0, 0], "all": [1 / 3] * 3}[duplicates]
    assert shares == pytest.approx(expected)
    assert done.n_answers == (6 if duplicates == "all" else 4)
    with pytest.raises(DataError, match="worker 'x' gave different answers to task '5'"):
        fit(tmp_path / "in", output=tmp_path / "out", client=client, duplicates="error")


def test_classes_are_those_asked_for(tmp_path: Path, client: Any) -> None:
    pattern = shards(tmp_path / "in", text=True)
    names = ["eel", "fox", "dog", "cat"]
    fit(pattern, DS, output=tmp_path / "out", client=client, classes=names)
    assert_as_on_one_machine(tmp_path / "out", pattern, DS, classes=names)
    with pytest.raises(DataError, match="label 'eel' is not one of cat, dog"):
        fit(pattern, output=tmp_path / "out", client=client, classes=["cat", "dog"])


def test_hard_labels_have_no_posterior(tmp_path: Path, client: Any) -> None:
    pattern = shards(tmp_path / "in")
    fit(pattern, "MV", output=tmp_path / "out", client=client, hard=True)
    assert tasks_of(tmp_path / "out").columns == ["task", "label", "confidence", "n_answers"]


GOLD = [DS, "MV[ties=random]", "GoldMV", "GLAD[max_iter=5,tol=0]"]


@pytest.mark.parametrize(
    ("spec", "text"),
    [(s, text) for i, s in enumerate(GOLD) for text in part_of((False, True), i % 2)],
)
def test_gold_as_on_one_machine(tmp_path: Path, client: Any, spec: str, text: bool) -> None:
    pattern, out = shards(tmp_path / "in", text=text, order="shuffled"), tmp_path / "out"
    answers = read_answers(pattern)
    gold = {t: answers.classes[i % 3] for i, t in enumerate(answers.tasks) if i % 7 == 0}
    here = build(spec).fit(answers, gold=gold)
    listed = np.array([i % 3 if i % 7 == 0 else -1 for i in range(answers.n_tasks)])
    file = tmp_path / "gold.csv"
    file.write_text("\n".join(["task,label", "nobody,dog", *(f"{t},{c}" for t, c in gold.items())]))
    for known in (gold, listed, read_gold(file)):
        fit(pattern, spec, output=out, client=client, partitions=3, gold=known)
        posterior = tasks_of(out).select(f"p_{name}" for name in here.classes).to_numpy()
        np.testing.assert_allclose(posterior, here.posterior, atol=1e-9, rtol=0)
        assert [x or "" for x in tasks_of(out)["label"]] == here.label_names()
    with pytest.raises(DataError, match="gold: 1 tasks have no answers entry: nowhere"):
        fit(pattern, spec, output=out, client=client, gold={**gold, "nowhere": answers.classes[0]})
    with pytest.raises(DataError, match="gold: expected 200 whole numbers"):
        fit(pattern, spec, output=out, client=client, gold=listed[:9])


def test_gold_of_several_labels_as_on_one_machine(tmp_path: Path, client: Any) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out"
    answers = read_answers(pattern)
    gold = {
        t: list(answers.classes[: 1 + i % 2]) for i, t in enumerate(answers.tasks) if i % 7 == 0
    }
    file = tmp_path / "gold.csv"
    file.write_text(
        "task,label\n" + "".join(f"{t},{y}\n" for t, each in gold.items() for y in each)
    )
    with pytest.warns(DataWarning, match="tasks have several labels"):
        here = build("GoldMV").fit(answers, gold=gold)
        for known in (gold, read_gold(file)):
            fit(pattern, "GoldMV", output=out, client=client, partitions=3, gold=known)
            posterior = tasks_of(out).select(f"p_{name}" for name in here.classes).to_numpy()
            np.testing.assert_allclose(posterior, here.posterior, atol=1e-9, rtol=0)


def test_what_does_not_distribute_says_so(tmp_path: Path) -> None:
    pattern = shards(tmp_path / "in")
    with pytest.raises(ParameterError, match=r"la needs all tasks .*order=random"):
        fit(pattern, "LA", output=tmp_path / "out")


def test_shards_are_never_overwritten(tmp_path: Path) -> None:
    shards(tmp_path / "tasks")
    with pytest.raises(ParameterError, match="holds the answers"):
        fit(tmp_path / "tasks", "MV", output=tmp_path)
    assert len(list((tmp_path / "tasks").iterdir())) == 3


# --- what is sent ---------------------------------------------------------------------------


def test_what_comes_to_the_client_does_not_grow_with_tasks(
    tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = Machine.wait

    def counted(self: Machine, *args: Any) -> list[Any]:
        found = real(self, *args)
        sizes[-1] += len(pickle.dumps(found))
        return found

    monkeypatch.setattr(Machine, "wait", counted)
    few = Sizes(block=97, samples=30, least_samples=10)
    for n_tasks in (300, 3000):
        sizes.append(0)
        pattern = shards(tmp_path / f"in-{n_tasks}", n_tasks=n_tasks)
        fit(pattern, DS, output=tmp_path / "out", client=client, partitions=2, sizes=few)
    assert sizes[1] < 1.05 * sizes[0]


def test_parameters_are_sent_once_a_worker(client: Any) -> None:
    """Seven partitions on two workers: what one is given, it hands to the other once."""
    parts = parts_of(client, 7, n_answers=300_000)
    table = np.zeros(30_000)  # less than a partition, which would be moved to it otherwise
    before = sum(client.run(received).values())
    parts.sum(take, table)
    sent = sum(client.run(received).values()) - before
    assert 0.9 * table.nbytes < sent < 1.1 * table.nbytes


def test_partitions_keep_and_chain(client: Any, tmp_path: Path) -> None:
    parts = parts_of(client, 3)
    assert [parts.advance(count_on, step) for step in (1, 2, 3)] == [(6,), (18,), (36,)]
    firsts = parts.chain(through, [-1], 100)
    assert firsts[:2] == [-1, 100] and firsts == sorted(firsts) and len(firsts) == 4
    store = _write.Store(tmp_path)
    name = parts.save_kept(store, 3)
    assert name is not None and parts.save_kept(store, 4) == name
    assert parts.advance(count_on, 1) == (42,)
    parts.restore_kept(store, name)
    assert parts.advance(count_on, 2) == (48,)


def test_history_of_what_is_kept_stays_short(client: Any, tmp_path: Path) -> None:
    def known(dask_scheduler: Any = None) -> int:
        return sum("count-on" in str(key) for key in dask_scheduler.tasks)

    parts, store, seen = parts_of(client, 2), _write.Store(tmp_path), []
    for step in range(12):
        parts.advance(count_on, step)
        if step % 3 == 2:
            parts.save_kept(store, step)
            parts.advance(count_on, 0)
            seen.append(client.run_on_scheduler(known))
    assert max(seen) <= min(seen) + 5


def test_sizes_go_where_the_partitions_are(client: Any) -> None:
    parts = parts_of(client, 2)
    with with_sizes(Sizes(dense=7)):
        assert parts.sum(dense) == (14,)
    assert parts.sum(dense) == (2 * Sizes().dense,)


# --- how partitions are made ----------------------------------------------------------------


def made_by(tmp_path: Path, pattern: str, n: int) -> Any:
    looks = [
        _survey.survey_shard(str(file), i, {}, Sizes(samples=64))
        for i, file in enumerate(sorted(Path(pattern).parent.iterdir()))
    ]
    seen = _survey.merge(*looks)
    return plan(seen.shards, seen.kinds["task"], n)


def test_shards_in_order_are_partitions_as_they_are(tmp_path: Path) -> None:
    pattern = shards(tmp_path / "in", n=4)
    # Without a task in two shards, cuts are at the ends of shards and every shard is read once.
    for file in sorted((tmp_path / "in").iterdir()):
        frame = pl.read_parquet(file)
        frame.filter(pl.col("task") < frame["task"].max()).write_parquet(file)
    way = made_by(tmp_path, pattern, 4)
    assert not way.shuffle
    assert [[whole for _, whole in readers] for readers in way.readers] == [[True]] * 4


def test_shards_in_no_order_are_shuffled(tmp_path: Path) -> None:
    assert made_by(tmp_path, shards(tmp_path / "in", order="shuffled"), 7).shuffle
    assert not made_by(tmp_path, shards(tmp_path / "in", order="shuffled"), 1).shuffle


def test_an_empty_shard_is_no_fault(tmp_path: Path, client: Any) -> None:
    pattern = shards(tmp_path / "in")
    empty = pl.read_parquet(tmp_path / "in" / "answers-0.parquet").clear()
    empty.write_parquet(tmp_path / "in" / "answers-00.parquet")
    done = fit(pattern, "MV", output=tmp_path / "out", client=client)
    assert done.left_out == ()
    assert_as_on_one_machine(tmp_path / "out", pattern, "MV")


# --- shards that cannot be used -------------------------------------------------------------


def test_a_bad_shard_is_named_or_left_out(tmp_path: Path, client: Any) -> None:
    good = shards(tmp_path / "in")
    folder = tmp_path / "in"
    whole = (folder / "answers-1.parquet").read_bytes()
    (folder / "answers-3.parquet").write_bytes(whole[: len(whole) // 2])
    frame = pl.read_parquet(folder / "answers-1.parquet")
    frame.with_columns(pl.when(pl.col("task") > 0).then("label")).with_columns(
        label=pl.when(pl.col("label") == 1).then(None).otherwise(pl.col("label"))
    ).write_parquet(folder / "answers-4.parquet")
    with pytest.raises(DataError, match=r"answers-3.parquet: .*1 more shards.*--skip-bad-shards"):
        fit(good, "MV", output=tmp_path / "out", client=client)
    done = fit(good, "MV", output=tmp_path / "out", client=client, skip_bad_shards=True)
    assert [Path(shard.file).name for shard in done.left_out] == [
        "answers-3.parquet", "answers-4.parquet",
    ]  # fmt: skip
    assert [shard.n_rows for shard in done.left_out] == [None, frame.height]
    assert "the label is missing" in done.left_out[1].reason
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [shard["n_rows"] for shard in facts["left_out"]] == [None, frame.height]
    for name in ("answers-3.parquet", "answers-4.parquet"):
        (folder / name).unlink()
    assert_as_on_one_machine(tmp_path / "out", good, "MV")


def test_only_bad_shards_are_an_error(tmp_path: Path, client: Any) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="no answers in it, 1 bad shards"):
        fit(tmp_path / "a.parquet", output=tmp_path / "out", client=client, skip_bad_shards=True)


def test_damage_inside_a_page_is_seen(tmp_path: Path, client: Any) -> None:
    pattern = shards(tmp_path / "in")
    files = sorted((tmp_path / "in").iterdir())
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files[1:]]
    (tmp_path / "in" / "SHA256SUMS").write_text("".join(lines))
    options: dict[str, Any] = {"output": tmp_path / "out", "client": client}
    done = fit(pattern, "MV", **options)
    assert (done.n_shards, done.n_checked) == (len(files), len(files) - 1)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert set(manifest["parts"]) < set(manifest["sha256"])
    content = bytearray(files[-1].read_bytes())
    content[len(content) // 3] ^= 1
    files[-1].write_bytes(content)
    with pytest.raises(DataError, match=r"damaged or changed, its SHA-256 .*leave it out with"):
        fit(pattern, "MV", **options)
    done = fit(pattern, "MV", skip_bad_shards=True, **options)
    assert [Path(shard.file) for shard in done.left_out] == files[-1:]


# --- checkpoints ----------------------------------------------------------------------------


class Cut(Exception):
    """The run ends here."""


def cut_at(iteration: int) -> Any:
    def progress(done: int, total: int | None = None, text: str = "") -> None:
        if text not in ("surveying", "loading", "writing") and done >= iteration:
            raise Cut

    return progress


@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
@pytest.mark.parametrize(("spec", "every"), [(DS, 1), (DS, 3), ("GLAD[max_iter=12,tol=0]", 3)])
def test_a_resumed_fit_is_the_fit(tmp_path: Path, client: Any, spec: str, every: int) -> None:
    """GLAD keeps difficulties with the tasks: they are saved, and restored, with the checkpoint."""
    pattern = shards(tmp_path / "in")
    fit(pattern, spec, output=tmp_path / "whole", client=client, partitions=3)
    options: dict[str, Any] = {"output": tmp_path / "out", "client": client, "partitions": 3}
    with pytest.raises(Cut):
        fit(pattern, spec, checkpoint_every=every, progress=cut_at(8), **options)
    assert not has_result(tmp_path / "out")
    # The number of partitions is that of the first run, whatever is asked for now.
    done = fit(pattern, spec, resume=True, **{**options, "partitions": None})
    assert done.resumed_at in ((7, 8) if every == 1 else (6,))
    assert done.diagnostics.n_iter == 12 and done.n_partitions == 3
    for file in (tmp_path / "whole").rglob("*.*"):
        assert (
            file.read_bytes()
            == (tmp_path / "out" / file.relative_to(tmp_path / "whole")).read_bytes()
        )
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_a_checkpoint_is_of_one_fit(tmp_path: Path, client: Any) -> None:
    pattern = shards(tmp_path / "in")
    options: dict[str, Any] = {"output": tmp_path / "out", "client": client}
    with pytest.raises(Cut):
        fit(pattern, DS, progress=cut_at(7), **options)
    with pytest.raises(ParameterError, match=r"another fit.*strategy.*drop --resume"):
        fit(pattern, "DS[max_iter=12]", resume=True, **options)
    state = tmp_path / "out" / "checkpoint" / "state.npz"
    held = state.read_bytes()
    state.write_bytes(held[: len(held) // 2])
    with pytest.raises(DataError, match=r"damaged checkpoint; drop --resume"):
        fit(pattern, DS, resume=True, **options)
    state.write_bytes(held)
    shards(tmp_path / "in", n_tasks=150)
    with pytest.raises(ParameterError, match=r"differs in answers"):
        fit(pattern, DS, resume=True, **options)


def of_the_newest(folder: Path) -> list[Path]:
    """The newer state, and a part of what the partitions keep that only it names."""
    kept = sorted(folder.glob("kept-*-00000.npz"), key=lambda p: int(p.name.split("-")[1]))
    return [max(folder.glob("state*"), key=lambda p: p.stat().st_mtime_ns), *kept[1:]]


@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
@pytest.mark.parametrize("spec", [DS, "GLAD[max_iter=12,tol=0]"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, client: Any, spec: str
) -> None:
    pattern, folder = shards(tmp_path / "in"), tmp_path / "out" / "checkpoint"
    fit(pattern, spec, output=tmp_path / "whole", client=client, partitions=3)
    options: dict[str, Any] = {
        "output": tmp_path / "out", "client": client, "partitions": 3, "checkpoint_every": 2,
    }  # fmt: skip
    with pytest.raises(Cut):
        fit(pattern, spec, progress=cut_at(9), **options)
    for i, file in enumerate(of_the_newest(folder)):
        file.write_bytes(file.read_bytes()[:200])
        with (
            pytest.warns(DataWarning, match=r"going on from the one of iteration 6$"),
            pytest.raises(Cut),
        ):
            # Cut again at the next checkpoint, which takes the place of the damaged one.
            fit(pattern, spec, progress=cut_at(9), resume=True, **options)
        assert len(list(folder.glob("state*"))) == 2, i
    done = fit(pattern, spec, resume=True, **options)
    assert done.resumed_at == 8
    for file in (tmp_path / "whole").rglob("*.*"):
        same = tmp_path / "out" / file.relative_to(tmp_path / "whole")
        assert file.read_bytes() == same.read_bytes()


def test_resume_without_a_checkpoint_begins(tmp_path: Path, client: Any) -> None:
    pattern = shards(tmp_path / "in")
    done = fit(pattern, DS, output=tmp_path / "out", client=client, resume=True)
    assert done.resumed_at == 0
    assert_as_on_one_machine(tmp_path / "out", pattern, DS)


# --- other file systems ---------------------------------------------------------------------


def test_shards_and_results_by_url(tmp_path: Path, client: Any) -> None:
    fsspec = pytest.importorskip("fsspec")
    pattern = shards(tmp_path / "in")
    memory = fsspec.filesystem("memory")
    for file in (tmp_path / "in").iterdir():
        memory.pipe_file(f"/crowd/{file.name}", file.read_bytes())
    try:
        with pytest.raises(Cut):
            fit(
                "memory://crowd/answers-*.parquet", DS, output="memory://result", client=client,
                progress=cut_at(5), checkpoint_every=2,
            )  # fmt: skip
        assert not has_result("memory://result")
        done = fit("memory://crowd", DS, output="memory://result", client=client, resume=True)
        assert done.resumed_at >= 4 and has_result("memory://result")
        memory.get("/result", str(tmp_path / "out"), recursive=True)
        assert_as_on_one_machine(tmp_path / "out", pattern, DS)
        with pytest.raises(DataError, match=r"memory://nothing/.*nothing to read"):
            fit("memory://nothing/*.parquet", output="memory://result", client=client)
        memory.pipe_file("/crowd/answers-1.parquet", b"PAR1 and no more")
        with pytest.raises(DataError, match=r"memory://.*answers-1.parquet: .*Parquet"):
            fit("memory://crowd", DS, output="memory://result", client=client)
    finally:
        memory.rm("/", recursive=True)


def test_loaded_partitions_tell_their_size() -> None:
    """Dask weighs by it; an object of unknown size would be sent about freely."""
    from dask.sizeof import sizeof

    from peerannot.answers import Answers

    answers = Answers.from_arrays(range(1000), [0] * 1000, [0] * 1000)
    assert sizeof(Loaded(answers, 1000)) > 20_000
