"""How strategies are fitted on partitions of tasks: one file a family, one registration each.

To let a strategy distribute, write one file here with a `Model` under
``@distributes(YourStrategy)``; nothing else knows the list.
"""

from peerannot.aggregation.partitions.base import Fitted, Model, model_of

__all__ = ["Fitted", "Model", "model_of"]
