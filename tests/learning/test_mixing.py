"""Mixup, CutMix and weighted sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from peerannot.errors import ParameterError  # noqa: E402
from peerannot.learning import TrainOptions, train, train_on_votes  # noqa: E402
from peerannot.learning.data.mixing import Mixture, draw_mixture  # noqa: E402
from peerannot.learning.networks.models import build_model  # noqa: E402
from peerannot.learning.training.learner import Learner, SoftTargets  # noqa: E402
from peerannot.learning.training.plan import balanced_weights, plan_epoch  # noqa: E402

OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=3, lr=0.05, batch_size=8, figures="none"
)


def draws(mixup, cutmix, n=200):
    generator = torch.Generator().manual_seed(0)
    return [draw_mixture(6, 16, mixup, cutmix, generator) for _ in range(n)]


def test_mixup_and_cutmix_mix_by_their_share() -> None:
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 3, 16, 16).contiguous()
    for mixture in draws(1.0, 1.0):
        assert sorted(mixture.partner.tolist()) == list(range(6))
        mixed = mixture.apply(images)
        own = torch.arange(6.0)
        want = mixture.share * own + (1 - mixture.share) * own[mixture.partner]
        torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), want)
        values = {round(float(v), 4) for v in mixed[0].unique()}
        if mixture.box is not None:
            assert values <= {0.0, float(mixture.partner[0])}
    kinds = [mixture.box is not None for mixture in draws(1.0, 1.0)]
    assert 60 < sum(kinds) < 140
    assert not any(m.box for m in draws(0.3, 0.0)) and all(m.box for m in draws(0.0, 0.3))
    # Beta(a, a) of a small a is near 0 or 1; its mean is one half.
    shares = np.array([m.share for m in draws(0.2, 0.0, 2000)])
    assert abs(shares.mean() - 0.5) < 0.03
    assert ((shares < 0.1) | (shares > 0.9)).mean() > 0.5


def test_the_loss_is_of_mixed_labels() -> None:
    target = torch.eye(3).repeat(2, 1)
    learner = Learner(build_model(OPTIONS, 3), SoftTargets(target)).eval()
    rows, mixture = torch.arange(6), Mixture(torch.tensor([3, 5, 1, 0, 2, 4]), 0.7)
    images = torch.randn(6, 3, 16, 16)
    got = learner(images, rows, 0, (rows[mixture.partner], mixture.share))
    mixed = 0.7 * target + 0.3 * target[mixture.partner]
    logits = learner.classifier(images).logits
    torch.testing.assert_close(got, torch.nn.functional.cross_entropy(logits, mixed))


def test_weighted_sampling_draws_classes_evenly() -> None:
    shares = torch.eye(3)[torch.tensor([0] * 90 + [1] * 9 + [2])]
    weights = balanced_weights(shares)
    per_class = torch.stack([weights[shares[:, k] == 1].sum() for k in range(3)])
    torch.testing.assert_close(per_class, torch.ones(3, dtype=torch.double))
    drawn = torch.cat([s.rows for s in plan_epoch(3000, OPTIONS, 0, weights.repeat(30))])
    counts = torch.bincount(shares.argmax(1).repeat(30)[drawn], minlength=3)
    assert len(drawn) == 3000 and all(900 < n < 1100 for n in counts.tolist())
    plain = torch.cat([s.rows for s in plan_epoch(100, OPTIONS, 0)])
    assert sorted(plain.tolist()) == list(range(100))
    # A class that nothing has does no harm; one image of soft labels counts for each.
    soft = balanced_weights(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(soft, torch.tensor([1 / 3 + 1, 2 / 3], dtype=torch.double))


def test_they_act_and_the_seed_decides(make) -> None:
    tiny = make(train=16)
    labels = tiny.save(tiny.soft)

    def losses(**change):
        return train(tiny.path, labels=labels, options=replace(OPTIONS, **change)).results[
            "train_loss"
        ]

    seen = [losses()]
    for change in ({"mixup": 1.0}, {"cutmix": 1.0}, {"weighted_sampling": True}):
        first = losses(**change)
        assert first not in seen and first == losses(**change), change
        seen.append(first)
    assert losses(mixup=1.0, seed=1) != losses(mixup=1.0)
    votes = [
        train_on_votes(
            tiny.path,
            strategy="crowdlayer",
            options=replace(OPTIONS, weighted_sampling=weighted),
        ).results["train_loss"]
        for weighted in (False, True)
    ]
    assert votes[0] != votes[1]
    for wrong in ({"mixup": -0.1}, {"cutmix": -1.0}):
        with pytest.raises(ParameterError, match="must be at least 0"):
            losses(**wrong)


def test_a_resumed_run_mixes_on_exactly(make) -> None:
    tiny = make(("a", "b", "c"), train=30)
    labels = tiny.save(tiny.soft)
    options = replace(
        OPTIONS,
        mixup=0.4,
        cutmix=1.0,
        weighted_sampling=True,
        ema=0.9,
        data_augmentation=True,
        n_epochs=4,
        checkpoint_share=1e9,
    )

    def stop(done, total=None, text=""):
        if text.startswith("loss") and done == 2:
            raise KeyboardInterrupt

    whole = train(tiny.path, labels=labels, options=options, output_name="x")
    files = (whole.results_file, whole.weights_file, whole.model_file)
    want = [file.read_bytes() for file in files]
    with pytest.raises(KeyboardInterrupt):
        train(tiny.path, labels=labels, options=options, output_name="x", progress=stop)
    again = train(tiny.path, labels=labels, options=options, output_name="x", resume=True)
    assert again.resumed_at == 2
    assert [file.read_bytes() for file in files] == want


def test_what_a_watched_training_refuses(make) -> None:
    from peerannot.learning.training.dynamics import WatchedTraining

    for change in ({"mixup": 1.0}, {"cutmix": 1.0}, {"weighted_sampling": True}, {"devices": 2}):
        with pytest.raises(ParameterError, match="drop"):
            WatchedTraining([], 2, replace(OPTIONS, **change))
