"""What happens around a run: a cache without rights, files that go away, full disks of workers."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from helpers.commands import Commands
from peerannot._file_set import file_set
from peerannot.dataset import Remote, fetch
from peerannot.errors import DownloadError, StorageError

# --- another user without rights to the cache -------------------------------------------------


def without_rights(*args: object, **env: Any) -> subprocess.CompletedProcess[str]:
    """Run as a user whom the permissions of files bind, also where the tests are root."""
    bound: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root is bound by no permissions, and there is no setpriv")
        bound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    return subprocess.run(
        [*bound, sys.executable, *map(str, args)],
        capture_output=True, text=True, env={**os.environ, **env},
    )  # fmt: skip


FETCH = """
import logging, sys
logging.basicConfig(format="%(message)s")
from peerannot.dataset import Remote, fetch
print(fetch(Remote("a.bin", sys.argv[1], sys.argv[2]), "set").read_bytes().decode())
fetch(Remote("b.bin", sys.argv[1].replace("a.bin", "b.bin"), None), "set")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs permissions of POSIX")
def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    mirror, cache = tmp_path / "mirror", tmp_path / "cache"
    for folder in (mirror / "set", cache, tmp_path / "tmp"):
        folder.mkdir(parents=True)
    for name in ("a.bin", "b.bin"):
        (mirror / "set" / name).write_text(name)
    sha = hashlib.sha256(b"a.bin").hexdigest()
    cache.chmod(0o555)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=mirror, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split()[0]
        url = f"http://127.0.0.1:{port}/set/a.bin"
        env = {"PEERANNOT_CACHE": str(cache), "TMPDIR": str(tmp_path / "tmp")}
        env["PEERANNOT_MIRROR"] = ""
        done = without_rights("-c", FETCH, url, sha, **env)
        server.terminate()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a.bin\n"
    assert done.stderr.count("cannot be written: what is downloaded is not kept") == 1
    assert not list((tmp_path / "tmp").iterdir()) and not list(cache.iterdir())
    # A cache that others filled is of use although it cannot be written.
    cache.chmod(0o755)
    (cache / "set").mkdir()
    for name in ("a.bin", "b.bin"):
        (cache / "set" / name).write_text(name)
    (cache / "set").chmod(0o555)
    done = without_rights("-c", FETCH, url, sha, **env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a.bin\n", "")
    (cache / "set").chmod(0o755)


def test_a_damaged_file_in_such_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERANNOT_CACHE", str(tmp_path))
    monkeypatch.delenv("PEERANNOT_MIRROR", raising=False)
    monkeypatch.setattr("peerannot.dataset._download._writable", lambda folder: False)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.bin").write_text("other")
    with pytest.raises(DownloadError, match="the checksum is wrong"):
        fetch(Remote("a.bin", "http://source.invalid/a.bin", "0" * 64), "set")


# --- a file that is removed during a run ------------------------------------------------------

# Removes a file before its n-th opening, or as soon as something else happens after it.
TESTS = Path(__file__).parents[1]


def write_inputs(home: Path) -> None:
    votes = {str(t): {str(w): (t + w // 3) % 3 for w in range(5)} for t in range(12)}
    (home / "set").mkdir()
    (home / "set" / "answers.json").write_text(json.dumps(votes))
    (home / "set" / "metadata.json").write_text('{"name": "d", "n_classes": 3}')
    (home / "set" / "gold.json").write_text('{"1": 1}')
    rows = [(t, w, y) for t, of in votes.items() for w, y in of.items()]
    frame = pl.DataFrame(rows, schema=["task", "worker", "label"], orient="row")
    frame.write_csv(home / "v.csv")
    frame.write_ndjson(home / "v.ndjson")
    (home / "P").mkdir()
    frame.head(30).write_parquet(home / "P" / "0.parquet")
    frame.tail(30).write_parquet(home / "P" / "1.parquet")


READING = {
    "answers": ("set/answers.json", ["aggregate", "set", "-s", "DS"]),
    "metadata": ("set/metadata.json", ["aggregate", "set"]),
    "gold": ("set/gold.json", ["evaluate", "set", "--truth", "set/gold.json"]),
    "csv": ("v.csv", ["aggregate", "v.csv"]),
    "ndjson": ("v.ndjson", ["aggregate", "v.ndjson"]),
    "parquet": ("P/1.parquet", ["aggregate", "P"]),
    "first shard": ("P/0.parquet", ["aggregate", "P"]),
    "out of core": ("P/1.parquet", ["aggregate", "P", "--out-of-core", "-o", "O"]),
    "first shard out of core": ("P/0.parquet", ["aggregate", "P", "--out-of-core", "-o", "O"]),
    "import": ("v.csv", ["import", "v.csv", "--to", "D"]),
}


@pytest.mark.parametrize("when", ["1 before", "1 after", "2 after", "3 after"])
@pytest.mark.parametrize("kind", READING)
def test_a_file_removed_during_a_run(
    tmp_path: Path, commands: Commands, kind: str, when: str
) -> None:
    write_inputs(tmp_path)
    name, command = READING[kind]
    args, env = [name, *when.split(), *command], {**os.environ, "PYTHONPATH": str(TESTS)}
    done = commands(args, tmp_path, env, "helpers.removing")
    if done.returncode == 0:
        return  # it was read before it went
    assert done.returncode in (1, 3), done.stderr
    assert "Traceback" not in done.stderr and "nobody foresaw" not in done.stderr
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("Error: ")]
    assert Path(name).name in line, line
    assert not (tmp_path / "O" / "manifest.json").exists()
    assert not (tmp_path / "D" / "answers.json").exists()


def test_an_image_removed_before_it_is_copied(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"^cannot read .*gone\.png: "),
        file_set(tmp_path / "E") as files,
    ):
        files.place(tmp_path / "gone.png", "a/gone.png", link=False)
    assert not (tmp_path / "E" / "a").exists()


# --- a full disk on a worker of a cluster -----------------------------------------------------


def test_a_full_disk_on_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    from peerannot.distributed import fit, has_result

    write_inputs(tmp_path)
    sync, full = os.fsync, [True]

    def fsync(number: int) -> None:
        # The part that the worker writes; the client's own files are written.
        if full[0] and "/tasks/" in str(Path(f"/proc/self/fd/{number}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(number)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    monkeypatch.setattr(os, "fsync", fsync)
    out = tmp_path / "out"
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://",
            dashboard_address="127.0.0.1:0", silence_logs="CRITICAL",
        ) as local,
        distributed.Client(local) as client,
    ):  # fmt: skip
        with pytest.raises(StorageError, match="no space left on the disk") as error:
            fit(tmp_path / "P", "MV", output=out, client=client)
        assert "\n" not in str(error.value)
        assert not has_result(out)
        assert not list((out / "tasks").iterdir())
        full[0] = False
        assert fit(tmp_path / "P", "MV", output=out, client=client).n_tasks == 12
    assert has_result(out)
