"""Campaigns: labels while answers come in, what to ask next, and when to stop.

A campaign goes round by round: it pulls answers from a tool, brings its labels up to date, chooses
what to ask whom next, and pushes that to the tool. A tool is anything with the two methods of
`Tool`: a server, or files that grow.
"""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve

if TYPE_CHECKING:
    from peerannot.campaign.decision import Decision, Round
    from peerannot.campaign.loop import Campaign, run
    from peerannot.campaign.rules import Rules
    from peerannot.campaign.tool import Pulled, Tool

__all__ = ["Campaign", "Decision", "Pulled", "Round", "Rules", "Tool", "run"]

_HOMES = {
    "Campaign": "loop", "Decision": "decision", "Pulled": "tool", "Round": "decision",
    "Rules": "rules", "Tool": "tool", "run": "loop",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
