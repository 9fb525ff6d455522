"""dopanim: 15,750 photographs of animals that look alike, 10,500 of them labelled by 20 people.

M. Herde, D. Huseljic, L. Rauch, B. Sick, "dopanim: a dataset of doppelganger animals with noisy
annotations from multiple humans", NeurIPS 2024. People gave likelihoods; the vote is the class
with the largest (of tied ones the first in order), the last of a repeated answer counts, and
answers without any likelihood are left out.

The splits are those of the source; the key of an image is its observation. Workers are numbered in
the order of their names.
"""

import orjson

from peerannot.dataset import Recipe, Remote, write_votes
from peerannot.errors import DataError

_FILES = "https://zenodo.org/records/11479590/files"
TASKS = Remote("task_data.json", f"{_FILES}/task_data.json?download=1")
ANSWERS = Remote("annotation_data.json", f"{_FILES}/annotation_data.json?download=1")
IMAGES = {
    split: Remote(f"{theirs}.zip", f"{_FILES}/{theirs}.zip?download=1")
    for split, theirs in (("train", "train"), ("val", "valid"), ("test", "test"))
}
SPLITS = {"train": "train", "valid": "val", "test": "test"}
NAMES = (
    "German Yellowjacket",
    "European Paper Wasp",
    "Yellow-legged Hornet",
    "European Hornet",
    "Brown Hare",
    "Black-tailed Jackrabbit",
    "Marsh Rabbit",
    "Desert Cottontail",
    "European Rabbit",
    "Eurasian Red Squirrel",
    "American Red Squirrel",
    "Douglas' Squirrel",
    "Cheetah",
    "Jaguar",
    "Leopard",
)


class Dopanim(Recipe):
    name = "dopanim"

    def setfolders(self):
        archives = {split: self.fetch(remote) for split, remote in IMAGES.items()}
        tasks = self.tasks()
        with self.building(whole=True) as stage:
            for split, archive in archives.items():
                found = {
                    path.stem: path
                    for path in self.unpack(archive, stage.work / split)
                    if path.suffix.lower() in (".jpeg", ".jpg", ".png")
                }
                for key, (where, name) in tasks.items():
                    if where != split:
                        continue
                    if key not in found:
                        raise DataError(f"{archive.name}: no image of observation {key}")
                    suffix = found[key].suffix
                    self.copy(found[key], stage.path / split / name / f"{name}-{key}{suffix}")
            self.get_crowd_labels()

    def records(self, remote):
        path = self.fetch(remote)
        try:
            found = orjson.loads(path.read_bytes())
        except ValueError as error:
            raise DataError(f"{path.name}: not JSON: {error}") from None
        if not isinstance(found, dict) or not all(isinstance(r, dict) for r in found.values()):
            raise DataError(f"{path.name}: expected records by their id")
        return found

    def tasks(self):
        """Split and class of each observation."""
        out = {}
        for key, record in self.records(TASKS).items():
            split, name = SPLITS.get(record.get("split")), record.get("taxon_name")
            if split is None or name not in NAMES:
                raise DataError(f"{TASKS.name}: observation {key}: no known split and taxon_name")
            out[key] = (split, name)
        return out

    def get_crowd_labels(self):
        with self.building() as stage:
            train = {key for key, (split, _) in self.tasks().items() if split == "train"}
            votes = {key: {} for key in train}
            silent = 0
            for number, record in self.records(ANSWERS).items():
                try:
                    key, worker = str(record["observation_id"]), record["annotator_id"]
                    likely = {name: float(v) for name, v in record["likelihoods"].items()}
                    row = [likely.pop(name, 0.0) for name in NAMES]
                except (KeyError, TypeError, ValueError, AttributeError):
                    raise DataError(f"{ANSWERS.name}: record {number}: not an answer") from None
                if likely or key not in votes:
                    raise DataError(
                        f"{ANSWERS.name}: record {number}: unknown class or observation"
                    )
                if max(row) <= 0:
                    silent += 1
                else:
                    votes[key][worker] = row.index(max(row))
            if silent:
                self.say(f"{silent} answers name no class: left out")
            workers = sorted({worker for row in votes.values() for worker in row})
            number = {worker: i for i, worker in enumerate(workers)}
            write_votes(
                stage.path / "answers.json",
                {task: {number[w]: y for w, y in row.items()} for task, row in votes.items()},
            )
            self.write_metadata(
                stage,
                name=self.name,
                n_classes=len(NAMES),
                n_workers=len(workers),
                n_task=len(votes),
                class_names=NAMES,
            )
