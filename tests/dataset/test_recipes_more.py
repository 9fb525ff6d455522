"""CIFAR-10N and -S, NetEaseCrowd, Pl@ntNet-CrowdSWE and dopanim, from a local mirror."""

from __future__ import annotations

import csv
import io
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from helpers.local_mirror import Mirror
from helpers.small_archives import official_batch, picture, tar_gz, zipped
from peerannot.dataset import Dataset, match_tasks, read_label_arrays, run_recipe
from peerannot.errors import DataError

Copy = Callable[[str], Path]
SHA = re.compile(r'    "[0-9a-f]{64}",\n')


def unchecked(recipe: Path, **constants: int) -> Path:
    """The recipe without the checksums of the real files, and with smaller splits."""
    text = SHA.sub("", recipe.read_text())
    for name, value in constants.items():
        text, found = re.subn(rf"\n{name} = \d+\n", f"\n{name} = {value}\n", text)
        assert found == 1
    recipe.write_text(text)
    return recipe


def cifar_batch(n: int) -> bytes:
    pixels = np.random.default_rng(n).integers(0, 256, (n, 3072), dtype=np.uint8)
    return official_batch(pixels, [i % 10 for i in range(n)])


def put_cifar(mirror: Mirror) -> None:
    batches = {f"cifar-10-batches-py/data_batch_{i}": cifar_batch(10) for i in range(1, 6)}
    batches["cifar-10-batches-py/test_batch"] = cifar_batch(30)
    mirror.put("cifar10H/cifar-10-python.tar.gz", tar_gz(batches))


def votes_of(folder: Path, file: str = "answers.json") -> dict[str, dict[str, int]]:
    return json.loads((folder / file).read_text())


def saved(columns: dict[str, np.ndarray]) -> bytes:
    """As torch saves arrays: a zip with a pickle of protocol 2."""
    return zipped({"archive/data.pkl": pickle.dumps(columns, 2), "archive/version": b"3\n"})


def cifar10n_columns() -> dict[str, np.ndarray]:
    clean = np.tile(np.arange(10), 5)
    return {"clean_label": clean} | {f"random_label{j}": (clean + j) % 10 for j in (1, 2, 3)}


def test_cifar10n(mirror: Mirror, recipe_copy: Copy) -> None:
    put_cifar(mirror)
    mirror.put("cifar10N/CIFAR-10_human.pt", saved(cifar10n_columns()))
    recipe = unchecked(recipe_copy("cifar10N/cifar10n.py"), N_TRAIN=40)
    run_recipe(recipe)
    dataset = Dataset.open(recipe.parent)
    answers = dataset.answers()
    assert (answers.n_tasks, answers.n_workers, answers.n_answers) == (40, 3, 120)
    assert [len(dataset.images(split)) for split in ("train", "val", "test")] == [40, 10, 30]
    assert (match_tasks(dataset.images("train"), answers.tasks) >= 0).all()
    assert votes_of(recipe.parent)["7"] == {"0": 8, "1": 9, "2": 0}
    assert set(votes_of(recipe.parent, "answers_valid.json")) == set(map(str, range(40, 50)))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({**cifar10n_columns(), "clean_label": np.arange(50) % 9}, "order of CIFAR-10's"),
        ({k: v for k, v in cifar10n_columns().items() if k != "random_label2"}, "random_label2"),
        ({**cifar10n_columns(), "random_label1": np.full(50, 10)}, "not in 0..9"),
        ({**cifar10n_columns(), "random_label1": np.zeros(49, int)}, "random_label1"),
        ({**cifar10n_columns(), "random_label1": np.zeros(50)}, "whole numbers"),
        ({**cifar10n_columns(), "other": print}, r"asks for __builtin__\.print"),
    ],
)
def test_cifar10n_in_another_form(
    columns: dict[str, object], said: str, mirror: Mirror, recipe_copy: Copy
) -> None:
    put_cifar(mirror)
    mirror.put("cifar10N/CIFAR-10_human.pt", saved(columns))
    recipe = unchecked(recipe_copy("cifar10N/cifar10n.py"), N_TRAIN=40)
    with pytest.raises(DataError, match=said):
        run_recipe(recipe)
    assert not (recipe.parent / "train").exists()


def test_a_table_of_labels_is_a_dictionary(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pickle.dumps([1, 2], 2))
    with pytest.raises(DataError, match="expected arrays by name"):
        read_label_arrays(tmp_path / "x")


def trial(worker: str, image: int | None, chosen: str, task: str = "spec_conf") -> dict[str, str]:
    return {
        "subject": worker,
        "img_id": "" if image is None else f"{image}.0",
        "response": json.dumps({"classSelect": f"mostProb{chosen}", "prob": "90"}),
        "task": task,
    }


def cifar10s_table(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["trial_type", "subject", "response", "task", "img_id"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def test_cifar10s(mirror: Mirror, recipe_copy: Copy) -> None:
    put_cifar(mirror)
    rows = [
        {"subject": "zoe", "response": "", "task": "", "img_id": ""},
        trial("zoe", 3, "Cat"),
        trial("amy", 3, "Dog"),
        trial("zoe", 3, "Truck"),
        trial("amy", 11, "Airplane"),
        trial("amy", 3, "Truck", "rerun_spec_conf"),
    ]
    mirror.put("cifar10S/raw_human_data.csv", cifar10s_table(rows))
    recipe = unchecked(recipe_copy("cifar10S/cifar10s.py"), N_VAL=5)
    run_recipe(recipe)
    assert votes_of(recipe.parent) == {"3": {"0": 5, "1": 3}, "11": {"0": 0}}
    dataset = Dataset.open(recipe.parent)
    assert [len(dataset.images(split)) for split in ("train", "val", "test")] == [2, 5, 23]
    assert (match_tasks(dataset.images("train"), dataset.answers().tasks) >= 0).all()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (cifar10s_table([trial("amy", 3, "Cow")]), "worker amy, image 3: no most probable class"),
        (cifar10s_table([trial("amy", 99, "Cat")]), "img_id 99"),
        (cifar10s_table([trial("amy", None, "Cat")]), "img_id None is not one"),
        (b"a,b\n1,2\n", "not the table that is known"),
    ],
)
def test_cifar10s_in_another_form(
    table: bytes, said: str, mirror: Mirror, recipe_copy: Copy
) -> None:
    put_cifar(mirror)
    mirror.put("cifar10S/raw_human_data.csv", table)
    with pytest.raises(DataError, match=said):
        run_recipe(unchecked(recipe_copy("cifar10S/cifar10s.py"), N_VAL=5))


def netease(**columns: list[int]) -> bytes:
    rows = {"taskId": [9, 9, 4, 4], "workerId": [1, 2, 7, 7], "answer": [0, 2, 1, 2],
            "truth": [0, 0, 2, 2], "capability": [50] * 4}  # fmt: skip
    out = io.BytesIO()
    pl.DataFrame(rows | columns).write_parquet(out)
    return out.getvalue()


def test_netease(mirror: Mirror, recipe_copy: Copy) -> None:
    mirror.put("netease-crowd/annotation.parquet", netease())
    recipe = recipe_copy("netease/netease.py")
    run_recipe(recipe)
    assert votes_of(recipe.parent) == {"4": {"7": 2}, "9": {"1": 0, "2": 2}}
    assert np.load(recipe.parent / "ground_truth.npy").tolist() == [2, 0]
    assert Dataset.open(recipe.parent).answers().n_answers == 3


def test_netease_in_another_form(mirror: Mirror, recipe_copy: Copy) -> None:
    recipe = recipe_copy("netease/netease.py")
    for content, said in (
        (netease(answer=[0, 1, 2, 3]), "row 4: answer is not one of 0, 1, 2"),
        (b"PAR1", "not the table that is known"),
    ):
        place = recipe.parent / "downloads/annotation.parquet"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        with pytest.raises(DataError, match=said):
            run_recipe(recipe)


@pytest.mark.parametrize("inverse", [False, True])
def test_plantnet(inverse: bool, mirror: Mirror, recipe_copy: Copy) -> None:
    names = {"Acer": 0, "Quercus": 1, "Pinus": 2}
    species = {str(v): k for k, v in names.items()} if inverse else names
    files = {
        "zenodo/answers/answers.json": b'{"0": {"5": 1, "900000": 1}, "1": {"5": 2}}',
        "zenodo/aggregation/ai_answers.json": b'{"0": 1}',
        "zenodo/converters/classes.json": json.dumps(species).encode(),
    }
    mirror.put("plantnet-crowdswe/plantnet_swe.zip", zipped(files))
    recipe = recipe_copy("plantnet/plantnet_swe.py")
    run_recipe(recipe)
    answers = Dataset.open(recipe.parent).answers()
    assert (answers.n_tasks, answers.n_workers, answers.n_answers) == (2, 2, 3)
    assert list(answers.classes) == list(names)


def test_plantnet_in_another_form(mirror: Mirror, recipe_copy: Copy) -> None:
    files = {"zenodo/answers/answers.json": b'{"0": [1, 2]}'}
    mirror.put("plantnet-crowdswe/plantnet_swe.zip", zipped(files))
    with pytest.raises(DataError, match=r"no answers\.json of task, worker and label"):
        run_recipe(recipe_copy("plantnet/plantnet_swe.py"))


def put_dopanim(mirror: Mirror, answers: dict[str, object]) -> None:
    tasks = {"71": ("train", "Cheetah"), "72": ("train", "Douglas' Squirrel"),
             "80": ("valid", "Jaguar"), "81": ("test", "Leopard")}  # fmt: skip
    document = {k: {"split": s, "taxon_name": n} for k, (s, n) in tasks.items()}
    mirror.put("dopanim/task_data.json", json.dumps(document).encode())
    mirror.put("dopanim/annotation_data.json", json.dumps(answers).encode())
    for split in ("train", "valid", "test"):
        images = {f"{split}/{n}/{k}.jpeg": picture(int(k), "JPEG")
                  for k, (s, n) in tasks.items() if s == split}  # fmt: skip
        mirror.put(f"dopanim/{split}.zip", zipped(images))


def answer(task: int, worker: str, **likely: float) -> dict[str, object]:
    return {"observation_id": task, "annotator_id": worker, "likelihoods": likely}


def test_dopanim(mirror: Mirror, recipe_copy: Copy) -> None:
    put_dopanim(mirror, {
        "0": answer(71, "neon-ninja", Cheetah=0.7, Leopard=0.3),
        "1": answer(71, "azure-artist", Leopard=0.5, Jaguar=0.5),
        "2": answer(72, "azure-artist", Leopard=0.0),
    })  # fmt: skip
    recipe = recipe_copy("dopanim/dopanim.py")
    run_recipe(recipe)
    assert votes_of(recipe.parent) == {"71": {"0": 13, "1": 12}, "72": {}}
    dataset = Dataset.open(recipe.parent)
    assert [len(dataset.images(split)) for split in ("train", "val", "test")] == [2, 1, 1]
    assert (match_tasks(dataset.images("train"), dataset.answers().tasks) >= 0).all()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (answer(71, "a", Cow=1.0), "record 0: unknown class"),
        (answer(80, "a", Cheetah=1.0), "unknown class or observation"),
        ({"observation_id": 71}, "record 0: not an answer"),
        ([], "expected records by their id"),
    ],
)
def test_dopanim_in_another_form(
    record: object, said: str, mirror: Mirror, recipe_copy: Copy
) -> None:
    put_dopanim(mirror, {"0": record})
    with pytest.raises(DataError, match=said):
        run_recipe(recipe_copy("dopanim/dopanim.py"))
