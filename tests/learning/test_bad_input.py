"""Bad input and bad luck: one clear line, and nothing lost."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from peerannot.errors import DataError, DataWarning, StorageError  # noqa: E402
from peerannot.learning import TrainOptions, strategy_names, train, train_on_votes  # noqa: E402

# A checkpoint after each epoch, however long that takes.
OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=3, lr=0.05, batch_size=8, figures="none",
    checkpoint_share=1e9,
)  # fmt: skip


@pytest.mark.parametrize("strategy", strategy_names())
def test_a_worker_without_answers(make, strategy) -> None:
    tiny = make(("a", "b", "c"), train=9, val=3, test=3)
    # All that this worker said is of a task that is pruned.
    votes = json.loads((tiny.path / "answers.json").read_text())
    votes["8"] = {"quiet": 0, **votes["8"]}
    (tiny.path / "answers.json").write_text(json.dumps(votes))
    (tiny.path / "hard.txt").write_text("8 8\n")
    options = replace(OPTIONS, n_epochs=1)
    report = train_on_votes(
        tiny.path,
        strategy=strategy,
        options=options,
        output_name="x",
        path_remove=tiny.path / "hard.txt",
    )
    assert report.results["n_train"] == 8
    lines = (tiny.path / "results" / "x_workers.csv").read_text().splitlines()
    rows = {line.split(",")[0]: line.split(",")[1:] for line in lines[1:]}
    assert rows["quiet"][0] == "0"
    assert np.isfinite([float(value) for value in rows["quiet"]]).all()
    for file in report.worker_files:
        if file.suffix == ".npy":
            assert np.isfinite(np.load(file)).all()


def test_votes_on_one_image(make) -> None:
    tiny = make(train=1, val=2, test=2)
    report = train_on_votes(tiny.path, strategy="crowdlayer", options=replace(OPTIONS, n_epochs=1))
    assert report.results["n_train"] == 1
    assert np.isfinite(report.results["train_loss"]).all()


def test_labels_of_another_dataset(make) -> None:
    tiny = make(("a", "b", "c"), train=9)
    other = make(("a", "b"), train=12, folder="other")
    for labels, words in (
        (tiny.save(np.eye(2)[[0, 1] * 6], "fewer.npy"), "does the file belong to this dataset"),
        (tiny.save(np.eye(3)[[0, 1, 2] * 4], "more.npy"), "has 12 rows, but .* has 9 tasks"),
        (tiny.save(np.array([0, 7] * 6), "hard.npy"), "does the file belong to this dataset"),
    ):
        with pytest.raises(DataError, match=words):
            train(tiny.path, labels=labels, options=OPTIONS)
    # As many rows, other tasks: the table beside the file says so.
    labels = tiny.save(np.eye(3)[[0, 1, 2] * 3], "alien.npy")
    lines = ["task,label", *(f"{100 + i},a" for i in range(9))]
    labels.with_suffix(".csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"im-0\.png"):
        train(tiny.path, labels=labels, options=OPTIONS)
    assert not (tiny.path / "best_models").exists()
    with pytest.raises(DataError, match=r"classes|votes|images"):
        train_on_votes(tiny.path, answers=other.path / "answers.json", options=OPTIONS)


def test_a_disk_that_fills_up_during_the_training(make, monkeypatch) -> None:
    import errno

    tiny = make(train=16)
    labels = tiny.save(tiny.soft)
    whole = train(tiny.path, labels=labels, options=OPTIONS, output_name="x")
    want = [f.read_bytes() for f in (whole.results_file, whole.weights_file, whole.model_file)]
    from peerannot._files import atomic_write

    calls = []

    class Full:
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    @contextlib.contextmanager
    def filling(path):
        calls.append(path)
        with atomic_write(path) as handle:
            yield Full() if len(calls) == 3 else handle

    # The state after the third epoch does not fit: the second's stays, and so do the results.
    monkeypatch.setattr("peerannot.learning.training.checkpoint.atomic_write", filling)
    with pytest.raises(StorageError, match="no space left on the disk"):
        train(tiny.path, labels=labels, options=OPTIONS, output_name="x")
    now = [f.read_bytes() for f in (whole.results_file, whole.weights_file, whole.model_file)]
    assert now == want
    assert not [p for p in tiny.path.rglob("*") if p.name.endswith(".tmp")]
    monkeypatch.setattr("peerannot.learning.training.checkpoint.atomic_write", atomic_write)
    again = train(tiny.path, labels=labels, options=OPTIONS, output_name="x", resume=True)
    assert again.resumed_at == 2
    now = [f.read_bytes() for f in (whole.results_file, whole.weights_file, whole.model_file)]
    assert now == want


def test_files_may_not_grow(make) -> None:
    """The system itself refuses to write, as it does on a full disk."""
    tiny = make(train=8, val=2, test=2)
    tiny.save(tiny.soft)

    def small_files() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [sys.executable, "-m", "peerannot", "train", tiny.path]
    command += ["--labels", tiny.path / "labels.npy", "--model", "smallcnn", "--img-size", "16"]
    command += ["--n-epochs", "1", "-o", "x", "--figures", "none"]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, preexec_fn=small_files
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot write" in done.stderr and "x.last.safetensors" in done.stderr
    left = [p for p in (tiny.path / "best_models").rglob("*") if p.is_file()]
    assert left == []


def test_both_checkpoints_damaged_and_the_model_is_safe(make) -> None:
    tiny = make(train=8)
    labels = tiny.save(tiny.soft)
    report = train(tiny.path, labels=labels, options=OPTIONS, output_name="x")

    def stop(done, total=None, text=""):
        if text.startswith("loss") and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny.path, labels=labels, options=OPTIONS, output_name="x", progress=stop)
    before = report.model_file.read_bytes()
    for name in ("x.last.safetensors", "x.last.previous.safetensors"):
        file = report.weights_file.with_name(name)
        file.write_bytes(file.read_bytes()[:-7])
    with (
        pytest.warns(DataWarning, match="trying the one before it"),
        pytest.raises(DataError, match=r"x.last.previous.safetensors: damaged checkpoint"),
    ):
        train(tiny.path, labels=labels, options=OPTIONS, output_name="x", resume=True)
    assert report.model_file.read_bytes() == before
