"""Label Studio's full JSON export: tasks with their annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from peerannot._options import option
from peerannot.errors import DataError
from peerannot.io._controls import choose
from peerannot.io._source import Source
from peerannot.io.base import (
    CERTAIN,
    FORMATS,
    NO,
    Asked,
    Row,
    RowFormat,
    Said,
    Skip,
    moment,
    text_id,
)

__all__ = [
    "CONTROLS", "LabelStudio", "image_of", "person", "pick_image", "result_of", "values_of",
]  # fmt: skip

CONTROLS = ("choices", "taxonomy", "rating")  # kinds of control that give a task one label
WHAT = ", ".join(CONTROLS)
CANCELLED = "cancelled or skipped by the worker"
IMAGES = ("image", "img", "image_url", "url")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@FORMATS.register("label-studio", "labelstudio", "label-studio-json")
@dataclass(frozen=True, kw_only=True)
class LabelStudio(RowFormat):
    """Label Studio's JSON export: a list of tasks, each with its annotations.

    Labels are those of a Choices, a Taxonomy (``Animal/Dog``) or a Rating control; other
    controls are passed over. ``completed_by`` is the worker, a number or an object. A cancelled
    annotation, or one without a label, is an abstention; drafts and predictions are no answers;
    ``ground_truth`` annotations are gold. Exports of old versions (``completions``,
    ``skipped``) are read too.

    Parameters
    ----------
    control
        Name of the control, where the project has several.
    """

    control: str | None = option(None, help="name of the control")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        first = source.first
        if not isinstance(first, dict):
            return NO
        return CERTAIN if isinstance(_annotations(first), list) and "data" in first else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said | Asked]:
        control, asked = _control(source, self.control)
        if self.control is None and control:
            yield Said("label", control)
        if asked:
            yield Asked(asked)
        for place, entry in source.records():
            task = text_id(entry.get("id"), place, "id of the task")
            key, image = pick_image(entry.get("data"))
            if key is not None:
                yield Said("image", key)
                if asked and "data_key" not in asked:
                    asked["data_key"] = key
                    yield Asked(asked)
            annotations = _annotations(entry)
            if not isinstance(annotations, list):
                raise DataError(f"{place}: a task without a list of annotations")
            if not annotations:
                yield Skip("", task, image)
            for number, annotation in enumerate(annotations, 1):
                where = f"{place} annotation {number}"
                if not isinstance(annotation, dict):
                    raise DataError(f"{where}: expected a JSON object")
                yield self._answer(annotation, task, image, control, where)

    def _answer(
        self, annotation: dict[str, Any], task: str, image: str | None, control: str, where: str
    ) -> Row | Skip:
        cancelled = bool(annotation.get("was_cancelled") or annotation.get("skipped"))
        if annotation.get("draft") is True:
            return Skip("a draft", task, image)
        labels = [
            label
            for name, kind, item in _results(annotation, where)
            if name == control and kind in CONTROLS and not cancelled
            for label in values_of(item.get("value"), where)
        ]
        if len(labels) > 1:
            return self.several(labels, where, task, image)
        gold = bool(annotation.get("ground_truth"))
        who = annotation.get("completed_by")
        if not labels and (gold or who is None):
            return Skip(CANCELLED if cancelled else "no choice made", task, image)
        worker = "" if gold else person(who, where)
        time = moment(annotation.get("created_at"))
        return Row(task, worker, labels[0] if labels else None, where, time, gold, image)


def _annotations(entry: dict[str, Any]) -> Any:
    return entry.get("annotations", entry.get("completions"))


def _results(annotation: dict[str, Any], where: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every result of an annotation, with the name and the kind of its control."""
    results = annotation.get("result") or []
    if not isinstance(results, list):
        raise DataError(f"{where}: result is not a list")
    for item in results:
        if isinstance(item, dict) and "type" in item:
            yield str(item.get("from_name")), str(item["type"]).lower(), item


def values_of(value: Any, where: str) -> list[str]:
    """Labels that the value of a control holds: choices, paths of a taxonomy, or a rating.

    Raises
    ------
    DataError
        It holds none of them, or something else in their place.
    """
    if not isinstance(value, dict):
        raise DataError(f"{where}: the value of a control is not an object")
    if "rating" in value:
        return [text_id(value["rating"], where, "rating")]
    for kind in ("choices", "taxonomy"):
        held = value.get(kind)
        if isinstance(held, list):
            return [_path(entry, where, kind) for entry in held]
    raise DataError(f"{where}: a result without its {', '.join(CONTROLS[:-1])} or {CONTROLS[-1]}")


def result_of(control: str, to_name: str, kind: str, label: str) -> dict[str, Any]:
    """A label as a prediction or an annotation holds it: what `values_of` reads."""
    value: Any
    if kind == "rating":
        value = int(label) if label.isdecimal() else float(label)
    else:
        value = [label.split("/")] if kind == "taxonomy" else [label]
    return {"from_name": control, "to_name": to_name, "type": kind, "value": {kind: value}}


def _path(entry: Any, where: str, kind: str) -> str:
    if kind == "taxonomy" and isinstance(entry, list) and entry:
        return "/".join(text_id(part, where, kind) for part in entry)
    return text_id(entry, where, kind)


def _control(source: Source, named: str | None) -> tuple[str, dict[str, str]]:
    """The control to read, the one named, else the only one that gives a task one label; and what
    a prediction in it has to say."""
    found: dict[str, str] = {}
    objects: dict[str, str] = {}
    for place, entry in source.records():
        annotations = _annotations(entry)
        for annotation in annotations if isinstance(annotations, list) else []:
            if isinstance(annotation, dict):
                for name, kind, item in _results(annotation, place):
                    found[name] = kind
                    objects[name] = str(item.get("to_name"))
    readable = {name: kind in CONTROLS for name, kind in found.items()}
    kinds = {name: f"{kind} {name!r}" for name, kind in found.items()}
    name = choose(source.name, named, readable, kinds, f"control of one label a task ({WHAT})")
    if name not in found:
        return name, {}
    return name, {"control": name, "to_name": objects[name], "kind": found[name]}


def person(value: Any, place: str) -> str:
    """Who answered: an id or an e-mail, or an object that holds them."""
    if isinstance(value, dict):
        value = value.get("id", value.get("email"))
    return text_id(value, place, "annotator")


def pick_image(data: Any) -> tuple[str | None, str | None]:
    """Key and file of the image among a task's data: ``image``, else the first that looks so."""
    if not isinstance(data, dict):
        return None, None
    texts = {str(k): v for k, v in data.items() if isinstance(v, str) and v}
    keys = [key for key in IMAGES if key in texts]
    keys += [key for key, text in texts.items() if text.lower().endswith(ENDINGS)]
    return (keys[0], texts[keys[0]]) if keys else (None, None)


def image_of(data: Any) -> str | None:
    """File of the image among a task's data, see `pick_image`."""
    return pick_image(data)[1]
