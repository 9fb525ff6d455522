"""Answers of workers in Amazon SageMaker Ground Truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import orjson

from peerannot._options import option
from peerannot._text import few
from peerannot.errors import DataError
from peerannot.io._controls import choose
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, moment, text_id

__all__ = ["SageMaker"]

RESPONSES, REQUESTS = FOLDERS = "worker-response", "consolidation-request"
ALL = "annotationsFromAllWorkers"
OBJECTS = ("source-ref", "s3Uri", "source", "content")


class _Given(NamedTuple):
    """What a worker answered, all questions together."""

    task: str
    image: str | None
    worker: Any
    content: dict[str, Any]
    time: float | None
    place: str


@FORMATS.register("sagemaker", "ground-truth", "sagemaker-ground-truth")
@dataclass(frozen=True, kw_only=True)
class SageMaker(RowFormat):
    """Ground Truth's answers of single workers, in the three forms that have them.

    A folder of worker responses (``annotations/worker-response``: a file a task, in a folder
    named as the task), consolidation requests (``annotations`` with ``workerId``), or a manifest
    with ``annotationsFromAllWorkers``. The folder of a whole job is read from its worker
    responses. Output manifests hold consolidated labels and no workers; they are refused.

    Parameters
    ----------
    control
        Name of the element of the form (``crowd-image-classifier``), where there are several.
    """

    control: str | None = option(None, help="name of the element of the form")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape == "folder":
            first = next(iter(_files(source)), None)
            return cls.sniff(_single(first), given) if first is not None else NO
        return CERTAIN if _form_of(source) is not None else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        files = _files(source)
        if source.folder is not None and not files:
            raise DataError(f"{source.name}: no .json file in it")
        responses = next(
            (kept for form in FOLDERS if (kept := [f for f in files if form in f.parts])), files
        )
        by_folder = _named_by_folder(responses)
        given: list[_Given] = []
        tasks: dict[str, str | None] = {}
        for part in [_single(f) for f in responses] or [source]:
            given += _read(part, by_folder, tasks)
        for file in files if responses and RESPONSES in responses[0].parts else ():
            # Requests of the same job know the image of each task.
            if REQUESTS in file.parts:
                _read(_single(file), False, tasks)
        if _form_of(_single(responses[0]) if responses else source) == "response":
            yield Said("task", "folder of the file" if by_folder else "name of the file")
        control = self._control(source.name, given)
        if self.control is None and control:
            yield Said("label", control)
        for task, image in tasks.items():
            yield Skip("", task, image)
        for one in given:
            labels = labels_of(one.content.get(control)) or []
            worker = text_id(one.worker, one.place, "workerId")
            if len(labels) > 1:
                yield self.several(labels, one.place, one.task, one.image)
            else:
                label = labels[0] if labels else None
                yield Row(one.task, worker, label, one.place, one.time, image=one.image)

    def _control(self, where: str, given: list[_Given]) -> str:
        readable: dict[str, bool] = {}
        for one in given:
            for name, value in one.content.items():
                readable[name] = labels_of(value) is not None and readable.get(name, True)
        what = "element of the form with one label a task"
        return choose(where, self.control, readable, {}, what)


def labels_of(value: Any) -> list[str] | None:
    """Labels of an element of a form; None where it is of another kind, as boxes are."""
    if value is None or value == "":
        return []
    if isinstance(value, bool | str | int | float):
        return [str(value).lower() if isinstance(value, bool) else str(value)]
    if not isinstance(value, dict) or not value:
        return None
    if isinstance(value.get("label"), str) and len(value) == 1:
        return labels_of(value["label"])
    several = value.get("labels")
    if len(value) == 1 and isinstance(several, list) and all(isinstance(v, str) for v in several):
        return several
    if all(isinstance(ticked, bool) for ticked in value.values()):
        return [name for name, ticked in value.items() if ticked]
    return None


def _form(record: Mapping[str, Any]) -> str | None:
    """Which of the forms of Ground Truth a record has."""
    if isinstance(record.get("answers"), list) and _has_worker(record["answers"]):
        return "response"
    if "datasetObjectId" in record and isinstance(record.get("annotations"), list):
        return "request"
    held = [value for value in record.values() if isinstance(value, dict)]
    if any(ALL in value for value in held):
        return "manifest"
    outputs = any(str(key).endswith("-metadata") for key in record)
    return "output" if outputs and ({"source", "source-ref"} & record.keys()) else None


def _has_worker(answers: list[Any]) -> bool:
    return all(isinstance(a, dict) and {"workerId", "answerContent"} <= a.keys() for a in answers)


def _form_of(source: Source) -> str | None:
    return _form(source.first) if isinstance(source.first, dict) else None


def _read(source: Source, by_folder: bool, tasks: dict[str, str | None]) -> list[_Given]:
    """Answers of one file; ``tasks`` gathers its tasks and their images."""
    found = []
    for place, record in source.records():
        form = _form(record)
        if form == "response":
            path = PurePath(source.name)
            task, image = (path.parent.name if by_folder else path.stem), None
            entries, content = record["answers"], "answerContent"
        elif form == "request":
            task = text_id(record["datasetObjectId"], place, "datasetObjectId")
            image = _object(record.get("dataObject"))
            entries, content = record["annotations"], "annotationData"
        elif form == "manifest":
            image = _object(record)
            task = text_id(image, place, "source-ref")
            jobs = [k for k, v in record.items() if isinstance(v, dict) and ALL in v]
            if len(jobs) > 1:
                raise DataError(f"{place}: answers of several jobs ({few(jobs)}); give one a file")
            entries, content = record[jobs[0]][ALL], "annotationData"
        elif form == "output":
            raise DataError(
                f"{place}: an output manifest holds consolidated labels and does not say who"
                " answered; give the folder annotations/worker-response of the job"
            )
        else:
            raise DataError(f"{place}: neither answers nor annotations of workers")
        tasks[task] = tasks.get(task) or image
        if not isinstance(entries, list):
            raise DataError(f"{place}: annotations are not a list")
        for number, entry in enumerate(entries, 1):
            where = f"{place} answer {number}"
            if not isinstance(entry, dict):
                raise DataError(f"{where}: expected a JSON object")
            time = moment(entry.get("submissionTime"))
            held = _content(entry.get(content), where)
            found.append(_Given(task, image, entry.get("workerId"), held, time, where))
    return found


def _content(value: Any, place: str) -> dict[str, Any]:
    """What a form sent: an object, or JSON text inside ``content``."""
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        value = value["content"]
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{place}: the answer is not JSON ({error.msg})") from None
    if not isinstance(value, dict):
        raise DataError(f"{place}: the answer is not an object")
    return value


def _object(record: Any) -> str | None:
    """The object that was labelled: its address, or its text."""
    if not isinstance(record, dict):
        return None
    held = (record.get(key) for key in OBJECTS)
    return next((text for text in held if isinstance(text, str) and text), None)


def _named_by_folder(files: list[Path]) -> bool:
    """Whether the folder of a file names its task, as the job writes them: ``.../0/time.json``."""
    parents = {file.resolve().parent.name for file in files}
    return bool(parents) and all(map(str.isdecimal, parents)) and (
        len(parents) > 1 or len(files) == 1
    )  # fmt: skip


def _files(source: Source) -> list[Path]:
    if source.folder is None:
        return list(source.files)
    return sorted(p for p in source.folder.rglob("*.json") if p.name[0] != "." and p.is_file())


def _single(file: Path) -> Source:
    return Source(str(file), (file,))
