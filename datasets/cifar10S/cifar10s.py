"""CIFAR-10S: 1,000 test images of CIFAR-10, each labelled by six or seven people.

K. M. Collins, U. Bhatt, A. Weller, "Eliciting and learning with soft labels from every annotator",
HCOMP 2022. The vote is the class that a worker called most probable; of a repeated one the first
counts, and trials that were shown again on purpose are left out.

The labelled images are train; of the other test images, in order, 500 are val and the rest test.
Files are called ``<class>/<class>-<index>.png`` by the index in CIFAR-10's test set. Workers are
numbered in the order of their names.
"""

import json

import polars as pl

from peerannot.dataset import CIFAR10_NAMES, Recipe, Remote, read_batch, write_votes
from peerannot.errors import DataError

IMAGES = Remote(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
VOTES = Remote(
    "raw_human_data.csv",
    "https://raw.githubusercontent.com/cambridge-mlg/cifar-10s/"
    "86b114f0257ad88e36add572db3dd69dbca0fdf7/cifar10s_data/raw_human_data.csv",
    "e1dd26bfd75a00cb4e9e875a4ad7a02b3f16a3bd318a165b4693c059c85d0eb0",
)
N_VAL = 500
# As the answers write the classes, in the order of the codes.
ASKED = (
    "Airplane",
    "Automobile",
    "Bird",
    "Cat",
    "Deer",
    "Dog",
    "Frog",
    "Horse",
    "Ship",
    "Truck",
)


class CIFAR10S(Recipe):
    name = "cifar10S"

    def setfolders(self):
        archive = self.fetch(IMAGES, of="cifar10H")
        labelled = self.votes()
        with self.building(whole=True) as stage:
            self.unpack(archive, stage.work, want=lambda name: name.endswith("/test_batch"))
            images, labels = read_batch(stage.work / "cifar-10-batches-py" / "test_batch")
            absent = [task for task in labelled if task is None or not 0 <= task < len(labels)]
            if absent:
                raise DataError(f"{VOTES.name}: img_id {absent[0]} is not one of {len(labels)}")
            others = [key for key in range(len(labels)) if key not in labelled]
            splits = {"train": sorted(labelled), "val": others[:N_VAL], "test": others[N_VAL:]}
            for split, keys in splits.items():
                self.write_images(
                    stage.path / split, images[keys], labels[keys], CIFAR10_NAMES, keys
                )
            self.get_crowd_labels()

    def votes(self):
        """``{image: {worker: class}}``, the worker by name."""
        path = self.fetch(VOTES)
        try:
            table = pl.read_csv(path, infer_schema=False)
            table = table.filter(pl.col("task") == "spec_conf").select(
                "subject", "response", pl.col("img_id").cast(pl.Float64).cast(pl.Int64)
            )
        except pl.exceptions.PolarsError as error:
            why = str(error).partition("\n")[0]
            raise DataError(f"{path.name}: not the table that is known: {why}") from None
        votes = {}
        for worker, response, image in table.rows():
            try:
                chosen = ASKED.index(json.loads(response)["classSelect"].removeprefix("mostProb"))
            except (ValueError, KeyError, TypeError):
                raise DataError(
                    f"{path.name}: worker {worker}, image {image}: no most probable class"
                ) from None
            votes.setdefault(image, {}).setdefault(worker, chosen)
        return votes

    def get_crowd_labels(self):
        with self.building() as stage:
            votes = self.votes()
            workers = sorted({worker for row in votes.values() for worker in row})
            number = {worker: i for i, worker in enumerate(workers)}
            write_votes(
                stage.path / "answers.json",
                {task: {number[w]: y for w, y in row.items()} for task, row in votes.items()},
            )
            self.write_metadata(
                stage,
                name="cifar-10s",
                n_classes=len(CIFAR10_NAMES),
                n_workers=len(workers),
                n_task=len(votes),
                class_names=CIFAR10_NAMES,
            )
