"""The strategies of `peerannot.aggregation` on partitions of tasks, on a Dask cluster.

Needs the extra ``cluster``: ``pip install 'peerannot[cluster]'``.

::

    from peerannot.distributed import fit

    fit("s3://bucket/answers-*.parquet", "DS", output="s3://bucket/result",
        scheduler="tcp://10.0.0.1:8786")
"""

from peerannot.distributed._fit import fit
from peerannot.distributed._write import DistributedResult, LeftOut, has_result

__all__ = ["DistributedResult", "LeftOut", "fit", "has_result"]
