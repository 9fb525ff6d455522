"""Results that depend on seeds alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch

__all__ = ["reproducible"]


@contextlib.contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed PyTorch and keep to algorithms of fixed results; leave no trace outside."""
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    settings: Any = torch.utils.deterministic
    fill = settings.fill_uninitialized_memory
    threads = torch.get_num_threads()
    # Another library may raise the number in the OpenMP library that PyTorch shares, and sums are
    # rounded by it.
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    torch.set_num_threads(int(asked) if asked.isdecimal() and int(asked) else threads)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # Some CUDA kernels have no such algorithm: there it is a wish, on the CPU a promise.
        torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
        settings.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=lenient)
            settings.fill_uninitialized_memory = fill
            torch.set_num_threads(threads)
