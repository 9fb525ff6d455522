"""A project of Label Studio: its name, control and people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from peerannot.errors import ServerError
from peerannot.label_studio.client import Client
from peerannot.label_studio.config import Control, find_control

__all__ = ["Project", "Users", "people", "read_project"]

Users = Literal["email", "name", "id"]

DELETED = "deleted user"


@dataclass(frozen=True)
class Project:
    """What of a project matters here.

    Attributes
    ----------
    id : int
    title : str
    control : Control
        The control that is read and written.
    settings : dict
        The project as the server gives it.
    """

    id: int
    title: str
    control: Control
    settings: dict[str, Any]


def read_project(client: Client, number: int, control: str | None = None) -> Project:
    """Ask for a project, and find its control.

    Raises
    ------
    ServerError
        There is no such project, or the server is none of Label Studio.
    DataError
        Several controls fit and none is named, or none does.
    """
    found = client.get(f"api/projects/{number}/", f"project {number}")
    if not isinstance(found, dict) or "label_config" not in found:
        raise ServerError(f"{client.url}: what came is no project of Label Studio")
    title = str(found.get("title") or "")
    where = f"project {number} ({title})" if title else f"project {number}"
    return Project(number, title, find_control(found["label_config"] or "", control, where), found)


def people(client: Client, project: int, users: Users) -> dict[int, str]:
    """Names of those who answered in a project or can, by the number of the user.

    ``email`` is unique. ``name`` is first and last name, and the e-mail where there is none or two
    have the same.
    """
    found = list(client.get(f"api/projects/{project}/annotators/", f"users of project {project}"))
    try:
        members = client.get("api/users/", "users")
    except ServerError:  # not everybody may see who there is
        members = ()
    found += members if isinstance(members, list) else ()
    emails = {int(user["id"]): str(user.get("email") or user["id"]) for user in found}
    if users == "id":
        return {number: str(number) for number in emails}
    if users == "email":
        return emails
    names = {int(user["id"]): _name(user) for user in found}
    alike = Counter(names.values())
    return {n: name if name and alike[name] == 1 else emails[n] for n, name in names.items()}


def _name(user: Mapping[str, Any]) -> str:
    parts = (str(user.get(key) or "").strip() for key in ("first_name", "last_name"))
    return " ".join(filter(None, parts))
