"""A web server on this machine with ranges, validators and faults."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Mirror:
    """Files behind ``url``, and the faults that the server shall have."""

    folder: Path
    url: str = ""
    ranges: bool = True
    validator: str = "etag"
    cut: list[int] = field(default_factory=list)  # bytes to send of each next answer
    declared: int | None = None  # length that answers declare, true or not
    keeps_open: bool = False  # whether it ignores "Connection: close"
    status: list[int] = field(default_factory=list)  # statuses of the next answers
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            mirror.asked.append((self.path, wanted))
            file = mirror.folder / unquote(urlsplit(self.path).path).lstrip("/")
            if mirror.status:
                return self.refuse(mirror.status.pop(0))
            if not file.is_file():
                return self.refuse(404)
            content = file.read_bytes()
            etag = '"' + hashlib.md5(content).hexdigest() + '"'
            start = 0
            if wanted and mirror.ranges and self.headers.get("If-Range", etag) == etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                self.send_response(206)
                sent = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", sent)
            else:
                self.send_response(200)
            if mirror.validator:
                self.send_header("ETag", etag)
            length = len(content) - start if mirror.declared is None else mirror.declared
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if mirror.keeps_open:
                self.close_connection = False
            if mirror.cut:
                self.wfile.write(content[start : start + mirror.cut.pop(0)])
                self.close_connection = True
                return None
            self.wfile.write(content[start:])
            return None

        def refuse(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
