"""Build the source distribution and the wheels of this machine into ``dist``.

``python native/wheels.py``. Python 3.11 has a wheel of its own; one made by 3.12 or newer serves
all of these (``abi3``). Of the Pythons that are here, each kind makes one. Compiled with
``ziglang``, wheels for Linux run wherever there is a glibc of 2.17 or newer.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST, ENVIRONMENTS = ROOT / "dist", ROOT / "build" / "wheels"
NEWEST = 20  # minor versions are asked for up to this one


def kind_of(python: str) -> str | None:
    """``cp311``, ``abi3``, or None for what is no Python that the package supports."""
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True)
    if asked.returncode:
        return None
    name, major, minor = asked.stdout.split()
    version = int(major), int(minor)
    if name != "cpython" or version < (3, 11):
        return None
    return "cp311" if version == (3, 11) else "abi3"


def pythons() -> dict[str, str]:
    """A Python of each kind: the one that runs this, or the oldest that is found."""
    found: dict[str, str] = {}
    names = [sys.executable, *(f"python3.{minor}" for minor in range(11, NEWEST))]
    for path in filter(None, map(shutil.which, names)):
        kind = kind_of(path)
        if kind is not None:
            found.setdefault(kind, path)
    return found


def run(*command: str | Path, **environment: str) -> None:
    subprocess.run([*map(str, command)], check=True, cwd=ROOT, env={**os.environ, **environment})


def build(kind: str, python: str) -> None:
    environment = ENVIRONMENTS / kind
    # A folder that another Python made would go on running that one.
    run(python, "-m", "venv", "--clear", environment)
    inside = environment / "bin" / "python"
    run(inside, "-m", "pip", "install", "--quiet", "build", "wheel")
    run(inside, "-m", "build", "--outdir", DIST, PEERANNOT_ZIG="1")
    for wheel in DIST.glob("*-linux_*.whl"):
        tag = f"manylinux_2_17_{platform.machine()}"
        run(inside, "-m", "wheel", "tags", "--remove", "--platform-tag", tag, wheel)


def main() -> int:
    found = pythons()
    if not found:
        print("wheels need CPython 3.11 or newer", file=sys.stderr)
        return 1
    for kind, python in found.items():
        print(f"{kind}: {python}", flush=True)
        build(kind, python)
    for missing in sorted({"cp311", "abi3"} - found.keys()):
        print(f"no wheel {missing}: no Python {'3.11' if missing == 'cp311' else '3.12 or newer'}")
    print(*sorted(path.name for path in DIST.iterdir()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
