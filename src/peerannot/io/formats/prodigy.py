"""Prodigy: the JSONL of ``db-out``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, Said, Skip, WorkerFormat, moment, text_id

__all__ = ["Prodigy"]


WORKERS = ("_annotator_id", "_session_id")


@FORMATS.register("prodigy")
@dataclass(frozen=True, kw_only=True)
class Prodigy(WorkerFormat):
    """Prodigy's annotations: the choice view and the binary view.

    The task is ``_input_hash`` (the same image, whatever was asked), the worker
    ``_annotator_id``, else ``_session_id``, else ``worker``. In the choice view the label is
    the option accepted; in the binary view it is the label shown, or ``not <label>`` where it
    was rejected. ``ignore``, and no option accepted, are abstentions. Of several answers of a
    worker, the latest counts.
    """

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        first = source.first
        return (
            CERTAIN if isinstance(first, dict) and {"_input_hash", "answer"} <= set(first) else NO
        )

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        for place, record in source.records():
            task = text_id(record.get("_input_hash"), place, "_input_hash")
            held = record.get("image")
            file = isinstance(held, str) and held != "" and not held.startswith("data:")
            who = next((k for k in WORKERS if record.get(k) is not None), None)
            if who is not None:
                yield Said("worker", who)
            yield self._answer(record, task, held if file else None, place, who)

    def _answer(
        self, record: Mapping[str, Any], task: str, image: str | None, place: str, who: str | None
    ) -> Row | Skip:
        label: str | None
        verdict = record.get("answer")
        if verdict not in ("accept", "reject", "ignore"):
            raise DataError(f"{place}: answer is {verdict!r}, expected accept, reject or ignore")
        accepted = record.get("accept")
        choice = isinstance(accepted, list) or "options" in record
        if verdict == "ignore" or (choice and (verdict == "reject" or not accepted)):
            label = None
        elif choice:
            if not isinstance(accepted, list):
                raise DataError(f"{place}: accept is not a list")
            labels = [text_id(option, place, "option") for option in accepted]
            if len(labels) > 1:
                return self.several(labels, place, task, image)
            label = labels[0]
        else:
            label = text_id(record.get("label"), place, "label")
            label = label if verdict == "accept" else f"not {label}"
        worker = self.worker if who is None else record[who]
        if worker is None and label is None:
            return Skip("ignored by the worker", task, image)
        if worker is None:
            raise DataError(f"{place}: neither {' nor '.join(WORKERS)}; give --worker")
        time = moment(record.get("_timestamp"))
        return Row(task, text_id(worker, place, "worker"), label, place, time, image=image)
