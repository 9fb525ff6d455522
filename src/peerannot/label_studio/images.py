"""Images of tasks: uploaded to the server, behind a storage of it, or elsewhere on the web."""

from __future__ import annotations

import base64
import binascii
import io
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from peerannot._files import atomic_write
from peerannot._names import plain_name
from peerannot._progress import Progress, silent
from peerannot.errors import ServerError
from peerannot.io.formats.label_studio import pick_image
from peerannot.label_studio.client import Client
from peerannot.label_studio.mirror import HOME, Mirror

__all__ = ["fetch_images", "forget_incoming"]

_INCOMING = "incoming"


def fetch_images(
    client: Client, mirror: Mirror, progress: Progress = silent
) -> tuple[dict[str, Path], dict[str, str]]:
    """Fetch images of the tasks that have none in the folder yet.

    They wait in ``label-studio/incoming`` until the dataset is written, so that who is interrupted
    fetches none twice. Returns the file of each task, and why others have none.
    """
    home = mirror.folder / HOME / _INCOMING
    have = {p.stem.rpartition("-")[2] for p in (mirror.folder / "train").glob("*/*")}
    wanted = [task for number, task in sorted(mirror.tasks.items()) if str(number) not in have]
    found: dict[str, Path] = {}
    lost: dict[str, str] = {}
    for done, task in enumerate(wanted):
        progress(done, len(wanted), "images")
        name = str(task["id"])
        waiting = sorted((home / name).glob("*"))
        waiting = [path for path in waiting if not path.name.startswith(".")]
        if waiting:
            found[name] = waiting[0]
            continue
        address = _address(task, mirror.data_key)
        if address is None:
            lost[name] = "its data name no image"
            continue
        try:
            content = _bring(client, address, task)
            found[name] = home / name / _file_name(address, content)
        except ServerError as error:
            lost[name] = str(error)
            continue
        with atomic_write(found[name]) as handle:
            handle.write(content)
    return found, lost


def forget_incoming(folder: Path) -> None:
    """Remove the images that waited, which the dataset has now."""
    shutil.rmtree(folder / HOME / _INCOMING, ignore_errors=True)


def _address(task: Mapping[str, Any], key: str | None) -> str | None:
    data = task.get("data")
    value = data.get(key) if isinstance(data, dict) and key else None
    return value if isinstance(value, str) and value else pick_image(data)[1]


def _bring(client: Client, address: str, task: Mapping[str, Any]) -> bytes:
    what = f"the image of task {task['id']}"
    if address.startswith("data:"):
        kind, _, packed = address.partition(",")
        try:
            return base64.b64decode(packed, validate=True) if "base64" in kind else packed.encode()
        except binascii.Error:
            raise ServerError(f"{what}: its data address is damaged") from None
    scheme = urlsplit(address).scheme
    if scheme in ("http", "https") or address.startswith("/"):
        return client.download(address, what)
    if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        # A bucket that the server has the key of: s3://, gs://, azure-blob://.
        packed = base64.b64encode(address.encode()).decode()
        return client.download(f"/tasks/{task['id']}/resolve/?fileuri={quote(packed)}", what)
    return client.download(f"/{address}", what)


def _file_name(address: str, content: bytes) -> str:
    """A name for the file: that of the address, with the ending of what came.

    Raises
    ------
    ServerError
        What came is no image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as picture:
            kind = str(picture.format).lower().replace("jpeg", "jpg")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise ServerError(f"{address[:200]}: what came is no image") from None
    parts = urlsplit(address if not address.startswith("data:") else "")
    stored = parse_qs(parts.query).get("d", [""])[0]  # a file of the server's own disk
    stem = PurePosixPath(unquote(stored or parts.path)).stem
    return f"{plain_name(stem)[:100] or 'image'}.{kind}"
