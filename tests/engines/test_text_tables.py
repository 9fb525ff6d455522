"""Tables of text from disk: what a fit in memory takes, refuses and writes, a part at a time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot import aggregate
from peerannot.aggregation.partitions.sharded_result import ShardedResult
from peerannot.aggregation.request import Request, Sizes
from peerannot.engines.choice import bytes_needed
from peerannot.errors import DataError, ParameterError, StorageError
from peerannot.io import shards as shards_module
from peerannot.io._source import Source
from peerannot.io.text_tables import parts_of

# So small that a small crowd has many parts, blocks and chunks.
SMALL = Sizes(
    text=1500, block=97, sorted_rows=150, step=64, chunk_cells=0, least_chunk=50, held=2**12
)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Answers in no order; ids with commas, quotes, line breaks and zeros, and whole numbers."""
    rng = np.random.default_rng(3)
    task = [str(i) if i % 3 else f'a "b",\n{i:03d}' for i in rng.integers(60, size=300)]
    worker = [f"w é {j}" for j in rng.integers(9, size=300)]
    label = np.array(["cat", "dog", "-1"])[rng.integers(3, size=300)]
    weight = rng.integers(5, size=300) / 2
    return pl.DataFrame({"task": task, "worker": worker, "label": label, "w": weight})


def ndjson(frame: pl.DataFrame, file: Path) -> None:
    numbers = frame.with_row_index("row")
    file.write_text("".join(json.dumps(row) + "\n" for row in numbers.iter_rows(named=True)))


def crlf(frame: pl.DataFrame, file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfsep=;\r\n" + csv(frame, separator=";").replace(b"\n", b"\r\n"))


def csv(frame: pl.DataFrame, **options: Any) -> bytes:
    return frame.write_csv(**options).encode()


FORMS: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    "plain.csv": lambda frame, file: file.write_bytes(csv(frame)),
    "tabs.tsv": lambda frame, file: file.write_bytes(csv(frame, separator="\t")),
    "excel.csv": crlf,
    "wide.csv": lambda frame, file: file.write_bytes(csv(frame).decode().encode("utf-16")),
    "packed.csv.gz": lambda frame, file: file.write_bytes(gzip.compress(csv(frame))),
    "lines.ndjson": ndjson,
    "lines.jsonl": ndjson,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_the_bytes_of_memory(
    tmp_path: Path, rows: pl.DataFrame, form: str, weights: str | None
) -> None:
    FORMS[form](rows, tmp_path / form)
    for spec, out in (("NaiveSoft", "csv"), ("MV[ties=random]", "parquet")):
        here, there = tmp_path / f"here.{out}", tmp_path / f"there.{out}"
        options = {"weights": weights, "strategy": spec}
        aggregate(tmp_path / form, engine="memory", output=here, **options)
        done = aggregate(tmp_path / form, engine="disk", output=there, sizes=SMALL, **options)
        assert isinstance(done, ShardedResult) and done.n_partitions > 3
        assert here.read_bytes() == there.read_bytes()
        here.unlink()
        there.unlink()
    assert [path.name for path in tmp_path.iterdir()] == [form]


@pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
def test_several_files_and_models(tmp_path: Path, rows: pl.DataFrame) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_bytes(csv(rows[number * 100 : number * 100 + 100]))
    pattern = str(tmp_path / "*.csv")
    here = aggregate(pattern, "DS[max_iter=9]", engine="memory")
    there = aggregate(pattern, "DS[max_iter=9]", engine="disk", sizes=SMALL)
    assert list(there.tasks) == list(here.tasks) and list(there.workers) == list(here.workers)
    np.testing.assert_allclose(there.posterior, here.posterior, rtol=0, atol=1e-9)


def test_text_beside_parquet(tmp_path: Path, rows: pl.DataFrame) -> None:
    rows[:150].write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_bytes(csv(rows[150:]))
    there = aggregate(
        [tmp_path / "a.parquet", tmp_path / "b.csv"], "MV", engine="disk", sizes=SMALL
    )
    here = aggregate(rows, "MV")
    assert there.label_names() == here.label_names()


@pytest.mark.parametrize(
    ("tasks", "labels"),
    [
        (["1.0", "2.0", "10.0"], ["1", "2"]),
        (["1.0", "2.0", "x"], ["1.0", "1", "2"]),
        (["1e+05", "2.0", "10.0"], ["01", "1"]),
        (["007", "7", "-3"], ["a ", "a"]),
    ],
)
def test_ids_and_labels_are_spelled_as_in_memory(
    tmp_path: Path, tasks: list[str], labels: list[str]
) -> None:
    file = tmp_path / "votes.csv"
    file.write_text("task,worker,label\n" + "".join(
        f"{task},{i}.0,{label}\n" for i, label in enumerate(labels * 5) for task in tasks
    ))  # fmt: skip
    here = aggregate(file, "NaiveSoft", engine="memory")
    there = aggregate(file, "NaiveSoft", engine="disk", sizes=SMALL)
    assert there.label_file().keys() == here.label_file().keys()
    assert list(there.tasks) == list(here.tasks) and list(there.workers) == list(here.workers)
    assert list(there.classes) == list(here.classes)
    np.testing.assert_array_equal(there.posterior, here.posterior)


ROWS = "".join(f"t{i},w{i % 7},{'cd'[i % 2]}\n" for i in range(99))
LINES = "".join(f'{{"task": "t{i}", "worker": "w", "label": "c"}}\n' for i in range(99))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("short.csv", f"task,worker,label\n{ROWS}t,w\n{ROWS}", "line 101: 2 cells, the header"),
        ("empty.csv", f"task,worker,label\n{ROWS}t,,c\n", "line 101: the worker is missing"),
        ("twice.csv", f"task,task,label\n{ROWS}", "the column 'task' occurs twice"),
        ("none.csv", "task,worker,label\n", "there are column names but no answers"),
        ("lost.csv", f"who,what\n{ROWS}", "no column"),
        ("bad.ndjson", f"{LINES}{{\n{LINES}", "line 100"),
        ("list.ndjson", f'{LINES}{{"task": [1], "worker": "w", "label": "c"}}\n', "holds lists or"),
        ("again.ndjson", f'{LINES}{{"task":1,"task":2,"worker":"w","label":"c"}}\n', "line 100"),
    ],
)
def test_what_is_refused_has_its_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    told = []
    for engine, more in (("memory", {}), ("disk", {"sizes": SMALL})):
        with pytest.raises(DataError) as error:
            aggregate(file, "MV", engine=engine, output=tmp_path / "out.csv", **more)
        told.append(str(error.value))
    assert said in told[0] and told[1] == told[0]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_is_not_utf8_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    file.write_bytes(f"task,worker,label\n{ROWS}".encode() + b"t,w,\xff\n")
    for engine in ("memory", "disk"):
        with pytest.raises(DataError, match="line 101: not UTF-8"):
            aggregate(file, "MV", engine=engine, sizes=SMALL)


def test_what_stands_for_no_answer_is_refused_as_in_parquet(tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    file.write_text(f"task,worker,label\n{ROWS}t,w,NA\n")
    with pytest.raises(DataError, match="'NA' stands for no answer"):
        aggregate(file, "MV", engine="disk")
    done = aggregate(file, "MV", engine="disk", classes=["c", "d", "NA"])
    assert done.label_names()[done.tasks.index_of["t"]] == "NA"


def test_other_exports_are_read_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "batch.csv"
    file.write_text("HITId,WorkerId,Input.image,Answer.label\nh1,w,a.png,cat\nh2,w,b.png,dog\n")
    with pytest.raises(DataError, match="read as mturk, in memory"):
        aggregate(file, "MV", engine="disk")
    told: list[str] = []
    aggregate(file, "MV", memory_limit=1, tell=told.append)
    assert not any("fitted from disk" in line for line in told)


def test_auto_fits_from_disk_what_would_not_fit(tmp_path: Path, rows: pl.DataFrame) -> None:
    file, told = tmp_path / "votes.csv", list[str]()
    file.write_bytes(csv(rows))
    here = aggregate(file, "MV")
    there = aggregate(file, "MV", memory_limit=10_000, tell=told.append)
    assert there.label_names() == here.label_names()
    assert told[0].endswith("; fitted from disk")
    aggregate(file, "MV", memory_limit=10_000_000, tell=told.append)
    assert not any("fitted from disk" in line for line in told[1:])
    need = bytes_needed(Request(data=file, strategy=None))
    assert need is not None and 300 * 100 < need < 500 * 200
    done = aggregate(file, "MV", output=tmp_path / "out")
    assert isinstance(done, ShardedResult) and (tmp_path / "out" / "manifest.json").exists()
    with pytest.raises(ParameterError, match=r"labels\.json"):
        aggregate(file, "MV", output=tmp_path / "labels.json")


def test_scratch_is_used_again_and_keeps_no_tables(tmp_path: Path, rows: pl.DataFrame) -> None:
    file, scratch = tmp_path / "votes.csv", tmp_path / "scratch"
    file.write_bytes(csv(rows))
    told: list[str] = []

    def progress(done: int, total: int | None = None, text: str = "") -> None:
        told.append(text)

    for again in (False, True):
        told.clear()
        aggregate(file, "MV", engine="disk", scratch=scratch, sizes=SMALL, progress=progress)
        assert ("reading text" in told) != again
        coded = {path.name for path in (scratch / "coded-answers").iterdir()}
        assert "manifest.json" in coded and not coded & {"tables", "partitions"}
    file.write_bytes(csv(rows) + b"t,w,\n")
    with pytest.raises(DataError, match="line"):
        aggregate(file, "MV", engine="disk", scratch=scratch, sizes=SMALL)
    assert not (scratch / "coded-answers" / "tables").exists()


def test_too_little_disk_is_said_first(
    tmp_path: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 10

    file = tmp_path / "votes.csv"
    file.write_bytes(csv(rows))
    monkeypatch.setattr(shards_module.shutil, "disk_usage", lambda _: Full())
    with pytest.raises(StorageError, match=r"keeping .*votes\.csv as Parquet takes about .* GiB"):
        aggregate(file, "MV", engine="disk", output=tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["votes.csv"]


cells = st.text('ab"\n,;\r é', max_size=5)


@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=30), size=st.integers(1, 99))
def test_parts_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], size: int
) -> None:
    """No row is cut, none is lost, and each stands on its own line."""
    frame = pl.DataFrame(rows, schema={'he"ad': pl.String, "o,ther": pl.String}, orient="row")
    file = tmp_path_factory.mktemp("parts") / "rows.csv"
    frame.write_csv(file, quote_style="non_numeric")
    whole = Source.open(file)
    found = [row for part in parts_of(whole, size) for row in part.csv_rows()]
    assert found == list(whole.csv_rows())
