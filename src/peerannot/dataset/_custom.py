"""Turn a user's own images and votes into a dataset folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from peerannot._files import read_json, write_json
from peerannot._names import FOLDERS, classes_of_folders, folder_names, leads_out, plain_name
from peerannot._text import few
from peerannot.answers import Ids, Meaning
from peerannot.dataset._custom_votes import Votes, code_labels, n_workers, read_votes
from peerannot.dataset._recipe import write_votes
from peerannot.dataset._stage import made_by_install, staged
from peerannot.dataset.images import SPLITS, SUFFIXES
from peerannot.errors import DataError, ParameterError

__all__ = ["CustomOptions", "install_custom"]

logger = logging.getLogger("peerannot.dataset")

_VAL_SEED = 12345
_VAL_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class CustomOptions:
    """What ``peerannot install customDataset.py`` takes; an empty path means that it is not given.

    Attributes
    ----------
    no_task : bool
        There are no images: make ``answers.json`` (and ``metadata.json``) only.
    answers_format : int
        0: text matrix tasks x workers, -1 = no vote; 1: JSON task -> worker; 2: JSON worker ->
        task.
    answers : path
        The votes.
    metadata : path
        JSON to complete; what it says wins.
    label_names : path
        Text file, a class a line, in the order of the labels.
    files_path : path
        Text file, a train image a line, in the order of the votes: line r is task r.
    train_path, val_path, test_path : path
        Folders ``<class>/<image>``.
    test_ground_truth_format : int
        As ``answers_format``; -1 is the same as there.
    test_ground_truth : path
        Labels of the test images; by default their class folders.
    """

    no_task: bool = False
    answers_format: int = 0
    answers: str | Path = ""
    metadata: str | Path = ""
    label_names: str | Path = ""
    files_path: str | Path = ""
    train_path: str | Path = ""
    test_ground_truth_format: int = -1
    test_ground_truth: str | Path = ""
    test_path: str | Path = ""
    val_path: str | Path = ""

    def check(self) -> None:
        """Raise `ParameterError` where options are missing or contradict each other."""
        if not self.answers:
            raise ParameterError("--answers FILE is needed: the votes")
        images = ("files_path", "train_path", "val_path", "test_path", "test_ground_truth")
        if self.no_task:
            given = [name for name in images if getattr(self, name)]
            if given:
                raise ParameterError(f"{_option(given[0])} contradicts --no-task")
            return
        for name in ("files_path", "train_path"):
            if not getattr(self, name):
                raise ParameterError(f"{_option(name)} is needed, or --no-task without images")
        if self.test_ground_truth and not self.test_path:
            raise ParameterError("--test-ground-truth needs --test-path")
        if self.test_ground_truth_format not in (-1, 0, 1, 2):
            raise ParameterError(
                "--test-ground-truth-format must be 0, 1 or 2 (or -1, the same as"
                f" --answers-format), not {self.test_ground_truth_format}"
            )
        if self.test_ground_truth_format != -1 and not self.test_ground_truth:
            raise ParameterError("--test-ground-truth-format needs --test-ground-truth")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


@dataclass
class _Images:
    """Source image of each key, by split."""

    train: dict[int, Path] = field(default_factory=dict)
    val: dict[int, Path] = field(default_factory=dict)
    test: dict[int, Path] = field(default_factory=dict)
    class_of: dict[str, str] = field(default_factory=dict)

    def label(self, image: Path) -> str:
        """The class that the folder of a source image stands for."""
        return self.class_of.get(image.parent.name, image.parent.name)


def install_custom(folder: Path, options: CustomOptions) -> None:
    """Make ``train/``, ``val/``, ``test/``, ``answers.json`` and ``metadata.json`` in a folder.

    Images are linked (copied where links are impossible) as ``<split>/<class>/<stem>-<key>`` with
    their own suffix. The key of a train image is its line in ``files_path``, counted from 0, which
    is its task; the keys of val and test images go on after the last task. Without ``val_path`` a
    train image goes to val with probability 0.2 (``default_rng(12345)``, in order of class folder
    and file name); the votes of those tasks are then in ``answers_valid.json``, so that each task
    of ``answers.json`` has an image in ``train/``. Nothing is changed when something is wrong.

    Raises
    ------
    ParameterError
        Options are missing or contradict each other.
    DataError
        A file is missing or damaged, or votes, file names and images do not fit together.
    StorageError
        The folder cannot be written.
    """
    options.check()
    votes = read_votes(Path(options.answers), options.answers_format)
    given = _metadata(options.metadata)
    images = _Images()
    if options.no_task:
        names = _names_given(options, given)
    else:
        _check_not_own(folder, options)
        train = _list(Path(options.train_path), "--train-path")
        written = _written_classes(options)
        names = _names_given(options, given) or list(
            Ids.of_classes(written.get(path.parent.name, path.parent.name) for path in train)
        )
        images = _assign(options, train, votes)
        images.class_of = {**classes_of_folders(names), **written}
        _check_classes(images, names, options)
    n_classes = _n_classes(given, names, votes, options)
    votes = code_labels(votes, names or n_classes, Path(options.answers), _meaning(given, options))
    metadata = _complete(given, folder, names, n_classes, votes, images, options)
    hand_made = (folder / "metadata.json").exists() and "metadata.json" not in made_by_install(
        folder
    )
    folder_of = folder_names(names)
    with staged(folder, whole=not options.no_task) as stage:
        for split in SPLITS:
            for key, source in getattr(images, split).items():
                file = f"{plain_name(source.stem)}-{key}{source.suffix}"
                _link(source, stage.path / split / folder_of[images.label(source)] / file)
        held_back = {str(key) for key in images.val}
        write_votes(
            stage.path / "answers.json", {t: row for t, row in votes.items() if t not in held_back}
        )
        if valid := {t: row for t, row in votes.items() if t in held_back}:
            write_votes(stage.path / "answers_valid.json", valid)
        if images.test:
            write_votes(stage.path / "test_groundTruth.json", _truth(images, names, given, options))
        if options.metadata or not (options.no_task and hand_made):
            write_json(stage.path / "metadata.json", metadata)


def _metadata(path: str | Path) -> dict[str, Any]:
    if not path:
        return {}
    document = read_json(Path(path))
    if not isinstance(document, dict):
        raise DataError(f"{path}: expected a JSON object with name and n_classes")
    return document


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line]


def _names_given(options: CustomOptions, given: dict[str, Any]) -> list[str]:
    """Class names by the label file or the metadata; empty when neither has any."""
    stated = given.get("class_names")
    if stated is not None and not isinstance(stated, list):
        raise DataError(f"{options.metadata}: class_names must be a list of distinct names")
    names = [str(name) for name in stated or []]
    where: str | Path = options.metadata
    if options.label_names:
        listed = _lines(Path(options.label_names))
        if names and names != listed:
            raise DataError(f"{options.label_names}: other classes than class_names in {where}")
        names, where = listed, options.label_names
        if not names:
            raise DataError(f"{where}: the file is empty, expected a class name a line")
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{where}: class {name!r} occurs twice")
    return names


def _check_not_own(folder: Path, options: CustomOptions) -> None:
    """The folders that are replaced must not be those that the images are in."""
    for name in ("train_path", "val_path", "test_path"):
        value = getattr(options, name)
        if not value:
            continue
        source = Path(value).resolve()
        for split in SPLITS:
            target = (folder / split).resolve()
            if source == target or target in source.parents:
                raise ParameterError(
                    f"{_option(name)} {value}: install writes {split}/ here; give your images"
                    " another folder, or run in an empty one"
                )
    same = Path(options.answers).resolve() == (folder / "answers.json").resolve()
    if same and not options.val_path:
        raise ParameterError(
            f"--answers {options.answers}: install writes this file, and the split into train and"
            " val would take votes out of it; give your file another name"
        )


def _list(base: Path, option: str) -> list[Path]:
    """Images ``<class>/<file>`` under a folder, in order of class folder and file name."""
    if not base.is_dir():
        raise DataError(f"{base}: no such folder ({option})")
    images = [
        file
        for folder in sorted(p for p in base.iterdir() if p.is_dir() and p.name[0] != ".")
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()
    ]
    if not images:
        raise DataError(f"{base}: no image in it; {option} needs <class>/<image> in it")
    for image in images:
        if leads_out(image, base):
            raise DataError(
                f"{image}: a link that leads out of {base}, to {image.resolve()}; copy the image"
                " there if you want it"
            )
    return images


def _written_classes(options: CustomOptions) -> dict[str, str]:
    """The class of each folder where `FOLDERS` says it, as 'export imagefolder' writes."""
    found: dict[str, str] = {}
    for base in (options.train_path, options.val_path, options.test_path):
        path = Path(base) / FOLDERS
        if not base or not path.is_file():
            continue
        document = read_json(path)
        if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
            raise DataError(f"{path}: expected {{folder: class}}; correct the file or remove it")
        found |= document
    return found


def _rows(train: Sequence[Path], listed: Sequence[str], where: Path) -> dict[int, Path]:
    """Image of each line of the list of files, in the order of the images."""
    row_of: dict[str, int] = {}
    for row, name in enumerate(listed):
        key = "/".join(name.replace("\\", "/").split("/")[-2:])
        if key in row_of:
            raise DataError(
                f"{where}: {name!r} occurs twice (entries {row_of[key] + 1}, {row + 1})"
            )
        row_of[key] = row
    found: dict[int, Path] = {}
    lost = []
    for image in train:
        at = row_of.get(f"{image.parent.name}/{image.name}", row_of.get(image.name))
        if at is None:
            lost.append(f"{image.parent.name}/{image.name}")
        elif at in found:
            raise DataError(
                f"{where}: {listed[at]!r} is the name of two images, {found[at]} and {image};"
                " write <class>/<file> in the list"
            )
        else:
            found[at] = image
    if lost:
        raise DataError(f"{where}: does not list {len(lost)} images of --train-path: {few(lost)}")
    absent = [name for row, name in enumerate(listed) if row not in found]
    if absent:
        raise DataError(f"{where}: {len(absent)} files are not in --train-path: {few(absent)}")
    return found


def _assign(options: CustomOptions, train: Sequence[Path], votes: Votes) -> _Images:
    where = Path(options.files_path)
    listed = _lines(where)
    rows = _rows(train, listed, where)
    known = set(map(str, rows))
    unknown = [task for task in votes if task not in known]
    if unknown:
        raise DataError(
            f"{options.answers}: {len(unknown)} tasks are not the number of a line of {where}"
            f" (0..{len(listed) - 1}): {few(map(repr, unknown))}"
        )
    silent = [row for row in rows if str(row) not in votes]
    for row in silent:
        votes[str(row)] = {}
    if silent:
        logger.info("%d train images have no votes: tasks %s", len(silent), few(sorted(silent)))
    images = _Images()
    if options.val_path:
        images.train = rows
        val = _list(Path(options.val_path), "--val-path")
        images.val = dict(enumerate(val, len(listed)))
    else:
        rng = np.random.default_rng(_VAL_SEED)
        for row, image in rows.items():
            chosen = images.val if rng.random() < _VAL_SHARE else images.train
            chosen[row] = image
        share = f"{len(images.val)} of {len(rows)} train images (seed {_VAL_SEED}, {_VAL_SHARE:g})"
        votes_there = "; their votes are in answers_valid.json" if images.val else ""
        logger.info("no --val-path: %s are val%s", share, votes_there)
    if options.test_path:
        test = _list(Path(options.test_path), "--test-path")
        start = len(listed) + (len(images.val) if options.val_path else 0)
        images.test = dict(enumerate(test, start))
    return images


def _check_classes(images: _Images, names: Sequence[str], options: CustomOptions) -> None:
    for split in SPLITS:
        folders = {images.label(path) for path in getattr(images, split).values()}
        unknown = sorted(folders - set(names))
        if unknown:
            where = options.label_names or options.metadata or "the folders of --train-path"
            raise DataError(
                f"{split}: folder {unknown[0]!r} is not one of the classes {few(names, 12)}"
                f" ({where})"
            )


def _n_classes(
    given: dict[str, Any], names: Sequence[str], votes: Votes, options: CustomOptions
) -> int:
    labels = [x for row in votes.values() for x in row.values() if isinstance(x, int | float)]
    k = given.get("n_classes", len(names) or (int(max(labels)) + 1 if labels else None))
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise DataError(
            f"{options.metadata or options.answers}: the number of classes is not known; give"
            " --label-names, or n_classes (a whole number >= 1) in --metadata"
        )
    if names and k != len(names):
        raise DataError(f"{options.metadata}: n_classes = {k}, but there are {len(names)} classes")
    return k


def _complete(
    given: dict[str, Any],
    folder: Path,
    names: Sequence[str],
    n_classes: int,
    votes: Votes,
    images: _Images,
    options: CustomOptions,
) -> dict[str, Any]:
    """The metadata as given, with what they lack."""
    all_workers, occurring = n_workers(votes)
    n_task = sum(int(task) not in images.val for task in votes) if images.val else len(votes)
    metadata = dict(given)
    metadata.setdefault("name", folder.resolve().name or "dataset")
    metadata["n_classes"] = n_classes
    metadata["labels"] = "codes"
    metadata.setdefault("n_workers", all_workers)
    metadata.setdefault("nb_workers", occurring)
    metadata.setdefault("n_task", n_task)
    if names:
        metadata["class_names"] = list(names)
    if not isinstance(metadata["n_workers"], int) or metadata["n_workers"] < all_workers:
        raise DataError(
            f"{options.metadata}: n_workers = {metadata['n_workers']!r}, but the votes need at"
            f" least {all_workers} (the largest worker id + 1)"
        )
    return metadata


def _truth(
    images: _Images, names: Sequence[str], given: dict[str, Any], options: CustomOptions
) -> Votes:
    """Labels of the test images: ``{key: {0: label}}`` by folder, or the file as it is."""
    if not options.test_ground_truth:
        index = {name: k for k, name in enumerate(names)}
        return {str(key): {"0": index[images.label(p)]} for key, p in images.test.items()}
    form = options.test_ground_truth_format
    path = Path(options.test_ground_truth)
    return code_labels(
        read_votes(path, options.answers_format if form == -1 else form), names, path,
        _meaning(given, options),
    )  # fmt: skip


def _meaning(given: dict[str, Any], options: CustomOptions) -> Meaning:
    """What whole numbers of the votes are, by the metadata that were given."""
    said: Any = given.get("labels", "codes")
    if said not in get_args(Meaning):
        raise DataError(f'{options.metadata}: labels must be "codes" or "names", not {said!r}')
    meaning: Meaning = said
    return meaning


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source.absolute())
    except (OSError, NotImplementedError):
        # Windows without the right, or a file system without links.
        shutil.copyfile(source, target)
