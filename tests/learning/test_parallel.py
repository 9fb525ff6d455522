"""Several processes compute what one would, and speak with one voice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from helpers.waiting import PATIENCE, eventually  # noqa: E402
from peerannot.errors import ParameterError  # noqa: E402
from peerannot.learning import TrainOptions, train_on_votes  # noqa: E402
from peerannot.learning.training.checkpoint import CheckpointFile  # noqa: E402
from peerannot.learning.training.parallel import Processes, make_fabric  # noqa: E402

HERE = Path(__file__).parent
# Batch norm, mixing of labels and of votes, sampling, losses that look at a whole batch.
CASES = ("plain", "mixed", "weighted", "frozen", "crowdlayer", "max-mig", "annot-mix")


def weights_of(folder: Path, name: str) -> dict[str, torch.Tensor]:
    (file,) = folder.glob(f"best_models/**/{name}.pth")
    saved = torch.load(file, weights_only=True)
    return saved.get("classifier", saved)


@pytest.fixture
def launch(commands):
    """Run ``python -m MODULE ARGUMENTS``: the first process is forked, further ones start anew."""

    def call(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
        return commands([*map(str, arguments)], HERE, env, module)

    return call


@pytest.mark.slow
def test_two_processes_train_as_one(make, launch) -> None:
    names = ("a", "b", "c")
    # 31 images in batches of 8: the last batch does not divide.
    folders = [make(names, train=31, val=7, test=5, folder=f"of-{n}").path for n in (1, 2)]
    for n, folder in enumerate(folders, 1):
        votes = json.loads((folder / "answers.json").read_text())
        # Ragged votes: equal parts of the images hold unequal parts of the votes.
        ragged = {t: dict(list(v.items())[: 1 + int(t) % len(v)]) for t, v in votes.items()}
        (folder / "answers.json").write_text(json.dumps(ragged))
        np.save(folder / "labels.npy", np.arange(31) % 3)
        done = launch("several", folder, n, *CASES)
        assert done.returncode == 0, done.stderr[-2000:]
    for case in CASES:
        one, two = (json.loads((f / "results" / f"{case}.json").read_text()) for f in folders)
        for key in ("train_loss", "val_loss", "test_loss"):
            assert two[key] == pytest.approx(one[key], rel=2e-3, abs=2e-3), (case, key)
        assert one["options"]["devices"] == 1 and two["options"]["devices"] == 2
        first, second = (weights_of(folder, case) for folder in folders)
        for name in first:
            torch.testing.assert_close(
                second[name], first[name], rtol=0.02, atol=0.02, msg=lambda m, c=case: f"{c}: {m}"
            )


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["fabric", "torchrun"])
def test_the_command_in_two_processes(make, launch, launcher) -> None:
    tiny = make(train=12, val=4, test=4)
    tiny.save(tiny.soft)
    arguments = ["train", tiny.path, "--labels", tiny.path / "labels.npy"]
    arguments += ["--model", "smallcnn", "--img-size", 16, "--n-epochs", 1, "--accelerator", "cpu"]
    arguments += ["--batch-size", 4, "--json", "-o", "x"]
    if launcher == "fabric":
        command = ["peerannot", *arguments, "--devices", 2]
    else:
        run = ["torch.distributed.run", "--standalone", "--nproc-per-node", 2]
        command = [*run, "-m", "peerannot", *arguments]
    done = launch(*command)
    assert done.returncode == 0, done.stderr[-2000:]
    # One document, of the first process.
    document = json.loads(done.stdout)
    assert document["results"]["n_train"] == 12
    assert done.stderr.count("process 1") == 0
    written = {p.name for p in tiny.path.rglob("x*") if p.is_file()}
    assert {"x.json", "x.pth", "x.safetensors", "x.last.safetensors"} <= written
    assert not [name for name in written if name.endswith(".tmp")]
    (tiny.path / "train" / "cat" / "im-0.png").write_text("no image")
    done = launch(*command)
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert done.returncode != 0 and len(lines) == 1 and "1 images cannot be read" in lines[0]


def test_parts_cover_every_row_once() -> None:
    for world in (1, 2, 3, 5):
        for n in (5, 6, 11):
            rows = [list(range(n))[Processes(rank, world).part(n)] for rank in range(world)]
            assert [row for part in rows for row in part] == list(range(n))
            assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_devices_that_are_not_there(monkeypatch) -> None:
    with pytest.raises(ParameterError, match=r"--device cuda --devices 2: not here"):
        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
        make_fabric(TrainOptions(device="cuda", devices=2))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ParameterError, match=r"2 processes on 2 nodes were launched"):
        make_fabric(TrainOptions(device="cpu", devices=3))


def test_votes_are_not_mixed(make) -> None:
    tiny = make(train=4)
    for name in ("mixup", "cutmix"):
        with pytest.raises(ParameterError, match=r"annot-mix.*`peerannot train`"):
            train_on_votes(tiny.path, options=TrainOptions(**{name: 0.5}))


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others_and_one_goes_on(make, run) -> None:
    tiny = make(train=12, val=4, test=4)
    tiny.save(tiny.soft)
    command = ["train", tiny.path, "-o", "x", "--json"]
    command += ["--labels", tiny.path / "labels.npy", "--model", "smallcnn", "--img-size", 16]
    command += ["--batch-size", 4, "--figures", "none", "--accelerator", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "peerannot", *map(str, command), "--devices=2", "--n-epochs=5000"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    state = tiny.path / "best_models" / "smallcnn" / "x.last.safetensors"
    eventually(lambda: state.exists() or process.poll() is not None)
    process.kill()
    # The pipe closes when the other process has ended, too.
    _, said = process.communicate(timeout=PATIENCE)
    assert "process 1: another process of this training stopped" in said
    assert "Traceback" not in said
    saved = CheckpointFile(state).load()
    assert saved is not None
    done = len(saved["history"]["val_loss"])
    again = run(*command, "--n-epochs", done + 1, "--resume")
    assert json.loads(again.stdout)["resumed_at"] == done
