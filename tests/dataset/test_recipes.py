"""Each recipe, from a local mirror to a dataset that opens, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.local_mirror import Mirror
from helpers.small_archives import official_batch, picture, table, tar_gz, zipped
from peerannot.dataset import Dataset, match_tasks, run_recipe
from peerannot.errors import DataError, DownloadError

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
Copy = Callable[[str], Path]


def votes_of(folder: Path, file: str = "answers.json") -> dict[str, dict[str, int]]:
    return json.loads((folder / file).read_text())


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a dataset's folder but the recipe, for comparison."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".py"
    }


def check_opens(folder: Path, n_tasks: int, n_workers: int) -> Dataset:
    dataset = Dataset.open(folder)
    answers = dataset.answers()
    assert answers.n_tasks == n_tasks == dataset.metadata["n_task"]
    assert max(map(int, answers.workers)) < dataset.metadata["n_workers"] == n_workers
    return dataset


def smaller(recipe: Path) -> Path:
    """The recipe with 40 train images instead of 9,500, and without the real checksum."""
    text = recipe.read_text()
    sha = '    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",\n'
    assert sha in text
    assert "\nN_TRAIN = 9500\n" in text
    recipe.write_text(text.replace(sha, "").replace("N_TRAIN = 9500", "N_TRAIN = 40"))
    return recipe


CSV_COLUMNS = [
    "annotator_id",
    "trial_index",
    "is_attn_check",
    "true_category",
    "chosen_category",
    "true_label",
    "chosen_label",
    "correct_guess",
    "cifar10_test_test_idx",
    "image_filename",
    "subcategory",
    "reaction_time",
    "time_elapsed",
]


def raw_row(worker: int, task: int, label: int, check: int = 0) -> list[object]:
    name = "cat_s_000001.png"
    return [worker, 0, check, "cat", "dog", 3, label, 0, task, name, "tabby, cat"[:5], 1500, 1500.5]


@pytest.fixture(scope="session")
def cifar_archive() -> bytes:
    rng = np.random.default_rng(0)
    batches = {}
    for name, n in [("test_batch", 44), *((f"data_batch_{i}", 4) for i in range(1, 6))]:
        pixels = np.repeat(rng.integers(0, 256, (n, 3, 1), dtype=np.uint8), 1024, axis=2)
        batch = official_batch(pixels.reshape(n, 3072), [i % 10 for i in range(n)])
        batches[f"cifar-10-batches-py/{name}"] = batch
    batches["cifar-10-batches-py/batches.meta"] = b"not read"
    batches["cifar-10-batches-py/readme.html"] = b"<html>"
    return tar_gz(batches)


def put_cifar10h(mirror: Mirror, archive: bytes, n: int = 44) -> None:
    rows = [raw_row(i % 3, i, i % 10) for i in reversed(range(n))]
    rows += [raw_row(7, 5, 2), raw_row(7, 5, 9), raw_row(9, -99999, 1, check=1)]
    csv = table(CSV_COLUMNS, rows)
    mirror.put("cifar10H/cifar-10-python.tar.gz", archive)
    mirror.put("cifar10H/cifar10h-raw.zip", zipped({"cifar10h-raw.csv": csv, "__MACOSX/x": b""}))


def test_cifar10h(
    mirror: Mirror, recipe_copy: Copy, cifar_archive: bytes, run: Callable[..., object]
) -> None:
    put_cifar10h(mirror, cifar_archive)
    recipe = smaller(recipe_copy("cifar10H/cifar10h.py"))
    done = run("install", recipe)
    assert "CIFAR10H is installed" in done.stdout
    assert "cifar10h-raw.zip: no checksum is known; came sha256" in done.stderr
    folder = recipe.parent
    dataset = check_opens(folder, 40, 10)
    assert dataset.name == "cifar-10h"
    assert dataset.classes[0] == "plane"
    assert dataset.classes[9] == "truck"
    train = dataset.images("train")
    positions = match_tasks(train, dataset.answers().tasks)
    # Image i has label i % 10 and color of row i: folder, votes and pixels agree.
    np.testing.assert_array_equal(dataset.folder_labels(train), positions % 10)
    assert {p.path.name for p in dataset.images("val")} == {
        "plane-40.png",
        "car-41.png",
        "bird-42.png",
        "cat-43.png",
    }
    test = dataset.images("test")
    assert sorted(int(i.key) for i in test) == list(range(20))
    votes = votes_of(folder)
    assert votes["5"] == {"2": 5, "7": 2}  # the first of a repeated vote
    assert list(votes)[:3] == ["0", "1", "2"]
    assert sorted(votes_of(folder, "answers_valid.json")) == ["40", "41", "42", "43"]
    assert "9" not in {worker for row in votes.values() for worker in row}  # attention checks
    first = np.random.default_rng(0).integers(0, 256, (44, 3, 1), dtype=np.uint8)
    with Image.open(folder / "train/frog/frog-16.png") as image:
        assert image.size == (32, 32)
        assert image.getpixel((31, 0)) == tuple(int(x) for x in first[16, :, 0])


def test_cifar10h_checks_its_archive(mirror: Mirror, recipe_copy: Copy) -> None:
    put_cifar10h(mirror, b"something else", 10)
    recipe = recipe_copy("cifar10H/cifar10h.py")
    with pytest.raises(DownloadError, match="checksum is wrong"):
        run_recipe(recipe)
    assert files(recipe.parent) == {}


def put_labelme(mirror: Mirror) -> dict[str, str]:
    images, listed, n = {}, [], 0
    for folder, classes in {
        "train": ("street", "coast", "forest"),
        "valid": ("coast", "street"),
        "test": ("coast", "forest"),
    }.items():
        for name in classes:
            for letter in "ba":
                n += 1
                file = f"{name}_{letter}{n}.jpg"
                images[f"LabelMe/{folder}/{name}/{file}"] = picture(n, "JPEG")
                if folder == "train":
                    listed.append(file)
    images["LabelMe/train/street/._junk.jpg"] = b"junk"
    images["LabelMe/prepared/data_train.npy"] = b"features"
    rows = [" ".join(map(str, row)) for row in _labelme_votes(len(listed))]
    images["LabelMe/answers.txt"] = ("\n".join(rows) + "\n").encode()
    images["LabelMe/filenames_train.txt"] = ("\n".join(listed) + "\n").encode()
    mirror.put("labelme/deep_LabelMe.tar.gz", tar_gz(images))
    return dict(zip(listed, rows, strict=True))


def _labelme_votes(n: int) -> list[list[int]]:
    votes = [[-1] * 6 for _ in range(n)]
    for i in range(n):
        votes[i][i % 6], votes[i][(i + 1) % 6] = i % 8, 3
    return votes


def test_labelme(mirror: Mirror, recipe_copy: Copy, run: Callable[..., object]) -> None:
    row_of = put_labelme(mirror)
    recipe = recipe_copy("labelme/labelme.py")
    run("install", recipe)
    dataset = check_opens(recipe.parent, 6, 77)
    train = dataset.images("train")
    match_tasks(train, dataset.answers().tasks)
    order = {0: 2, 1: 3, 2: 7, 3: 6, 4: 1, 5: 0, 6: 4, 7: 5}
    votes = votes_of(recipe.parent)
    for key, image in enumerate(train):  # keys count in the order of folder and name
        stem, _, number = image.path.stem.rpartition("-")
        assert int(number) == key
        row = row_of[f"{stem}.jpg"].split()
        assert votes[number] == {str(w): order[int(x)] for w, x in enumerate(row) if x != "-1"}
    assert [len(dataset.images(s)) for s in ("train", "val", "test")] == [6, 4, 4]
    assert not (recipe.parent / "train/prepared").exists()
    before = files(recipe.parent)
    run("install", recipe)
    assert files(recipe.parent) == before
    assert len(mirror.asked) == 1


def put_music(mirror: Mirror) -> dict[str, bytes]:
    gold = [("jazz.00001.mp3", "jazz"), ("blues.00000.mp3", "blues"), ("rock.00002.mp3", "rock")]
    test = [("jazz.00054.mp3", "jazz"), ("pop.00003.mp3", "pop")]
    answers = [
        ("WZ", "rock.00002.mp3", "rock"),
        ("WA", "jazz.00001.mp3", "pop"),
        ("WA", "jazz.00001.mp3", "jazz"),
        ("WZ", "blues.00000.mp3", "blues"),
        ("WB", "pop.00003.mp3", "pop"),
    ]
    columns = ("id", "mean_1", "class")
    folder = "music_genre_classification/"
    tables = {
        folder + "music_genre_gold.csv": table(columns, [(s, 1.5, c) for s, c in gold]),
        folder + "music_genre_test.csv": table(columns, [(s, 2.5, c) for s, c in test]),
        folder + "mturk_answers.csv": table(
            ("WorkerID", "Input.song", "Input.true_label", "Answer.pred_label"),
            [(w, s, "?", c) for w, s, c in answers],
        ),
        "sentiment_polarity/mturk_answers.csv": b"",
    }
    mirror.put("music/mturk-datasets.tar.gz", tar_gz(tables))
    songs = [("jazz", 1), ("blues", 0), ("rock", 2), ("pop", 3), ("metal", 4)]
    images = {f"Data/images_original/{c}/{c}{n:05}.png": picture(100 * n) for c, n in songs}
    return {**images, "Data/genres_original/jazz/jazz.00001.wav": b"sound"}


def test_music(mirror: Mirror, recipe_copy: Copy, run: Callable[..., object]) -> None:
    kaggle = put_music(mirror)
    recipe = recipe_copy("music/music.py")
    place = recipe.parent / "downloads" / "kaggle_dataset.zip"
    done = run("install", recipe, code=1)
    assert done.stderr.count("\n") == 1
    assert str(place) in done.stderr
    assert "https://www.kaggle.com/datasets/andradaolteanu/" in done.stderr
    place.parent.mkdir()
    place.write_bytes(zipped(kaggle))
    done = run("install", recipe)
    assert "1 votes are about songs that are not in train" in done.stderr
    dataset = check_opens(recipe.parent, 3, 3)
    names = [image.path.name for image in dataset.images("train")]
    assert names == ["blues00000-1.png", "jazz00001-0.png", "rock00002-2.png"]
    match_tasks(dataset.images("train"), dataset.answers().tasks)
    assert votes_of(recipe.parent) == {"0": {"1": 5}, "1": {"0": 0}, "2": {"0": 9}}
    for split in ("val", "test"):  # without the damaged song
        (image,) = dataset.images(split)
        assert image.path.name == "pop00003-1.png"
        assert image.path.read_bytes() == picture(300)


def put_birds(folder: Path | None = None) -> dict[str, bytes]:
    answers = [("c10", 5, 1), ("c9", 30, 0), ("c10", 30, 0), ("c9", 5, 1), ("c11", 7, 1)]
    contents = {
        "letters/annotations.tsv": table(("candidate_id", "user_id", "annotation"), answers, "\t"),
        "users.tsv": table(
            ("user_id", "birdwatching_activity_level"), [(30, 4), (7, 1), (5, ""), (100, 2)], "\t"
        ),
        "letters/clips/c9.wav": b"sound",
    }
    for name, content in contents.items() if folder else ():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return {f"bird_sound_training_data/{name}": content for name, content in contents.items()}


def test_birds(mirror: Mirror, recipe_copy: Copy, run: Callable[..., object]) -> None:
    recipe = recipe_copy("bird_audio/birds_audio.py")
    mirror.put("bird_audio/bird_sound_training_data.zip", zipped(put_birds()))
    seen = []
    for seed in ("1", "2"):  # ids must not depend on how texts are hashed
        run("install", recipe, PYTHONHASHSEED=seed)
        seen.append(files(recipe.parent))
    put_birds(recipe.parent / "bird_sound_training_data")
    run_recipe(recipe)
    seen.append({k: v for k, v in files(recipe.parent).items() if "training" not in k})
    assert seen[0] == seen[1] == seen[2]
    assert len(mirror.asked) == 1
    check_opens(recipe.parent, 3, 5)
    # Tasks c10, c11, c9; workers 5, 7, 30, 100 are 1 to 4.
    assert votes_of(recipe.parent) == {"0": {"1": 1, "3": 0}, "1": {"2": 1}, "2": {"1": 1, "3": 0}}
    assert (recipe.parent / "truth.txt").read_text() == "0\n-1\n0\n"


def test_broken_tables(mirror: Mirror, recipe_copy: Copy) -> None:
    recipe = recipe_copy("bird_audio/birds_audio.py")
    source = recipe.parent / "bird_sound_training_data"
    put_birds(source)
    answers = source / "letters/annotations.tsv"
    for content, said in {
        "candidate_id\tuser_id\tannotation\nc1\t5\tyes\n": "line 2: annotation must be a whole",
        "candidate_id\tuser_id\tannotation\nc1\t5\t1\nc1\t5\t2\n": "line 3: annotation 2 is not",
        "candidate_id\tannotation\nc1\t1\n": "no column 'user_id'",
        "candidate_id\tuser_id\tannotation\nc1\t5\t1\t7\t8\n": "cannot be read as a table",
        "": "cannot be read as a table",
    }.items():
        answers.write_text(content)
        with pytest.raises(DataError, match=said) as error:
            run_recipe(recipe)
        assert "\n" not in str(error.value)
    assert not (recipe.parent / "answers.json").exists()


def test_a_truncated_archive_leaves_the_old_dataset(mirror: Mirror, recipe_copy: Copy) -> None:
    put_labelme(mirror)
    recipe = recipe_copy("labelme/labelme.py")
    run_recipe(recipe)
    before = files(recipe.parent)
    archive = (mirror.folder / "labelme/deep_LabelMe.tar.gz").read_bytes()
    by_hand = recipe.parent / "downloads/deep_LabelMe.tar.gz"
    by_hand.parent.mkdir()
    by_hand.write_bytes(archive[: len(archive) // 2])
    with pytest.raises(DataError, match="damaged or truncated"):
        run_recipe(recipe)
    by_hand.unlink()
    by_hand.parent.rmdir()
    assert files(recipe.parent) == before


def test_toy_data_and_krippendorff_data() -> None:
    toy = Dataset.open(DATASETS / "toy-data")
    answers = toy.answers()
    assert (answers.n_tasks, answers.n_workers, answers.n_answers) == (3, 4, 9)
    positions = match_tasks(toy.images("train"), answers.tasks)
    assert toy.folder_labels(toy.images("train"))[np.argsort(positions)].tolist() == [1, 0, 1]
    classic = Dataset.open(DATASETS / "krippendorff-data").answers()
    assert (classic.n_tasks, classic.n_workers, classic.n_classes) == (15, 3, 4)
    # Nominal alpha by its definition: coincidences within tasks against those in all.
    counts = np.zeros((15, 4))
    np.add.at(counts, (classic.task, classic.label), 1)
    counts = counts[counts.sum(1) > 1]
    n = counts.sum(1, keepdims=True)
    coincidence = (counts.T @ (counts / (n - 1))) - np.diag((counts / (n - 1)).sum(0))
    total, marginal = coincidence.sum(), coincidence.sum(0)
    observed = total - np.trace(coincidence)
    expected = (total**2 - (marginal**2).sum()) / (total - 1)
    assert 1 - observed / expected == pytest.approx(0.691358024691358)
