"""End-to-end strategies: a network and its annotators learned together, one file a strategy."""

from __future__ import annotations

__all__ = ["MODULES", "strategy_names"]

# Public name: the module that registers it. Written here so that names are known without torch.
MODULES = {
    "aggnet": "aggnet",
    "annot-mix": "annot_mix",
    "conal": "conal",
    "crowdlab": "crowdlab",
    "crowdlayer": "crowdlayer",
    "doctor-net": "doctor_net",
    "geocrowdnet": "geocrowdnet",
    "lfc": "lfc",
    "madl": "madl",
    "max-mig": "max_mig",
    "soft-labels": "soft_labels",
    "tracereg": "tracereg",
    "union-net": "union_net",
}


def strategy_names() -> list[str]:
    """Names of the end-to-end strategies."""
    return sorted(MODULES)
