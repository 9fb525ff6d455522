"""LabelMe: photographs of eight kinds of scenes; 1,000 of them labelled by 59 people.

F. Rodrigues, F. Pereira, "Deep learning from crowds", AAAI 2018.

The key of an image is its place among those of its split, in the order of class folder and file
name. Labels are numbered in the alphabetical order of the classes.
"""

from peerannot.dataset import Recipe, Remote, write_votes
from peerannot.errors import DataError

ARCHIVE = Remote("deep_LabelMe.tar.gz", "http://fprodrigues.com/deep_LabelMe.tar.gz")
# The votes number the classes in an order of their own.
LABELS = {0: 2, 1: 3, 2: 7, 3: 6, 4: 1, 5: 0, 6: 4, 7: 5}
NAMES = (
    "coast",
    "forest",
    "highway",
    "insidecity",
    "mountain",
    "opencountry",
    "street",
    "tallbuilding",
)
N_WORKERS = 77


class LabelMe(Recipe):
    name = "labelme"

    def setfolders(self):
        archive = self.fetch(ARCHIVE)
        with self.building(whole=True) as stage:
            source = self.extract(archive, stage)
            for split, folder in (("train", "train"), ("val", "valid"), ("test", "test")):
                for key, image in enumerate(self.images(source / folder)):
                    self.copy(
                        image,
                        stage.path
                        / split
                        / image.parent.name
                        / f"{image.stem}-{key}{image.suffix}",
                    )
            self.get_crowd_labels()

    def extract(self, archive, stage):
        """The folder of the archive, without the features that somebody prepared."""
        source = stage.work / "LabelMe"
        if not source.exists():
            self.unpack(archive, stage.work, want=lambda name: "/prepared/" not in name)
        return source

    def images(self, folder):
        found = sorted(
            (p for p in folder.glob("*/[!.]*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")),
            key=lambda p: (p.parent.name, p.name),
        )
        if not found:
            raise DataError(f"{ARCHIVE.name}: no image in LabelMe/{folder.name}")
        return found

    def get_crowd_labels(self):
        """Row r of answers.txt is about the image in line r of filenames_train.txt."""
        archive = self.fetch(ARCHIVE)
        with self.building() as stage:
            source = self.extract(archive, stage)
            key_of = {p.name: key for key, p in enumerate(self.images(source / "train"))}
            listed = (source / "filenames_train.txt").read_text().split()
            rows = (source / "answers.txt").read_text().splitlines()
            rows = [row.split() for row in rows if row.strip()]
            if len(rows) != len(listed):
                raise DataError(
                    f"{ARCHIVE.name}: answers.txt has {len(rows)} rows,"
                    f" filenames_train.txt {len(listed)}"
                )
            votes = {key: {} for key in key_of.values()}
            for name, row in zip(listed, rows, strict=True):
                if name not in key_of:
                    raise DataError(f"{ARCHIVE.name}: train image {name!r} is missing")
                answered = {w: int(float(x)) for w, x in enumerate(row) if float(x) != -1}
                votes[key_of[name]] = {w: LABELS[x] for w, x in answered.items()}
            write_votes(stage.path / "answers.json", votes)
            self.write_metadata(
                stage,
                name="labelme",
                n_classes=len(NAMES),
                n_workers=N_WORKERS,
                n_task=len(votes),
                class_names=NAMES,
            )
