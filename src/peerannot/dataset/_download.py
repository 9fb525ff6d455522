"""Downloads: checked, cached, resumed where they broke off, or taken from a mirror.

Two variables of the environment steer them. ``PEERANNOT_CACHE`` is the folder that keeps what
came (by default the cache folder of the user). ``PEERANNOT_MIRROR`` is a base address, or a
folder, that is used instead of the sources: the file is then ``MIRROR/<recipe>/<file name>``.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from peerannot._files import sha256, storage_errors
from peerannot._progress import Progress, silent
from peerannot._version import __version__
from peerannot.errors import DownloadError

if TYPE_CHECKING:
    import http.client
    import io

    import requests

__all__ = ["Remote", "cache_folder", "fetch"]

logger = logging.getLogger("peerannot.dataset")

_ATTEMPTS = 4
_PAUSE = 0.5
_TIMEOUT = (10.0, 30.0)
# Seconds in which bytes past the declared end may still arrive.
_GRACE = 1.0
# What a broken transfer loses at most; small, so that a bad line still gets on.
_BLOCK = 1 << 14
# Some servers turn away clients that do not look like a browser.
_AGENT = f"Mozilla/5.0 (compatible; peerannot/{__version__})"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file somewhere else.

    Attributes
    ----------
    name : str
        Its name here, in the cache and on a mirror.
    url : str
        Where it comes from.
    checksum : str or None
        SHA-256 in hexadecimal, or ``"md5:..."``; None where nobody published one.
    """

    name: str
    url: str
    checksum: str | None = None


def cache_folder() -> Path:
    """Where downloads are kept: ``PEERANNOT_CACHE``, else the user's cache folder."""
    import pooch

    chosen = os.environ.get("PEERANNOT_CACHE")
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("peerannot"))


def fetch(
    remote: Remote,
    recipe: str,
    *,
    by_hand: Iterable[Path] = (),
    progress: Progress = silent,
) -> Path:
    """Path of a file here, downloaded when it is not here yet.

    Parameters
    ----------
    remote
        The file.
    recipe
        Name of the recipe that wants it: its folder in the cache and on a mirror.
    by_hand
        Where a user may have put the file; these are looked at first and never changed.
    progress
        Told the megabytes that came.

    Raises
    ------
    DownloadError
        The source cannot be reached, or what came has a wrong checksum (it is then removed).
    StorageError
        The cache cannot be written.
    """
    import pooch

    places = list(by_hand)
    for place in places:
        if place.is_file():
            _check_own(place, remote)
            return place
    mirror = os.environ.get("PEERANNOT_MIRROR", "").strip().rstrip("/")
    if mirror and "://" not in mirror:
        return _from_folder(Path(mirror).expanduser() / recipe / remote.name, remote)
    url = f"{mirror}/{quote(recipe)}/{quote(remote.name)}" if mirror else remote.url
    folder = cache_folder() / recipe
    if not _writable(folder):
        if (folder / remote.name).is_file():
            _check_own(folder / remote.name, remote)
            return folder / remote.name
        folder = _passing_folder(cache_folder()) / recipe
    target = folder / remote.name
    hand = places[0] if places else target
    elsewhere = "unset PEERANNOT_MIRROR" if mirror else "set PEERANNOT_MIRROR to a mirror"
    advice = f"{elsewhere}, or put the file by hand at {hand}"
    downloader = _Resuming(target, remote.checksum, progress, advice)
    came = not target.exists()
    with _quiet(pooch), storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            pooch.retrieve(
                url, remote.checksum, fname=remote.name, path=folder, downloader=downloader
            )
        except _WrongChecksum as wrong:
            raise DownloadError(
                f"{url}: the checksum is wrong (expected {wrong.expected}, came {wrong.came});"
                f" the file was removed; run again, or {advice}"
            ) from None
    if came and remote.checksum is None:
        logger.info("%s: no checksum is known; came sha256 %s", remote.name, sha256(target))
    return target


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made where it is absent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A folder's permission bits lie to the administrator and on network shares.
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS)


@functools.cache
def _passing_folder(instead_of: Path) -> Path:
    """A folder that is removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="peerannot-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logger.warning(
        "%s cannot be written: what is downloaded is not kept; set PEERANNOT_CACHE to a folder"
        " that can",
        instead_of,
    )
    return folder


def _check_own(place: Path, remote: Remote) -> None:
    import pooch

    if remote.checksum is None:
        return
    came = _digest(pooch, place, remote.checksum)
    if not pooch.hashes.hash_matches(str(place), remote.checksum):
        raise DownloadError(
            f"{place}: the checksum is wrong (expected {remote.checksum}, the file has {came});"
            f" remove it, and it will be downloaded from {remote.url}"
        )


def _from_folder(place: Path, remote: Remote) -> Path:
    if not place.is_file():
        raise DownloadError(
            f"{place}: no such file on the mirror; put {remote.url} there,"
            " or unset PEERANNOT_MIRROR"
        )
    _check_own(place, remote)
    return place


@contextlib.contextmanager
def _quiet(pooch: Any) -> Iterator[None]:
    """Pooch tells about each download on its own; the progress and the errors here say more."""
    log = pooch.get_logger()
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


class _WrongChecksum(Exception):
    def __init__(self, expected: str, came: str) -> None:
        super().__init__(expected, came)
        self.expected, self.came = expected, came


class _Broken(Exception):
    """A fault that may pass: the transfer is tried again."""


def _digest(pooch: Any, path: Path, checksum: str) -> str:
    kind = pooch.hashes.hash_algorithm(checksum)
    digest: str = pooch.file_hash(str(path), alg=kind)
    return digest if kind == "sha256" else f"{kind}:{digest}"


class _Resuming:
    """A downloader for pooch that keeps a ``.part`` file and goes on where it broke off.

    The part is continued only if it is of the same address and the server confirms that its file
    is still the same (``If-Range``), or a checksum will tell.
    """

    def __init__(self, target: Path, checksum: str | None, progress: Progress, advice: str) -> None:
        self.part = target.with_name(target.name + ".part")
        self.facts = target.with_name(target.name + ".part.json")
        self.checksum, self.progress, self.advice = checksum, progress, advice
        self.name = target.name

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        import pooch as module

        resumed = self._transfer(url)
        if self.checksum and not module.hashes.hash_matches(str(self.part), self.checksum):
            if resumed:
                # The old part is the likely culprit, so the whole file gets one chance.
                self._forget()
                self._transfer(url)
            if not module.hashes.hash_matches(str(self.part), self.checksum):
                came = _digest(module, self.part, self.checksum)
                self._forget()
                raise _WrongChecksum(self.checksum, came)
        shutil.move(self.part, output_file)
        self.facts.unlink(missing_ok=True)

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.facts.unlink(missing_ok=True)

    def _transfer(self, url: str) -> bool:
        """Bring the part to its full length; whether it began from an old part."""
        import requests

        resumed = self._have(url) > 0
        attempt = 0
        while True:
            before = self._have(url)
            try:
                with requests.Session() as session:
                    self._once(session, url, before)
                return resumed
            except (requests.RequestException, _Broken) as error:
                # Addresses that are none are ValueErrors to requests.
                if isinstance(error, ValueError):
                    raise DownloadError(f"{url}: not an address; {self.advice}") from None
                # A line that drops now and then still gets there.
                attempt = 0 if self._have(url) > before else attempt + 1
                if attempt >= _ATTEMPTS:
                    raise DownloadError(f"{url}: {_reason(error)}; {self.advice}") from None
                time.sleep(_PAUSE * 2 ** max(attempt - 1, 0))

    def _have(self, url: str) -> int:
        """Bytes of the part that may be continued."""
        facts = self._known()
        if facts.get("url") != url or not (facts.get("validator") or self.checksum):
            return 0
        return self.part.stat().st_size if self.part.exists() else 0

    def _known(self) -> dict[str, Any]:
        try:
            facts = json.loads(self.facts.read_text())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def _once(self, session: requests.Session, url: str, start: int) -> None:
        # Compression on the way would make byte positions mean nothing.
        headers = {
            "User-Agent": _AGENT,
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator := self._known().get("validator"):
                headers["If-Range"] = validator
        with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            status = response.status_code
            if status == 416:
                whole = response.headers.get("Content-Range", "").rpartition("/")[2]
                if whole == str(start):
                    return
                self._forget()
                raise _Broken("the file at the source has changed")
            if status in (408, 429) or status >= 500:
                raise _Broken(f"the server answers {status} {response.reason}")
            if status not in (200, 206):
                raise DownloadError(
                    f"{url}: the server answers {status} {response.reason}; {self.advice}"
                )
            if status == 206:
                at = response.headers.get("Content-Range", "").removeprefix("bytes ")
                if at.partition("-")[0] != str(start):
                    self._forget()
                    raise _Broken("the server sent another range than was asked for")
            else:
                start = 0
                validator = response.headers.get("ETag", "")
                if not validator or validator.startswith("W/"):
                    validator = response.headers.get("Last-Modified", "")
                self.part.unlink(missing_ok=True)
                self.facts.write_text(json.dumps({"url": url, "validator": validator}))
            length = response.headers.get("Content-Length", "")
            self._save(response, start, start + int(length) if length.isdigit() else None)

    def _save(self, response: requests.Response, start: int, total: int | None) -> None:
        megabytes = None if total is None else -(-total // 2**20)
        done = start
        watched = _Watched.put_under(response)
        with self.part.open("ab" if start else "wb") as handle:
            for block in response.iter_content(_BLOCK):
                with storage_errors(self.part):
                    handle.write(block)
                if done // 2**20 != (done + len(block)) // 2**20:
                    self.progress((done + len(block)) // 2**20, megabytes, f"MB of {self.name}")
                done += len(block)
        if total is not None and done != total:
            raise _Broken(f"the transfer broke off at {done} of {total} bytes")
        if watched is not None and watched.more:
            self._forget()
            raise DownloadError(
                f"{response.url}: the server sends more than the {total} bytes that it declares,"
                f" so the file is cut off; {self.advice}"
            )


class _Watched:
    """The stream under a response; when it is closed it sees whether more came than declared.

    The library reads as many bytes as the header says and never looks at what follows.
    """

    def __init__(self, answer: http.client.HTTPResponse, stream: io.BufferedReader) -> None:
        self._answer, self._stream, self.more = answer, stream, False

    @classmethod
    def put_under(cls, response: requests.Response) -> _Watched | None:
        """Watch a response; None where it says nothing of its length."""
        answer = getattr(response.raw, "_fp", None)
        stream = getattr(answer, "fp", None)
        if answer is None or stream is None or answer.length is None:
            return None
        answer.fp = watched = cls(answer, stream)
        return watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        if self._answer.length == 0:
            # A server that keeps the connection open although it was asked to close it says
            # nothing more; one that closes it is done at once.
            with contextlib.suppress(OSError, AttributeError, ValueError):
                self._stream.raw._sock.settimeout(_GRACE)  # type: ignore[attr-defined]
                self.more = bool(self._stream.peek(1))
        self._stream.close()


def _reason(error: Exception) -> str:
    """The cause in a few words; requests' own texts are chains of objects."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate of the server is not accepted"
    if isinstance(error, requests.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the transfer broke off several times"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached (offline?)"
    return str(error)
