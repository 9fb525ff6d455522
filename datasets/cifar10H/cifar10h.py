"""CIFAR-10H: the 10,000 test images of CIFAR-10, each labelled by about 51 people.

J. C. Peterson, R. M. Battleday, T. L. Griffiths, O. Russakovsky, "Human uncertainty makes
classification more robust", ICCV 2019. The votes are under CC BY-NC-SA 4.0.

The test images of CIFAR-10 are split into train (0..9499) and val (9500..9999); its 50,000 train
images are the test set. Files are called ``<class>/<class>-<index>.png``.
"""

from peerannot.dataset import CIFAR10_NAMES, Recipe, Remote, read_batch, write_votes

IMAGES = Remote(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
VOTES = Remote(
    "cifar10h-raw.zip",
    "https://github.com/jcpeterson/cifar-10h/blob/master/data/cifar10h-raw.zip?raw=true",
)
N_TRAIN = 9500


class CIFAR10H(Recipe):
    name = "cifar10H"

    def setfolders(self):
        archive = self.fetch(IMAGES)
        self.fetch(VOTES)
        with self.building(whole=True) as stage:
            self.unpack(archive, stage.work, want=lambda name: "_batch" in name)
            batches = stage.work / "cifar-10-batches-py"
            images, labels = read_batch(batches / "test_batch")
            for split, part in (("train", slice(0, N_TRAIN)), ("val", slice(N_TRAIN, None))):
                keys = range(len(labels))[part]
                self.write_images(
                    stage.path / split, images[part], labels[part], CIFAR10_NAMES, keys
                )
            start = 0
            for number in range(1, 6):
                images, labels = read_batch(batches / f"data_batch_{number}")
                keys = range(start, start + len(labels))
                self.write_images(stage.path / "test", images, labels, CIFAR10_NAMES, keys)
                start += len(labels)
            self.get_crowd_labels()

    def get_crowd_labels(self):
        """Votes without the attention checks; of a repeated vote the first counts."""
        archive = self.fetch(VOTES)
        with self.building() as stage:
            self.unpack(archive, stage.work, want="cifar10h-raw.csv".__eq__)
            columns = ("annotator_id", "is_attn_check", "cifar10_test_test_idx", "chosen_label")
            table = self.read_table(stage.work / "cifar10h-raw.csv", dict.fromkeys(columns, int))
            votes = {}
            for worker, check, task, label in table.rows():
                if not check:
                    votes.setdefault(task, {}).setdefault(worker, label)
            train = {task: row for task, row in votes.items() if task < N_TRAIN}
            write_votes(stage.path / "answers.json", train)
            write_votes(
                stage.path / "answers_valid.json",
                {task: row for task, row in votes.items() if task >= N_TRAIN},
            )
            self.write_metadata(
                stage,
                name="cifar-10h",
                n_classes=len(CIFAR10_NAMES),
                n_workers=int(table["annotator_id"].max()) + 1,
                n_task=len(train),
                class_names=CIFAR10_NAMES,
            )
