"""The strategies of `peerannot.aggregation` on partitions of tasks, on a Dask cluster.

Needs the extra ``cluster``: ``pip install 'peerannot[cluster]'``.

::

    from peerannot import aggregate

    aggregate("s3://bucket/answers-*.parquet", "DS", engine="dask",
              output="s3://bucket/result", scheduler="tcp://10.0.0.1:8786")
"""

from peerannot.distributed._fit import DASK, fit
from peerannot.distributed._write import has_result

__all__ = ["DASK", "fit", "has_result"]
