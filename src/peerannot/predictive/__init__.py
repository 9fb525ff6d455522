"""Does a model fit the answers? Posterior predictive checks of strategies that have one."""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve

if TYPE_CHECKING:
    from peerannot.predictive.check import check_model
    from peerannot.predictive.model_check import Assumption, ModelCheck
    from peerannot.predictive.significance import Statistic

__all__ = ["Assumption", "ModelCheck", "Statistic", "check_model"]

_HOMES = {
    "Assumption": "model_check",
    "ModelCheck": "model_check",
    "Statistic": "significance",
    "check_model": "check",
}


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
