"""The build backend: scikit-build-core, with a compiler from PyPI where the machine has none.

Where neither ``CXX`` nor c++, g++ or clang++ can be found, ``ziglang`` is one of the requirements
of the build, and compiles it. An editable install compiles into ``src/peerannot``, where the
sources are, so that a checkout on ``PYTHONPATH`` has its own loops; ``python native/backend.py``
does the same again, quickly.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCES, BUILT = ROOT / "src", ROOT / "build" / "native"


def _has_compiler() -> bool:
    if os.environ.get("PEERANNOT_ZIG"):
        return False
    if os.environ.get("CXX"):
        return True  # the one named is used, and complains where it is none
    return any(map(shutil.which, ("c++", "g++", "clang++")))


def _target() -> str:
    """Linux: the least glibc of a manylinux2014 wheel, whatever that of this machine."""
    machine = platform.machine()
    return f"-target {machine}-linux-gnu.2.17" if sys.platform == "linux" else ""


def _beside_headers(folder: Path) -> str:
    """What ``Python.h`` of Debian includes from beside its own folder, named for a compiler that
    does not look into ``/usr/include``, as it compiles for another glibc."""
    headers = Path(sysconfig.get_path("include"))
    kind = str(sysconfig.get_config_var("MULTIARCH") or "")
    beside = headers.parent / kind / headers.name
    if not kind or not beside.is_dir():
        return ""
    link = folder / "include" / kind / headers.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(beside)
    return f"-I{shlex.quote(str(folder / 'include'))}"


def _use_zig() -> None:
    """Name the compiler of the ``ziglang`` package, through scripts: CMake wants one path."""
    folder = Path(tempfile.gettempdir()) / f"peerannot-zig-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    target = f"{_target()} {_beside_headers(folder)}" if os.environ.get("PEERANNOT_ZIG") else ""
    for tool, options in (("cc", target), ("c++", target), ("ar", ""), ("ranlib", "")):
        script = folder / f"zig-{tool}"
        run = f'exec {shlex.quote(sys.executable)} -m ziglang {tool} {options} "$@"'
        script.write_text(f"#!/bin/sh\n{run}\n")
        script.chmod(0o755)
    os.environ.update(CC=f"{folder}/zig-cc", CXX=f"{folder}/zig-c++")
    tools = f"-DCMAKE_AR={folder}/zig-ar -DCMAKE_RANLIB={folder}/zig-ranlib"
    os.environ["CMAKE_ARGS"] = f"{os.environ.get('CMAKE_ARGS', '')} {tools}"


def _requirements(names: list[str]) -> list[str]:
    return names if _has_compiler() else [*names, "ziglang>=0.13"]


def _with_compiler() -> None:
    if not _has_compiler():
        _use_zig()


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    from scikit_build_core import build

    return _requirements(build.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    from scikit_build_core import build

    return build.get_requires_for_build_sdist(config_settings)


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    from scikit_build_core import build

    return _requirements(build.get_requires_for_build_editable(config_settings))


def prepare_metadata_for_build_wheel(folder: str, config_settings: Any = None) -> str:
    from scikit_build_core import build

    return build.prepare_metadata_for_build_wheel(folder, config_settings)


def prepare_metadata_for_build_editable(folder: str, config_settings: Any = None) -> str:
    from scikit_build_core import build

    return build.prepare_metadata_for_build_editable(folder, config_settings)


def build_sdist(folder: str, config_settings: Any = None) -> str:
    from scikit_build_core import build

    return build.build_sdist(folder, config_settings)


def build_wheel(folder: str, config_settings: Any = None, metadata: str | None = None) -> str:
    from scikit_build_core import build

    _with_compiler()
    return build.build_wheel(folder, config_settings, metadata)


def build_editable(folder: str, config_settings: Any = None, metadata: str | None = None) -> str:
    """Compile in place; the wheel holds the metadata and the path of the sources.

    scikit-build-core's own would put a finder before ``PYTHONPATH``.
    """
    _with_compiler()
    compile_into(SOURCES / "peerannot", BUILT)
    with tempfile.TemporaryDirectory() as made:
        info = Path(made) / prepare_metadata_for_build_editable(made, config_settings)
        tag = next(
            line.split(": ")[1]
            for line in (info / "WHEEL").read_text().splitlines()
            if line.startswith("Tag: ")
        )
        files = {f"{info.name}/{p.relative_to(info)}": p for p in info.rglob("*") if p.is_file()}
        content = {name: path.read_bytes() for name, path in sorted(files.items())}
    content["peerannot.pth"] = f"{SOURCES}\n".encode()
    record = f"{info.name}/RECORD"
    content.pop(record, None)
    lines = []
    for name, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    content[record] = "".join([*lines, f"{record},,\n"]).encode()
    wheel = f"{info.name.removesuffix('.dist-info')}-{tag}.whl"
    with zipfile.ZipFile(Path(folder) / wheel, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return wheel


def _tool(name: str) -> str | None:
    """A program, of the machine or of the environment that runs this."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def compile_into(package: Path, folder: Path, *options: str) -> None:
    """Compile what changed, with work in ``folder``, the module in ``package``."""
    cmake, ninja = _tool("cmake") or "cmake", _tool("ninja")
    configure = [
        cmake, "-S", str(ROOT / "native"), "-B", str(folder),
        f"-DPython_EXECUTABLE={sys.executable}", f"-DPEERANNOT_IN_PLACE={package}",
        *shlex.split(os.environ.get("CMAKE_ARGS", "")), *options,
    ]  # fmt: skip
    if ninja:
        configure += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    subprocess.run(configure, check=True)
    subprocess.run([cmake, "--build", str(folder), "--parallel"], check=True)


if __name__ == "__main__":
    _with_compiler()
    compile_into(SOURCES / "peerannot", BUILT)
