"""The graph between the layers of an ONNX model: which takes from which, and what is in between.

Reads nodes in order, layers and all others, and gives layers their `inputs` and the workload its
`operations`.  A graph with something that these cannot say (a size that is not known, a product of
two activations, a stack of weights in one node) stays a chain, with a note that says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from f2fsim.config.operation import NETWORK_INPUT
from f2fsim.workloads.onnx_sizes import Shape

#: Operators that leave values as and where they are.
SAME = frozenset(
    (
        "Cast",
        "DequantizeLinear",
        "Dropout",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    )
)

#: Operators by the operation that they are; all others that take activations select values.
OPERATIONS: Mapping[str, str] = {
    **dict.fromkeys(("Add", "Sub", "Sum", "Max", "Min", "Where"), "add"),
    **dict.fromkeys(("Mul", "Div", "Pow"), "multiply"),
    **dict.fromkeys(("MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin"), "max_pool"),
    **dict.fromkeys(
        ("AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum", "ReduceSumSquare"),
        "average_pool",
    ),
    **dict.fromkeys(
        (
            "BatchNormalization",
            "GroupNormalization",
            "InstanceNormalization",
            "LayerNormalization",
            "LRN",
            "LpNormalization",
            "RMSNormalization",
            "SimplifiedLayerNormalization",
        ),
        "normalise",
    ),
    **dict.fromkeys(("Softmax", "LogSoftmax"), "softmax"),
    **dict.fromkeys(
        (
            "Abs", "Celu", "Clip", "Elu", "Erf", "Exp", "FastGelu", "Gelu", "HardSigmoid",
            "HardSwish", "LeakyRelu", "Log", "Mish", "Neg", "PRelu", "QuickGelu", "Reciprocal",
            "Relu", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Swish", "Tanh",
            "ThresholdedRelu",
        ),
        "activation",
    ),
    "Concat": "concat",
}  # fmt: skip

#: Operators whose outputs are sizes and places, not values.
NO_VALUES = frozenset(("Shape", "Size", "NonZero", "ArgMax", "ArgMin", "Range", "ConstantOfShape"))


class Edges:
    """Collects what the graph says between layers.

    Parameters
    ----------
    shapes : mapping of str to shape
        Every value's shape as far as it is known.
    batch : int
        Samples at once in these shapes.
    inputs : iterable of str
        Inputs of the graph.
    """

    def __init__(self, shapes: Mapping[str, Shape], batch: int, inputs: Iterable[str]) -> None:
        self._shapes, self._batch = shapes, batch
        self._made = dict.fromkeys(inputs, NETWORK_INPUT)
        self._operations: list[dict[str, Any]] = []
        self._inputs: dict[str, str] = {}
        self._names: set[str] = {NETWORK_INPUT}
        self._obstacle = ""

    def node(self, node: Any, layers: list[dict[str, Any]], activation: str) -> None:
        """Take over a node, with the layers that it is and the value that these multiply."""
        if self._obstacle:
            return
        if len(layers) > 1:
            self._obstacle = f"{node.op_type} {node.output[0]!r} is several layers"
        elif layers:
            self._layer(node, layers[0], activation)
        else:
            self._operation(node)

    def _layer(self, node: Any, layer: dict[str, Any], activation: str) -> None:
        source = self._made.get(activation)
        if source is None:
            self._obstacle = f"it is not known what makes the input of {layer['name']!r}"
            return
        self._inputs[layer["name"]] = source
        self._names.add(layer["name"])
        self._made[node.output[0]] = layer["name"]

    def _operation(self, node: Any) -> None:
        sources = [self._made[name] for name in node.input if name in self._made]
        if not sources or node.op_type in NO_VALUES:
            return
        if node.op_type in SAME:
            self._made[node.output[0]] = sources[0]
            return
        if node.op_type in ("MatMul", "Gemm", "Einsum", "Attention", "MultiHeadAttention"):
            self._obstacle = f"{node.op_type} {node.output[0]!r} multiplies two activations"
            return
        for output in node.output:
            if output and not self._obstacle:
                self._add(node, output, sources)

    def _add(self, node: Any, output: str, sources: list[str]) -> None:
        values = self._values(output)
        if values is None:
            self._obstacle = f"the size of {output!r} ({node.op_type}) is not known"
            return
        op = OPERATIONS.get(node.op_type, "select")
        inputs = list(dict.fromkeys(sources))
        if op == "concat" and len(inputs) < 2:
            op = "select"
        if op not in ("add", "multiply", "concat"):
            inputs = inputs[:1]
        entry: dict[str, Any] = {"name": self._name(output), "op": op, "inputs": inputs}
        if op != "concat":
            entry["values"] = values
        if op.endswith("_pool"):
            entry["window"] = self._window(node, values)
        self._operations.append(entry)
        self._made[output] = entry["name"]

    def _name(self, wanted: str) -> str:
        name, i = wanted, 2
        while name in self._names:
            name, i = f"{wanted}#{i}", i + 1
        self._names.add(name)
        return name

    def _values(self, name: str) -> int | None:
        """Return the values of a sample; None if they are not known or not whole samples."""
        shape = self._shapes.get(name)
        if shape is None or min(shape, default=1) < 1 or math.prod(shape) % self._batch:
            return None
        return math.prod(shape) // self._batch

    def _window(self, node: Any, values: int) -> int:
        """Return the values that each output of a pooling is made from."""
        for attribute in node.attribute:
            if attribute.name == "kernel_shape":
                return math.prod(attribute.ints)
        return max((self._values(node.input[0]) or values) // values, 1)

    def add_to(self, found: Any) -> None:
        """Give the layers their inputs and the model its operations, or a note why not."""
        names = {layer["name"] for layer in found.layers}
        if not self._obstacle and names != self._inputs.keys():
            self._obstacle = "a layer's name is not its node's"
        if self._obstacle:
            found.notes.append(f"layers are a chain, not a graph: {self._obstacle}")
            return
        for layer in found.layers:
            layer["inputs"] = [self._inputs[layer["name"]]]
        found.operations = self._operations
