"""From labels to a decision: what to ask next, which tasks are done, whether it is over."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import Result
from peerannot.allocation import Plan, build, plan
from peerannot.allocation.base import Tasks
from peerannot.answers import Answers, Ids
from peerannot.campaign.belief import believed
from peerannot.campaign.decision import Decision, Round
from peerannot.campaign.known import Known
from peerannot.campaign.rules import Rules
from peerannot.errors import DataWarning

__all__ = ["decide", "paid", "ready"]

CELLS = 2**27  # pairs of tasks that are asked about no more, up to which these are kept out


def ready(known: Known, rules: Rules) -> str:
    """What is missing for a decision; empty where nothing is."""
    answers = known.answers
    if not answers.n_tasks or not (known.named or answers.n_answers):
        return "no answers yet"
    if answers.n_classes < 2:
        return "all answers are the same yet, and the classes are not known"
    if not (rules.workers or known.workers or answers.n_workers):
        return "nobody to ask is known yet"
    return ""


def paid(answers: Answers, rules: Rules) -> float:
    """What these answers cost; one of a worker without a cost as much as others on average."""
    if rules.cost is None:
        return float(answers.n_answers)
    mean = sum(rules.cost.values()) / len(rules.cost)
    cost = np.array([rules.cost.get(worker, mean) for worker in answers.workers])
    return float(cost[answers.worker].sum())


def decide(known: Known, result: Result, rules: Rules) -> Decision:
    """What the tool shall hold, given labels of all that is known.

    Cost: that of `peerannot.allocation.plan`.
    """
    answers = known.answers
    doubted = believed(result, answers, known.check, rules.least)
    workers = _workers(known, rules)
    asked = _asked(known)
    spent = paid(answers, rules) - (known.cost_before or 0.0)
    left = np.inf if rules.budget is None else rules.budget - spent
    cost = None if rules.cost is None else {w: rules.cost[w] for w in workers}
    dear = 1.0 if cost is None else max(cost.values())
    with warnings.catch_warnings():
        # New workers are what a campaign is about.
        warnings.simplefilter("ignore", DataWarning)
        found = plan(
            doubted, max(min(rules.batch * dear, left), 1e-9), workers, cost, answers=answers,
            per_worker=rules.per_worker, forbidden=_forbidden(known, asked, workers),
            # The first answers tell nothing of who is skilled: any pair is as good.
            policy=rules.policy if answers.n_answers else build("round-robin"), stop=rules.stop,
        )  # fmt: skip
    picks = _affordable(found, rules.batch, left)
    done = (found.done > 0) & asked
    accuracy = float(doubted.confidence[asked].mean()) if asked.any() else 0.0
    finished = done if _knows_who(known, rules) else done & (found.done != len(found.why) - 1)
    over = _over(known, rules, finished[asked], accuracy, left, found)
    open_ = np.flatnonzero((found.done == 0) & asked) if not over else np.empty(0, np.int64)
    counted = replace(found, picks=[], done=np.where(asked, found.done, 0))
    saved = None
    if rules.per_task is not None:
        saved = int(rules.per_task * done.sum() - answers.answers_per_task[done].sum())
    return Decision(
        round=Round(
            number=known.round, n_answers=answers.n_answers,
            n_new=answers.n_answers - known.before, n_tasks=int(asked.sum()),
            n_done=int(done.sum()), done=counted.done_counts(), accuracy=accuracy, saved=saved,
            spent=spent, budget=rules.budget, asked=0 if over else len(picks), over=over,
            check=known.check.get("verdict", ""),
        ),
        answers=answers,
        result=result,
        plan=replace(found, picks=[] if over else picks),
        order=_in_order(found, doubted, open_),
    )  # fmt: skip


def _workers(known: Known, rules: Rules) -> list[str]:
    if rules.workers is not None:
        return list(rules.workers)
    return list(known.workers if known.workers is not None else known.answers.workers)


def _knows_who(known: Known, rules: Rules) -> bool:
    """Whether all who can be asked are known, so that nobody left to ask is an end."""
    return rules.workers is not None or known.workers is not None


def _asked(known: Known) -> NDArray[np.bool_]:
    """Tasks that can be asked about."""
    if known.tasks is None:
        return np.ones(known.answers.n_tasks, np.bool_)
    asked = np.zeros(known.answers.n_tasks, np.bool_)
    asked[known.answers.tasks.codes(list(known.tasks))] = True
    return asked


def _forbidden(known: Known, asked: NDArray[np.bool_], workers: list[str]) -> Any:
    """Pairs that may not be asked, besides those with an answer, as a sparse matrix; None for
    none."""
    tasks, n = known.answers.tasks, len(workers)
    gone = np.flatnonzero(~asked)
    if len(gone) * n > CELLS:
        gone = gone[:0]
    if not (len(gone) or known.passed_over):
        return None
    from scipy.sparse import csr_array

    pairs = sorted(known.passed_over)
    task, worker = tasks.codes([t for t, _ in pairs]), Ids(workers).codes([w for _, w in pairs])
    there = (task >= 0) & (worker >= 0)
    task = np.append(np.repeat(gone, n), task[there])
    worker = np.append(np.tile(np.arange(n), len(gone)), worker[there])
    return csr_array((np.ones(len(task), np.bool_), (task, worker)), shape=(len(tasks), n))


def _affordable(found: Plan, batch: int, left: float) -> list[Any]:
    """The first pairs of a plan, as many as are wanted and can be paid."""
    costs = accumulate(float(found.crowd.cost[pick.worker]) for pick in found.picks)
    # Sums of costs that are no whole numbers have errors of rounding.
    n = sum(cost <= left * (1 + 1e-9) for cost in costs) if found.picks else 0
    return found.picks[: min(batch, n)]


def _over(
    known: Known, rules: Rules, done: NDArray[np.bool_], accuracy: float, left: float, found: Plan
) -> str:
    if left < float(found.crowd.cost.min()) * (1 - 1e-9):
        return f"the budget of {rules.budget:g} is spent"
    if known.tasks is None or not done.size:
        # More tasks may come.
        return ""
    if rules.target_accuracy is not None and accuracy >= rules.target_accuracy:
        return f"the target accuracy of {rules.target_accuracy:g} is reached"
    return f"all {done.size:,} tasks are done" if done.all() else ""


def _in_order(found: Plan, doubted: Result, open_: NDArray[np.int64]) -> NDArray[np.int64]:
    if not open_.size:
        return open_
    worth = found.policy.most(Tasks(doubted), open_)
    return np.asarray(open_[np.argsort(-worth, kind="stable")], np.int64)
