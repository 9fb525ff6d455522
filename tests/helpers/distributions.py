"""Distributions of other people, as an installer leaves them on the path."""

from __future__ import annotations

from pathlib import Path


def install(site: Path, name: str, files: dict[str, str], **groups: dict[str, str]) -> Path:
    """Write modules, and a dist-info with entry points: ``install(site, "more", {...},
    strategies={"power-vote": "more:PowerVote"})``.
    """
    for file, source in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(source, encoding="utf-8")
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        f"[peerannot.{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site
