"""Run pytest on loops that AddressSanitizer and UndefinedBehaviorSanitizer watch.

``python native/sanitize.py tests/native``. The module is compiled into a folder of its own, and
the package is seen there through links, so what is installed stays as it is. It needs GCC.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from backend import ROOT, SOURCES, compile_into

HERE = ROOT / "build" / "sanitize"


def main() -> int:
    package = HERE / "src" / "peerannot"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    for item in (SOURCES / "peerannot").iterdir():
        if item.suffix != ".so":
            (package / item.name).symlink_to(item)
    compile_into(package, HERE / "native", "-DPEERANNOT_SANITIZE=ON", "-DCMAKE_CXX_COMPILER=g++")
    libraries = [
        subprocess.run(
            ["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(package.parent),
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONMALLOC": "malloc",
        # Python keeps much until it ends.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    tests = sys.argv[1:] or ["tests/native"]
    # What the sanitizers say goes to stderr itself, past pytest.
    options = ["-q", "--capture=sys", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
