"""The optimum of a logistic regression, beside scikit-learn and by its own conditions."""

from __future__ import annotations

import numpy as np
import pytest

from peerannot._logistic import LogisticSolver

SHAPES = [(200, 20, 4), (40, 90, 3), (60, 5, 2)]


def made(n: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Features on scales of their own, and soft labels."""
    rng = np.random.default_rng(n)
    features = rng.standard_normal((n, d)) * rng.uniform(0.01, 50, d) + rng.uniform(-9, 9, d)
    target = rng.dirichlet(np.ones(k), n)
    return features, 0.5 * target + 0.5 * np.eye(k)[rng.integers(k, size=n)]


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("l2", [3.0, 1e-2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_nothing_there(n, d, k, l2, weighted) -> None:
    features, target = made(n, d, k)
    weight = np.random.default_rng(1).uniform(0, 2, n) if weighted else np.ones(n)
    solver = LogisticSolver(features, weight)
    head, _ = solver.fit(target, l2)
    rest = (weight / weight.sum())[:, None] * (softmax(head.logits(features)) - target)
    mean, std = features.mean(axis=0), solver.std
    slope = rest.T @ ((features - mean) / std) + l2 * head.weight * std
    assert np.abs(slope).max() < 3e-4
    assert np.abs(rest.sum(axis=0)).max() < 1e-4


def test_the_same_as_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    for n, d, k in SHAPES:
        features, target = made(n, d, k)
        label = target.argmax(axis=1)
        solver = LogisticSolver(features)
        standard = (features - features.mean(axis=0)) / solver.std
        # Of two classes it has one vector, whose penalty is half that of our two.
        inverse = 4.0 if k == 2 else 2.0
        fit = linear_model.LogisticRegression(C=inverse, tol=1e-9, max_iter=9999).fit
        theirs = fit(standard, label)
        head, _ = solver.fit(np.eye(k)[label], 1 / (2.0 * n))
        want = theirs.predict_proba(standard)
        np.testing.assert_allclose(softmax(head.logits(features)), want, atol=2e-3)


def test_the_path_chooses_by_validation() -> None:
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((60, 3))
    features = rng.standard_normal((900, 60))
    label = (features @ truth + 4 * rng.gumbel(size=(900, 3))).argmax(axis=1)
    target = np.eye(3)[label]
    solver = LogisticSolver(features[:150])
    for select in ("loss", "accuracy"):
        path = solver.path(target[:150], features[150:], target[150:], select)
        best = min(path.val_loss) if select == "loss" else max(path.val_accuracy)
        chosen = path.val_loss if select == "loss" else path.val_accuracy
        assert chosen[path.best] == best and path.head.l2 == path.l2[path.best]
        # Between a constant and the training labels by heart.
        assert 0 < path.best < len(path.l2) - 1
        assert path.train_loss == sorted(path.train_loss, reverse=True)
        right = path.head.logits(features[150:]).argmax(axis=1) == label[150:]
        assert 100 * right.mean() == pytest.approx(path.val_accuracy[path.best], abs=1)


def test_odd_features_and_labels() -> None:
    target = np.array([[0.2, 0.8, 0.0]] * 4)
    head, _ = LogisticSolver(np.ones((4, 2)) * 7).fit(target, 1.0)
    # Nothing to learn from: the shares of the labels, and the class that has none is least.
    shares = softmax(head.logits(np.ones((1, 2)) * 7))[0]
    np.testing.assert_allclose(shares, [0.2, 0.8, 0], atol=2e-3)
    one, _ = LogisticSolver(np.array([[1.0, 2.0]])).fit(np.array([[0.0, 1.0]]), 0.1)
    assert np.isfinite(one.weight).all() and one.bias.argmax() == 1
    large, _ = LogisticSolver(np.array([[1e8, 1], [1e8 + 1, 1], [1e8 + 2, 1]])).fit(np.eye(3), 1e-3)
    assert np.isfinite(large.weight).all()
