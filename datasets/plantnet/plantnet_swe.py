"""Pl@ntNet-CrowdSWE: species of plants in South-Western Europe, named by users of Pl@ntNet.

T. Lefort, A. Affouard, B. Charlier, J.-C. Lombardo, M. Chouet, H. Goeau, J. Salmon, P. Bonnet,
A. Joly, "Cooperative learning of Pl@ntNet's artificial intelligence algorithm", 2024. 6.7 million
observations, 800,000 users, 11,000 species; there are no images. Classes have names where the
archive numbers them without gaps.
"""

import shutil

import orjson

from peerannot.dataset import Recipe, Remote
from peerannot.errors import DataError

ARCHIVE = Remote("plantnet_swe.zip", "https://zenodo.org/records/10782465/files/plantnet_swe.zip")


def wanted(name):
    """The answers of people (those of the model are in ``ai_answers.json``), and the species."""
    return name.rpartition("/")[2] in ("answers.json", "classes.json")


def species(path):
    """Names of the classes in order, from ``{name: number}`` or ``{number: name}``; or None."""
    found = orjson.loads(path.read_bytes())
    if not isinstance(found, dict):
        return None
    if all(isinstance(value, str) for value in found.values()):
        found = {value: key for key, value in found.items()}
    numbers = {str(number): name for name, number in found.items()}
    if len(numbers) != len(found) or set(numbers) != set(map(str, range(len(found)))):
        return None
    return [numbers[str(k)] for k in range(len(numbers))]


class PlantNetSWE(Recipe):
    name = "plantnet-crowdswe"

    def setfolders(self):
        self.fetch(ARCHIVE)
        with self.building(whole=True):
            self.get_crowd_labels()

    def get_crowd_labels(self):
        with self.building() as stage:
            found = {p.name: p for p in self.unpack(self.fetch(ARCHIVE), stage.work, want=wanted)}
            path = found.get("answers.json")
            try:
                votes = orjson.loads(path.read_bytes())
                workers = {worker for row in votes.values() for worker in row}
                labels = {int(label) for row in votes.values() for label in row.values()}
            except (AttributeError, TypeError, ValueError):
                raise DataError(
                    f"{ARCHIVE.name}: no answers.json of task, worker and label in it"
                ) from None
            names = species(found["classes.json"]) if "classes.json" in found else None
            n_classes = max(labels, default=-1) + 1
            facts = {"name": self.name, "n_classes": n_classes}
            if names is not None and len(names) >= n_classes:
                facts |= {"n_classes": len(names), "class_names": names}
            else:
                self.say("the species have no names here: classes are numbers")
            shutil.move(path, stage.path / "answers.json")
            self.write_metadata(stage, **facts, n_workers=len(workers), n_task=len(votes))
