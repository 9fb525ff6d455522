"""Confusion that depends on the worker and on the image: what MaDL and AnnotMix share."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from peerannot.learning.strategies.matrices import diagonal_logits

__all__ = ["ConditionalConfusion"]


class ConditionalConfusion(nn.Module):
    """A small network from a worker's embedding, and an image's, to a confusion matrix.

    ``log_matrix`` is the row log-softmax of logits that start with ``eta`` on the diagonal plus
    the network's output, which starts at zero. Workers share the network: what a worker of few
    answers lacks comes from those with similar embeddings.

    Parameters
    ----------
    variant
        "X": by worker and image; "W": by worker; "I": by worker, one probability to be right.
    """

    start: Tensor

    def __init__(
        self,
        n_workers: int,
        n_classes: int,
        n_features: int,
        *,
        variant: Literal["X", "W", "I"],
        eta: float,
        embedding: int,
        hidden: int,
    ) -> None:
        super().__init__()
        self.variant, self.n_classes = variant, n_classes
        self.worker = nn.Parameter(torch.randn(n_workers, embedding))
        self.image = nn.Linear(n_features, embedding)
        last = nn.Linear(hidden, 1 if variant == "I" else n_classes**2)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        n_inputs = embedding * (2 if variant == "X" else 1)
        self.network = nn.Sequential(nn.Linear(n_inputs, hidden), nn.SiLU(), last)
        self.register_buffer("start", diagonal_logits(n_classes, eta), persistent=False)

    def log_matrix(self, worker: Tensor, image: Tensor) -> Tensor:
        """Logarithms (n, K, K) for embeddings of workers and images, both (n, embedding)."""
        inputs = [worker, image.to(worker)] if self.variant == "X" else [worker]
        out = self.network(torch.cat(inputs, dim=1))
        if self.variant == "I":
            change = out[:, :, None] * torch.eye(self.n_classes).to(out)
        else:
            change = out.view(-1, self.n_classes, self.n_classes)
        log_matrix: Tensor = (self.start.to(change) + change).log_softmax(dim=2)
        return log_matrix
