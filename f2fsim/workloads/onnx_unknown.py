"""Operators of an ONNX graph that neither the standard nor this package knows.

What lies behind one has no size that could be worked out, unless the file states it.
"""

from __future__ import annotations

from typing import Any

from f2fsim.workloads.onnx_graph import Sizes, inputs, values_used
from f2fsim.workloads.onnx_nodes import node_name
from f2fsim.workloads.readers.onnx_derived import DOMAIN
from f2fsim.workloads.readers.onnx_standard_form import is_standard, standard_opset


class UnknownOperators:
    """The unknown operators of a model whose branches are taken.

    Attributes
    ----------
    kinds : set of str
        Their names.
    values : dict of str to str
        The values that need one, and which: its kind and name.
    """

    def __init__(self, model: Any) -> None:
        self._opset = standard_opset(model)
        self.kinds: set[str] = set()
        self.values: dict[str, str] = {}
        for node in model.graph.node:
            word = ""
            if self.is_unknown(node):
                self.kinds.add(node.op_type)
                word = f"{node.op_type} {node_name(node)!r}"
            else:
                behind = (self.values[name] for name in values_used(node) if name in self.values)
                word = next(behind, "")
            if word:
                self.values |= dict.fromkeys(filter(None, node.output), word)

    def is_unknown(self, node: Any) -> bool:
        """Whether a node is an operator that nothing here can run."""
        return node.domain != DOMAIN and not is_standard(node, self._opset)


def stated_shapes(model: Any, sizes: Sizes) -> list[Any]:
    """Return what the file states of the outputs of unknown operators.

    An exporter writes the shapes of the sizes it exported for: they hold if the model fixes all
    sizes itself.  To be called before the inputs are changed.
    """
    fixed = all(
        dim.HasField("dim_value") and dim.dim_value > 0
        for entry in inputs(model.graph)
        for dim in entry.type.tensor_type.shape.dim
    )
    if sizes or not fixed:
        return []
    unknown = UnknownOperators(model)
    made = {n for node in model.graph.node if unknown.is_unknown(node) for n in node.output}
    return [entry for entry in model.graph.value_info if entry.name in made]
