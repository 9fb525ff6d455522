"""Damage inside a page of Parquet is seen by a checksum; that there is none is said."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from peerannot.aggregation.partitions.out_of_core import fit_shards
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.io import read_answers
from peerannot.simulation.write import write_parquet

N = 4000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "shards"
    home.mkdir()
    rng = np.random.default_rng(0)
    for part in range(2):
        task = np.repeat(np.arange(part * N, (part + 1) * N), 3)
        columns = {"task": task, "worker": rng.integers(99, size=task.size)}
        columns["label"] = rng.integers(5, size=task.size)
        pl.DataFrame(columns).write_parquet(
            home / f"a-{part}.parquet", compression="uncompressed", statistics=False
        )
    return home


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def damage(path: Path) -> None:
    """Two thousand other bytes, which are read as other answers."""
    content = bytearray(path.read_bytes())
    at = len(content) // 2
    content[at : at + 2000] = bytes(2000)
    path.write_bytes(content)
    read_answers(path)


def in_folder(home: Path) -> Path:
    names = sorted(p.name for p in home.glob("*.parquet"))
    (home / "SHA256SUMS").write_text("".join(f"{digest(home / n)}  {n}\n" for n in names))
    return home / "SHA256SUMS"


def above(home: Path) -> Path:
    names = sorted(p.name for p in home.glob("*.parquet"))
    lines = [f"{digest(home / n).upper()} *./shards/{n}\n" for n in names]
    (home.parent / "SHA256SUMS").write_text("# made by hand\n\n" + "".join(lines))
    return home.parent / "SHA256SUMS"


def beside(home: Path) -> Path:
    for path in home.glob("*.parquet"):
        line = f"SHA256 ({path.name}) = {digest(path)}\n"
        path.with_name(f"{path.name}.sha256").write_text(line)
    return home / "a-1.parquet.sha256"


@pytest.mark.parametrize("listed", [in_folder, above, beside])
def test_damage_is_seen(folder: Path, tmp_path: Path, listed: Any) -> None:
    where = listed(folder)
    whole = fit_shards(folder, "MV", output=tmp_path / "out", scratch=tmp_path / "scratch")
    assert (whole.n_shards, whole.n_checked) == (2, 2)
    read_answers(folder)
    keep = (folder / "a-1.parquet").read_bytes()
    (folder / "a-1.parquet").unlink()
    (folder / "b.parquet").write_bytes(keep)
    assert fit_shards(folder, "MV", output=tmp_path / "out").n_checked == 1
    (folder / "b.parquet").rename(folder / "a-1.parquet")
    where.rename(tmp_path / "aside")
    damage(folder / "a-1.parquet")
    (tmp_path / "aside").rename(where)
    message = rf"a-1\.parquet: damaged or changed, its SHA-256 is not the one in {where}; restore"
    with pytest.raises(DataError, match=message):
        read_answers(folder)
    with pytest.raises(DataError, match=message):
        fit_shards(folder, "MV", output=tmp_path / "out", scratch=tmp_path / "scratch")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_the_command_of_the_advice(folder: Path, tmp_path: Path, run: Any) -> None:
    out = ["--out-of-core", "-s", "MV", "--hard", "--force", "-o", tmp_path / "out"]
    done = run("aggregate", folder, *out, "--json")
    facts = json.loads(done.stdout)
    assert (facts["n_shards"], facts["n_checked"]) == (2, 0)
    assert "shards have no checksums, so damage inside a page cannot be seen" in done.stderr
    advice = done.stderr.partition("in their folder, ")[2].partition(" makes")[0]
    subprocess.run(advice, shell=True, cwd=folder, check=True)
    done = run("aggregate", folder, *out, "--json")
    assert json.loads(done.stdout)["n_checked"] == 2
    assert "checksums" not in done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["n_checked"] == 2
    assert manifest["sha256"] == {
        name: digest(tmp_path / "out" / name) for name in (*manifest["parts"], "workers.parquet")
    }
    (folder / "SHA256SUMS").write_text("not a checksum\n")
    done = run("aggregate", folder, *out, code=3)
    assert "SHA256SUMS line 1: not a line of sha256sum" in done.stderr


@pytest.mark.parametrize("name", ["pair.bin", "size.bin", "tasks-000000.parquet"])
def test_damage_of_coded_answers_is_seen(folder: Path, tmp_path: Path, name: str) -> None:
    scratch = tmp_path / "scratch"
    fit_shards(folder, "MV", output=tmp_path / "out", scratch=scratch)
    content = bytearray((scratch / "coded-answers" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (scratch / "coded-answers" / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"damaged \({name} is not what was written\); remove the"):
        fit_shards(folder, "MV", output=tmp_path / "out", scratch=scratch)


def test_a_date_that_was_set_back_hides_no_change(folder: Path, tmp_path: Path) -> None:
    scratch, shard = tmp_path / "scratch", folder / "a-0.parquet"
    before = fit_shards(folder, "MV", output=tmp_path / "out", scratch=scratch)
    stat = shard.stat()
    damage(shard)
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert shard.stat().st_size == stat.st_size
    after = fit_shards(folder, "MV", output=tmp_path / "out", scratch=scratch)
    assert after.mean_confidence != before.mean_confidence


def test_simulated_shards_have_one(tmp_path: Path) -> None:
    shard = tmp_path / "s.parquet"
    for n in (900, 1000):
        votes = {str(t): {str(w): (t * w) % 3 for w in range(5)} for t in range(n)}
        write_parquet(shard, Answers.from_mapping(votes, classes=3))
        sums = (tmp_path / "s.parquet.sha256").read_text()
        assert sums == f"{digest(shard)}  s.parquet\n"
    read_answers(shard)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"s\.parquet: damaged or changed"):
        read_answers(shard)
