"""Aggregated labels for other tools: Label Studio, Hugging Face, COCO, and folders by class."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl

from peerannot._file_set import MANIFEST, file_set
from peerannot._files import Document, atomic_table, write_json
from peerannot._names import FOLDERS, folder_names
from peerannot._options import option
from peerannot.errors import ParameterError
from peerannot.io._write import WRITERS, Export, Writer
from peerannot.io.formats.label_studio import result_of

__all__ = ["Coco", "HuggingFaceWriter", "ImageFolder", "LabelStudioWriter"]


# What a project is taken to call them where nothing tells.
_LABEL_STUDIO = {
    "control": "choice", "to_name": "image", "kind": "choices", "data_key": "image",
}  # fmt: skip


def _undecided(labels: np.ndarray[Any, np.dtype[np.int32]]) -> list[str]:
    n = int((labels < 0).sum())
    return [f"{n} undecided tasks have no label"] if n else []


@WRITERS.register("label-studio", "labelstudio")
@dataclass(frozen=True, kw_only=True)
class LabelStudioWriter(Writer):
    """Predictions for Label Studio, in the control that the answers came from.

    Importing tasks makes new ones. For predictions on the tasks that there are, use
    ``peerannot label-studio push``, or ``form=predictions`` and send the file to
    ``/api/projects/ID/import/predictions``.

    Parameters
    ----------
    control, to_name, kind
        Names of the control and of the object it speaks of, in the labelling config, and the kind
        of control. By default those that were imported, else ``choice``, ``image``, ``choices``.
    data_key
        Key of the image among a task's data.
    form
        ``tasks`` with predictions, or ``predictions`` on tasks by their number.
    """

    needs_labels: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    control: str | None = option(None, help="name of the control; default: that of the import")
    to_name: str | None = option(None, help="name of the object that the control speaks of")
    kind: Literal["choices", "taxonomy", "rating"] | None = option(None, help="kind of control")
    data_key: str | None = option(None, help="key of the image among a task's data")
    form: Literal["tasks", "predictions"] = option(
        "tasks", help="tasks with predictions, or predictions on tasks by number"
    )

    def write(self, job: Export, output: Path) -> list[str]:
        result = job.labelled()
        asked = {
            name: getattr(self, name) or job.question.get(name) or default
            for name, default in _LABEL_STUDIO.items()
        }
        key, how = asked.pop("data_key"), (asked["control"], asked["to_name"], asked["kind"])
        by_number = self.form == "predictions"
        rows: list[dict[str, Any]] = []
        for i, task in enumerate(job.answers.tasks):
            name, image, label = job.id_of(task), job.image_of(task), int(result.labels[i])
            number = int(name) if name.isdecimal() else name
            found = []
            if label >= 0:
                found.append(
                    {
                        "model_version": f"peerannot {result.strategy}",
                        "score": float(result.confidence[i]),
                        "result": [result_of(*how, job.answers.classes[label])],
                    }
                )
            if by_number:
                rows += [{"task": number, **prediction} for prediction in found]
            else:
                data = {} if image is None else {key: image}
                rows.append({"id": number, "data": data, "predictions": found})
        write_json(output, rows)
        return _undecided(result.labels)


@WRITERS.register("coco")
@dataclass(frozen=True, kw_only=True)
class Coco(Writer):
    """COCO-style JSON: images, categories, and one category for each decided image."""

    needs_labels: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def write(self, job: Export, output: Path) -> list[str]:
        result, answers = job.labelled(), job.answers
        images = [
            {"id": i, "file_name": job.image_of(task) or job.id_of(task), "task": job.id_of(task)}
            for i, task in enumerate(answers.tasks)
        ]
        decided = np.flatnonzero(result.labels >= 0).tolist()
        annotations = [
            {
                "id": n,
                "image_id": i,
                "category_id": int(result.labels[i]),
                "score": float(result.confidence[i]),
            }
            for n, i in enumerate(decided)
        ]
        write_json(
            output,
            {
                "info": {"description": job.name, "strategy": result.strategy},
                "images": images,
                "categories": [{"id": k, "name": c} for k, c in enumerate(answers.classes)],
                "annotations": annotations,
            },
        )
        return _undecided(result.labels)


@WRITERS.register("huggingface", "hf", "datasets")
@dataclass(frozen=True, kw_only=True)
class HuggingFaceWriter(Writer):
    """A Hugging Face data set: Parquet with ClassLabel names, and the card beside it.

    A row a task: ``id``, ``image`` (its name), ``label`` (-1 where undecided), ``confidence``,
    ``probabilities``, and the answers as parallel lists ``annotator_ids`` and ``annotations``.
    """

    needs_labels: ClassVar[bool] = True

    def write(self, job: Export, output: Path) -> list[str]:
        result, a = job.labelled(), job.answers
        bounds = a.task_ptr.tolist()
        workers, who, what = list(a.workers), a.worker.tolist(), a.label.tolist()
        spans = list(pairwise(bounds))
        frame = pl.DataFrame(
            {
                "id": [job.id_of(t) for t in a.tasks],
                "image": [job.image_of(t) for t in a.tasks],
                "label": result.labels.astype(np.int64).tolist(),
                "confidence": result.confidence.tolist(),
                "probabilities": result.dense_posterior().tolist(),
                "annotator_ids": [[workers[w] for w in who[s:e]] for s, e in spans],
                "annotations": [what[s:e] for s, e in spans],
            },
            schema={
                "id": pl.String,
                "image": pl.String,
                "label": pl.Int64,
                "confidence": pl.Float64,
                "probabilities": pl.List(pl.Float64),
                "annotator_ids": pl.List(pl.String),
                "annotations": pl.List(pl.Int64),
            },
        )
        names = {"names": list(a.classes), "_type": "ClassLabel"}
        text, number = ({"dtype": t, "_type": "Value"} for t in ("string", "float64"))
        features = {
            "id": text,
            "image": text,
            "label": names,
            "confidence": number,
            "probabilities": {"feature": number, "_type": "Sequence"},
            "annotator_ids": {"feature": text, "_type": "Sequence"},
            "annotations": {"feature": names, "_type": "Sequence"},
        }
        held = {"huggingface": json.dumps({"info": {"features": features}}, ensure_ascii=False)}
        table = "data/train-00000-of-00001.parquet"
        with file_set(output) as files:
            with atomic_table(files.at(table)) as handle:
                frame.write_parquet(handle, metadata=held)
            files.add("README.md", _card(job, result.strategy))
            files.manifest(MANIFEST, {"schema": "peerannot/export/1"}, [table, "README.md"])
        return _undecided(result.labels)


def _card(job: Export, strategy: str) -> str:
    a = job.answers
    # JSON texts are YAML texts too, so any class name is written safely.
    classes = "\n".join(
        f"            '{k}': {json.dumps(c, ensure_ascii=False)}" for k, c in enumerate(a.classes)
    )

    def listed(name: str, kind: str) -> str:
        return f"  - name: {name}\n    sequence: {kind}\n"

    def plain(name: str, kind: str) -> str:
        return f"  - name: {name}\n    dtype: {kind}\n"

    return (
        "---\ndataset_info:\n  features:\n"
        + plain("id", "string")
        + plain("image", "string")
        + f"  - name: label\n    dtype:\n      class_label:\n          names:\n{classes}\n"
        + plain("confidence", "float64")
        + listed("probabilities", "float64")
        + listed("annotator_ids", "string")
        + "  - name: annotations\n    sequence:\n      class_label:\n          names:\n"
        + f"{classes}\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n\n"
        f"# {job.name}\n\n"
        f"{a.n_answers} answers of {a.n_workers} people to {a.n_tasks} tasks, {a.n_classes}"
        f" classes. `label` and `probabilities` are aggregated by peerannot ({strategy}); -1 is"
        " undecided.\n"
    )


@WRITERS.register("imagefolder", "image-folder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder(Writer):
    """``<output>/<class>/<image>``, by aggregated label, as torchvision reads it.

    Where a class cannot name a folder, or two would share one, ``classes.json`` has the class of
    each folder; ``install`` reads it back.

    Parameters
    ----------
    link
        Link the images instead of copying them.
    """

    needs_labels: ClassVar[bool] = True

    link: bool = option(False, help="link images instead of copying them")

    def write(self, job: Export, output: Path) -> list[str]:
        result = job.labelled()
        if not job.files:
            raise ParameterError("imagefolder needs a dataset folder with images in train/")
        lost = 0
        written: list[str] = []
        folder_of = folder_names(job.answers.classes)
        with file_set(output) as files:
            for folder in folder_of.values():
                files.folder(folder)
            if any(name != folder for name, folder in folder_of.items()):
                files.add(FOLDERS, Document({f: name for name, f in folder_of.items()}))
                written.append(FOLDERS)
            for i, task in enumerate(job.answers.tasks):
                label, file = int(result.labels[i]), job.files.get(task)
                if file is None:
                    lost += 1
                if file is None or label < 0:
                    continue
                written.append(f"{folder_of[job.answers.classes[label]]}/{file.name}")
                files.place(file, written[-1], link=self.link)
            files.manifest(MANIFEST, {"schema": "peerannot/export/1"}, written)
        notes = [f"{lost} tasks without an image left out"] if lost else []
        return [*notes, *_undecided(result.labels)]
