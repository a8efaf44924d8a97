"""From a workload and an architecture to a result."""

from f2fsim.pipeline.cache import CacheInfo, EncodingCache
from f2fsim.pipeline.run import compare, simulate

__all__ = ["CacheInfo", "EncodingCache", "compare", "simulate"]
