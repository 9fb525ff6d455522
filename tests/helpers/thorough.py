"""Whether all is tried that tests can try, and not the part that tells most: ``make thorough``."""

from __future__ import annotations

import os

__all__ = ["THOROUGH"]

THOROUGH = os.environ.get("PEERANNOT_TEST_THOROUGH", "0") not in ("", "0")
