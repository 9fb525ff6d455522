"""Pl@ntNet: votes weighted by how many classes a worker has identified."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._files import read_json
from peerannot._loops import native
from peerannot._options import option
from peerannot._progress import Progress
from peerannot._text import few
from peerannot._threads import threads
from peerannot.aggregation.base import Content, Fit, Fitted, Strategy
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.confusions import common_pairs, pairs_among
from peerannot.aggregation.partitions.known import strangers
from peerannot.aggregation.partitions.parts import Part, Parts, stream
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.partitions.support import in_form_of_all
from peerannot.aggregation.passes.support import Support
from peerannot.aggregation.passes.ties import TIE
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.aggregation.votes.rules import vote_fit
from peerannot.aggregation.votes.twothird import too_hard
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["PlantNet"]

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

    estimates_skill: ClassVar[bool] = False
    takes_gold: ClassVar[bool] = True
    expected_failed_checks: ClassVar[dict[str, str]] = {
        "repeats_a_lone_worker": "one vote is too few to decide",
        "says_when_it_has_not_converged": "a worker must know five classes to be told apart",
    }

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

    def with_files(self) -> PlantNet:
        given: dict[str, Any] = {}
        if isinstance(self.authors, Path | str):
            given["authors"] = Content(str(self.authors), _lines(Path(self.authors)))
        if isinstance(self.scores, Path | str) and self.AI == "confident":
            given["scores"] = Content(str(self.scores), read_json(Path(self.scores)))
        return replace(self, **given)

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        shape = parts.shape
        pairs = common_pairs(parts, model=self.name, columns=1)
        authors = Content.of(self.authors, "authors")
        parts.advance(_keep_authors, _authors(authors.value, parts), authors.where)
        # Partitions have their authors.
        rule = replace(self, authors=None, scores=_scores(self, shape.n_tasks))
        self._expect_ai(shape.workers)
        fixed, n_workers = self._fixed(shape.workers), len(shape.workers)
        known = before = np.zeros(n_workers)
        stays, rounds, decided = False, 0, None
        saved = checkpoint.load()
        if saved is not None:
            known, before = saved["known"], saved["before"]
            rounds, stays = int(saved["n_iter"]), bool(np.array_equal(known, before))
        while not stays and rounds < self.max_iter:
            seen, n_valid, decided = parts.sum(_poll, rule, self._weight(known, fixed))
            before, known = known, self._known(seen.value, pairs.worker, n_workers)
            stays = bool(np.array_equal(known, before))
            rounds += 1
            checkpoint.save({"n_iter": rounds, "objective": [], "known": known, "before": before})
            progress(rounds, self.max_iter, f"{n_valid} valid tasks")
        weight = self._weight(before, fixed)
        if decided is None:
            *_, decided = parts.sum(_poll, rule, weight)
        fit = Fit(
            None,
            worker_columns={"weight": weight, "n_identified": before},
            diagnostics=Diagnostics(rounds, stays, notes={"n_valid": int(decided)}),
        )
        return Fitted(fit, _write, (rule, weight))

    def _fixed(self, workers: Ids) -> int:
        """The worker whose weight is `AIweight`, -1 for nobody."""
        return workers.index_of.get(AI_ID, -1) if self.AI in ("fixed", "confident") else -1

    def side_files(self, result: Result) -> dict[str, Any]:
        """``too_hard.txt``: a pruning file of the tasks without a label, rows ``-1 task``."""
        return {"too_hard.txt": too_hard(result)}

    def _expect_ai(self, workers: Ids) -> None:
        if self.AI != "ignored" and AI_ID not in workers:
            warnings.warn(
                f"PlantNet: AI={self.AI} changes nothing, no worker has the id {AI_ID!r}",
                DataWarning,
                stacklevel=5,
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


# Of each task by name, or of all tasks in order (or task ``t`` at place ``t``), or of none.
Listed = Mapping[str, Any] | Sequence[Any] | None


def _authors(given: Any, parts: Parts) -> Listed:
    """Authors as they were given, with ids as strings."""
    if not isinstance(given, dict):
        return None if given is None else [str(w) for w in given]
    named = {str(t): str(w) for t, w in given.items()}
    unknown = strangers(parts, list(named))
    if unknown:
        raise DataError(f"authors: tasks that have no answers entry: {few(unknown)}")
    return named


def _keep_authors(part: Part, authors: Listed, where: str) -> tuple[Any, tuple[int]]:
    """Keep the author of each task, -1 for nobody or a stranger, next to the keys of pairs."""
    answers = part.answers
    workers, tasks, n = answers.workers, answers.tasks, answers.n_tasks
    if authors is None:
        author = np.full(n, -1, np.int32)
    elif isinstance(authors, Mapping):
        author = workers.codes(authors.get(t, "-1") for t in tasks)
    elif len(authors) == part.shape.n_tasks:
        author = workers.codes(authors[part.first_task : part.first_task + n])
    else:
        keys = tasks.numbers()
        if keys is None or (keys < 0).any() or keys.max(initial=-1) >= len(authors):
            raise DataError(
                f"{where}: {len(authors)} authors for {part.shape.n_tasks} tasks;"
                " write one worker id a line, in order of tasks, -1 for nobody"
            )
        author = workers.codes(authors[k] for k in keys)
    return (part.kept, author), (n,)


def _scores(rule: PlantNet, n_tasks: int) -> Any:
    """Scores of a confident AI, by task or in order of all tasks."""
    if rule.AI != "confident":
        return None
    if rule.scores is None or rule.threshold_scores is None:
        raise ParameterError(
            "PlantNet: AI=confident needs scores (a JSON file) and threshold_scores"
        )
    given = Content.of(rule.scores, "scores")
    where, found = given.where, given.value
    listed = isinstance(found, list) and len(found) == n_tasks
    if not listed and not isinstance(found, Mapping):
        raise DataError(f"{where}: expected {{task: score}}, or {n_tasks} scores")
    try:
        if listed:
            return [float(score) for score in found]
        return {str(task): float(score) for task, score in found.items()}
    except (TypeError, ValueError):
        raise DataError(f"{where}: a score is not a number") from None


def _confident(rule: PlantNet, part: Part) -> NDArray[np.bool_]:
    """Whether the AI is sure enough of each task."""
    scores: Any = rule.scores
    if isinstance(scores, Mapping):
        own = np.array([scores.get(task, -1.0) for task in part.answers.tasks], np.float64)
    else:
        own = np.array(scores[part.first_task : part.first_task + part.answers.n_tasks])
    assert rule.threshold_scores is not None
    return np.asarray(np.where(np.isnan(own), -1.0, own) >= rule.threshold_scores)


@dataclass(frozen=True)
class Ballots:
    """Answers that vote.

    Attributes
    ----------
    human, support
        The answers that vote.
    ai_label : int32 array (n_tasks,)
        What an invalidating AI says, -1 for nothing.
    authored : bool array (n_answers,)
        Whether the worker of the answer made the task.
    pair : int32 array (n_answers,)
        Pair (worker, label) of each answer, of those of all partitions.
    n_pairs : int
    gold : int32 array (n_tasks,)
    """

    human: Answers
    support: Support
    ai_label: NDArray[np.int32]
    authored: NDArray[np.bool_]
    pair: NDArray[Any]
    n_pairs: int
    gold: NDArray[np.int32]

    @classmethod
    def of(cls, rule: PlantNet, part: Part) -> Ballots:
        """Prepare."""
        keys, author = part.kept
        answers, pairs = part.answers, pairs_among(part, keys)
        human, pair = answers, pairs.of_answer
        ai_label = np.full(answers.n_tasks, -1, np.int32)
        ai = answers.workers.index_of.get(AI_ID)
        if ai is not None and rule.AI not in ("worker", "fixed"):
            rows = answers.worker == ai
            if rule.AI == "invalidating":
                ai_label[answers.task[rows]] = answers.label[rows]
            if rule.AI == "confident":
                rows &= ~_confident(rule, part)[answers.task]
            keep = ~rows
            pair = pair[keep]
            human = answers.rows(keep)
        authored = author[human.task] == human.worker
        support = Support.of(human)
        return cls(human, support, ai_label, authored, pair, len(pairs), part.gold)

    def vote(self, rule: PlantNet, weight: NDArray[np.float64], draws: Any) -> Vote:
        """Vote with these weights of workers; ``draws`` decide ties."""
        support = self.support
        score = support.votes(self.human, weight)
        winner = support.decide(support.winners(score), rule.ties, draws, self.gold)
        against = rule.AIweight if rule.AI == "invalidating" else 0.0
        conf, total = np.empty(support.size.size), np.empty(support.size.size)
        native.reliability_support(
            support.ptr, support.size, support.label, score, winner, self.ai_label, conf, total,
            against=against, threads=threads(),
        )  # fmt: skip
        valid = (conf > rule.theta_conf) & (conf > rule.theta_acc * total * (1 + TIE))
        return Vote(score, winner >= 1.0, conf, total, valid)

    def seen(self, vote: Vote) -> NDArray[np.int8]:
        """Of each pair, 2 where its worker got the label as author of a valid task, 1 as voter."""
        support = self.support
        out = np.empty(self.n_pairs, np.int8)
        native.reliability_seen(
            support.ptr, support.slot, self.human.task, self.pair, self.authored, vote.valid,
            vote.right, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True)
class Vote:
    """How a vote went: scores and winners of the slots; support, weights, validity of tasks."""

    score: NDArray[np.float64]
    right: NDArray[np.bool_]
    conf: NDArray[np.float64]
    total: NDArray[np.float64]
    valid: NDArray[np.bool_]


def _ballots(part: Part, rule: PlantNet) -> Ballots:
    made: Ballots = part.once("ballots", lambda: Ballots.of(rule, part))
    return made


def _poll(part: Part, rule: PlantNet, weight: NDArray[np.float64]) -> tuple[Any, ...]:
    """How each pair was got (see `Ballots.seen`), valid tasks, and decided ones."""
    ballots = _ballots(part, rule)
    vote = ballots.vote(rule, weight, stream(part, rule.seed))
    decided = int((vote.valid | (part.gold >= 0)).sum())
    return Largest(ballots.seen(vote)), int(vote.valid.sum()), decided


def _write(part: Part, rule: PlantNet, weight: NDArray[np.float64]) -> Fit:
    """What the last vote says of tasks."""
    ballots, gold = _ballots(part, rule), part.gold
    vote = ballots.vote(rule, weight, stream(part, rule.seed))
    with in_form_of_all(part):
        fit = vote_fit(
            ballots.human, rule.ties, stream(part, rule.seed), worker_weight=weight, gold=gold,
            support=ballots.support,
        )  # fmt: skip
    assert fit.labels is not None
    conf = vote.conf
    share = np.divide(conf, vote.total, out=np.zeros_like(conf), where=vote.total > 0)
    fit.confidence = np.where(gold >= 0, 1.0, share)
    decided = vote.valid | (gold >= 0)
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
