"""Speed of training beside a plain PyTorch loop, pair by pair in one run.

    python benchmarks/training.py DATASET [--models smallcnn resnet18] [--pairs 5] [--images 512]

DATASET is a dataset folder; its training images are used. The plain loop is the usual kind:
torchvision's ImageFolder, every image decoded by PIL in every epoch, a DataLoader with as many
workers as ours has threads, the same network, batch size, loss and optimizer. Both take turns,
so that what else the machine does falls on both; the ratio of each pair counts, and its median
is reported with the smallest and the largest. Then the same for end-to-end strategies beside
our own training on soft labels.

The plain loop always computes in float32.

"once" is what we do before the first epoch (decoding, features of a frozen network), which the
plain loop does not; "ratio in all" includes it, over the pairs measured.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from peerannot.dataset import Dataset
from peerannot.learning import TrainOptions, build_model
from peerannot.learning.data.images import ImageStore
from peerannot.learning.data.splits import Split, voted_splits
from peerannot.learning.strategies.base import make_strategy
from peerannot.learning.training.learner import CrowdVotes, Learner, Objective, SoftTargets
from peerannot.learning.training.trainer import Trainer, reproducible

# Strategies compared; VW+B shows the cost of a light one.
STRATEGIES = ("crowdlayer", "conal", "tracereg", "aggnet", "madl", "max-mig")


@dataclass
class Ours:
    """Our loop, and how long its preparation took."""

    epoch: Callable[[], None]
    once: float


def plain_loop(folder: Path, options: TrainOptions, n_classes: int, n: int) -> Callable[[], None]:
    """An epoch of the usual loop."""
    transform = transforms.Compose(
        [
            transforms.Resize((options.img_size, options.img_size)),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    images = Subset(datasets.ImageFolder(str(folder / "train"), transform), range(n))
    loader = DataLoader(images, options.batch_size, shuffle=True, num_workers=options.num_workers)
    model = build_model(options, n_classes).net
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(
        trained, options.lr, momentum=options.momentum, weight_decay=options.decay
    )
    loss_of = nn.CrossEntropyLoss()

    def epoch() -> None:
        model.train()
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = loss_of(model(inputs), labels)
            loss.backward()
            optimizer.step()

    return epoch


def our_loop(part: Split, options: TrainOptions, make: Callable[[int], Objective]) -> Ours:
    """An epoch of ours, on the same images."""
    began = time.perf_counter()
    model = build_model(options, part.target.shape[1])
    store = ImageStore(part.paths, options.img_size, threads=options.num_workers)
    learner = Learner(model, make(model.n_features))
    target = torch.from_numpy(part.target)
    val = ImageStore(part.paths[:1], options.img_size)
    trainer = Trainer(learner, store, val, target[:1], options)
    once = time.perf_counter() - began
    counter = iter(range(10**9))
    return Ours(lambda: trainer.train_epoch(next(counter)) and None, once)


def timed(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def compare(name: str, theirs: Callable[[], None], ours: Ours, n_images: int, pairs: int) -> float:
    """Print a line and return the median ratio (their seconds over ours)."""
    theirs()
    ours.epoch()
    times = [(timed(theirs), timed(ours.epoch)) for _ in range(pairs)]
    ratios = sorted(a / b for a, b in times)
    median = statistics.median(ratios)
    total = sum(a for a, _ in times) / (ours.once + sum(b for _, b in times))
    speeds = [n_images / statistics.median(t[k] for t in times) for k in (0, 1)]
    print(
        f"{name:28} {speeds[0]:9.0f} {speeds[1]:9.0f}   {median:6.2f} ({ratios[0]:.2f} to"
        f" {ratios[-1]:.2f})   {ours.once:5.1f} s  {total:6.2f}",
        flush=True,
    )
    return median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--models", nargs="*", default=["smallcnn", "resnet18"])
    parser.add_argument("--frozen", default="resnet18", help="network of the frozen comparison")
    parser.add_argument("--img-size", type=int, default=32)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--strategies", nargs="*", default=list(STRATEGIES))
    parser.add_argument("--beside", default="smallcnn", help="network that strategies train")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)

    dataset = Dataset.open(arguments.dataset)
    splits = voted_splits(dataset, None, path_remove=None, seed=0)
    votes = splits.answers
    assert votes is not None
    n = min(arguments.images, len(splits.train.images))
    part = Split(splits.train.images[:n], splits.train.target[:n])
    kept = votes.without_tasks(votes.tasks[n:])
    base = TrainOptions(
        img_size=arguments.img_size, num_workers=arguments.workers, batch_size=64, lr=0.01
    )
    target = torch.from_numpy(part.target)
    print(
        f"{n} images of {base.img_size} pixels, {torch.get_num_threads()} threads, torch"
        f" {torch.__version__}, {arguments.pairs} pairs"
    )
    print(
        f"{'':28} {'plain':>9} {'ours':>9}   ratio of pairs          once    ratio\n"
        f"{'':28} {'images/s':>9} {'images/s':>9}   median (range)                  in all"
    )
    with reproducible(0):
        rows = []
        for name in arguments.models:
            options = replace(base, model=name)
            rows += [
                (name, options),
                (f"{name}, bf16-mixed", replace(options, precision="bf16-mixed")),
            ]
        if arguments.frozen:
            frozen = replace(base, model=arguments.frozen, freeze=True)
            rows.append((f"{arguments.frozen}, frozen", frozen))
        for title, options in rows:
            theirs = plain_loop(dataset.path, options, dataset.n_classes, n)
            ours = our_loop(part, options, lambda _: SoftTargets(target))
            compare(title, theirs, ours, n, arguments.pairs)
        if arguments.strategies:
            print("\nend-to-end strategies beside training on soft labels (time of ours / theirs)")
        options = replace(base, model=arguments.beside)
        for spec in arguments.strategies:
            strategy, _ = make_strategy(spec)
            soft = our_loop(part, options, lambda _: SoftTargets(target))
            crowd = our_loop(part, options, lambda d, s=strategy: CrowdVotes(s.head(kept, d), kept))
            soft.epoch(), crowd.epoch()
            ratios = sorted(
                1 / (timed(soft.epoch) / timed(crowd.epoch)) for _ in range(arguments.pairs)
            )
            print(
                f"{spec:28} {statistics.median(ratios):6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
