"""One class, one folder: on every disk, whatever the names are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot._names import NAME_BYTES, classes_of_folders, folder_names, leads_out, plain_name
from peerannot._text import one_line, visible

TAKEN = ("Unlabelled", "con", "PRN", "aux", "NUL", "com1", "LPT9", "CON.txt", "nul.tar.gz")

names = st.one_of(
    st.text(min_size=1, max_size=300),
    st.sampled_from([*TAKEN, "-rf", "--help", "..", ".", " a ", "a.", "a/b", "a_b", "A_B", "é"]),
)


def on_a_windows_disk(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


@given(st.lists(names, unique=True, max_size=12))
def test_folders_are_distinct_safe_and_read_back(classes):
    folders = folder_names(classes)
    assert list(map(folders.__contains__, classes)) == [True] * len(classes)
    blind = [on_a_windows_disk(f) for f in folders.values()] + ["unlabelled"]
    assert len(set(blind)) == len(blind)
    for folder in folders.values():
        assert 0 < len(folder.encode()) <= NAME_BYTES
        assert folder[0] not in "-. " and folder[-1] not in ". "
        assert not set(folder) & set('/\\:*?"<>|\n\t') and visible(folder) == folder
        assert folder.split(".")[0].casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert folder_names(reversed(classes)) == folders
    back = classes_of_folders(classes)
    assert [back[folders[c]] for c in classes] == classes


@pytest.mark.parametrize(
    ("classes", "first"),
    [
        (["a/b", "a_b"], "a_b"),
        (["Cat", "cat", "CAT"], "CAT"),
        (["é", "e\u0301"], "é"),
        (["x" * 200, "x" * 201], "x" * 200),
        (["con", "_con"], "_con"),
    ],
)
def test_of_names_that_meet_one_keeps_it(classes, first):
    folders = folder_names(classes)
    assert folders[first] == plain_name(first)
    assert all("~" in folders[c] for c in classes if c != first)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("cat", "cat"),
        ("-rf", "_rf"),
        ("NUL", "_NUL"),
        ("com1.txt", "_com1.txt"),
        ("console", "console"),
        ("..", "_"),
        ("a. .", "a"),
        ("a\u202eb\x1bc", "a_b_c"),
        ("chien d'été", "chien d'été"),
    ],
)
def test_plain_names(text, folder):
    assert plain_name(text) == folder


def test_links_that_lead_out(tmp_path):
    home = tmp_path / "images"
    home.mkdir()
    for name in ("in.png", "../out.png"):
        (home / name).write_bytes(b"x")
    (home / "a.png").symlink_to("in.png")
    (home / "b.png").symlink_to(tmp_path / "out.png")
    assert [leads_out(home / n, home) for n in ("in.png", "a.png", "b.png")] == [False, False, True]


@given(st.text())
def test_visible_text_has_nothing_that_a_terminal_acts_on(text):
    shown = visible(text)
    assert not set(shown) & set(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028")
    shown.encode()
    assert "\n" not in one_line(text)


def test_visible_text_is_said_so_that_it_can_be_read():
    assert visible("a\x1b[31m\x9b\u202e é\tb\udcff") == "a\\x1b[31m\\x9b\\u202e é\tb\\xff"
