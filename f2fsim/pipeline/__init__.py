"""From a workload and an architecture to a result."""
