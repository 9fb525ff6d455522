"""CIFAR-10N: the 50,000 train images of CIFAR-10, each labelled by three people.

J. Wei, Z. Zhu, H. Cheng, T. Liu, G. Niu, Y. Liu, "Learning with noisy labels revisited: a study
using real-world human annotations", ICLR 2022.

The source gives three columns of labels and does not say who gave which (the workers that it lists
for a batch of ten images do not explain the errors of any column), so a worker here is a column.

The train images are split into train (0..44999) and val (45000..49999); the test images are the
test set. Files are called ``<class>/<class>-<index>.png``.
"""

import numpy as np

from peerannot.dataset import (
    CIFAR10_NAMES,
    Recipe,
    Remote,
    read_batch,
    read_label_arrays,
    write_votes,
)
from peerannot.errors import DataError

IMAGES = Remote(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
VOTES = Remote(
    "CIFAR-10_human.pt",
    "https://raw.githubusercontent.com/UCSC-REAL/cifar-10-100n/"
    "49df7d8a69e355470c77c1c2f2424916325a394b/data/CIFAR-10_human.pt",
    "873e69c39cb9b5e97fb6bae2d60bb59b38a5cbc31d2b868f7903dcb2b9dd2310",
)
N_TRAIN = 45000
COLUMNS = ("random_label1", "random_label2", "random_label3")


class CIFAR10N(Recipe):
    name = "cifar10N"

    def setfolders(self):
        archive = self.fetch(IMAGES, of="cifar10H")
        self.fetch(VOTES)
        with self.building(whole=True) as stage:
            self.unpack(archive, stage.work, want=lambda name: "_batch" in name)
            batches = stage.work / "cifar-10-batches-py"
            parts = [read_batch(batches / f"data_batch_{number}") for number in range(1, 6)]
            images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
            if not np.array_equal(labels, self.labels(stage)["clean_label"]):
                raise DataError(f"{VOTES.name}: its labels are not in the order of CIFAR-10's")
            for split, part in (("train", slice(0, N_TRAIN)), ("val", slice(N_TRAIN, None))):
                keys = range(len(labels))[part]
                self.write_images(
                    stage.path / split, images[part], labels[part], CIFAR10_NAMES, keys
                )
            images, labels = read_batch(batches / "test_batch")
            keys = range(len(labels))
            self.write_images(stage.path / "test", images, labels, CIFAR10_NAMES, keys)
            self.get_crowd_labels()

    def labels(self, stage):
        """The columns of labels by name."""
        place = stage.work / "labels"
        found = self.unpack(self.fetch(VOTES), place, want=lambda n: n.endswith("/data.pkl"))
        if len(found) != 1:
            raise DataError(f"{VOTES.name}: expected one data.pkl in it, not {len(found)}")
        arrays = read_label_arrays(found[0])
        for name in ("clean_label", *COLUMNS):
            if name not in arrays or arrays[name].size != arrays["clean_label"].size:
                raise DataError(f"{VOTES.name}: no {name!r} for every image")
            if not np.isin(arrays[name], range(len(CIFAR10_NAMES))).all():
                raise DataError(f"{VOTES.name}: {name}: a label is not in 0..9")
        return arrays

    def get_crowd_labels(self):
        with self.building() as stage:
            arrays = self.labels(stage)
            rows = enumerate(zip(*(arrays[name].tolist() for name in COLUMNS), strict=True))
            votes = {task: dict(enumerate(row)) for task, row in rows}
            train = {task: row for task, row in votes.items() if task < N_TRAIN}
            write_votes(stage.path / "answers.json", train)
            write_votes(
                stage.path / "answers_valid.json",
                {task: row for task, row in votes.items() if task >= N_TRAIN},
            )
            self.write_metadata(
                stage,
                name="cifar-10n",
                n_classes=len(CIFAR10_NAMES),
                n_workers=len(COLUMNS),
                n_task=len(train),
                class_names=CIFAR10_NAMES,
            )
