"""Files that belong together: all old or all new, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peerannot import _file_set, _files
from peerannot._file_set import MANIFEST, changed_files, file_set, is_free, settle
from peerannot.errors import DataError, StorageError


def write(root: Path, **contents: str) -> None:
    with file_set(root) as files:
        for name, text in contents.items():
            files.add(f"sub/{name}", text)
        files.manifest(MANIFEST, {"schema": "test"}, [f"sub/{name}" for name in contents])


def content(root: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted((root / "sub").iterdir())}


def test_a_set_replaces_the_one_before_and_says_its_hashes(tmp_path):
    write(tmp_path, a="1", gold="old")
    write(tmp_path, a="2", b="2")
    assert content(tmp_path) == {"a": "2", "b": "2"}
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest["sha256"].keys() == {"sub/a", "sub/b"}
    assert not changed_files(tmp_path, tmp_path / MANIFEST)
    assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, "sub"]


def test_an_error_leaves_the_old_set_and_nothing_else(tmp_path):
    write(tmp_path, a="1")
    with pytest.raises(KeyError), file_set(tmp_path) as files:
        files.add("sub/a", "2")
        raise KeyError
    assert content(tmp_path) == {"a": "1"}
    assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, "sub"]
    with pytest.raises(KeyError), file_set(tmp_path / "new"):
        raise KeyError
    assert not (tmp_path / "new").exists()


def test_a_folder_in_the_way_is_seen_before_anything_is_moved(tmp_path):
    write(tmp_path, a="1")
    (tmp_path / "sub" / "b").mkdir()
    with pytest.raises(StorageError, match="not a file"):
        write(tmp_path, a="2", b="2")
    assert (tmp_path / "sub" / "a").read_text() == "1"


def test_a_changed_file_is_kept_when_its_set_goes(tmp_path):
    write(tmp_path, a="1", gold="by import")
    (tmp_path / "sub" / "gold").write_text("by a person")
    assert changed_files(tmp_path, tmp_path / MANIFEST) == ["sub/gold"]
    for _ in range(2):
        write(tmp_path, a="2")
    assert content(tmp_path) == {"a": "2", "gold.bak": "by a person"}


def test_a_manifest_names_no_file_outside_its_folder(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    root = tmp_path / "root"
    write(root, a="1")
    document = json.loads((root / MANIFEST).read_text())
    document["sha256"] |= {"../outside": _files.sha256(outside), str(outside): None}
    (root / MANIFEST).write_text(json.dumps(document))
    write(root, a="2")
    assert outside.read_text() == "mine"


def test_links_and_other_disks(tmp_path, monkeypatch):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "pic").write_text("picture")
    root = tmp_path / "root"
    root.mkdir()
    (root / "sub").symlink_to(real, target_is_directory=True)
    move = Path.replace

    def other_disk(self: Path, target: Path) -> Path:
        if Path(target).parent.name == "sub" and not self.name.endswith(".tmp"):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return move(self, target)

    monkeypatch.setattr(Path, "replace", other_disk)
    for _ in range(2):
        with file_set(root) as files:
            files.add("sub/a", "1")
            files.place(tmp_path / "pic", "sub/pic", link=True)
            files.manifest(MANIFEST, {}, ["sub/a", "sub/pic"])
    assert (real / "a").read_text() == "1" and (real / "pic").is_symlink()
    assert not changed_files(root, root / MANIFEST)


_KILLED = """
import os, sys
from pathlib import Path
from peerannot._file_set import MANIFEST, file_set
left = [int(sys.argv[2])]
for name in ("replace", "rename", "unlink", "fsync", "rmdir"):
    def dying(*a, _call=getattr(os, name), **k):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), 9)
        return _call(*a, **k)
    setattr(os, name, dying)
with file_set(Path(sys.argv[1])) as files:
    for name in "bc":
        files.add(f"sub/{name}", "new")
    files.manifest(MANIFEST, {"schema": "test"}, ["sub/b", "sub/c"])
"""


def test_a_set_killed_anywhere_is_old_or_new(tmp_path):
    seen = set()
    for n in range(500):
        root = tmp_path / str(n)
        write(root, a="old", b="old")
        before = sorted(p.name for p in root.iterdir())
        pid = os.fork()
        if pid == 0:
            sys.argv = ["x", str(root), str(n)]
            exec(compile(_KILLED, "killed", "exec"), {})
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        settle(root)
        found = content(root)
        assert found in ({"a": "old", "b": "old"}, {"b": "new", "c": "new"}), n
        assert not changed_files(root, root / MANIFEST), n
        seen.add(found["b"])
        write(root, b="next", c="next")
        assert sorted(p.name for p in root.iterdir()) == before, n
        if code == 0:
            break
    else:
        raise AssertionError("it never came to its end")
    assert n > 20 and seen == {"old", "new"}


def test_a_set_that_cannot_be_finished_is_named(tmp_path, monkeypatch):
    write(tmp_path, a="old")
    monkeypatch.setattr(_file_set, "_finish", lambda _: None)
    write(tmp_path, a="new")
    monkeypatch.undo()
    assert (tmp_path / _file_set.COMPLETE).is_dir() and not is_free(tmp_path)

    def read_only(_: Path) -> None:
        raise StorageError("the file system is read-only")

    monkeypatch.setattr(_file_set, "_finish", read_only)
    with pytest.raises(DataError, match=r"interrupted.*read-only.*peerannot doctor"):
        settle(tmp_path)
    monkeypatch.undo()
    settle(tmp_path)
    assert content(tmp_path) == {"a": "new"}


def test_what_an_interrupted_writer_left_does_not_fill_a_folder(tmp_path):
    assert is_free(tmp_path / "absent") and is_free(tmp_path)
    (tmp_path / _file_set.STAGED).mkdir()
    assert is_free(tmp_path)
    (tmp_path / "mine").touch()
    assert not is_free(tmp_path)


_WRITER = (
    "import sys; from pathlib import Path; from peerannot._files import atomic_write\n"
    "with atomic_write(Path(sys.argv[1])) as f:\n"
    "    f.write(b'half'); print('writing', flush=True); sys.stdin.read()"
)


@pytest.fixture
def writer(tmp_path):
    """Another process in the middle of a file."""
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "a.bin")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"writing\n"
        yield process
        if process.poll() is None:
            process.kill()


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    """As a process that has swept no folder yet."""
    monkeypatch.setattr(_files, "_swept", set())


def temporaries(folder: Path) -> list[Path]:
    return list(folder.glob(".*.tmp"))


def test_the_temporary_of_a_dead_writer_is_swept(tmp_path, writer):
    writer.kill()
    writer.wait()
    (left,) = temporaries(tmp_path)
    assert _files.abandoned(tmp_path) == [left]
    (tmp_path / ".mine.tmp").touch()
    _files.write_json(tmp_path / "other.json", {})
    assert sorted(p.name for p in tmp_path.iterdir()) == [".mine.tmp", "other.json"]


def test_the_temporary_of_a_living_writer_stays(tmp_path, writer):
    (held,) = temporaries(tmp_path)
    # Its number may be that of another process in another container: the lock tells.
    lost = held.with_name(held.name.replace(f"-{writer.pid}-", "-999999999-"))
    held.rename(lost)
    _files.write_json(tmp_path / "other.json", {})
    assert temporaries(tmp_path) == [lost]
    lost.rename(held)
    writer.stdin.close()
    assert writer.wait(10) == 0
    assert (tmp_path / "a.bin").read_bytes() == b"half"


def test_a_number_that_is_used_again_saves_an_old_temporary_for_a_minute(tmp_path, writer):
    writer.kill()
    writer.wait()
    (left,) = temporaries(tmp_path)
    again = left.with_name(left.name.replace(f"-{writer.pid}-", f"-{os.getppid()}-"))
    left.rename(again)
    assert not _files.abandoned(tmp_path)
    os.utime(again, (time.time() - 100, time.time() - 100))
    assert _files.abandoned(tmp_path) == [again]


def test_temporaries_of_other_hosts_are_left_to_them(tmp_path, writer, monkeypatch):
    writer.kill()
    writer.wait()
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    _files.write_json(tmp_path / "other.json", {})
    assert temporaries(tmp_path) == _files.abandoned(tmp_path, elsewhere=True) != []


def test_without_locks_the_number_of_the_process_tells(tmp_path, writer, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(_files.fcntl, "flock", refuse)
    assert not _files.abandoned(tmp_path)
    writer.kill()
    writer.wait()
    assert len(_files.abandoned(tmp_path)) == 1
