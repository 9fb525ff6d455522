"""Music: spectrograms of songs of ten genres; 700 of them labelled by 44 people.

F. Rodrigues, F. Pereira, B. Ribeiro, "Learning from multiple annotators: distinguishing good from
random labelers", Pattern Recognition Letters 34(12), 2013. The images are those of GTZAN.

Train and test are those of the source; val is a copy of test, as it has no other. The key of an
image is its row in the table of its split.
"""

from peerannot.dataset import Recipe, Remote, write_votes
from peerannot.errors import DataError

ARCHIVE = Remote("mturk-datasets.tar.gz", "http://fprodrigues.com/mturk-datasets.tar.gz")
IMAGES = "kaggle_dataset.zip"
SOURCE = (
    "https://www.kaggle.com/datasets/andradaolteanu/gtzan-dataset-music-genre-classification"
    " (you need an account)"
)
TABLES = "music_genre_classification"
NAMES = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
# Its sound file is damaged at the source, so there is no image of it.
ABSENT = "jazz00054"


def stem_of(song):
    """``blues.00012.mp3`` is the song of ``blues00012.png``."""
    return song.replace(".", "", 1).removesuffix(".mp3")


class Music(Recipe):
    name = "music"

    def setfolders(self):
        images = self.by_hand(IMAGES, SOURCE)
        archive = self.fetch(ARCHIVE)
        with self.building(whole=True) as stage:
            self.unpack(
                images, stage.work, want=lambda n: "images_original/" in n and n.endswith(".png")
            )
            for table, splits in (("gold", ("train",)), ("test", ("test", "val"))):
                for key, stem, genre in self.songs(archive, stage, table):
                    if stem == ABSENT and table == "test":
                        continue
                    for split in splits:
                        self.copy(
                            stage.work / "Data" / "images_original" / genre / f"{stem}.png",
                            stage.path / split / genre / f"{stem}-{key}.png",
                        )
            self.get_crowd_labels()

    def table(self, archive, stage, file, columns):
        folder = stage.work / TABLES
        if not folder.exists():
            self.unpack(archive, stage.work, want=lambda n: TABLES in n and n.endswith(".csv"))
        return self.read_table(folder / file, columns)

    def songs(self, archive, stage, table):
        """Row, file stem and genre of the songs of a split."""
        columns = {"id": str, "class": str}
        rows = self.table(archive, stage, f"music_genre_{table}.csv", columns).rows()
        for key, (song, genre) in enumerate(rows):
            if genre not in NAMES:
                raise DataError(f"music_genre_{table}.csv line {key + 2}: no genre {genre!r}")
            yield key, stem_of(song), genre

    def get_crowd_labels(self):
        """Workers are numbered as they appear; of a repeated vote the last counts."""
        archive = self.fetch(ARCHIVE)
        with self.building() as stage:
            key_of = {stem: key for key, stem, _ in self.songs(archive, stage, "gold")}
            columns = dict.fromkeys(("WorkerID", "Input.song", "Answer.pred_label"), str)
            votes = {key: {} for key in key_of.values()}
            workers = {}
            others = 0
            for worker, song, genre in self.table(
                archive, stage, "mturk_answers.csv", columns
            ).rows():
                if genre not in NAMES:
                    raise DataError(f"mturk_answers.csv: no genre {genre!r} (worker {worker})")
                number = workers.setdefault(worker, len(workers))
                key = key_of.get(stem_of(song))
                if key is None:
                    others += 1
                else:
                    votes[key][number] = NAMES.index(genre)
            if others:
                self.say(f"{others} votes are about songs that are not in train: left out")
            write_votes(stage.path / "answers.json", votes)
            self.write_metadata(
                stage,
                name="music",
                n_classes=len(NAMES),
                n_workers=len(workers),
                n_task=len(votes),
                class_names=NAMES,
            )
