"""10,000 workers: memory grows with the answers, not with workers times tasks or images."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from peerannot.answers import Answers  # noqa: E402
from peerannot.errors import ParameterError  # noqa: E402
from peerannot.learning import TrainOptions, strategy_names, train_on_votes  # noqa: E402
from peerannot.learning.networks.classifier import Outputs  # noqa: E402
from peerannot.learning.strategies.base import make_strategy  # noqa: E402
from peerannot.learning.training.learner import CrowdVotes  # noqa: E402

WORKERS, BATCH = 10_000, 64


class Largest(TorchDispatchMode):
    """The size in bytes of the largest tensor that any operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.nbytes, self.by = 0, ""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            # A view of one stride 0 has no memory of its own.
            own = isinstance(tensor, torch.Tensor) and 0 not in tensor.stride()
            if own and tensor.nbytes > self.nbytes:
                self.nbytes, self.by = tensor.nbytes, f"{func} {tuple(tensor.shape)}"
        return out


def test_what_is_measured_sees_a_dense_tensor() -> None:
    parameter = torch.zeros(300, requires_grad=True)
    with Largest() as seen:
        (parameter[:, None] * torch.ones(200)).sum().backward()
    assert seen.nbytes == 4 * 300 * 200


@pytest.mark.parametrize("spec", strategy_names())
def test_training_with_ten_thousand_workers(make, spec) -> None:
    tiny = make(("a", "b"), train=250, answers=False)
    rng = np.random.default_rng(0)
    votes = {}
    # Every worker answers once, and some more often.
    for at, (key, label) in enumerate(tiny.truth.items()):
        answered = range(40 * at, 40 * (at + 1))
        votes[str(key)] = {str(w): label if rng.random() < 0.8 else 1 - label for w in answered}
        votes[str(key)][str(at % 7)] = label
    (tiny.path / "answers.json").write_text(json.dumps(votes))
    options = TrainOptions(model="logistic", img_size=2, n_epochs=2, lr=0.02, batch_size=BATCH)
    # Five networks more would only repeat what one does.
    asked = "crowdlab[folds=2]" if spec == "crowdlab" else spec
    with Largest() as seen:
        report = train_on_votes(tiny.path, strategy=asked, options=options, output_name="x")
    skill = np.genfromtxt(report.worker_files[0], delimiter=",", names=True)["skill"]
    assert skill.shape == (WORKERS,) and np.isfinite(skill).all()
    assert seen.nbytes < 4 * BATCH * WORKERS, seen.by


@pytest.mark.parametrize("spec", strategy_names())
def test_a_head_of_many_tasks_and_workers(spec) -> None:
    n_tasks = 100_000
    rng = np.random.default_rng(0)
    answers = Answers.from_arrays(
        np.arange(n_tasks),
        rng.integers(WORKERS, size=n_tasks),
        rng.integers(2, size=n_tasks),
        workers=map(str, range(WORKERS)),
        classes=2,
    )
    strategy, _ = make_strategy(spec)
    # Compiled on a few answers first: the compiler's memory is not the model's.
    strategy.head(Answers.from_arrays([0, 0, 1], [0, 1, 1], [0, 1, 1], classes=2), 8)
    tracemalloc.start()
    found = CrowdVotes(strategy.head(answers, 8), answers)
    rows = torch.arange(BATCH)
    found.begin_epoch(0)
    found.loss(
        Outputs(torch.zeros(BATCH, 2, requires_grad=True), torch.zeros(BATCH, 8)), rows
    ).backward()
    with torch.no_grad():
        found.head.report()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    held = sum(t.numel() for t in (*found.buffers(), *found.parameters()))
    # Dense votes would be 1e9 numbers.
    assert held < 20 * n_tasks
    assert peak < 8 * 60 * n_tasks


@pytest.mark.parametrize("spec", strategy_names())
def test_too_many_parameters_are_refused_or_never_needed(spec) -> None:
    """1,000 classes for 10,000 workers: 10^10 numbers as matrices."""
    answers = Answers.from_arrays([0], [0], [0], workers=map(str, range(WORKERS)), classes=1000)
    strategy, _ = make_strategy(spec)
    if spec in ("crowdlab", "soft-labels", "doctor-net"):
        pytest.skip("no matrices to train")
    with pytest.raises(ParameterError, match="for each of 10000 workers"):
        strategy.head(answers, 4)
