"""Networks of our own: a small one for small images, a linear one, and a frozen VGG."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

__all__ = ["FeatureHead", "FrozenVGG", "LogisticRegression", "SmallCNN"]


class SmallCNN(nn.Module):
    """Four convolutions, each with pooling and batch norm: learns small images on a CPU.

    Pooling comes before the batch norm, which then has a quarter of the work.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        widths = (3, 16, 32, 64, 128)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], n_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean(dim=(2, 3)))
        return logits


class LogisticRegression(nn.Module):
    """A linear layer on the pixels."""

    def __init__(self, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(n_inputs, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        return logits


class FeatureHead(nn.Module):
    """A linear layer on features that another program computed."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(n_features, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features)
        return logits


class FrozenVGG(nn.Module):
    """VGG16 with batch norm as Rodrigues and Pereira (AAAI 2018) used it on LabelMe.

    Features of the convolutions, kept as published for ImageNet, then one hidden layer of 128
    with dropout. Returns logits; the published package's version ended in a softmax, to which
    its loss applied another.
    """

    def __init__(self, features: nn.Module, img_size: int, n_classes: int) -> None:
        super().__init__()
        self.features = features
        side = img_size // 32
        self.head = nn.Sequential(
            nn.Linear(512 * side * side, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, n_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).flatten(1))
        return logits
