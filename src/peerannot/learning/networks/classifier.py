"""A network and its head: what every part of learning sees of either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Classifier", "Outputs"]


@dataclass(frozen=True)
class Outputs:
    """What a network says of a batch.

    Attributes
    ----------
    logits : Tensor (n, n_classes)
    features : Tensor (n, n_features)
        Inputs of its last layer.
    """

    logits: Tensor
    features: Tensor

    @property
    def log_probability(self) -> Tensor:
        """Log of the predicted distribution, (n, n_classes)."""
        return self.logits.log_softmax(dim=1)

    @property
    def probability(self) -> Tensor:
        """The predicted distribution, (n, n_classes)."""
        return self.logits.softmax(dim=1)


class Classifier(nn.Module):
    """A network as its library made it, and its head: the part that training always changes.

    Parameters
    ----------
    net
        From images (n, 3, S, S) to logits (n, n_classes).
    head
        The module of ``net`` that makes the logits from features.
    frozen
        Only the head learns; the rest keeps its weights and its batch statistics.

    Attributes
    ----------
    n_features : int
        Number of inputs of the head.
    separable : bool
        The logits are what the head makes of vectors of features, and nothing comes after.
    """

    def __init__(self, net: nn.Module, head: nn.Module, *, frozen: bool) -> None:
        super().__init__()
        self.net = net
        self.frozen = frozen
        self.n_features = 0
        self.separable = False
        self._scale: tuple[Tensor, Tensor] | None = None
        # Not registered a second time: the weights keep the names that their library gave them.
        self._head = (head,)
        self._seen: list[Tensor] = []
        head.register_forward_pre_hook(lambda _, inputs: self._seen.append(inputs[0]))
        if frozen:
            net.requires_grad_(False)
            head.requires_grad_(True)

    @property
    def head(self) -> nn.Module:
        return self._head[0]

    def forward(self, images: Tensor) -> Outputs:
        """Outputs for images (n, 3, S, S), or for the features of `raw_features` (n, d)."""
        if images.ndim == 2:
            return Outputs(self.head(images), self._scaled(images))
        self._seen.clear()
        logits: Tensor = self.net(images)
        features = self._seen.pop()
        if features.ndim == 4:
            features = features.mean(dim=(2, 3))
        return Outputs(logits, self._scaled(features.flatten(1)))

    @property
    def linear(self) -> nn.Linear | None:
        """The head, where it is one linear layer with a bias."""
        head = self.head
        whole = isinstance(head, nn.Linear) and head.bias is not None
        return head if self.separable and whole else None  # type: ignore[return-value]

    def scale(self, mean: Tensor, std: Tensor) -> None:
        """Let the linear head, and who reads the features, have them on another scale.

        Its weights change so that the logits stay as they are. `unscale` undoes it: a network
        that is saved reads features as they come.
        """
        self._scale = mean.float(), std.float()
        self._set(
            lambda weight, bias: (
                torch.where(std.isinf(), 0, weight * std),
                bias + weight @ mean.to(weight),
            )
        )
        self._hook = self.head.register_forward_pre_hook(
            lambda _, inputs: (self._scaled(inputs[0]),)
        )

    def unscale(self) -> None:
        """See `scale`."""
        if self._scale is None:
            return
        mean, std = (part.double() for part in self._scale)
        self._scale = None
        self._hook.remove()
        self._set(lambda weight, bias: (weight / std, bias - (weight / std) @ mean))

    def _set(self, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
        head = self.linear
        assert head is not None
        with torch.no_grad():
            weight, bias = change(head.weight.double().cpu(), head.bias.double().cpu())
            head.weight.copy_(weight)
            head.bias.copy_(bias)

    def _scaled(self, features: Tensor) -> Tensor:
        if self._scale is None:
            return features
        mean, std = (part.to(features) for part in self._scale)
        return (features - mean) / std

    def raw_features(self, images: Tensor) -> Tensor:
        """What the head reads, as it reads it."""
        self._seen.clear()
        self.net(images)
        return self._seen.pop()

    def train(self, mode: bool = True) -> Classifier:
        super().train(mode)
        if self.frozen:
            self.net.eval()
            self.head.train(mode)
        return self
