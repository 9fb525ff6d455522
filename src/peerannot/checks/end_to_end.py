"""What every end-to-end strategy promises."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from peerannot._options import check, describe
from peerannot.answers import Answers
from peerannot.checks.check import must
from peerannot.checks.crowds import ragged_answers
from peerannot.checks.options import must_refuse_bad_options
from peerannot.learning import EndToEnd, Outputs, TrainOptions, train_on_votes
from peerannot.learning.training.learner import CrowdVotes

__all__ = ["PROMISES"]

PROMISES: dict[str, Callable[[type[EndToEnd]], None]] = {}
"""Each check by its name; its docstring says what is asked."""

N, W, K, D = 12, 5, 3, 4  # tasks, workers, classes, features of the network


def promise(function: Callable[[type[EndToEnd]], None]) -> Callable[[type[EndToEnd]], None]:
    PROMISES[function.__name__] = function
    return function


def _outputs() -> Outputs:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(N, K, generator=generator, dtype=torch.float64, requires_grad=True)
    return Outputs(logits, torch.randn(N, D, generator=generator, dtype=torch.float64))


def _begun(cls: type[EndToEnd]) -> CrowdVotes:
    torch.manual_seed(0)
    answers = ragged_answers(N, W, K)
    found = CrowdVotes(cls().head(answers, D).double(), answers)
    found.begin_epoch(0)
    return found


@promise
def starts_well(cls: type[EndToEnd]) -> None:
    """The first loss and its gradients are finite; the report has skills and distributions."""
    found, outputs = _begun(cls), _outputs()
    loss = found.loss(outputs, torch.arange(N))
    must(loss.ndim == 0 and bool(loss.isfinite()), f"the first loss is no finite scalar: {loss}")
    torch.autograd.backward(loss)
    for parameter in (outputs.logits, *found.parameters()):
        finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
        must(finite, "a gradient is not finite")
    with torch.no_grad():
        report = found.head.report()
    skill = report.skill
    must(skill.shape == (W,), f"the skill has shape {skill.shape}, not {(W,)}")
    must(np.isfinite(skill).all(), "the skill is not finite")
    shapes = {"confusion": (W, K, K), "common": (K, K), "posterior": (N, K)}
    for name, shape in shapes.items():
        rows = getattr(report, name)
        if rows is not None:
            must(rows.shape == shape, f"{name} has shape {rows.shape}, not {shape}")
            must(np.allclose(rows.sum(-1), 1, atol=1e-6), f"rows of {name} do not sum to 1")
    for name, column in report.columns.items():
        must(len(column) == W, f"column {name!r} has {len(column)} rows, not {W}")


@promise
def is_deterministic(cls: type[EndToEnd]) -> None:
    """The same seed gives the same first loss."""
    rows = torch.arange(N)
    one, two = (_begun(cls).loss(_outputs(), rows) for _ in range(2))
    must(torch.equal(one, two), "the same seed gives another loss")


@promise
def learns_nothing_from_no_votes(cls: type[EndToEnd]) -> None:
    """Images that nobody answered have a finite loss, and train nothing."""
    found, outputs = _begun(cls), _outputs()
    rows = torch.tensor([4, 4])
    loss = found.loss(Outputs(outputs.logits[rows], outputs.features[rows]), rows)
    must(bool(loss.isfinite()), "the loss of no votes is not finite")
    torch.autograd.backward(loss)
    moved = outputs.logits.grad is not None and bool(outputs.logits.grad.any())
    must(not moved, "images without votes move the network")


@promise
def holds_answers_not_pairs(cls: type[EndToEnd]) -> None:
    """What it holds grows with answers, tasks and workers; tasks x workers would be 2.5e8."""
    n_tasks, n_workers = 50_000, 5_000
    rng = np.random.default_rng(0)
    answers = Answers.from_arrays(
        np.arange(n_tasks),
        rng.integers(n_workers, size=n_tasks),
        rng.integers(2, size=n_tasks),
        workers=map(str, range(n_workers)),
        classes=2,
    )
    found = CrowdVotes(cls().head(answers, 8), answers)
    held = sum(t.numel() for t in (*found.buffers(), *found.parameters()))
    must(held < 40 * (n_tasks + n_workers), f"it holds {held} numbers for {n_tasks} answers")


@promise
def finds_the_spammer(cls: type[EndToEnd]) -> None:
    """A linear network learns two colours from four workers, of whom the last one guesses."""
    options = TrainOptions(
        model="logistic", img_size=8, n_epochs=25, lr=0.02, batch_size=20, optimizer="adam",
        device="cpu", figures="none",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "colours"
        _draw(folder)
        report = train_on_votes(folder, strategy=cls(), options=options, output_name="x")
        right = report.results["test_accuracy"]
        must(right == 100, f"{right:.0f} % of the test images are right")
        table = np.genfromtxt(report.worker_files[0], delimiter=",", names=True)
    skill = table["skill"]
    must(skill.argmin() == 3, f"the spammer, the last worker, is not the worst of {skill}")


def _draw(folder: Path) -> None:
    """A data set of coloured squares; three workers err one time in ten, the last one guesses."""
    rng = np.random.default_rng(0)
    names, colours = ("a", "b"), ((200, 60, 60), (60, 200, 60))
    votes: dict[str, dict[str, int]] = {}
    for split, n in (("train", 60), ("val", 8), ("test", 8)):
        for i in range(n):
            noise = rng.integers(-40, 40, (16, 16, 3))
            file = folder / split / names[i % 2] / f"im-{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = (np.array(colours[i % 2]) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(file)
    for i in range(60):
        votes[str(i)] = {}
        for worker in rng.choice(4, 3, replace=False).tolist():
            good = worker < 3 and rng.random() > 0.1
            votes[str(i)][str(worker)] = i % 2 if good else int(rng.integers(2))
    about = {"name": "colours", "n_classes": 2, "n_workers": 4, "class_names": names}
    (folder / "metadata.json").write_text(json.dumps(about))
    (folder / "answers.json").write_text(json.dumps(votes))


@promise
def refuses_options_out_of_range(cls: type[EndToEnd]) -> None:
    """Every option is made with ``option``, and a value that it cannot have is an error."""
    must_refuse_bad_options(cls, check)


@promise
def is_documented(cls: type[EndToEnd]) -> None:
    """The docstring has the source, and every option its help."""
    told = "".join(base.__doc__ or "" for base in cls.__mro__)
    must("References" in told, "the docstring has no 'References'")
    for name, _, _, text in describe(cls):
        must(text.strip(), f"option {name!r} has no help")
