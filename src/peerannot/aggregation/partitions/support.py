"""The labels that the tasks of a partition received, and posteriors over them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerannot._sizes import sizes, with_sizes
from peerannot.aggregation.partitions.parts import Part
from peerannot.aggregation.passes.alike import worker_shares
from peerannot.aggregation.passes.support import Support, clamped, is_dense, posterior_of

__all__ = ["as_held", "in_form_of_all", "support_of", "worker_shares_of"]


def support_of(part: Part) -> Support:
    """The labels that each task of a partition received."""
    support: Support = part.once("support", lambda: Support.of(part.answers))
    return support


def worker_shares_of(part: Part) -> tuple[Any, ...]:
    """What `peerannot.aggregation.passes.alike.worker_shares` says of the answers of a partition.

    Summed over partitions, it tells which workers the answers cannot tell apart.
    """
    return worker_shares(part.answers, support_of(part))


@contextlib.contextmanager
def in_form_of_all(part: Part) -> Iterator[None]:
    """Let posteriors of the tasks of a partition be dense only where that of all tasks would be."""
    now = sizes()
    if not is_dense(part.shape.n_tasks, len(part.shape.classes)):
        now = replace(now, dense=0)
    with with_sizes(now):
        yield


def as_held(part: Part, support: Support, posterior: Any) -> Any:
    """A posterior of the tasks of a partition, in the form that all tasks at once would have.

    Where the posterior of all tasks is too large to be dense, it is held on the labels that a
    task received, scaled to 1. That of a part may well be dense; it must say the same.
    """
    k = part.answers.n_classes
    if is_dense(part.shape.n_tasks, k) or not isinstance(posterior, np.ndarray):
        return posterior
    share = support.shares(support.values(posterior))
    return clamped(posterior_of(support, share, k, of_tasks=part.shape.n_tasks), part.gold)
