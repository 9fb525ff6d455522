"""Prodigy: the JSONL of ``db-out``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, Skip, WorkerFormat, moment, text_id

__all__ = ["Prodigy"]


@FORMATS.register("prodigy")
@dataclass(frozen=True, kw_only=True)
class Prodigy(WorkerFormat):
    """Prodigy's annotations: the choice view and the binary view.

    The task is ``_input_hash`` (the same image, whatever was asked), the worker
    ``_annotator_id``, else ``_session_id``, else ``worker``. In the choice view the label is
    the option accepted; in the binary view it is the label shown, or ``not <label>`` where it
    was rejected. ``ignore`` is no answer. Of several answers of a worker, the latest counts.
    """

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        first = source.first
        return (
            CERTAIN if isinstance(first, dict) and {"_input_hash", "answer"} <= set(first) else NO
        )

    def rows(self, source: Source) -> Iterator[Row | Skip]:
        for place, record in source.records():
            task = text_id(record.get("_input_hash"), place, "_input_hash")
            held = record.get("image")
            file = isinstance(held, str) and held != "" and not held.startswith("data:")
            yield self._answer(record, task, held if file else None, place)

    def _answer(
        self, record: Mapping[str, Any], task: str, image: str | None, place: str
    ) -> Row | Skip:
        verdict = record.get("answer")
        if verdict not in ("accept", "reject", "ignore"):
            raise DataError(f"{place}: answer is {verdict!r}, expected accept, reject or ignore")
        if verdict == "ignore":
            return Skip("ignored by the worker", task, image)
        accepted = record.get("accept")
        if isinstance(accepted, list) or "options" in record:
            if verdict == "reject" or not accepted:
                return Skip("no option accepted", task, image)
            if not isinstance(accepted, list):
                raise DataError(f"{place}: accept is not a list")
            labels = [text_id(option, place, "option") for option in accepted]
            if len(labels) > 1:
                return self.several(labels, place, task, image)
            label = labels[0]
        else:
            label = text_id(record.get("label"), place, "label")
            label = label if verdict == "accept" else f"not {label}"
        who = next(
            (record[k] for k in ("_annotator_id", "_session_id") if record.get(k) is not None),
            self.worker,
        )
        if who is None:
            raise DataError(f"{place}: neither _annotator_id nor _session_id; give --worker")
        time = moment(record.get("_timestamp"))
        return Row(task, text_id(who, place, "worker"), label, place, time, image=image)
