"""Pl@ntNet: votes weighted by how many classes a worker has identified."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot._files import read_json
from peerannot._options import option
from peerannot._progress import Progress
from peerannot._text import few
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.aggregation.support import Support
from peerannot.aggregation.ties import TIE
from peerannot.aggregation.votes import too_hard, vote_fit
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["Ballots", "PlantNet"]

AI_ID = "AI"
GAMMA = float(np.log(2.1))  # weight of a worker who has identified nothing yet


@STRATEGIES.register("plantnet")
@dataclass(frozen=True, kw_only=True)
class PlantNet(Strategy):
    r"""Pl@ntNet's rule: trust grows with the number of classes that a worker has got right.

    .. math::
        w_j = n_j^\alpha - n_j^\beta + \log 2.1, \qquad
        \hat y_i = \arg\max_k \sum_j w_j 1[y_{ij} = k]

    .. math::
        \mathrm{conf}_i = \sum_j w_j 1[y_{ij} = \hat y_i], \qquad
        \mathrm{acc}_i = \mathrm{conf}_i / \sum_j w_j

    A task is valid where :math:`\mathrm{conf}_i > \theta_{conf}` and
    :math:`\mathrm{acc}_i > \theta_{acc}`. :math:`n_j` counts the distinct classes that worker j
    got right: each counts ``taxa_obs_weight`` where it was got on a valid task of which j is
    the author; the others count ``taxa_votes_weight`` each, and their sum is rounded. Start with
    all :math:`n_j = 0`; repeat until no :math:`n_j` changes.

    Labels of tasks that are not valid are -1. The posterior is the shares of the weights.

    Parameters
    ----------
    AI
        What the answers of the worker named ``AI`` are worth: ``"ignored"``; a ``"worker"`` like
        any other; a vote of the ``"fixed"`` weight `AIweight`; ``"invalidating"``: the weight is
        added to the total where the AI disagrees with the label, so that it can only make tasks
        invalid; ``"confident"``: fixed, but only on tasks where its score is at least
        `threshold_scores`.
    AIweight
        Weight of the AI in the last three.
    authors
        Who made each task: a text file with one worker id a line, in order of tasks (or line
        ``t`` for task ``t``, where keys have gaps), ``-1`` for nobody; or a mapping from task
        to worker.
    scores
        The AI's probability for its answer: a JSON file or a mapping, task to score; or a JSON
        list in order of tasks.
    threshold_scores
        Least score of a confident AI, needed with ``AI=confident``.
    alpha, beta
        Exponents of the weight.
    theta_conf, theta_acc
        Thresholds of valid tasks.
    taxa_obs_weight, taxa_votes_weight
        What a class identified as author, or as voter, counts.
    output_unvalidated
        Give the label of tasks that are not valid, too.
    max_iter
        Most iterations.

    Notes
    -----
    Cost: O(answers) an iteration, and one sort of the (worker, label) pairs; nothing grows with
    tasks x classes. A tie for the label is nobody's success unless ``ties`` settles it.
    Worker columns: ``weight``, ``n_identified``. Task columns: ``support`` (conf), ``valid``.

    References
    ----------
    Lefort, T. et al. (2024). Cooperative learning of Pl@ntNet's artificial intelligence
    algorithm: how does it work and how can we improve it? arXiv:2406.03356, algorithm 1.
    """

    takes_gold: ClassVar[bool] = True

    AI: Literal["ignored", "worker", "fixed", "invalidating", "confident"] = option(
        "ignored", help="what the answers of the worker named AI are worth"
    )
    AIweight: float = option(1.0, at_least=0.0, help="weight of the AI where it is fixed")
    authors: Path | str | dict[str, Any] | None = option(
        None, help="text file: author of each task, one worker id a line"
    )
    scores: Path | str | dict[str, Any] | None = option(
        None, help="JSON file: the AI's score of each task"
    )
    threshold_scores: float | None = option(
        None, at_least=0.0, at_most=1.0, help="least score of a confident AI"
    )
    alpha: float = option(0.5, at_least=0.0, help="exponent of the weight's gain")
    beta: float = option(0.2, at_least=0.0, help="exponent of the weight's loss")
    theta_conf: float = option(2.0, at_least=0.0, help="a valid task has more support")
    theta_acc: float = option(
        0.7, at_least=0.0, at_most=1.0, help="a valid task has a larger share of weights"
    )
    taxa_obs_weight: float = option(1.0, at_least=0.0, help="value of a class got as author")
    taxa_votes_weight: float = option(0.1, at_least=0.0, help="value of a class got as voter")
    output_unvalidated: bool = option(False, help="label tasks that are not valid, too")
    max_iter: int = option(100, at_least=1, help="most iterations")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        ballots = Ballots.of(self, answers, self._authors(answers), start.gold)
        self._expect_ai(answers)
        fixed = self._fixed(answers.workers)
        before, diagnostics = self._iterate(
            ballots.poll, ballots.pair_worker, answers.n_workers, fixed, progress
        )
        fit = ballots.told()
        fit.worker_columns = {"weight": self._weight(before, fixed), "n_identified": before}
        decided = fit.task_columns["valid"]
        fit.diagnostics = replace(diagnostics, notes={"n_valid": int(decided.sum())})
        return fit

    def _fixed(self, workers: Ids) -> int:
        """The worker whose weight is `AIweight`, -1 for nobody."""
        return workers.index_of.get(AI_ID, -1) if self.AI in ("fixed", "confident") else -1

    def _iterate(
        self,
        poll: Callable[[NDArray[np.float64]], tuple[NDArray[np.int8], int]],
        pair_worker: NDArray[np.int32],
        n_workers: int,
        fixed: int,
        progress: Progress,
        checkpoint: Checkpoint = NOWHERE,
    ) -> tuple[NDArray[np.float64], Diagnostics]:
        """Value of the classes of each worker in the last vote, wherever the answers are.

        ``poll`` is `Ballots.poll` of all answers.
        """
        known = before = np.zeros(n_workers)
        stays, rounds = False, 0
        saved = checkpoint.load()
        if saved is not None:
            known, before = saved["known"], saved["before"]
            rounds, stays = int(saved["n_iter"]), bool(np.array_equal(known, before))
        while not stays and rounds < self.max_iter:
            seen, n_valid = poll(self._weight(known, fixed))
            before, known = known, self._known(seen, pair_worker, n_workers)
            stays = bool(np.array_equal(known, before))
            rounds += 1
            checkpoint.save({"n_iter": rounds, "objective": [], "known": known, "before": before})
            progress(rounds, self.max_iter, f"{n_valid} valid tasks")
        return before, Diagnostics(rounds, stays)

    def side_files(self, result: Result) -> dict[str, Any]:
        """``too_hard.txt``: a pruning file of the tasks without a label, rows ``-1 task``."""
        return {"too_hard.txt": too_hard(result)}

    def _expect_ai(self, answers: Answers) -> None:
        if self.AI != "ignored" and AI_ID not in answers.workers:
            warnings.warn(
                f"PlantNet: AI={self.AI} changes nothing, no worker has the id {AI_ID!r}",
                DataWarning,
                stacklevel=4,
            )

    def _admit(self, answers: Answers) -> tuple[Answers, NDArray[np.int32]]:
        """The answers that vote, and what an invalidating AI says of each task (-1: nothing)."""
        ai_label = np.full(answers.n_tasks, -1, np.int32)
        confident = None
        if self.AI == "confident":
            if self.scores is None or self.threshold_scores is None:
                raise ParameterError(
                    "PlantNet: AI=confident needs scores (a JSON file) and threshold_scores"
                )
            confident = self._scores(answers) >= self.threshold_scores
        ai = answers.workers.index_of.get(AI_ID)
        if ai is None or self.AI in ("worker", "fixed"):
            return answers, ai_label
        rows = answers.worker == ai
        if self.AI == "invalidating":
            ai_label[answers.task[rows]] = answers.label[rows]
        if confident is not None:
            rows &= ~confident[answers.task]
        keep = ~rows
        weight = None if answers.weight is None else answers.weight[keep]
        return (
            Answers(
                answers.task[keep],
                answers.worker[keep],
                answers.label[keep],
                answers.tasks,
                answers.workers,
                answers.classes,
                weight,
            ),
            ai_label,
        )

    def _weight(self, known: NDArray[np.float64], fixed: int) -> NDArray[np.float64]:
        weight = np.asarray(known**self.alpha - known**self.beta + GAMMA)
        weight[known == 0] = GAMMA
        # With exponents out of the usual order a weight could be negative; a vote never is.
        weight = np.maximum(weight, 0.0)
        if fixed >= 0:
            weight[fixed] = self.AIweight
        return weight

    def _known(
        self, seen: NDArray[np.int8], pair_worker: NDArray[np.int32], n_workers: int
    ) -> NDArray[np.float64]:
        """Value of the classes that each worker has got right, n_j."""
        obs = np.bincount(pair_worker[seen == 2], minlength=n_workers)
        votes = np.bincount(pair_worker[seen == 1], minlength=n_workers)
        # Rounded to nine digits first: 25 x 0.1 is 2.5, whatever the sum of floats says.
        value = np.rint(np.round(self.taxa_votes_weight * votes, 9))
        return np.asarray(self.taxa_obs_weight * obs + value)

    def _authors(self, answers: Answers) -> NDArray[np.int32]:
        """Author of each task, -1 for nobody or a stranger."""
        if self.authors is None:
            return np.full(answers.n_tasks, -1, np.int32)
        if isinstance(self.authors, dict):
            named = {str(t): str(w) for t, w in self.authors.items()}
            unknown = [t for t in named if t not in answers.tasks]
            if unknown:
                raise DataError(f"authors: tasks that have no answers entry: {few(unknown)}")
            return answers.workers.codes(named.get(t, "-1") for t in answers.tasks)
        lines = _lines(Path(self.authors))
        if len(lines) == answers.n_tasks:
            return answers.workers.codes(lines)
        keys = answers.tasks.numbers()
        if keys is None or (keys < 0).any() or keys.max(initial=-1) >= len(lines):
            raise DataError(
                f"{self.authors}: {len(lines)} authors for {answers.n_tasks} tasks;"
                " write one worker id a line, in order of tasks, -1 for nobody"
            )
        return answers.workers.codes(lines[k] for k in keys)

    def _scores(self, answers: Answers) -> NDArray[np.float64]:
        """Score of the AI on each task, -1 where it has none."""
        where = "scores" if isinstance(self.scores, dict) else str(self.scores)
        found = self.scores if isinstance(self.scores, dict) else read_json(Path(str(self.scores)))
        if isinstance(found, list) and len(found) == answers.n_tasks:
            found = dict(zip(answers.tasks, found, strict=True))
        if not isinstance(found, Mapping):
            raise DataError(f"{where}: expected {{task: score}}, or {answers.n_tasks} scores")
        by_task = {str(task): score for task, score in found.items()}
        try:
            scores = np.array([float(by_task.get(t, -1.0)) for t in answers.tasks])
        except (TypeError, ValueError):
            raise DataError(f"{where}: a score is not a number") from None
        return np.where(np.isnan(scores), -1.0, scores)


@dataclass
class Ballots:
    """Answers that vote, and how the last vote went.

    Attributes
    ----------
    human, support
        The answers that vote.
    ai_label : int32 array (n_tasks,)
        What an invalidating AI says, -1 for nothing.
    authored : bool array (n_answers,)
        Whether the worker of the answer made the task.
    pair : int32 array (n_answers,)
        Pair (worker, label) of each answer.
    pair_worker : int32 array (n_pairs,)
    """

    rule: PlantNet
    human: Answers
    support: Support
    ai_label: NDArray[np.int32]
    authored: NDArray[np.bool_]
    pair: NDArray[np.int32]
    pair_worker: NDArray[np.int32]
    gold: NDArray[np.int32]

    @classmethod
    def of(
        cls, rule: PlantNet, answers: Answers, author: NDArray[np.int32], gold: NDArray[np.int32]
    ) -> Ballots:
        """Prepare: one sort of the pairs."""
        human, ai_label = rule._admit(answers)
        authored = author[human.task] == human.worker
        return cls(
            rule, human, Support.of(human), ai_label, authored, *_pairs(human), gold
        )  # fmt: skip

    def poll(self, weight: NDArray[np.float64]) -> tuple[NDArray[np.int8], int]:
        """Vote with these weights of workers.

        Returns
        -------
        Of each pair, 2 where its worker got the label as author of a valid task, 1 as voter, else
        0; and the number of valid tasks.
        """
        support, rule, human = self.support, self.rule, self.human
        self.score = support.votes(human, weight)
        winner = support.decide(support.winners(self.score), rule.ties, rule.seed, self.gold)
        right = winner >= 1.0
        against = rule.AIweight if rule.AI == "invalidating" else 0.0
        self.conf, self.total = _conf(
            support.ptr, support.size, support.label, self.score, winner, self.ai_label, against
        )
        self.valid = (self.conf > rule.theta_conf) & (
            self.conf > rule.theta_acc * self.total * (1 + TIE)
        )
        seen = _seen(human.task, support.ptr, support.slot, self.pair, self.authored, self.valid,
                     right, self.pair_worker.size)  # fmt: skip
        return seen, int(self.valid.sum())

    def told(self) -> Fit:
        """What the last vote says of tasks."""
        rule, gold, conf = self.rule, self.gold, self.conf
        fit = vote_fit(
            self.human, self.support, self.score, rule.ties, rule.seed, hard=False, gold=gold
        )
        assert fit.labels is not None
        share = np.divide(conf, self.total, out=np.zeros_like(conf), where=self.total > 0)
        fit.confidence = np.where(gold >= 0, 1.0, share)
        decided = self.valid | (gold >= 0)
        if not rule.output_unvalidated:
            fit.labels = np.where(decided, fit.labels, np.int32(-1)).astype(np.int32)
        fit.task_columns = {"support": conf, "valid": decided.astype(np.int8)}
        return fit


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line]


def _pairs(answers: Answers) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pair (worker, label) of each answer, and the worker of each pair."""
    code = answers.worker.astype(np.int64) * answers.n_classes + answers.label
    key, pair = np.unique(code, return_inverse=True)
    return pair.astype(np.int32), (key // answers.n_classes).astype(np.int32)


@compiled(parallel=True)
def _conf(
    ptr: Any, size: Any, label: Any, score: Any, winner: Any, ai_label: Any, against: float
) -> Any:  # pragma: no cover - compiled
    conf = np.zeros(size.size, np.float64)
    total = np.zeros(size.size, np.float64)
    for i in prange(size.size):
        disagrees = ai_label[i] >= 0
        for s in range(ptr[i], ptr[i] + size[i]):
            total[i] += score[s]
            if winner[s] > 0.0:
                conf[i] = score[s]
                if winner[s] >= 1.0 and label[s] == ai_label[i]:
                    disagrees = False
        if disagrees:
            total[i] += against
    return conf, total


@compiled()
def _seen(
    task: Any, ptr: Any, slot: Any, pair: Any, authored: Any, valid: Any, right: Any, n: int
) -> Any:  # pragma: no cover - compiled
    """Of each pair: 2 where its worker got the label as author of a valid task, 1 as voter."""
    seen = np.zeros(n, np.int8)
    for a in range(task.size):
        i = task[a]
        if right[ptr[i] + slot[a]]:
            if authored[a] and valid[i]:
                seen[pair[a]] = 2
            elif seen[pair[a]] == 0:
                seen[pair[a]] = 1
    return seen
