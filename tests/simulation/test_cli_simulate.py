"""``peerannot simulate`` as users type it, and the files it leaves."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from peerannot.dataset import Dataset
from peerannot.simulation import save, simulate
from peerannot.simulation.write import write_answers


def content(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".peerannot.json"
    }


def test_defaults_write_a_dataset_in_simulation(run: Any, tmp_path: Path) -> None:
    done = run("simulate", cwd=tmp_path)
    folder = tmp_path / "simulation"
    assert "Saved answers at simulation/answers.json" in done.stdout
    names = {"answers.json", "metadata.json", "ground_truth.npy", "matrices.npy"}
    assert set(content(folder)) == names
    metadata = json.loads((folder / "metadata.json").read_text())
    sizes = {"name": "hammer-spammer", "n_workers": 1, "n_classes": 2, "n_task": 20}
    assert sizes.items() <= metadata.items()
    assert {"ratio": 0.1, "seed": 0, "imbalance_votes": False}.items() <= metadata.items()
    answers = json.loads((folder / "answers.json").read_text())
    assert list(answers) == [str(i) for i in range(20)]
    truth = np.load(folder / "ground_truth.npy")
    assert answers == {str(i): {"0": int(k)} for i, k in enumerate(truth)}


def test_every_published_option_in_the_spellings_of_users(run: Any, tmp_path: Path) -> None:
    line = (
        "simulate --n-worker=30 --n-task 50 -K=5 -s discrete-difficulty -r=0.4 --ratio-diff 2"
        " --random 0.1 -fb 6 -wl=20 --imbalance-votes --seed 3 --folder out/deep --verbose --json"
    )
    done = run(*line.split(), cwd=tmp_path)
    facts = json.loads(done.stdout)
    folder = tmp_path / "out" / "deep"
    assert facts["schema"] == "peerannot/simulate/1" and facts["stream"] == "published"
    assert {Path(f).name for f in facts["files"]} >= {"answers.json", "difficulties.npy"}
    assert "answers of a worker" in done.stderr
    drawn = simulate(
        "discrete-difficulty",
        n_worker=30,
        n_task=50,
        n_classes=5,
        ratio=0.4,
        ratio_diff=2.0,
        random=0.1,
        feedback=6,
        workerload=20,
        imbalance_votes=True,
        seed=3,
    )
    read = Dataset.open(folder).answers()
    assert facts["n_answers"] == len(read) == len(drawn.answers)
    assert (read.label == drawn.answers.label).all() and (read.task == drawn.answers.task).all()
    assert drawn.difficulties is not None
    assert (np.load(folder / "difficulties.npy") == drawn.difficulties).all()
    assert (np.load(folder / "matrices.npy") == drawn.matrices).all()
    assert (np.load(folder / "ground_truth.npy") == drawn.truth).all()


def test_association_file_and_matrix_file(run: Any, tmp_path: Path) -> None:
    matrices = np.tile(np.eye(2), (4, 1, 1))
    np.save(tmp_path / "m.npy", matrices)
    line = "simulate --n-worker 4 -s student-teacher -r 0.5 --matrix-file m.npy"
    run(*line.split(), cwd=tmp_path)
    pairs = np.load(tmp_path / "simulation" / "student_teacher_association.npy")
    assert pairs[:, 0].tolist() == [2, 3] and pairs.shape == (2, 2)
    assert np.load(tmp_path / "simulation" / "matrices.npy").shape == (4, 2, 2)
    metadata = json.loads((tmp_path / "simulation" / "metadata.json").read_text())
    assert metadata["matrix_file"] == "m.npy"


def test_new_models_and_ingredients(run: Any, run_process: Any, tmp_path: Path) -> None:
    line = (
        "simulate -s continuous-difficulty[ability_mean=2] -P ease_sd=0.5 --n-worker 20 -K 3"
        " --n-task 40 --class-prior 6,3,1 --zipf 1 --drift 0.2 --copiers 0.2 --copy-rate 0.5"
        " --abstain 0.1 --stream fast"
    )
    run(*line.split(), cwd=tmp_path)
    folder = tmp_path / "simulation"
    arrays = {"abilities", "difficulties", "activity", "drift", "copies", "abstention"}
    assert {f"{a}.npy" for a in arrays} <= set(content(folder))
    metadata = json.loads((folder / "metadata.json").read_text())
    given = {"name": "glad", "ability_mean": 2.0, "ease_sd": 0.5, "zipf": 1.0, "copy_rate": 0.5}
    assert given.items() <= metadata.items()
    again = tmp_path / "again"
    run_process(*line.split(), "--folder", again, cwd=tmp_path)
    assert content(folder) == content(again)


def test_parquet_instead_of_json_and_no_stale_files(run: Any, tmp_path: Path) -> None:
    line = "simulate --n-worker 9 -K 4 -s discrete-difficulty --folder d"
    run(*line.split(), cwd=tmp_path)
    line = "simulate --n-worker 9 -K 4 -s independent-confusion --folder d --output big/a.parquet"
    done = run(*line.split(), cwd=tmp_path)
    assert "big/a.parquet" in done.stdout
    assert set(content(tmp_path / "d")) == {"metadata.json", "ground_truth.npy", "matrices.npy"}
    frame = pl.read_parquet(tmp_path / "big" / "a.parquet")
    answers = simulate("independent-confusion", n_worker=9, n_classes=4).answers
    assert frame.columns == ["task", "worker", "label"]
    assert (frame["label"].to_numpy() == answers.label).all()
    assert (frame["worker"].to_numpy() == answers.worker).all()


def test_a_foreign_file_of_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.npy").write_bytes(b"mine")
    (tmp_path / "metadata.json").write_text('{"files": ["notes.npy"]}')
    save(simulate("hammer-spammer"), tmp_path)
    save(simulate("glad"), tmp_path)
    assert (tmp_path / "notes.npy").read_bytes() == b"mine"
    assert not (tmp_path / "matrices.npy").exists()


@pytest.mark.parametrize(
    "line, code, message",
    [
        ("--n-worker 10 -fb 5 -wl 3", 2, "raise workerload to"),
        ("-s hammer-spamer", 2, "did you mean 'hammer-spammer'"),
        ("-s glad[power=2]", 2, "no option 'power'"),
        ("-r 7", 2, "ratio must be at most 1"),
        ("-P ratio=0.2 -r 0.3", 2, "give it once"),
        ("--output answers.csv", 2, "name a .parquet file"),
        ("--folder taken", 1, "a part of the path is a file"),
        ("--images -K 11", 2, "ten classes at most"),
        ("--matrix-file none.npy -s independent-confusion", 3, "none.npy: no such file"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_files(
    run: Any, tmp_path: Path, line: str, code: int, message: str
) -> None:
    if "taken" in line:
        (tmp_path / "taken").write_text("a file")
        line = line.replace("taken", "taken/deep")
    done = run("simulate", *line.split(), cwd=tmp_path, code=code)
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "simulation").exists()


def test_an_option_without_effect_is_told(run: Any, tmp_path: Path) -> None:
    done = run("simulate", "--ratio-diff", "2", cwd=tmp_path)
    assert "--ratio-diff has no effect on hammer-spammer" in done.stderr


def test_list_names_models_and_options(run: Any) -> None:
    done = run("simulate", "--list")
    assert "correlated-judges (llm-judges)" in done.stdout and "ratio_diff = 1.0" in done.stdout


def test_large_answers_are_written_in_blocks(tmp_path: Path) -> None:
    drawn = simulate("hammer-spammer", n_worker=7, n_task=23, feedback=3, abstain=0.5)
    write_answers(tmp_path / "whole.json", drawn.answers)
    write_answers(tmp_path / "blocks.json", drawn.answers, block=5)
    assert (tmp_path / "whole.json").read_bytes() == (tmp_path / "blocks.json").read_bytes()
    document = json.loads((tmp_path / "blocks.json").read_text())
    assert [len(v) for v in document.values()] == drawn.answers.answers_per_task.tolist()
