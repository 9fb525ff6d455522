"""Downloads go on where they broke off, are checked, and fail with one helpful line."""

from __future__ import annotations

import hashlib
import logging
import random
import socket
from pathlib import Path

import pytest

from helpers.local_mirror import Mirror
from peerannot.dataset import Remote, cache_folder, fetch
from peerannot.errors import DownloadError

CONTENT = random.Random(0).randbytes(1_100_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
NOWHERE = "http://source.invalid/file.bin"


@pytest.fixture
def served(mirror: Mirror) -> Mirror:
    mirror.put("set/file.bin", CONTENT)
    return mirror


@pytest.mark.parametrize(
    "checksum", [SHA, SHA.upper(), MD5, None], ids=["sha256", "capitals", "md5", "none"]
)
def test_from_the_mirror_once(served: Mirror, checksum: str | None) -> None:
    remote = Remote("file.bin", NOWHERE, checksum)
    path = fetch(remote, "set")
    assert path.read_bytes() == CONTENT
    assert path == cache_folder() / "set" / "file.bin"
    assert fetch(remote, "set") == path
    assert served.asked == [("/set/file.bin", None)]
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


def test_from_the_source(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PEERANNOT_MIRROR")
    fetch(Remote("other name.bin", f"{served.url}/set/file.bin?raw=true", SHA), "set")
    assert served.asked == [("/set/file.bin?raw=true", None)]


def test_a_folder_as_mirror(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERANNOT_MIRROR", str(served.folder))
    assert fetch(Remote("file.bin", NOWHERE, SHA), "set").read_bytes() == CONTENT
    assert served.asked == []
    with pytest.raises(DownloadError, match="no such file on the mirror"):
        fetch(Remote("absent.bin", NOWHERE), "set")
    with pytest.raises(DownloadError, match="checksum is wrong"):
        fetch(Remote("file.bin", NOWHERE, "0" * 64), "set")
    assert (served.folder / "set/file.bin").exists()


def test_the_checksum_that_came_is_said(served: Mirror, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="peerannot.dataset")
    fetch(Remote("file.bin", NOWHERE), "set")
    assert f"came sha256 {SHA}" in caplog.text
    caplog.clear()
    fetch(Remote("file.bin", NOWHERE), "set")
    assert caplog.text == ""


@pytest.mark.parametrize("less", [1, 9_000, 1_000_000], ids=str)
def test_a_server_that_sends_more_than_it_declares(served: Mirror, less: int) -> None:
    served.declared = len(CONTENT) - less
    with pytest.raises(DownloadError, match=rf"sends more than the {served.declared} bytes") as e:
        fetch(Remote("file.bin", NOWHERE), "set")
    assert "or put the file by hand at" in str(e.value)
    assert list((cache_folder() / "set").iterdir()) == []


def test_a_server_that_keeps_the_connection_open(
    served: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerannot.dataset._download._GRACE", 0.05)
    served.keeps_open = True
    assert fetch(Remote("file.bin", NOWHERE), "set").read_bytes() == CONTENT


def test_progress(served: Mirror) -> None:
    told = []
    fetch(Remote("file.bin", NOWHERE, SHA), "set", progress=lambda *args: told.append(args))
    assert told == [(1, 2, "MB of file.bin")]


@pytest.mark.parametrize("checksum", [SHA, None], ids=["sha256", "none"])
def test_broken_transfers_are_continued(served: Mirror, checksum: str | None) -> None:
    # More faults than attempts: each brings some bytes, so they do not count.
    served.cut = [100_000] * 8
    path = fetch(Remote("file.bin", NOWHERE, checksum), "set")
    assert path.read_bytes() == CONTENT
    assert len(served.asked) == 9
    assert served.asked[0][1] is None
    starts = [int(wanted[6:-1]) for _, wanted in served.asked[1:] if wanted]
    assert len(starts) == 8
    assert starts == sorted(set(starts))


def test_resume_in_another_run(served: Mirror) -> None:
    served.cut, served.status = [400_000], []
    remote = Remote("file.bin", NOWHERE, SHA)
    served.cut += [0] * 4
    with pytest.raises(DownloadError, match="broke off"):
        fetch(remote, "set")
    part = cache_folder() / "set" / "file.bin.part"
    kept = part.stat().st_size
    assert 0 < kept <= 400_000
    assert not (part.parent / "file.bin").exists()
    served.asked.clear()
    assert fetch(remote, "set").read_bytes() == CONTENT
    assert served.asked == [("/set/file.bin", f"bytes={kept}-")]
    assert not part.exists()


def leave_part(content: bytes, url: str, validator: str = "") -> Path:
    part = cache_folder() / "set" / "file.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    facts = f'{{"url": "{url}/set/file.bin", "validator": {validator!r}}}'.replace("'", '"')
    part.with_name("file.bin.part.json").write_text(facts)
    return part


def test_a_part_of_another_file_is_not_continued(served: Mirror) -> None:
    leave_part(b"old" * 99, served.url, "etag-of-an-older-file")
    assert fetch(Remote("file.bin", NOWHERE), "set").read_bytes() == CONTENT


def test_a_part_without_validator_counts_on_the_checksum(served: Mirror) -> None:
    leave_part(CONTENT[:5000], served.url)
    fetch(Remote("file.bin", NOWHERE, SHA), "set")
    assert served.asked == [("/set/file.bin", "bytes=5000-")]


def test_a_bad_part_gets_one_fresh_start(served: Mirror) -> None:
    leave_part(b"bad" * 99, served.url)
    assert fetch(Remote("file.bin", NOWHERE, SHA), "set").read_bytes() == CONTENT
    assert [wanted for _, wanted in served.asked] == ["bytes=297-", None]


def test_without_validator_and_checksum_it_starts_again(served: Mirror) -> None:
    served.validator = ""
    leave_part(CONTENT[:5000], served.url)
    assert fetch(Remote("file.bin", NOWHERE), "set").read_bytes() == CONTENT
    assert served.asked == [("/set/file.bin", None)]


def test_a_whole_part_and_a_part_too_long(served: Mirror) -> None:
    leave_part(CONTENT, served.url)
    assert fetch(Remote("file.bin", NOWHERE, SHA), "set").read_bytes() == CONTENT
    (cache_folder() / "set" / "file.bin").unlink()
    (cache_folder() / "set").rmdir()
    leave_part(CONTENT + b"more", served.url)
    assert fetch(Remote("file.bin", NOWHERE, SHA), "set").read_bytes() == CONTENT


def test_a_server_without_ranges(served: Mirror) -> None:
    served.ranges = False
    served.cut = [300_000]
    assert fetch(Remote("file.bin", NOWHERE, SHA), "set").read_bytes() == CONTENT


def test_wrong_checksum_removes_the_file(served: Mirror) -> None:
    with pytest.raises(DownloadError) as error:
        fetch(Remote("file.bin", NOWHERE, "0" * 64), "set")
    assert f"expected {'0' * 64}, came {SHA}" in str(error.value)
    assert "\n" not in str(error.value)
    assert list((cache_folder() / "set").iterdir()) == []


def test_a_damaged_cache_is_renewed(served: Mirror) -> None:
    remote = Remote("file.bin", NOWHERE, SHA)
    fetch(remote, "set").write_bytes(b"damaged")
    assert fetch(remote, "set").read_bytes() == CONTENT


def test_busy_servers_are_asked_again(served: Mirror) -> None:
    served.status = [503, 429, 500]
    assert fetch(Remote("file.bin", NOWHERE, SHA), "set").read_bytes() == CONTENT
    served.asked.clear()
    served.status = [503] * 99
    with pytest.raises(DownloadError, match="answers 503"):
        fetch(Remote("file2.bin", NOWHERE, SHA), "set")
    assert len(served.asked) == 4


def test_absent_on_the_mirror(mirror: Mirror) -> None:
    with pytest.raises(DownloadError, match=r"answers 404 .*unset PEERANNOT_MIRROR, or put") as e:
        fetch(Remote("file.bin", NOWHERE), "set", by_hand=[Path("here/downloads/file.bin")])
    assert str(Path("here/downloads/file.bin")) in str(e.value)
    assert len(mirror.asked) == 1


def test_offline(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/file.bin"
    monkeypatch.delenv("PEERANNOT_MIRROR")
    with pytest.raises(DownloadError) as error:
        fetch(Remote("file.bin", url), "set")
    text = str(error.value)
    assert text.startswith(f"{url}: the server cannot be reached")
    assert "PEERANNOT_MIRROR" in text
    assert str(cache_folder() / "set" / "file.bin") in text
    monkeypatch.setenv("PEERANNOT_MIRROR", "gopher://x")
    with pytest.raises(DownloadError, match="not an address"):
        fetch(Remote("file.bin", url), "set")


def test_by_hand(served: Mirror, tmp_path: Path) -> None:
    own = tmp_path / "file.bin"
    own.write_bytes(CONTENT)
    assert fetch(Remote("file.bin", NOWHERE, SHA), "set", by_hand=[own]) == own
    own.write_bytes(b"other")
    with pytest.raises(DownloadError, match="checksum is wrong"):
        fetch(Remote("file.bin", NOWHERE, SHA), "set", by_hand=[own])
    assert own.read_bytes() == b"other"
    assert served.asked == []
