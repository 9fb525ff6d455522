"""NetEaseCrowd: which of three gestures is the odd one; six million answers to a million tasks.

H. Wang, J. Shi, X. Shen et al., "NetEaseCrowd: a dataset for long-term and online crowdsourcing
truth inference", 2024, CC BY-SA 4.0. There are no images. Of a repeated answer the last counts.
Tasks and workers keep their numbers; ``ground_truth.npy`` is in the order of the tasks.
"""

import numpy as np
import polars as pl

from peerannot.dataset import Recipe, Remote, write_votes
from peerannot.errors import DataError

TABLE = Remote(
    "annotation.parquet",
    "https://huggingface.co/datasets/liuhyuu/NetEaseCrowd/resolve/"
    "1eb8841e92f98776f728eef9de6734ccf5ed12c6/annotation.parquet",
)
COLUMNS = ("taskId", "workerId", "answer", "truth")
N_CLASSES = 3


class NetEaseCrowd(Recipe):
    name = "netease-crowd"

    def setfolders(self):
        self.fetch(TABLE)
        with self.building(whole=True):
            self.get_crowd_labels()

    def get_crowd_labels(self):
        path = self.fetch(TABLE)
        try:
            table = pl.read_parquet(path, columns=list(COLUMNS)).cast(pl.Int64)
        except pl.exceptions.PolarsError as error:
            why = str(error).partition("\n")[0]
            raise DataError(f"{path.name}: not the table that is known: {why}") from None
        for column in ("answer", "truth"):
            wrong = table[column].is_between(0, N_CLASSES - 1).not_() | table[column].is_null()
            if wrong.any():
                row = int(wrong.arg_true()[0])
                raise DataError(f"{path.name} row {row + 1}: {column} is not one of 0, 1, 2")
        with self.building() as stage:
            votes = {}
            for task, worker, answer, _ in table.iter_rows():
                votes.setdefault(task, {})[worker] = answer
            write_votes(stage.path / "answers.json", votes)
            truth = table.unique("taskId", keep="last").sort("taskId")["truth"].to_numpy()
            np.save(stage.path / "ground_truth.npy", truth)
            self.write_metadata(
                stage,
                name=self.name,
                n_classes=N_CLASSES,
                n_workers=table["workerId"].n_unique(),
                n_task=len(votes),
                licence="CC BY-SA 4.0",
            )
