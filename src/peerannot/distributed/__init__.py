"""The strategies of `peerannot.aggregation` on partitions of tasks, on a Dask cluster."""
