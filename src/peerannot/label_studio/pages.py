"""Tasks of a project, page by page, in the order of their ids."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from peerannot.errors import ServerError
from peerannot.label_studio.client import Client

__all__ = ["Totals", "task_pages", "totals"]

_PAGE = 500
_MOST_IDS = 200  # asked for by number in one address


@dataclass(frozen=True)
class Totals:
    """How much a project holds: tasks, and annotations that are not cancelled."""

    tasks: int
    annotations: int


def totals(client: Client, project: int) -> Totals:
    """What the project holds now."""
    page = _page(client, project, 1, (), full=False)
    return Totals(int(page["total"]), int(page["total_annotations"]))


def task_pages(
    client: Client,
    project: int,
    *,
    since: datetime | None = None,
    ids: Sequence[int] | None = None,
    full: bool = True,
) -> Iterator[list[dict[str, Any]]]:
    """Tasks of a project, with annotations and predictions where ``full``.

    Each page begins behind the last id of the one before, so that tasks that come or go
    meanwhile make none appear twice or be left out.

    Parameters
    ----------
    since
        Only tasks that were touched then or later.
    ids
        Only these.
    """
    if ids is not None:
        for start in range(0, len(ids), _MOST_IDS):
            some = [*ids[start : start + _MOST_IDS]]
            only = _filter("id", "in_list", some, "List")
            yield _page(client, project, len(some), (only,), full=full)["tasks"]
        return
    touched = []
    if since is not None:
        # The server reads no other form.
        then = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        touched = [_filter("updated_at", "greater_or_equal", then, "Datetime")]
    last = 0
    while True:
        behind = _filter("id", "greater", last, "Number")
        tasks = _page(client, project, _PAGE, (*touched, behind), full=full)["tasks"]
        if not tasks:
            return
        yield tasks
        last = max(int(task["id"]) for task in tasks)


def _filter(name: str, operator: str, value: Any, kind: str) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": value}


def _page(
    client: Client, project: int, size: int, filters: Sequence[Mapping[str, Any]], *, full: bool
) -> dict[str, Any]:
    query: dict[str, Any] = {"ordering": ["tasks:id"]}
    if filters:
        query["filters"] = {"conjunction": "and", "items": list(filters)}
    page = client.get(
        "api/tasks/", f"project {project}", project=project, page=1, page_size=size,
        fields="all" if full else "task_only", resolve_uri="false", query=json.dumps(query),
    )  # fmt: skip
    tasks = page.get("tasks") if isinstance(page, dict) else None
    if not isinstance(tasks, list) or not all(isinstance(t, dict) and "id" in t for t in tasks):
        raise ServerError(
            f"{client.url}: a page of tasks has another form than that of Label Studio 1.x"
        )
    return page  # type: ignore[no-any-return]
