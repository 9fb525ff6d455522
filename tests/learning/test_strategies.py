"""End-to-end strategies: each against a slow dense transcription of its paper, and at work."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from helpers.slow_strategies import SLOW, D, K, N, W, conditional, dense, each_vote  # noqa: E402
from peerannot.answers import Answers  # noqa: E402
from peerannot.checks import Check, checks_of  # noqa: E402
from peerannot.checks.crowds import ragged_answers  # noqa: E402
from peerannot.errors import ParameterError  # noqa: E402
from peerannot.learning import STRATEGIES, TrainOptions, strategy_names, train_on_votes  # noqa: E402
from peerannot.learning.networks.classifier import Outputs  # noqa: E402
from peerannot.learning.strategies.base import make_strategy, rows_of  # noqa: E402
from peerannot.learning.training.learner import CrowdVotes  # noqa: E402


@pytest.fixture
def answers() -> Answers:
    return ragged_answers(N, W, K)


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
        if spec.startswith("doctor-net"):
            found.head.weight.copy_(torch.arange(1.0, W + 1))
    return found


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


# What these say of workers at the start is counted from their votes, random here.
FROM_VOTES = {"aggnet", "crowdlab", "doctor-net", "lfc-net", "max-mig", "soft-labels"}


@pytest.mark.parametrize("spec", strategy_names())
def test_certain_workers_are_trusted_at_the_start(spec, answers) -> None:
    torch.manual_seed(0)
    strategy, _ = make_strategy(spec)
    found = CrowdVotes(strategy.head(answers, D).double(), answers)
    found.begin_epoch(0)
    with torch.no_grad():
        report = found.head.report()
    assert spec in FROM_VOTES or (report.skill > 1 / K).all()
    for matrix in (report.confusion, report.common):
        if matrix is not None and spec not in FROM_VOTES:
            assert (matrix.argmax(axis=-1) == np.arange(K)).all()


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in strategy_names() for check in checks_of(STRATEGIES[name])],
    ids=str,
)
def test_promise(name: str, check: Check) -> None:
    check()


def test_annotmix_mixes_images_workers_and_votes_alike(answers) -> None:
    found = objective("annot-mix[alpha=0.7]", answers)
    rows = torch.tensor([3, 0, 4, 2, 11, 7])
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(len(rows), D, generator=generator, dtype=torch.float64)
    layer = torch.nn.Linear(D, K).double()
    mixed = found.inputs(images, rows)
    mix = found.head.mix
    loss = found.loss(Outputs(layer(mixed), mixed), rows)

    triples = list(each_vote(rows, dense(answers)))
    votes = found.votes(rows)
    order = [(int(i), int(j)) for i, j in zip(votes.row, votes.worker, strict=True)]
    assert sorted(mix.partner.tolist()) == list(range(len(triples))) == sorted(mix.partner)
    assert bool(((mix.share >= 0) & (mix.share <= 1)).all()) and mix.share.std() > 0.1
    label_of = {(i, j): label for i, j, label in triples}
    losses = []
    crowd = found.head.crowd
    for a, (i, j) in enumerate(order):
        m, n = order[mix.partner[a]]
        s = mix.share[a]
        x = s * images[i] + (1 - s) * images[m]
        worker = s * crowd.worker[j] + (1 - s) * crowd.worker[n]
        q = conditional(crowd, x, worker).T @ layer(x).softmax(0)
        z = torch.zeros(K, dtype=torch.float64)
        z[label_of[i, j]] += s
        z[label_of[m, n]] += 1 - s
        losses.append(-(z * q.log()).sum())
    torch.testing.assert_close(loss, torch.stack(losses).mean())
    # The batch is over: the next one is not that of before.
    assert found.head.mix is None


class Told:
    """A run whose networks say what they are told to."""

    def __init__(self, logits, held_out=None):
        self.logits, self.asked = logits, []
        self.answer = held_out

    def predict(self):
        return self.logits

    def held_out(self, target, known, n_folds, seed):
        self.asked.append((target, known, n_folds, seed))
        return self.answer


def slow_e_step(log_p, confusion, answers):
    """Bayes' rule, task by task, and the counts that follow."""
    votes = dense(answers)
    q = log_p.exp().clone()
    for row in range(N):
        for _, j, label in each_vote([row], votes):
            q[row] *= confusion[j, :, label]
    q /= q.sum(1, keepdim=True)
    counts = torch.ones(W, K, K, dtype=q.dtype) + 3 * torch.eye(K, dtype=q.dtype)
    for row in range(N):
        for _, j, label in each_vote([row], votes):
            counts[j, :, label] += q[row]
    return q, counts / counts.sum(2, keepdim=True)


def test_lfc_takes_an_e_step_each_period_with_the_network_as_it_is(answers, outputs) -> None:
    found = objective("lfc-net[period=2]", answers)
    head, log_p = found.head, outputs.logits.detach().log_softmax(1)
    found.begin(Told(outputs.logits.detach()))
    shares = head.posterior.clone()
    before = head.confusion.clone()
    for epoch in (0, 1):
        found.begin_epoch(epoch)
        assert torch.equal(head.posterior, shares)
    found.begin_epoch(2)
    q, confusion = slow_e_step(log_p, before, answers)
    torch.testing.assert_close(head.posterior, q)
    torch.testing.assert_close(head.confusion, confusion)
    report = head.report()
    np.testing.assert_allclose(report.posterior, q)
    np.testing.assert_allclose(report.confusion, confusion)


def test_aggnet_takes_an_e_step_each_epoch_from_what_the_last_predicted(answers, outputs) -> None:
    found = objective("aggnet[warmup=1]", answers)
    head, before = found.head, found.head.confusion.clone()
    found.begin_epoch(0)
    found.loss(outputs, torch.arange(N))
    found.begin_epoch(1)
    q, confusion = slow_e_step(outputs.logits.detach().log_softmax(1), before, answers)
    torch.testing.assert_close(head.posterior, q)
    torch.testing.assert_close(head.confusion, confusion)


def test_crowdlab_weighs_held_out_predictions_and_trains_on_the_consensus(answers, outputs):
    from peerannot.aggregation import CROWDLAB

    told = Told(outputs.logits, outputs.logits.detach())
    for hard in (True, False):
        found = objective(f"crowdlab[rounds=2,folds=3,hard={'yes' if hard else 'no'}]", answers)
        head, first = found.head, found.head.target.clone()
        told.asked.clear()
        found.begin(told)
        found.begin_epoch(0)
        want = CROWDLAB().fit(answers, init=outputs.logits.detach().softmax(1).numpy())
        posterior = want.dense_posterior()
        target = np.eye(K)[posterior.argmax(1)] if hard else posterior
        np.testing.assert_allclose(head.target, target)
        report = head.report()
        np.testing.assert_allclose(report.posterior, posterior)
        np.testing.assert_allclose(report.columns["weight"], want.worker_columns["weight"])
        np.testing.assert_allclose(report.skill, want.skill)
        assert [(folds, seed) for *_, folds, seed in told.asked] == [(3, 0), (3, 1)]
        np.testing.assert_allclose(told.asked[0][0], first, atol=1e-7)
        np.testing.assert_allclose(told.asked[1][0], target)
        assert told.asked[0][1].tolist() == (dense(answers) >= 0).any(1).tolist()
        # Later epochs train; they do not weigh again.
        found.begin_epoch(1)
        assert len(told.asked) == 2
        rows = torch.tensor([1, 2])
        loss = found.loss(Outputs(outputs.logits[rows], outputs.features[rows]), rows)
        slow = -(torch.from_numpy(target)[rows] * outputs.logits[rows].log_softmax(1)).sum(1)
        torch.testing.assert_close(loss, slow.mean())


def test_doctor_net_weighs_workers_by_agreement(answers, outputs) -> None:
    strategy, _ = make_strategy("doctor-net[warmup=1]")
    found = CrowdVotes(strategy.head(answers, D).double(), answers)
    head = found.head
    found.begin_epoch(0)
    assert head.weight.tolist() == [1.0] * W
    # The network says what most workers say, but for the last one.
    logits = torch.zeros(N, K, dtype=torch.float64)
    for i, j, label in each_vote(range(N), dense(answers)):
        logits[i, label] += 2.0 if j < W - 1 else -4.0
    found.loss(Outputs(logits, outputs.features), torch.arange(N))
    p = logits.softmax(1)
    told = [
        [float(p[i, label]) for i, j, label in each_vote(range(N), dense(answers)) if j == w]
        for w in range(W)
    ]
    overall = sum(map(sum, told)) / sum(map(len, told))
    found.begin_epoch(1)
    for w in range(W):
        skill = (sum(told[w]) + 10 * overall) / (len(told[w]) + 10)
        want = max(0.01, (skill - 1 / K) / (1 - 1 / K))
        assert float(head.weight[w]) == pytest.approx(want)
    assert float(head.weight.max() - head.weight.min()) > 0.03
    unweighted = make_strategy("doctor-net[warmup=1,weights=no]")[0].head(answers, D)
    unweighted.begin_epoch(5)
    assert unweighted.weight.tolist() == [1.0] * W


def test_held_out_networks_never_saw_the_image(make) -> None:
    """A label that only one image has can be learned by those who saw it alone."""
    from peerannot.learning import build_model
    from peerannot.learning.data.held_out import HeldOut
    from peerannot.learning.data.images import ImageStore
    from peerannot.learning.training.learner import Learner, SoftTargets
    from peerannot.learning.training.trainer import Trainer, reproducible

    tiny = make(("a", "b"), train=12)
    paths = sorted((tiny.path / "train").rglob("*.png"), key=lambda p: int(p.stem[3:]))
    options = TrainOptions(model="logistic", img_size=8, n_epochs=40, lr=0.05, optimizer="adam")
    store = ImageStore(paths, 8)
    # Images of the same colour have the same label, but for one.
    target = np.eye(2)[[row % 2 for row in range(12)]]
    target[4] = [0.0, 1.0]
    known = np.arange(12) != 7
    with reproducible(0):
        learner = Learner(build_model(options, 2), SoftTargets(torch.from_numpy(target).float()))
        trainer = Trainer(learner, store, store, torch.from_numpy(target).float(), options)
        logits = HeldOut(trainer).held_out(target, known, 4, 0)
        again = HeldOut(trainer).held_out(target, known, 4, 0)
        other = HeldOut(trainer).held_out(target, known, 4, 1)
    assert torch.equal(logits, again) and not torch.equal(logits, other)
    # Also the image without a label, and the one with a wrong label, are called by their colour.
    assert logits.argmax(1).tolist() == [row % 2 for row in range(12)]
    assert not HeldOut(trainer).held_out(target, np.arange(12) == 3, 4, 0).any()


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
        ("conl", "did you mean 'conal'"),
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


@pytest.mark.parametrize("spec", ["annot-mix", "lfc-net[period=2]", "crowdlab[folds=2]"])
def test_what_asks_the_run_resumes_exactly(make, spec) -> None:
    tiny = make(("a", "b", "c"), train=30)
    options = TrainOptions(
        model="smallcnn", img_size=16, n_epochs=5, lr=0.05, batch_size=8, checkpoint_share=1e9
    )

    def go(**more):
        return train_on_votes(tiny.path, strategy=spec, output_name="x", options=options, **more)

    def stop(done, total=None, text=""):
        if text.startswith("loss") and done == 3:
            raise KeyboardInterrupt

    def files(report):
        paths = (report.results_file, report.weights_file, *report.worker_files)
        return [path.read_bytes() for path in paths]

    want = files(go())
    with pytest.raises(KeyboardInterrupt):
        go(progress=stop)
    report = go(resume=True)
    assert report.resumed_at == 3 and files(report) == want
    # The networks were asked: without them, the posterior is the vote shares, and no weight is.
    workers = np.genfromtxt(report.worker_files[0], delimiter=",", names=True)
    if spec.startswith("lfc-net"):
        assert np.load(tiny.path / "results" / "x_posterior.npy").max(axis=1).min() not in (0.5, 1)
    if spec.startswith("crowdlab"):
        assert (workers["classifier_weight"] > 0).all()


def test_the_posterior_of_a_strategy_is_labels_to_train_on(make) -> None:
    from peerannot.learning import train

    tiny = make(("a", "b"), train=24)
    options = TrainOptions(model="logistic", img_size=8, n_epochs=8, lr=0.02, optimizer="adam")
    report = train_on_votes(tiny.path, strategy="aggnet", options=options, output_name="x")
    file = tiny.path / "results" / "x_posterior.npy"
    assert file in report.worker_files
    posterior = np.load(file)
    np.testing.assert_allclose(posterior.sum(axis=1), 1, atol=1e-6)
    right = [
        posterior[row].argmax() == tiny.truth[key] for row, key in enumerate(sorted(tiny.truth))
    ]
    assert np.mean(right) > 0.8
    again = train(tiny.path, labels=file, options=options, output_name="y")
    assert again.results["test_accuracy"] == 100
