"""What each strategy can do, read off its classes."""

from __future__ import annotations

from peerannot._options import check
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.registry import STRATEGIES
from peerannot.errors import ParameterError

__all__ = [
    "CAPABILITIES",
    "ENGINES",
    "MISSING",
    "capabilities",
    "check_partitions",
    "why_not",
]

CAPABILITIES = {
    "gold": "known labels stay fixed (gold=, --gold)",
    "weights": "an answer of weight 2 counts as two (Answers.weight)",
    "init": "starts from a posterior or a result (init=)",
    "online": "learns from answers that come later (partial_fit, --save-state, --update)",
    "intervals": "has skills of workers, with intervals (--intervals)",
    "check": "its model says how probable answers are, so whether it fits can be checked (check)",
    "out of core": "fits shards that need not fit in memory (engine='disk', --engine disk)",
    "Dask": "fits shards on a cluster (engine='dask', --engine dask)",
}

_ITERATES = "it iterates over all answers"
_NO_START = "it does not iterate: there is nothing to start from"
_LEARNT = "what is learnt of the crowd changes with each answer"
_PAIRS = "groups are found in pairs of workers over all tasks, and tried one after another"
_NO_SKILL = "it says nothing of workers"
_A_VOTE = "it weighs votes: no answer has a probability"
_NO_LAW = "its skills only weigh votes: answers have no probability by them"

MISSING = {
    "gold": {
        "crowdlab": "its classifier stands for what is known",
        "kos": "its messages know no classes of tasks",
        "m-msr": "it learns from the agreement of workers alone",
    },
    "weights": {},
    "init": {
        "gold-majority-vote": _NO_START,
        "kos": "it starts from messages, not from a posterior",
        "la": "it reads each task once",
        "la-two-pass": "it reads each task twice",
        "m-msr": "it starts from the agreement of workers",
        "majority-vote": _NO_START,
        "naive-soft": _NO_START,
        "plantnet": "it starts from workers who have identified nothing",
        "twothird": _NO_START,
        "wawa": _NO_START,
        "weighted-vote": _NO_START,
        "zero-based-skill": "it starts from equal skills",
    },
    "online": {
        "bwa": _ITERATES,
        "bwa-normalised": _ITERATES,
        "catd": _ITERATES,
        "class-one-coin": _ITERATES,
        "crh": _ITERATES,
        "crowdlab": "its classifier must have seen all tasks",
        "dawid-skene-clust": "clusters of workers change with each answer",
        "ebcc": _ITERATES,
        "fast-dawid-skene": "hard E-steps leave no counts that could be moved a little",
        "glad": "difficulties of earlier tasks change with each answer",
        "hierarchical-dawid-skene": _LEARNT,
        "hierarchical-mace": _LEARNT,
        "hybrid-dawid-skene": "hard E-steps leave no counts that could be moved a little",
        "iwmv": _ITERATES,
        "kos": _ITERATES,
        "latent-factor": "groups of workers change with each answer",
        "m-msr": _ITERATES,
        "mace": "it keeps the best of several starts",
        "one-coin": _ITERATES,
        "plantnet": _ITERATES,
        "pm": _ITERATES,
        "pool": _LEARNT,
        "wds": "its vote is on top of a whole fit",
        "zencrowd": _ITERATES,
        "zero-based-skill": _ITERATES,
    },
    "intervals": {
        "bwa": "its weights of workers are no probabilities",
        "bwa-normalised": "its weights of workers are no probabilities",
        "kos": "its messages are no probabilities",
        "majority-vote": _NO_SKILL,
        "naive-soft": _NO_SKILL,
        "plantnet": "its weights of workers are no probabilities",
        "twothird": _NO_SKILL,
        "weighted-vote": "its weights of workers are given",
    },
    "check": {
        "bwa": "its model is of scores of classes, not of answers",
        "bwa-normalised": "its model is of scores of classes, not of answers",
        "catd": _NO_LAW,
        "crh": _NO_LAW,
        "crowdlab": "its classifier is no part of a model of answers",
        "ebcc": "the matrices of its subtypes are not kept",
        "gold-majority-vote": _NO_LAW,
        "iwmv": _NO_LAW,
        "kos": "its messages are no probabilities",
        "la": _NO_LAW,
        "la-two-pass": _NO_LAW,
        "latent-factor": "members of a group do not answer independently, as a check draws them",
        "m-msr": "it fits agreement of workers, not their answers",
        "majority-vote": _A_VOTE,
        "naive-soft": _A_VOTE,
        "plantnet": _A_VOTE,
        "pm": _NO_LAW,
        "pool": "it is the mean of several models: check each",
        "twothird": _A_VOTE,
        "wawa": _NO_LAW,
        "wds": "its labels are a vote on top of Dawid-Skene: check dawid-skene",
        "weighted-vote": _A_VOTE,
        "zero-based-skill": _NO_LAW,
    },
    "out of core": {"latent-factor": _PAIRS},
    "Dask": {"latent-factor": _PAIRS},
}
"""Why strategies of the registry lack a capability, by capability and name: all that is missing."""

_OF_SHARDS = {
    "init": "a fit begins from the votes, or from its checkpoint",
    "online": "a state is held in memory",
    "intervals": "they need answers and posterior in memory",
    "check": "it needs answers in memory, of which it takes a sample",
}
ENGINES = {"out of core": _OF_SHARDS, "Dask": _OF_SHARDS}
"""Why a capability is missing on an engine, whatever the strategy."""


def capabilities(strategy: type[Strategy]) -> dict[str, bool]:
    """What a strategy can do in memory, and the engines that it runs on; see `CAPABILITIES`."""
    parts = strategy.runs_on_partitions()
    return {
        "gold": strategy.takes_gold,
        "weights": True,
        "init": strategy.takes_init,
        "online": strategy.learns_online(),
        "intervals": strategy.estimates_skill,
        "check": strategy.models_answers(),
        "out of core": parts,
        "Dask": parts,
    }


def why_not(strategy: type[Strategy], capability: str) -> str:
    """Why a strategy lacks a capability, in a few words."""
    names = [getattr(cls, "name", "") for cls in strategy.__mro__]
    told = MISSING.get(capability, {})
    return next((told[name] for name in names if name in told), "it does not say how")


def check_partitions(strategy: Strategy) -> None:
    """Refuse a strategy that does not run on partitions.

    Raises
    ------
    ParameterError
        An option is out of range, or the strategy needs all tasks in one place, by itself or
        with these options.
    """
    check(strategy)
    if not strategy.runs_on_partitions():
        names = ", ".join(name for name in STRATEGIES if STRATEGIES[name].runs_on_partitions())
        raise ParameterError(
            f"{strategy.name} needs all tasks in memory, in one place; choose {names}"
        )
    why = strategy.needs_all_tasks()
    if why is not None:
        raise ParameterError(f"{strategy.name} needs all tasks in memory, in one place: {why}")
