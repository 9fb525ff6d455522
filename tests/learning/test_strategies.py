"""End-to-end strategies: each against a slow dense transcription of its paper, and at work."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from peerannot.answers import Answers  # noqa: E402
from peerannot.errors import ParameterError  # noqa: E402
from peerannot.learning import STRATEGIES, TrainOptions, strategy_names, train_on_votes  # noqa: E402
from peerannot.learning._learner import CrowdVotes  # noqa: E402
from peerannot.learning._models import Outputs  # noqa: E402
from peerannot.learning.strategies._base import make_strategy, rows_of  # noqa: E402

N, W, K, D = 12, 5, 3, 7


@pytest.fixture
def answers() -> Answers:
    """Ragged votes: task 4 has none, worker 4 has one."""
    rng = np.random.default_rng(1)
    task, worker = np.nonzero(rng.random((N, W - 1)) < 0.6)
    task, worker = np.append(task, 2), np.append(worker, W - 1)
    keep = task != 4
    return Answers.from_arrays(
        task[keep],
        worker[keep],
        rng.integers(K, size=int(keep.sum())),
        tasks=map(str, range(N)),
        workers=map(str, range(W)),
        classes=K,
    )


@pytest.fixture
def outputs() -> Outputs:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(N, K, generator=generator, dtype=torch.float64, requires_grad=True)
    return Outputs(logits, torch.randn(N, D, generator=generator, dtype=torch.float64))


def objective(spec: str, answers: Answers) -> CrowdVotes:
    """The strategy in double precision, away from its symmetric start."""
    torch.manual_seed(5)
    strategy, _ = make_strategy(spec)
    found = CrowdVotes(strategy.head(answers, D), answers).double()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return found


def dense(answers: Answers) -> torch.Tensor:
    """The dense matrix (tasks, workers) of the slow transcriptions, -1 for no vote."""
    matrix = torch.full((N, W), -1)
    matrix[answers.task.astype(int), answers.worker.astype(int)] = torch.tensor(
        answers.label.astype(int)
    )
    return matrix


def slow_crowdlayer(head, outputs, rows, votes):
    p = outputs.logits.softmax(1)
    losses = []
    for i, row in enumerate(rows):
        for j in range(W):
            if votes[row, j] >= 0:
                if head.variant == "MW":
                    scores = head.weight[j] @ p[i]
                else:
                    scores = head.weight[j] * p[i]
                if head.variant == "VW+B":
                    scores = scores + head.bias[j]
                losses.append(F.cross_entropy(scores, votes[row, j]))
    return torch.stack(losses).mean()


def slow_conal(head, outputs, rows, votes):
    p = outputs.logits.softmax(1)
    losses = []
    for i, row in enumerate(rows):
        v = head.image(outputs.features[i])
        v = v / v.norm()
        for j in range(W):
            if votes[row, j] >= 0:
                u = head.worker[j] / head.worker[j].norm()
                w = torch.sigmoid(u @ v)
                scores = w * (head.common.T @ p[i]) + (1 - w) * (head.individual[j].T @ p[i])
                losses.append(F.cross_entropy(scores, votes[row, j]))
    distance = sum(torch.linalg.norm(head.individual[j] - head.common) for j in range(W))
    return torch.stack(losses).mean() - head.scale * distance


SLOW = {
    "crowdlayer": slow_crowdlayer,
    "crowdlayer[variant=VW]": slow_crowdlayer,
    "crowdlayer[variant=VW+B]": slow_crowdlayer,
    "conal[scale=0.1]": slow_conal,
    "conal[scale=0]": slow_conal,
}


@pytest.mark.parametrize("spec", SLOW)
def test_loss_and_gradients_are_those_of_the_paper(spec, answers, outputs) -> None:
    found = objective(spec, answers)
    rows = torch.tensor([3, 0, 4, 2, 11, 7])
    batch = Outputs(outputs.logits[rows], outputs.features[rows])
    wanted = [outputs.logits, *found.parameters()]
    loss = found.loss(batch, rows)
    gradients = torch.autograd.grad(loss, wanted, allow_unused=True, retain_graph=True)
    slow = SLOW[spec](found.head, batch, rows, dense(answers))
    slow_gradients = torch.autograd.grad(slow, wanted, allow_unused=True)
    torch.testing.assert_close(loss, slow)
    for mine, theirs in zip(gradients, slow_gradients, strict=True):
        if theirs is None:
            assert mine is None or not mine.any()
        else:
            torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("spec", strategy_names())
def test_start_is_finite_and_certain_workers_are_trusted(spec, answers, outputs) -> None:
    torch.manual_seed(0)
    strategy, _ = make_strategy(spec)
    found = CrowdVotes(strategy.head(answers, D).double(), answers)
    found.begin_epoch(0)
    loss = found.loss(outputs, torch.arange(N))
    loss.backward()
    for parameter in (outputs.logits, *found.parameters()):
        assert parameter.grad is None or bool(parameter.grad.isfinite().all())
    with torch.no_grad():
        report = found.head.report()
    assert report.skill.shape == (W,)
    assert np.isfinite(report.skill).all() and (report.skill > 1 / K).all()
    for matrix in (report.confusion, report.common):
        if matrix is not None:
            np.testing.assert_allclose(matrix.sum(axis=-1), 1)
            assert (matrix.argmax(axis=-1) == np.arange(K)).all()


@pytest.mark.parametrize("spec", strategy_names())
def test_a_batch_without_votes_trains_nothing_wrong(spec, answers, outputs) -> None:
    strategy, _ = make_strategy(spec)
    found = CrowdVotes(strategy.head(answers, D).double(), answers)
    rows = torch.tensor([4, 4])
    loss = found.loss(Outputs(outputs.logits[rows], outputs.features[rows]), rows)
    assert bool(loss.isfinite())
    loss.backward()
    assert not outputs.logits.grad.any()


@pytest.mark.parametrize("spec", strategy_names())
def test_finds_the_spammer(make, spec) -> None:
    tiny = make(("a", "b"), train=60, n_workers=4)
    options = TrainOptions(
        model="logistic", img_size=8, n_epochs=25, lr=0.02, batch_size=20, optimizer="adam"
    )
    report = train_on_votes(tiny.path, strategy=spec, options=options, output_name="x")
    assert report.results["test_accuracy"] == 100
    skill = np.genfromtxt(report.worker_files[0], delimiter=",", names=True)["skill"]
    assert skill.argmin() == 3, skill


def test_votes_of_a_batch(answers) -> None:
    found = objective("crowdlayer", answers)
    rows = torch.tensor([5, 4, 0, 5])
    votes = found.votes(rows)
    matrix = dense(answers)
    want = [
        (i, j, int(matrix[row, j]))
        for i, row in enumerate(rows)
        for j in range(W)
        if matrix[row, j] >= 0
    ]
    got = zip(votes.row.tolist(), votes.worker.tolist(), votes.label.tolist(), strict=True)
    assert sorted(got) == want


def test_memory_grows_with_answers_not_with_tasks_times_workers() -> None:
    n_tasks, n_workers = 200_000, 10_000
    rng = np.random.default_rng(0)
    answers = Answers.from_arrays(
        np.arange(n_tasks),
        rng.integers(n_workers, size=n_tasks),
        rng.integers(2, size=n_tasks),
        workers=map(str, range(n_workers)),
        classes=2,
    )
    strategy, _ = make_strategy("conal")
    found = CrowdVotes(strategy.head(answers, 8), answers)
    held = sum(t.numel() for t in (*found.buffers(), *found.parameters()))
    # Dense votes would be 2e9 numbers.
    assert held < 5 * n_tasks
    rows = torch.arange(64)
    found.loss(Outputs(torch.zeros(64, 2, requires_grad=True), torch.zeros(64, 8)), rows).backward()


def test_names_and_options() -> None:
    assert list(STRATEGIES) == strategy_names()
    strategy, text = make_strategy("CoNAL[scale=1e-4]")
    assert strategy == STRATEGIES["conal"](scale=1e-4) and text == "CoNAL[scale=1e-4]"
    assert make_strategy("CrowdLayer")[0] == make_strategy("crowd-layer")[0]
    assert STRATEGIES["conal"]().scale == 1e-5
    for spec, words in (
        ("conl", "did you mean 'CoNAL'"),
        ("conal[scal=1]", "did you mean 'scale'"),
        ("conal[scale=-1]", "at least 0"),
        ("crowdlayer[variant=XX]", "MW"),
        ("conal[scale=1", "not closed"),
    ):
        with pytest.raises(ParameterError, match=words):
            make_strategy(spec)


def test_too_large_a_model_is_refused() -> None:
    answers = Answers.from_arrays(
        [0], [0], [0], workers=map(str, range(20_000)), classes=map(str, range(200))
    )
    with pytest.raises(ParameterError, match="40000 parameters for each of 20000 workers"):
        make_strategy("crowdlayer")[0].head(answers, 4)
    make_strategy("crowdlayer[variant=VW]")[0].head(answers, 4)


def test_rows_of_is_indexing() -> None:
    table = torch.randn(6, 2, 3)
    index = torch.tensor([5, 0, 0])
    assert torch.equal(rows_of(table, index), table[index])
    assert torch.equal(rows_of(table[:, 0, 0], index), table[index, 0, 0])
