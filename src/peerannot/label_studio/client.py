"""Label Studio's API over HTTP: one place for tokens, patience, and errors of one line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from peerannot._text import one_line
from peerannot._version import __version__
from peerannot.errors import AwayError, ParameterError, ServerError

if TYPE_CHECKING:
    import requests

__all__ = ["TOKEN_VARIABLES", "Client", "Unsure", "server_url"]

TOKEN_VARIABLES = ("PEERANNOT_LABEL_STUDIO_TOKEN", "LABEL_STUDIO_API_KEY")

_TIMEOUT = (10.0, 120.0)
_TRIES = 5
_PAUSE = 0.5
_LONGEST_WAIT = 300.0
_PASSING = (408, 429, 500, 502, 503, 504)
_MOVED = (301, 302, 303, 307, 308)
_HOPS = 5


class Unsure(AwayError):
    """A change was sent, and whether the server made it is not known: look before you repeat it."""


def server_url(text: str) -> str:
    """The address of a server as it is kept: without what is behind the path, and no slash.

    Raises
    ------
    ParameterError
        It is no address, or holds a password, which would be written to files.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ParameterError(f"--url: {text!r} is no address; give http://HOST:PORT")
    if parts.username is not None or parts.password is not None:
        raise ParameterError(
            "--url: without user and password; the token goes into the environment,"
            f" {TOKEN_VARIABLES[0]}"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


@dataclass
class Client:
    """A server and who speaks to it.

    What may pass (no connection, a timeout, 408, 429, 5xx, half a page) is tried again, with
    pauses that double or as long as the server says (``Retry-After``), where a repeat does no
    harm. The token goes to this server alone: a redirect to another one is an error.

    Attributes
    ----------
    url : str
        Address as `server_url` gives it.
    token : str
        A personal access token (a JWT, exchanged for one of minutes whenever that has run out) or
        a legacy token. It is never shown.
    tries : int
    pause : float
        Seconds before the second try.
    sleep : callable
        Waits that many seconds.
    """

    url: str
    token: str = field(repr=False)
    tries: int = _TRIES
    pause: float = _PAUSE
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    _access: str = field(default="", init=False, repr=False)
    _session: Any = field(default=None, init=False, repr=False)

    def get(self, path: str, what: str = "", **query: Any) -> Any:
        """The JSON document at a path; ``what`` is looked for there, for messages."""
        return self._json("GET", path, what, query=query)

    def patch(self, path: str, body: Mapping[str, Any], what: str = "") -> Any:
        """Change fields of what is at a path: the same change again does no harm."""
        return self._json("PATCH", path, what, body=body)

    def delete(self, path: str, what: str = "") -> None:
        """Delete what is at a path; that it is gone already is no fault."""
        self._json("DELETE", path, what)

    def post(self, path: str, body: Any, what: str = "") -> Any:
        """Make something new.

        Raises
        ------
        Unsure
            It was sent, and no answer says whether it was made: a repeat could make it twice.
        """
        return self._json("POST", path, what, body=body, again=False)

    def download(self, address: str, what: str) -> bytes:
        """A file of the server, or of another one, which gets no token."""
        url = urljoin(f"{self.url}/", address)
        if address.startswith("/") and not address.startswith("//"):
            url = self.url + address
        for _ in range(_HOPS):
            ours = _origin(url) == _origin(self.url)
            response = self._send("GET", url, what, ours=ours, hops=True)
            if response.status_code not in _MOVED:
                return response.content
            url = urljoin(url, response.headers.get("Location", ""))
            if urlsplit(url).scheme not in ("http", "https"):
                break
        raise ServerError(f"{what}: {self.url} sends on from one address to the next without end")

    def _json(
        self,
        method: str,
        path: str,
        what: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        again: bool = True,
    ) -> Any:
        url = f"{self.url}/{path.lstrip('/')}"
        for left in reversed(range(self.tries if again else 1)):
            response = self._send(method, url, what, query=query, body=body, again=again)
            if method == "DELETE" or response.status_code == 204:
                return None
            try:
                return response.json()
            except ValueError:
                text = response.text.lstrip()
                if text[:1] == "<":
                    raise ServerError(_html(self.url, text)) from None
                if left:
                    self.sleep(self.pause)
        said = f"{url}: half an answer came ({len(response.content)} bytes of JSON, cut off)"
        if not again:
            raise Unsure(f"{said}; run it again, which makes nothing twice")
        raise AwayError(f"{said}, {self.tries} times; is there a proxy that cuts answers off?")

    def _send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        again: bool = True,
        ours: bool = True,
        hops: bool = False,
    ) -> requests.Response:
        """The answer, where it is one that can be used."""
        import requests

        if self._session is None:
            self._session = requests.Session()
            self._session.headers["User-Agent"] = f"peerannot/{__version__}"
            # A session of the server's would be believed before the token.
            self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        renewed = False
        trial = 0
        while True:
            trial += 1
            why, wait = "", self.pause * 2 ** (trial - 1)
            try:
                response: requests.Response = self._session.request(
                    method, url, params=query, json=body, timeout=_TIMEOUT, allow_redirects=False,
                    # A callable also keeps passwords of ~/.netrc out.
                    auth=self._sign if ours else _nobody,
                )  # fmt: skip
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
                requests.exceptions.ContentDecodingError,
            ) as error:
                why = _reason(error)
                sent = not isinstance(error, requests.exceptions.ConnectTimeout) and not (
                    "refused" in str(error) or "resolve" in str(error)
                )
                if sent and not again:
                    raise Unsure(f"{self.url}: {why} while something new was sent") from None
            except requests.RequestException as error:
                raise ServerError(f"{url}: {one_line(str(error))}") from None
            else:
                status = response.status_code
                if status < 300 or (hops and status in _MOVED):
                    return response
                if status == 401 and ours and self._is_jwt and not renewed:
                    # It runs out after minutes, also in the middle of a pull.
                    renewed, self._access = True, ""
                    trial -= 1
                    continue
                if status == 404 and method == "DELETE":
                    return response
                if status not in _PASSING:
                    raise ServerError(self._refusal(response, what or url))
                why = _failure(response)
                if not again and status not in (429, 503):
                    raise Unsure(f"{self.url}: {why} while something new was sent")
                wait = _asked_wait(response, wait)
            if trial >= self.tries or wait > _LONGEST_WAIT:
                asked = wait if wait > _LONGEST_WAIT else None
                later = "" if asked is None else f"; it asks to wait {asked:.0f} s"
                raise AwayError(
                    f"{self.url}: {why}, {trial} times{later}; is it running, and is --url right?",
                    asked,
                )
            self.sleep(wait)

    @property
    def _is_jwt(self) -> bool:
        return self.token.count(".") == 2

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not self._is_jwt:
            request.headers["Authorization"] = f"Token {self.token}"
            return request
        if not self._access:
            self._access = self._renew()
        request.headers["Authorization"] = f"Bearer {self._access}"
        return request

    def _renew(self) -> str:
        """An access token for the personal one; it holds for minutes."""
        response = self._send(
            "POST", f"{self.url}/api/token/refresh", "the token",
            body={"refresh": self.token}, ours=False,
        )  # fmt: skip
        try:
            return str(response.json()["access"])
        except (ValueError, KeyError, TypeError):
            raise ServerError(_html(self.url, response.text)) from None

    def _refusal(self, response: requests.Response, what: str) -> str:
        """What a client should mend, of a status that will not pass."""
        status = response.status_code
        said = _detail(response)
        if status in _MOVED:
            to = urljoin(response.url, response.headers.get("Location", ""))
            place = urlsplit(to)
            if "login" in place.path:
                return f"{self.url}: it asks for a login; {_token_help()}"
            return f"{self.url}: it sends on to {place.scheme}://{place.netloc}; give that as --url"
        if status == 401:
            legacy = "" if self._is_jwt else " (a legacy token; they are off by default)"
            return f"{self.url}: the token is not accepted{legacy}{said}; {_token_help()}"
        if status == 403:
            return f"{self.url}: this user may not reach {what} (403{said})"
        if status == 404:
            return f"{what}: not found (404) on {self.url}; are --url and --project right?"
        return f"{what}: refused with {status}{said} by {self.url}"


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _token_help() -> str:
    return (
        "make a personal access token in Label Studio (Account & Settings) and set"
        f" {TOKEN_VARIABLES[0]}"
    )


def _detail(response: requests.Response) -> str:
    """What the server says of a refusal, in brackets' reach; nothing where it is a page."""
    try:
        document = response.json()
    except ValueError:
        return ""
    if isinstance(document, dict):
        # Label Studio explains in validation_errors, and has a general sentence in detail.
        document = document.get("validation_errors") or document.get("detail") or document
    return f": {one_line(str(document))[:200]}" if document else ""


def _failure(response: requests.Response) -> str:
    if response.status_code == 429:
        return "it asks to slow down (429)"
    return f"the server fails ({response.status_code}{_detail(response)})"


def _html(url: str, text: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    named = f", {one_line(title[1])[:60]!r}," if title else ""
    return f"{url}: a web page{named} came in place of JSON; is that the address of Label Studio?"


def _reason(error: Exception) -> str:
    """The cause in a few words; requests' own texts are chains of objects."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    if isinstance(error, requests.exceptions.ConnectionError):
        if "refused" in str(error):
            return "nobody listens there (connection refused)"
        if "resolve" in str(error):
            return "there is no such host"
        return "the connection broke off"
    return "the answer broke off"


def _asked_wait(response: requests.Response, otherwise: float) -> float:
    """Seconds to wait as ``Retry-After`` says, a number or a date."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    try:
        return max(parsedate_to_datetime(said).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return otherwise
