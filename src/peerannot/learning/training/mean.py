"""The running mean of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["MeanWeights", "copied"]


class MeanWeights:
    """Exponential moving average of a module's weights; nothing where ``decay`` is None.

    After each step ``mean = decay * mean + (1 - decay) * weights``; it starts as the weights
    after the first step. Counters are copied.

    Attributes
    ----------
    values : dict
        The mean by name, empty before the first step.
    """

    def __init__(self, module: nn.Module, decay: float | None) -> None:
        self.module, self.decay = module, decay
        self.values: dict[str, Tensor] = {}

    def update(self) -> None:
        """Take the weights as they are now into the mean."""
        if self.decay is None:
            return
        if not self.values:
            self.values = copied(self.module)
        with torch.no_grad():
            for name, value in self.module.state_dict().items():
                if value.is_floating_point():
                    self.values[name].lerp_(value, 1 - self.decay)
                else:
                    self.values[name].copy_(value)

    def swap_in(self) -> dict[str, Tensor] | None:
        """Put the mean into the module; returns what was there, None where there is no mean."""
        if not self.values:
            return None
        raw = copied(self.module)
        self.module.load_state_dict(self.values)
        return raw


def copied(module: nn.Module) -> dict[str, Tensor]:
    """The state of a module, apart from it."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
