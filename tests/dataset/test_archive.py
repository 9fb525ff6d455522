"""Unpacking never leaves the folder, never makes a link, and stays within bounds."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from peerannot.dataset import Limits, unpack
from peerannot.errors import DataError

Entry = tuple[str, bytes | str | None]  # name; content, target of a link, or None for a folder


def make_zip(path: Path, entries: list[Entry]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(content, str):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, b"" if content is None else content)
    return path


def make_tar(path: Path, entries: list[Entry], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            file.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


MAKERS = pytest.mark.parametrize("make", [make_zip, make_tar])
Make = Callable[[Path, list[Entry]], Path]


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_contents_whatever_the_name(tmp_path: Path, mode: str) -> None:
    entries: list[Entry] = [("a/x.txt", b"x" * 3), ("a", None), ("b/y", b"")]
    path = tmp_path / "archive.bin"
    if mode == "zip":
        make_zip(path, entries[:1] + entries[2:])
    else:
        make_tar(path, entries, mode)
    made = unpack(path, tmp_path / "out")
    assert [p.relative_to(tmp_path / "out").as_posix() for p in made] == ["a/x.txt", "b/y"]
    assert (tmp_path / "out/a/x.txt").read_bytes() == b"xxx"


@MAKERS
def test_only_what_is_wanted(tmp_path: Path, make: Make) -> None:
    path = make(tmp_path / "a", [("keep/1", b"1"), ("drop/2", b"2")])
    unpack(path, tmp_path / "out", want=lambda name: name.startswith("keep"))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["keep"]


@MAKERS
@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:/evil", "C:\\evil", "a/.."]
)
def test_names_that_leave_the_folder(tmp_path: Path, make: Make, name: str) -> None:
    path = make(tmp_path / "a", [("fine", b""), (name, b"evil")])
    with pytest.raises(DataError, match=r"outside the folder"):
        unpack(path, tmp_path / "out" / "deep")
    assert not list(tmp_path.rglob("evil"))


@MAKERS
@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "../../secret", "b/../../secret"])
def test_links_that_leave_the_folder(tmp_path: Path, make: Make, target: str) -> None:
    (tmp_path / "secret").write_text("secret")
    path = make(tmp_path / "a", [("link", target)])
    with pytest.raises(DataError, match=r"a link to .*outside the folder"):
        unpack(path, tmp_path / "out")


@MAKERS
def test_writing_through_a_link(tmp_path: Path, make: Make) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    entries: list[Entry] = [("door", "."), ("door2", "door/.."), ("door/x", b"evil")]
    with pytest.raises(DataError):
        unpack(make(tmp_path / "a", entries), tmp_path / "out")
    assert not any(p.is_symlink() for p in (tmp_path / "out").rglob("*"))


@MAKERS
def test_a_link_inside_becomes_a_copy(tmp_path: Path, make: Make) -> None:
    entries: list[Entry] = [("b/second", "../b/first"), ("b/first", "../a/file"), ("a/file", b"x")]
    made = unpack(make(tmp_path / "a", entries), tmp_path / "out")
    assert len(made) == 3
    for name in ("b/first", "b/second"):
        file = tmp_path / "out" / name
        assert file.read_bytes() == b"x"
        assert not file.is_symlink()


@MAKERS
@pytest.mark.parametrize("entries", [[("a", "b"), ("b", "a")], [("a", "nowhere")], [("a", "a")]])
def test_links_that_lead_nowhere(tmp_path: Path, make: Make, entries: list[Entry]) -> None:
    with pytest.raises(DataError, match="not a file in it"):
        unpack(make(tmp_path / "a", entries), tmp_path / "out")


def test_hard_links(tmp_path: Path) -> None:
    def archive(target: str) -> Path:
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as file:
            info = tarfile.TarInfo("d/file")
            info.size = 1
            file.addfile(info, io.BytesIO(b"x"))
            link = tarfile.TarInfo("d/e/link")
            link.type, link.linkname = tarfile.LNKTYPE, target
            file.addfile(link)
        return path

    unpack(archive("d/file"), tmp_path / "out")
    assert (tmp_path / "out/d/e/link").read_bytes() == b"x"
    for target in ("../../etc/passwd", "/etc/passwd"):
        with pytest.raises(DataError, match="outside the folder"):
            unpack(archive(target), tmp_path / "out2")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        info = tarfile.TarInfo("dev")
        info.type = kind
        file.addfile(info)
    with pytest.raises(DataError, match="a device or a pipe"):
        unpack(path, tmp_path / "out")


@MAKERS
def test_bomb(tmp_path: Path, make: Make) -> None:
    path = make(tmp_path / "a", [("zeros", b"\0" * 2_000_000)])
    with pytest.raises(DataError, match=r"zip bomb"):
        unpack(path, tmp_path / "out", limits=Limits(free=1_000_000))
    unpack(path, tmp_path / "out")


def test_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", [("zeros", b"\0" * 2_000_000)])
    honest, size = path.read_bytes(), (2_000_000).to_bytes(4, "little")
    assert honest.count(size) >= 1
    path.write_bytes(honest.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(DataError):
        unpack(path, tmp_path / "out", limits=Limits(free=1000, ratio=1))
    written = sum(p.stat().st_size for p in (tmp_path / "out").rglob("*"))
    assert written <= 10


@MAKERS
def test_bomb_of_links(tmp_path: Path, make: Make) -> None:
    entries: list[Entry] = [("a", os.urandom(10_000)), *((f"l{i}", "a") for i in range(50))]
    with pytest.raises(DataError, match="zip bomb"):
        unpack(make(tmp_path / "a.bin", entries), tmp_path / "out", limits=Limits(free=0, ratio=5))


@MAKERS
def test_size_and_number(tmp_path: Path, make: Make) -> None:
    path = make(tmp_path / "a", [(f"f{i}", os.urandom(100)) for i in range(5)])
    with pytest.raises(DataError, match="more than 4 entries"):
        unpack(path, tmp_path / "out", limits=Limits(members=4))
    with pytest.raises(DataError, match="unpacks to more than 0 MB"):
        unpack(path, tmp_path / "out", limits=Limits(size=400))
    with pytest.raises(DataError, match="unpacks to more than 0 MB"):
        unpack(path, tmp_path / "out", limits=Limits(size=400), want=lambda _: False)


@MAKERS
def test_truncated_at_every_place(tmp_path: Path, make: Make) -> None:
    whole = make(tmp_path / "whole", [("a", os.urandom(300)), ("b", os.urandom(300))]).read_bytes()
    cut = tmp_path / "cut"
    for n in range(0, len(whole) - 1, 7):
        cut.write_bytes(whole[:n])
        # What lies behind the last entry of a tar is padding: it may be missing.
        try:
            made = unpack(cut, tmp_path / "out")
        except DataError as error:
            assert "damaged or truncated" in str(error)
        else:
            assert make is make_tar
            assert len(made) == 2


@MAKERS
def test_flipped_bytes(tmp_path: Path, make: Make) -> None:
    whole = make(tmp_path / "whole", [("a", b"text " * 99), ("b", os.urandom(99))]).read_bytes()
    bad = tmp_path / "bad"
    for n in range(0, len(whole), 5):
        bad.write_bytes(whole[:n] + bytes([whole[n] ^ 0x55]) + whole[n + 1 :])
        try:
            unpack(bad, tmp_path / f"out{n}")
        except DataError as error:
            assert "\n" not in str(error)


def test_a_web_page_instead_of_an_archive(tmp_path: Path) -> None:
    page = tmp_path / "a.zip"
    page.write_text("<html>please log in</html>")
    with pytest.raises(DataError, match="damaged"):
        unpack(page, tmp_path / "out")
    with pytest.raises(DataError, match="no such file"):
        unpack(tmp_path / "absent", tmp_path / "out")


@MAKERS
def test_a_file_that_is_also_a_folder(tmp_path: Path, make: Make) -> None:
    with pytest.raises(DataError, match="a file and a folder"):
        unpack(make(tmp_path / "a", [("x", b"1"), ("x/y", b"2")]), tmp_path / "out")
