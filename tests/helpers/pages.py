"""Data sets whose page is looked at, and what a page carries."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

EVIL = ("<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "a&b\"'\u2028")


def document_of(page: bytes) -> dict[str, Any]:
    """The data that the page carries."""
    found = re.search(rb'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    document: dict[str, Any] = json.loads(found.group(1))
    return document


def write_votes(
    root: Path, votes: dict[str, dict[str, Any]], classes: list[str], **more: Any
) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "answers.json").write_text(json.dumps(votes))
    meta = {"name": root.name, "n_classes": len(classes), "class_names": classes, **more}
    (root / "metadata.json").write_text(json.dumps(meta))
    return root
