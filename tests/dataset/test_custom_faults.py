"""Votes, names and images that do not fit together: one line, and nothing is changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.custom_source import Source
from helpers.small_archives import picture
from peerannot.dataset import install_custom
from peerannot.dataset._custom_votes import read_votes
from peerannot.errors import DataError, ParameterError, StorageError

BROKEN: dict[str, tuple[Callable[[Source], object], str]] = {
    "task without line": (
        lambda s: (s.base / "votes1").write_text('{"30": {"0": 1}, "x": {}}'),
        r"2 tasks are not the number of a line of .*filenames.txt \(0..29\): '30', 'x'",
    ),
    "unlisted image": (
        lambda s: (s.base / "images/ant/new.jpg").write_bytes(picture(1)),
        r"does not list 1 images of --train-path: ant/new.jpg",
    ),
    "listed file absent": (
        lambda s: (s.base / "images/ant/pic-0.jpg").unlink(),
        r"1 files are not in --train-path: pic-0.jpg",
    ),
    "one name twice": (
        lambda s: shutil.copy(s.base / "images/ant/pic-0.jpg", s.base / "images/bee/pic-0.jpg"),
        r"'pic-0.jpg' is the name of two images",
    ),
    "listed twice": (
        lambda s: (s.base / "filenames.txt").write_text("a\nb\na\n"),
        r"'a' occurs twice \(entries 1, 3\)",
    ),
    "no list": (lambda s: (s.base / "filenames.txt").unlink(), "no such file"),
    "no images": (lambda s: shutil.rmtree(s.base / "images"), r"no such folder \(--train-path\)"),
    "label too large": (
        lambda s: (s.base / "votes1").write_text('{"2": {"4": 3}}'),
        r"votes1: task '2', worker '4': label 3 is not in 0..2 \(ant, bee, cat\)",
    ),
    "label misspelt": (
        lambda s: (s.base / "votes1").write_text('{"2": {"4": "bea"}}'),
        r"label 'bea' is not in .*did you mean 'bee'\?",
    ),
    "label missing": (
        lambda s: (s.base / "votes1").write_text('{"2": {"4": null}}'),
        r"task '2', worker '4': label None is not in 0..2",
    ),
    "label true": (lambda s: (s.base / "votes1").write_text('{"2": {"4": true}}'), "label True"),
    "label 1.5": (lambda s: (s.base / "votes1").write_text('{"2": {"4": 1.5}}'), "label 1.5"),
    "not an object": (lambda s: (s.base / "votes1").write_text("[1]"), r"not a list"),
    "row is a list": (
        lambda s: (s.base / "votes1").write_text('{"2": [1]}'),
        r"task '2' has a list instead of {worker: label}",
    ),
    "truncated": (lambda s: (s.base / "votes1").write_text('{"2": {"4"'), "is the file complete"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_input_changes_nothing(source: Source, name: str) -> None:
    spoil, said = BROKEN[name]
    spoil(source)
    with pytest.raises(DataError, match=said) as error:
        source.install(1)
    assert "\n" not in str(error.value)
    assert list(source.into.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 1\n1\n", "line 2: 1 columns, the lines before have 2"),
        ("0 1\n1 x\n", "line 2 column 2: expected a label or -1, not 'x'"),
        ("0 1\n\n1 -2\n", "line 3 column 2: expected a label or -1, not '-2'"),
        ("0 nan\n", "line 1 column 2: expected a label or -1, not 'nan'"),
        ("0.5\n", "line 1 column 1: expected a label or -1, not '0.5'"),
        ("", "the file is empty"),
        ('{"0": 1}', "is it JSON"),
    ],
)
def test_broken_matrix(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "votes"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_votes(path, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answers": ""}, "--answers FILE is needed"),
        ({"files_path": ""}, "--files-path is needed"),
        ({"train_path": ""}, "--train-path is needed"),
        ({"test_ground_truth": "x"}, "--test-ground-truth needs --test-path"),
        ({"test_ground_truth_format": 1}, "--test-ground-truth-format needs"),
        ({"answers_format": 3}, "--answers-format must be 0, 1 or 2"),
    ],
)
def test_options_that_do_not_fit(source: Source, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        install_custom(source.into, source.options(**change))


def test_the_users_images_are_never_replaced(source: Source) -> None:
    own = shutil.copytree(source.base / "images", source.into / "train")
    with pytest.raises(ParameterError, match=r"install writes train/ here"):
        source.install(train_path=own)
    with pytest.raises(ParameterError, match=r"install writes train/ here"):
        source.install(val_path=own / "ant")
    assert len(list(own.glob("*/pic*"))) == 30
    source.install()
    assert len(list((source.into / "train.bak").glob("*/pic*"))) == 30


def test_votes_are_not_taken_from_their_own_file(source: Source) -> None:
    own = shutil.copy(source.base / "votes1", source.into / "answers.json")
    with pytest.raises(ParameterError, match="give your file another name"):
        source.install(1, answers=own)
    assert Path(own).read_bytes() == (source.base / "votes1").read_bytes()


def test_a_folder_that_cannot_be_written(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(StorageError, match="no space left"):
        source.install()
    monkeypatch.undo()
    assert list(source.into.iterdir()) == []
