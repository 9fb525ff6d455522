"""Train in one process or several: ``python -m several FOLDER DEVICES [CASE ...]``.

A module of its own because Fabric starts it again for each further process.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

from peerannot.learning import TrainOptions, train, train_on_votes

BASE = TrainOptions(
    model="smallcnn",
    img_size=16,
    n_epochs=2,
    lr=0.05,
    batch_size=8,
    device="cpu",
    figures="none",
)
LABELS = {
    "plain": {"model": "resnet10t", "lr": 0.01, "clip": 1.0, "ema": 0.9},
    "mixed": {"mixup": 0.4, "cutmix": 1.0, "data_augmentation": True, "optimizer": "adam"},
    "weighted": {"weighted_sampling": True, "data_augmentation": True, "lr": 0.01},
    "frozen": {"freeze": True},
    "unkept": {"memory_gb": 0.0, "data_augmentation": True},
}
VOTES = ("crowdlayer", "conal", "max-mig", "geocrowdnet", "aggnet", "annot-mix", "lfc-net", "madl")


def main(folder: str, devices: int, cases: list[str]) -> None:
    warnings.simplefilter("ignore")
    base = replace(BASE, devices=devices)
    for case in cases:
        if case in LABELS:
            options = replace(base, **LABELS[case])
            labels = f"{folder}/labels.npy"
            train(folder, labels=labels, options=options, output_name=case)
        else:
            options = replace(base, lr=0.01)
            train_on_votes(folder, strategy=case, options=options, output_name=case)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:] or [*LABELS, *VOTES])
