"""M-MSR: worker skills from agreements between pairs of workers, robust to adversaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._progress import Progress
from peerannot._threads import threads
from peerannot.aggregation.base import Fit, Fitted, Strategy
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.passes.signed_votes import largest_score, write_signed
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.errors import ParameterError

__all__ = ["MMSR"]

SIGN_STEPS = 100
SURE = 1 - 1e-3  # most that a skill is trusted: an infinite weight would outvote everybody


@STRATEGIES.register("m-msr", "MMSR")
@dataclass(frozen=True, kw_only=True)
class MMSR(Strategy):
    r"""Matrix mean-subsequence-reduced: robust rank-one completion of pairwise agreement.

    Under the one-coin model the centred agreement of two workers is a product of their skills
    :math:`s_j \in [-1, 1]`:

    .. math::
        C_{jj'} = \frac{K}{K-1} \Big(\frac{\#\text{agreements}}{\#\text{common tasks}} -
        \frac 1 K \Big) \approx s_j s_{j'}, \qquad p_j = \frac{(K-1) s_j + 1}{K}

    :math:`|s_j|` is found by repeating :math:`s_j \leftarrow` the trimmed mean of
    :math:`|C_{jj'}| / s_{j'}` over the workers j' with common tasks: of the ratios above, and of
    those below, the present :math:`s_j`, the share ``trim`` that lies farthest is dropped. So a
    minority of workers who answer by another rule cannot move it far. Signs are those of the
    leading eigenvector of C weighted by common tasks, most workers being right. Then each
    vote weighs :math:`\log \frac{p_j (K - 1)}{1 - p_j}`.

    The posterior is the shares of the positive scores; the skill is :math:`p_j`.

    Parameters
    ----------
    trim
        Share of a worker's ratios dropped on each side.
    max_iter
        Most iterations.
    tol
        Largest move of a skill at rest.

    Notes
    -----
    Ratios that enter and leave the trimmed mean can keep the skills going round a small circle;
    then it says that it has not converged.

    Cost: O(sum of squared answers of a task) once, O(workers^2 log workers) an iteration;
    memory O(workers^2), refused over 4,000 workers. A worker without common tasks has the
    median skill.

    References
    ----------
    Ma, Q. and Olshevsky, A. (2020). Adversarial crowdsourcing through robust rank-one matrix
    completion. NeurIPS, algorithm 1.
    """

    expected_failed_checks: ClassVar[dict[str, str]] = {
        "takes_five_thousand_answers_on_a_task": "it refuses more than 4,000 workers",
    }
    # Three matrices workers x workers then take 400 MB.
    max_workers: ClassVar[int] = 4000

    trim: float = option(0.25, at_least=0.0, below=0.5, help="share of ratios dropped a side")
    max_iter: int = option(200, at_least=1, help="most iterations")
    tol: float = option(1e-3, above=0.0, help="largest move of a skill at rest")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        n, k = len(parts.shape.workers), len(parts.shape.classes)
        if n > self.max_workers:
            raise ParameterError(
                f"{self.name} compares all pairs of workers and takes {self.max_workers} at most,"
                f" not {n}; use one-coin"
            )
        agree, common = parts.sum(_agreement)
        centred = np.zeros((n, n))
        if k > 1:
            share = np.divide(agree, common, out=np.zeros((n, n)), where=common > 0)
            centred = np.where(common > 0, (share - 1 / k) * k / (k - 1), 0.0)
        met = (common > 0).any(1)
        size, reduced = np.full(n, 0.5), np.empty(n)
        rests, rounds = not met.any(), 0
        saved = checkpoint.load()
        if saved is not None:
            size, rests, rounds = saved["size"], bool(saved["rests"]), int(saved["n_iter"])
        while not rests and rounds < self.max_iter:
            # The geometric mean with the present skill: without it, skills too large give
            # skills too small in the next step, and so on for ever.
            native.reliability_trimmed(
                centred, common, size, reduced, trim=self.trim, threads=threads()
            )
            after = np.sqrt(size * np.clip(reduced, 1e-3, 1.0))
            move = float(np.abs(after - size)[met].max())
            size = np.where(met, after, size)
            rests = move <= self.tol
            rounds += 1
            checkpoint.save({"n_iter": rounds, "objective": [], "size": size, "rests": rests})
            progress(rounds, self.max_iter, f"largest move {move:.2g}")
        signed = size * _signs(centred * common)
        signed[~met] = np.median(signed[met]) if met.any() else 0.5
        skill = np.clip(((k - 1) * signed + 1) / k, 1 - SURE, SURE)
        vote = np.log(skill * (k - 1) / (1 - skill)) if k > 1 else np.ones(n)
        fit = Fit(
            None,
            skill=skill,
            worker_columns={"weight": vote},
            diagnostics=Diagnostics(max(rounds, 1), rests),
        )
        given = (self.ties, self.seed, vote, largest_score(parts, vote))
        return Fitted(fit, write_signed, given)


def _agreement(part: Part) -> tuple[Any, ...]:
    """Sums over tasks of the products of weights of two workers' answers: equal ones, all."""
    answers = part.answers
    agree, common = np.empty((2, answers.n_workers, answers.n_workers))
    native.reliability_agreements(
        answers.task_ptr, answers.worker, answers.label, answers.loop_weights, agree, common
    )
    return agree, common


def _signs(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signs that the leading eigenvector of the matrix, scaled by its degrees, gives the workers.

    Power iteration from the vector that has everybody right. Scaled by degrees, the vector
    spreads over all workers, where it would sit on the busiest ones otherwise; and groups of
    workers without a common task each find their own signs.
    """
    root = np.sqrt(np.abs(matrix).sum(1))
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    scaled = inverse[:, None] * matrix * inverse[None, :]
    vector = root.copy()
    for _ in range(SIGN_STEPS):
        vector = (vector + scaled @ vector) / 2
    return np.where(vector < 0, -1.0, 1.0)
