"""``peerannot aggregate --engine dask``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

pytest.importorskip("distributed", reason="needs the extra cluster")

from helpers.small_shards import assert_as_on_one_machine, shards
from peerannot import aggregate as verb
from peerannot import read_answers
from peerannot.aggregation.partitions.sharded_result import ShardedResult
from peerannot.cli.aggregate import aggregate
from peerannot.errors import DataError, ParameterError

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Any) -> Ask:
    """Run the command on the small cluster of the tests."""

    def call(*args: object) -> Any:
        scheduler = ("--engine", "dask", "--scheduler", client.scheduler.address)
        return CliRunner().invoke(aggregate, [*map(str, args), *scheduler])

    return call


def test_shards_in_shards_out(tmp_path: Path, ask: Ask) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out"
    done = ask(pattern, "-s", "DS", "-P", "max_iter=9", "-P", "tol=0", "--output", out)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}\n"
    assert "563 answers of 15 workers to 200 tasks, in 2 partitions" in done.stderr
    assert_as_on_one_machine(out, pattern, "DS[max_iter=9,tol=0]")
    again = ask(pattern, "-s", "MV", "--output", out)
    assert isinstance(again.exception, ParameterError)
    assert "give --force" in str(again.exception)
    assert ask(pattern, "-s", "MV", "--output", out, "--force").exit_code == 0
    assert not (out / "confusion.npy").exists()


def test_bad_shards_are_told(tmp_path: Path, ask: Ask) -> None:
    pattern, out = shards(tmp_path / "in"), tmp_path / "out"
    bad = tmp_path / "in" / "answers-9.parquet"
    bad.write_bytes(b"PAR1 and no more")
    found = ask(pattern, "-s", "MV", "--output", out)
    assert isinstance(found.exception, DataError) and str(bad) in str(found.exception)
    done = ask(pattern, "-s", "MV", "--output", out, "--skip-bad-shards", "--json")
    facts = json.loads(done.stdout)
    assert [shard["file"] for shard in facts["left_out"]] == [str(bad)]
    assert f"left out {bad}, an unknown number of rows: " in done.stderr
    assert facts["n_partitions"] == 2 and facts["converged"] is True


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--engine", "dask"), "give --output"),
        (("--resume",), "--resume is for --engine dask"),
        (("--workers", "2"), "--workers is for --engine dask"),
        (("--checkpoint-every", "2"), "--checkpoint-every is for --engine dask"),
        (("--engine", "dask", "--output", "x", "--scratch", "y"), "--scratch is for --engine disk"),
        (("--engine", "dask", "--output", "x", "--bootstrap", "9"), "is for --engine memory"),
        (("--engine", "dask", "--output", "x", "--format", "table"), "reads Parquet"),
        (("--output", "s3://bucket/x"), "URL is for --engine dask"),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path, args: tuple[str, ...], message: str
) -> None:
    shards(tmp_path)
    done = CliRunner().invoke(aggregate, [str(tmp_path / "answers-0.parquet"), *args])
    assert isinstance(done.exception, ParameterError) and message in str(done.exception)


def test_two_engines_at_once() -> None:
    done = CliRunner().invoke(aggregate, ["x.parquet", "--engine", "dask", "--out-of-core"])
    assert done.exit_code == 2 and "--out-of-core is --engine disk, not dask" in done.output


def test_a_scheduler_or_workers_not_both(tmp_path: Path, ask: Ask) -> None:
    pattern = shards(tmp_path / "in")
    done = ask(pattern, "--output", tmp_path / "out", "-s", "MV", "--workers", 2)
    assert isinstance(done.exception, ParameterError) and "one of them" in str(done.exception)


def test_the_verb_fits_on_a_cluster_as_in_memory(tmp_path: Path, client: Any) -> None:
    pattern, gold = shards(tmp_path / "in"), tmp_path / "gold.csv"
    tasks = list(read_answers(pattern).tasks)[::7]
    gold.write_text("task,label\n" + "\n".join(f"{task},1" for task in tasks))
    options: dict[str, Any] = {"gold": gold, "strategy": "DS[max_iter=9,tol=0]"}
    here = verb(pattern, **options)
    there = verb(pattern, engine="dask", client=client, output=tmp_path / "out", **options)
    assert isinstance(there, ShardedResult) and there.n_partitions == 2
    table = pl.read_parquet(tmp_path / "out" / "tasks" / "*.parquet")
    assert table["label"].to_list() == here.label_names()
    posterior = table.select("^p_.*$").to_numpy()
    np.testing.assert_allclose(posterior, here.dense_posterior(), rtol=0, atol=1e-9)
    known = table.filter(pl.col("task").cast(pl.String).is_in(tasks))
    assert (known["label"] == "1").all()
