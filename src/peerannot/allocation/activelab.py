"""Tasks whose label, of workers and a classifier together, is trusted least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.allocation.base import OrderPolicy, Tasks
from peerannot.allocation.classifiers import ActiveScores, Temperature, found_scores
from peerannot.allocation.registry import POLICIES

__all__ = ["ActiveLab"]


@POLICIES.register("activelab")
@dataclass(frozen=True, kw_only=True)
class ActiveLab(OrderPolicy):
    r"""Tasks of the lowest ActiveLab score first, whoever answers; also tasks without answers.

    .. math::
        s_i = \frac{q_i \left(\sum_{j \in A_i} w_j + w_M\right) + \bar w / K}
                   {\sum_{j \in A_i} w_j + w_M + \bar w}

    :math:`q_i` is the probability of the consensus label by CROWDLAB, of a task without answers
    that of the class which the classifier finds likeliest; :math:`w_j` and :math:`w_M` are
    CROWDLAB's weights of workers and of the classifier, :math:`\bar w` the mean of the workers'.
    The gain is :math:`1 - s_i`, with n answers pending 1 / (n + 1) of that, as of `Entropy`: one
    more answer that leaves :math:`q_i` as it is does not raise the score of a task on which workers
    disagree, which would get the whole batch.

    When to use: a classifier has been trained on what is labelled, and its predictions for all
    images are at hand (``--probabilities``), out of sample where there are answers. It needs no
    skills, and does not choose workers. The strategy only decides which tasks are done.

    Parameters
    ----------
    temperature
        What the temperature of the classifier is fitted to: ``"votes"``, the shares of votes;
        ``"cleanlab"``, what cleanlab 2.9 takes for them, so that scores are equal to its own, and
        no better than chance in ``benchmarks/allocation.py peers``. See
        `peerannot.allocation.active_learning_scores`.

    Notes
    -----
    With ``temperature="cleanlab"`` the scores are cleanlab's, see
    `peerannot.allocation.active_learning_scores`. Cost: those of
    all tasks at once, O(20 tasks x K) and O(answers x K).

    References
    ----------
    Goh, H. W. and Mueller, J. (2023). ActiveLab: active learning with re-labeling by multiple
    annotators. arXiv:2301.11856, section 3.
    """

    unit = "1 - score"
    needs: ClassVar[tuple[str, ...]] = ("answers", "probabilities")

    temperature: Temperature = option("votes", help="what the classifier's is fitted to")

    def score(self, tasks: Tasks, at: NDArray[np.int64], pending: int) -> NDArray[np.float64]:
        return np.asarray((1 - self._found(tasks).score(at)) / (pending + 1))

    def reason(self, tasks: Tasks, task: int, pending: int) -> str:
        quality = self._found(tasks).quality[task]
        return f"label {quality:.2f} sure with the classifier, {tasks.n_answers[task]} answers"

    def _found(self, tasks: Tasks) -> ActiveScores:
        def make() -> ActiveScores:
            assert tasks.answers is not None and tasks.probabilities is not None
            return found_scores(tasks.answers, tasks.probabilities, self.temperature)

        found: ActiveScores = tasks.once(f"active scores {self.temperature}", make)
        return found
