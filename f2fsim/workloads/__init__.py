"""Models as workloads: reading, pruning, quantising, statistics."""

from f2fsim.workloads.layers import LayerData, iterate_layers, load_layer
from f2fsim.workloads.readers import ModelFile, open_model

__all__ = ["LayerData", "ModelFile", "iterate_layers", "load_layer", "open_model"]
