"""End-to-end strategies: a network and its annotators learned together, one file a strategy."""

from __future__ import annotations

__all__ = ["MODULES", "strategy_names"]

# Public name: the module that registers it. Written here so that names are known without torch.
MODULES = {
    "aggnet": "aggnet",
    "annot-mix": "annotmix",
    "conal": "conal",
    "crowdlab": "crowdlab",
    "crowdlayer": "crowdlayer",
    "doctor-net": "doctornet",
    "geocrowdnet": "geocrowdnet",
    "lfc": "lfc",
    "madl": "madl",
    "max-mig": "maxmig",
    "soft-labels": "softlabels",
    "tracereg": "tracereg",
    "union-net": "unionnet",
}


def strategy_names() -> list[str]:
    """Names of the end-to-end strategies."""
    return sorted(MODULES)
