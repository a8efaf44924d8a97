"""Models as workloads: reading, pruning, quantising, statistics."""
