"""Bird audio: whether a bird is heard in a recording, answered by 205 people. There are no images.

https://zenodo.org/records/7030863

Put the folder ``bird_sound_training_data`` beside this file, or let the recipe download its
archive. Tasks are numbered from 0 in the order of ``candidate_id``, workers from 1 in the order of
``user_id``. ``truth.txt`` has a line a task: the label by users of activity level 4, else -1.
"""

from peerannot.answers import Ids
from peerannot.dataset import Recipe, Remote, write_votes
from peerannot.errors import DataError

FOLDER = "bird_sound_training_data"
ARCHIVE = Remote(f"{FOLDER}.zip", f"https://zenodo.org/records/7030863/files/{FOLDER}.zip")
ANNOTATIONS = "letters/annotations.tsv"
USERS = "users.tsv"
EXPERT = 4


def numbered(ids, start):
    return {key: n for n, key in enumerate(Ids.sorted(ids), start)}


class BirdsAudio(Recipe):
    name = "bird_audio"

    def setfolders(self):
        self.get_crowd_labels()

    def source(self, stage):
        beside = self.DIR / FOLDER
        if beside.is_dir():
            return beside
        wanted = (f"{FOLDER}/{ANNOTATIONS}", f"{FOLDER}/{USERS}")
        self.unpack(self.fetch(ARCHIVE), stage.work, want=wanted.__contains__)
        return stage.work / FOLDER

    def get_crowd_labels(self):
        with self.building(whole=True) as stage:
            source = self.source(stage)
            answers = self.read_table(
                source / ANNOTATIONS,
                {"candidate_id": str, "user_id": str, "annotation": int},
                separator="\t",
            )
            levels = {"user_id": str, "birdwatching_activity_level": float}
            users = self.read_table(source / USERS, levels, separator="\t")
            tasks = numbered(answers["candidate_id"], 0)
            workers = numbered([*users["user_id"], *answers["user_id"]], 1)
            experts = {user for user, level in users.rows() if level == EXPERT}
            votes = {task: {} for task in tasks.values()}
            truth = [-1] * len(tasks)
            for line, (task, user, label) in enumerate(answers.rows(), 2):
                if label not in (0, 1):
                    raise DataError(f"{ANNOTATIONS} line {line}: annotation {label} is not 0 or 1")
                votes[tasks[task]][workers[user]] = label
                if user in experts:
                    truth[tasks[task]] = label
            write_votes(stage.path / "answers.json", votes)
            (stage.path / "truth.txt").write_text("".join(f"{label}\n" for label in truth))
            self.write_metadata(
                stage,
                name="BirdAudio",
                n_classes=2,
                n_workers=len(workers) + 1,
                n_task=len(votes),
                url="https://zenodo.org/records/7030863",
            )
