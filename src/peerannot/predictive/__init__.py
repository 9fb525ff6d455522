"""Does a model fit the answers? Posterior predictive checks of strategies that have one."""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve

if TYPE_CHECKING:
    from peerannot.predictive.check import check_model
    from peerannot.predictive.model_check import Assumption, ModelCheck
    from peerannot.predictive.significance import Statistic
    from peerannot.predictive.trust import Trusted, trusted

__all__ = ["Assumption", "ModelCheck", "Statistic", "Trusted", "check_model", "trusted"]

_HOMES = {
    "Assumption": "model_check",
    "ModelCheck": "model_check",
    "Statistic": "significance",
    "Trusted": "trust",
    "check_model": "check",
    "trusted": "trust",
}


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
