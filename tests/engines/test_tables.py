"""One table from disk: the one that a fit in memory writes, a chunk of tasks at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import issparse

from helpers.small_shards import shards
from peerannot import Result, aggregate
from peerannot.aggregation.partitions.sharded_result import ShardedResult
from peerannot.aggregation.request import Sizes
from peerannot.answers import Ids
from peerannot.errors import NotConvergedError, ParameterError
from peerannot.io._output import write_frames, write_table
from peerannot.io.order import sort_key

# So small that a small crowd has many blocks and chunks.
SMALL = Sizes(block=97, sorted_rows=150, step=64, chunk_cells=0, least_chunk=50, held=2**12)
FORMS = (".csv", ".tsv", ".parquet")


def numerals(folder: Path, *, seed: int = 0) -> str:
    """Shards whose tasks are texts, most of them whole numbers; ``10`` comes after ``9``."""
    pattern = shards(folder, order="shuffled", seed=seed)
    for file in folder.iterdir():
        text = pl.col("task").cast(pl.String)
        odd = pl.when(pl.col("task") % 5 == 0).then(pl.format("q{}", text)).otherwise(text)
        pl.read_parquet(file).with_columns(task=odd).write_parquet(file)
    return pattern


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spec", ["MV", "MV[ties=random,seed=4]", "NaiveSoft", "twothird"])
def test_what_only_counts_votes_is_the_same_to_the_byte(
    tmp_path: Path, spec: str, form: str
) -> None:
    pattern = numerals(tmp_path / "in")
    here, there = tmp_path / f"here{form}", tmp_path / f"there{form}"
    aggregate(pattern, spec, engine="memory", output=here)
    done = aggregate(pattern, spec, engine="disk", output=there, sizes=SMALL)
    assert isinstance(done, ShardedResult) and done.n_partitions > 5
    assert (done.table, done.folder) == (str(there), "")
    assert here.read_bytes() == there.read_bytes()
    assert names(tmp_path) == {"in", here.name, there.name}


@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("spec", ["DS[max_iter=9]", "GLAD[max_iter=4]", "wawa", "PlantNet", "MACE"])
def test_the_same_columns_and_rows(tmp_path: Path, spec: str, hard: bool) -> None:
    pattern, tables = numerals(tmp_path / "in"), []
    for engine, sizes in (("memory", {}), ("disk", {"sizes": SMALL})):
        table, people = tmp_path / f"{engine}.parquet", tmp_path / f"{engine}-workers.parquet"
        aggregate(
            pattern, spec, engine=engine, output=table, workers_output=people, hard=hard, **sizes
        )
        tables.append((pl.read_parquet(table), pl.read_parquet(people)))
    for here, there in zip(*tables, strict=True):
        assert here.schema == there.schema
        for name, kind in here.schema.items():
            if kind == pl.Float64:
                np.testing.assert_allclose(there[name], here[name], rtol=0, atol=1e-9)
            else:
                assert there[name].to_list() == here[name].to_list()


@pytest.mark.parametrize("spec", ["DS", "MACE[restarts=2]"])
@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
def test_in_one_chunk_every_bit_is_the_same(tmp_path: Path, spec: str) -> None:
    pattern = numerals(tmp_path / "in")
    aggregate(pattern, spec, engine="memory", output=tmp_path / "here.csv")
    aggregate(pattern, spec, engine="disk", output=tmp_path / "there.csv")
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


@given(cuts=st.lists(st.integers(0, 700_000), max_size=4), form=st.sampled_from(FORMS))
def test_bytes_do_not_depend_on_how_rows_come(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], form: str
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    n = 700_000 if form == ".parquet" else 700
    bounds = [0, *sorted({c * n // 700_000 for c in cuts} - {0, n}), n]
    frame = pl.DataFrame({"task": np.arange(n), "p": np.arange(n) / 7})
    write_table(folder / f"whole{form}", frame.to_dict())
    with write_frames(folder / f"pieces{form}", folder) as write:
        for low, high in pairwise(bounds):
            write(frame[low:high])
    assert (folder / f"whole{form}").read_bytes() == (folder / f"pieces{form}").read_bytes()


@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out.parquet"
    options: dict[str, Any] = {"engine": "disk", "output": out, "sizes": SMALL}
    with pytest.raises(NotConvergedError, match="or drop strict"):
        aggregate(pattern, "DS[max_iter=2]", strict=True, **options)
    assert names(tmp_path) == {"in"}

    def stop(done: int, total: int | None = None, text: str = "") -> None:
        if text == "writing" and total and done > total // 2:
            raise KeyboardInterrupt

    out.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        aggregate(pattern, "MV", progress=stop, force=True, **options)
    assert out.read_bytes() == b"before" and names(tmp_path) == {"in", "out.parquet"}
    with pytest.raises(ParameterError, match=r"out\.parquet: exists already"):
        aggregate(pattern, "MV", **options)


def test_what_a_killed_run_left_is_no_hindrance(tmp_path: Path) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out.csv"
    left = tmp_path / ".out.csv.scratch" / "coded-answers"
    left.mkdir(parents=True)
    (left / "manifest.json").write_text("{")
    aggregate(pattern, "MV", engine="disk", output=out)
    assert names(tmp_path) == {"in", "out.csv"}


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out.csv"
    out.mkdir()
    aggregate(pattern, "MV", engine="disk", output=out)
    assert (out / "manifest.json").exists()


def test_scratch_is_kept_for_tables_too(tmp_path: Path) -> None:
    pattern, scratch = shards(tmp_path / "in"), tmp_path / "scratch"
    for form in FORMS:
        out = tmp_path / f"out{form}"
        aggregate(pattern, "MV", engine="disk", output=out, scratch=scratch, sizes=SMALL)
    coded = names(scratch / "coded-answers")
    assert "manifest.json" in coded and not any(n.startswith(("rows", "kept")) for n in coded)


@pytest.mark.parametrize("wanted", [(), ("--hard",)])
def test_stdout_and_one_document(tmp_path: Path, run: Any, wanted: tuple[str, ...]) -> None:
    command = ("aggregate", numerals(tmp_path / "in"), "-s", "MV", *wanted)
    here, there = run(*command), run(*command, "--memory-limit", "0")
    assert there.stdout == here.stdout and here.stdout.startswith("task,label,")
    assert "GiB; fitted from disk" in there.stderr.replace("MiB;", "GiB;")
    assert "fitted from disk" not in here.stderr
    documents = [
        json.loads(run(*command, "--json", *more).stdout) for more in ((), ("--engine", "disk"))
    ]
    assert documents[0]["rows"] == documents[1]["rows"]
    same = ("strategy", "n_tasks", "n_workers", "n_answers", "n_undecided", "converged")
    assert [documents[0][key] for key in same] == [documents[1][key] for key in same]


def test_names_of_very_many_classes_are_no_columns_on_disk_either(tmp_path: Path) -> None:
    pattern, told = shards(tmp_path / "in"), dict[str, list[str]]()
    for engine in ("memory", "disk"):
        lines = told[engine] = list[str]()
        output = tmp_path / f"{engine}.csv"
        aggregate(
            pattern, "MV", engine=engine, output=output, classes=2**21, tell=lines.append
        )  # fmt: skip
        assert any("the table has no columns of probabilities" in line for line in lines)
    assert (tmp_path / "memory.csv").read_bytes() == (tmp_path / "disk.csv").read_bytes()


RESULTS = ["MV[ties=random]", "DS[max_iter=5]", "PlantNet", "GLAD[max_iter=4]", "MACE", "EBCC"]


@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spec", RESULTS)
def test_without_an_output_the_result_is_that_of_memory(
    tmp_path: Path, spec: str, weighted: bool
) -> None:
    pattern = shards(tmp_path / "in", order="shuffled", weighted=weighted)
    weights = "w" if weighted else None
    here = aggregate(pattern, spec, engine="memory", weights=weights)
    there = aggregate(pattern, spec, engine="disk", weights=weights, sizes=SMALL)
    assert isinstance(there, Result) and names(tmp_path) == {"in"}
    same = ("strategy", "options", "tasks", "workers", "classes")
    assert all(getattr(there, name) == getattr(here, name) for name in same)
    assert there.manifest()["input_sha256"] == here.manifest()["input_sha256"]
    close = {"rtol": 0, "atol": 1e-9}
    for one, other in ((here.label_file(), there.label_file()),
                       (here.worker_table(), there.worker_table())):  # fmt: skip
        a, b = pl.DataFrame(one), pl.DataFrame(other)
        assert a.schema == b.schema
        for name in a.columns:
            if a[name].dtype == pl.Float64:
                np.testing.assert_allclose(b[name], a[name], **close)
            else:
                assert b[name].to_list() == a[name].to_list()
    for name in ("skill", "confusion", "prior"):
        if getattr(here, name) is not None:
            np.testing.assert_allclose(getattr(there, name), getattr(here, name), **close)


@pytest.mark.parametrize("more", [{"classes": 2**21}, {"sizes": Sizes(dense=0)}], ids=str)
def test_a_sparse_posterior_stays_sparse(tmp_path: Path, more: dict[str, Any]) -> None:
    pattern = shards(tmp_path / "in")
    here = aggregate(pattern, "MV", engine="memory", **more)
    small = replace(SMALL, dense=more.get("sizes", SMALL).dense)
    there = aggregate(pattern, "MV", engine="disk", **{**more, "sizes": small})
    assert issparse(here.posterior) and issparse(there.posterior)
    assert abs(here.posterior - there.posterior).max() == 0
    np.testing.assert_array_equal(here.labels, there.labels)


ids = st.text("-0123456789 a.~\u00e9", min_size=1, max_size=6) | st.integers().map(str)


@given(st.sets(ids, min_size=1))
def test_rows_on_disk_stand_in_the_order_of_vocabularies(texts: set[str]) -> None:
    listed = sorted(texts, reverse=True)
    at = sort_key(pl.Series("task", listed)).arg_sort()
    assert [listed[i] for i in at] == list(Ids.sorted(texts))
