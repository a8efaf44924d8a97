"""One ONNX node to the layers it is: Conv, ConvTranspose, Gemm, MatMul, LSTM, GRU, RNN."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from f2fsim.errors import InputError
from f2fsim.workloads.onnx_pads import explicit_pads

Shape = tuple[int, ...]

#: Operators that multiply, by weights or by activations.
PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum")

#: Gates of the recurrent operators.
RECURRENT = {"LSTM": 4, "GRU": 3, "RNN": 1}


class NodeReader:
    """Knows the constants and the inferred shapes of a model, and reads nodes with them.

    Parameters
    ----------
    tensors : mapping of str to shape
        Constants by name.
    shapes : mapping of str to shape
        Every value's shape as far as inference came; -1 for a size that is not known.
    batch : int
        Samples at once in these shapes.
    derived : container of str
        Values that nodes compute from constants alone.
    """

    def __init__(
        self,
        tensors: Mapping[str, Shape],
        shapes: Mapping[str, Shape],
        batch: int,
        derived: Container[str],
    ) -> None:
        self._tensors = tensors
        self._shapes = shapes
        self._batch = batch
        #: Values that are a constant under another name: (constant, transposed).
        self._aliases: dict[str, tuple[str, bool]] = {}
        self._derived = derived

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Every value's shape, as far as it is known."""
        return self._shapes

    def note(self, node: Any) -> None:
        """Remember nodes that rename or transpose a constant."""
        if not node.input:
            return
        name, transposed = self._aliases.get(node.input[0], (node.input[0], False))
        if name not in self._tensors:
            return
        if node.op_type in ("Identity", "Cast"):
            self._aliases[node.output[0]] = (name, transposed)
        elif node.op_type == "Transpose" and len(self._tensors[name]) == 2:
            order = _attributes(node).get("perm", [1, 0])
            self._aliases[node.output[0]] = (name, transposed ^ (list(order) == [1, 0]))

    def activation(self, node: Any) -> str:
        """Return the input of a product that is not its constant weights."""
        turned = node.op_type in ("Gemm", "MatMul", "Einsum")
        if turned and self._constant(node.input[0]) is not None:
            return str(node.input[1])
        return str(node.input[0])

    def missing_shape(self, node: Any) -> list[str]:
        """Return the activation input of a node with weights whose shape is not known."""
        self.note(node)
        if node.op_type not in (*PRODUCTS, *RECURRENT) or self.is_derived(node):
            return []
        if not any(self._constant(name) for name in node.input):
            return []
        name = self.activation(node)
        known = name in self._shapes and min(self._shapes[name], default=1) >= 1
        return [] if known or self._constant(name) else [name]

    def computed_weights(self, node: Any) -> list[str]:
        """Return the inputs that may be weights and that nodes compute from constants alone."""
        self.note(node)
        if node.op_type not in (*PRODUCTS, *RECURRENT) or self.is_derived(node):
            return []
        names = node.input[1:3] if node.op_type in RECURRENT else node.input[:2]
        return [n for n in names if n in self._derived and self._constant(n) is None]

    def layers(self, node: Any) -> list[dict[str, Any]]:
        """Return the layers of a node; none if it does not multiply by constant weights."""
        if self.is_derived(node):
            return []
        if node.op_type == "Einsum":
            return self._einsum(node)
        if node.op_type in ("Conv", "ConvTranspose"):
            return self._conv(node)
        if node.op_type in ("Gemm", "MatMul"):
            return self._product(node)
        if node.op_type in RECURRENT:
            return self._recurrent(node)
        return []

    def is_derived(self, node: Any) -> bool:
        """Whether a node computes with constants alone."""
        return all(name in self._derived for name in node.output)

    def has_derived_weights(self, node: Any) -> bool:
        """Whether a node that is no layer takes weights that other nodes compute."""
        return not self.is_derived(node) and any(
            name in self._derived and len(self._shapes.get(name, (0, 0))) >= 2
            for name in node.input
        )

    def excluded(self, node: Any, n_weights: int) -> dict[str, Any]:
        """Describe a node that is left out, with its MACs as far as shapes tell."""
        if self.has_derived_weights(node):
            n_weights += sum(
                math.prod(self._shapes.get(name, (0,)))
                for name in node.input
                if name in self._derived and len(self._shapes.get(name, ())) >= 2
            )
        entry = {"name": node_name(node), "op": node.op_type, "reason": "not a product by weights"}
        if self.has_derived_weights(node):
            entry["reason"] = "its weights are computed by nodes that ONNX's evaluator cannot run"
        elif node.op_type in ("Gather", "GatherElements"):
            entry["reason"] = "table look-up, no product"
        elif node.op_type in PRODUCTS:
            entry["reason"] = (
                "product of two activations"
                if not n_weights
                else ("weights in a form that is not supported")
            )
        out = self._shapes.get(node.output[0], ())
        inner = self._shapes.get(node.input[0], (-1,))[-1:]
        known = node.op_type in ("MatMul", "Gemm") and min((*out, *inner), default=-1) > 0
        macs = math.prod(out) * inner[0] // self._batch if known else 0
        return {**entry, "n_weights": n_weights, "macs": macs}

    def _constant(self, name: str) -> tuple[str, bool] | None:
        found = self._aliases.get(name, (name, False))
        return found if found[0] in self._tensors else None

    def _shape(self, node: Any, name: str) -> Shape:
        shape = self._shapes.get(name)
        if shape is None or min(shape, default=1) < 1:
            raise InputError(f"the input size of {node.op_type} {node_name(node)!r} is not known")
        return shape

    def _must_take(self, node: Any, found: int, needed: int) -> None:
        """Raise `InputError` if an activation is not as wide as the weights."""
        if found != needed:
            raise InputError(
                f"the input of {node.op_type} {node_name(node)!r} has {found} channels or "
                f"features, its weights take {needed}: a size contradicts the model"
            )

    def _conv(self, node: Any) -> list[dict[str, Any]]:
        constant = self._constant(node.input[1])
        if constant is None or constant[1]:
            return []
        attributes = _attributes(node)
        shape = self._tensors[constant[0]]
        x = self._shape(node, node.input[0])
        rank, groups = len(shape) - 2, int(attributes.get("group", 1))
        transpose = node.op_type == "ConvTranspose"
        self._must_take(node, x[1], shape[0] if transpose else shape[1] * groups)
        layer: dict[str, Any] = {
            "name": node_name(node),
            "op": "conv_transpose" if transpose else f"conv{rank}d",
            "tensor": constant[0],
            "in_channels": x[1],
            "out_channels": shape[1] * groups if transpose else shape[0],
            "kernel": list(shape[2:]),
            "input_size": list(x[2:]),
        }
        for key, name in (("stride", "strides"), ("dilation", "dilations")):
            sizes = list(attributes.get(name, [1] * rank))
            if any(size != 1 for size in sizes):
                layer[key] = sizes
        pads = explicit_pads(node_name(node), node.op_type, attributes, layer, rank)
        if any(pads):
            layer["padding"] = pads
        if groups != 1:
            layer["groups"] = groups
        extra = list(attributes.get("output_padding", []))
        if transpose and any(extra):
            layer["output_padding"] = extra
        if x[0] != self._batch:
            layer["batch"] = x[0]
        return [layer]

    def _product(self, node: Any) -> list[dict[str, Any]]:
        attributes = _attributes(node)
        left, right = (self._constant(name) for name in node.input[:2])
        if (left is None) == (right is None):
            return []
        weights, other = (right, node.input[0]) if right else (left, node.input[1])
        assert weights is not None
        *stack, first, second = (1, *self._tensors[weights[0]])
        if len(self._tensors[weights[0]]) < 2:
            return []
        # Rows of the stored tensor are the reduction unless something turns it round.
        flipped = bool(attributes.get("transB" if right else "transA", 0)) ^ weights[1]
        transposed = (not flipped) if right else flipped
        n_in, n_out = (first, second) if transposed else (second, first)
        x = self._shape(node, other)
        if len(x) >= 2:
            # The reduction is the last axis of the left side and the last but one of the right.
            turned = attributes.get("transA" if right else "transB", 0)
            self._must_take(node, x[-1 if bool(right) ^ bool(turned) else -2], n_in)
        n_columns = math.prod(x) // n_in
        if node.op_type == "MatMul" and math.prod(stack) > 1 and len(x) >= 2:
            # One product for each matrix of the stack; the inputs may be broadcast over it.
            outer = math.prod(np.broadcast_shapes(x[:-2], tuple(stack[1:])))
            n_columns = outer // math.prod(stack) * (math.prod(x[-2:]) // n_in)
        sizes = (n_in, n_out, n_columns)
        return self._linear(node, weights[0], tuple(stack[1:]), sizes, transposed)

    def _linear(
        self,
        node: Any,
        tensor: str,
        stack: Shape,
        sizes: tuple[int, int, int],
        transposed: bool,
    ) -> list[dict[str, Any]]:
        """Return a linear layer for each matrix of a stack; sizes: inputs, outputs, columns."""
        n_in, n_out, n_columns = sizes
        n_tokens = n_columns // self._batch if n_columns % self._batch == 0 else n_columns
        layer: dict[str, Any] = {"name": node_name(node), "op": "linear", "tensor": tensor}
        layer |= {"in_features": n_in, "out_features": n_out}
        if n_tokens != 1:
            layer["n_tokens"] = n_tokens
        if transposed:
            layer["transposed"] = True
        if n_columns % self._batch:
            layer["batch"] = 1
        if math.prod(stack) == 1:
            return [layer]
        places = np.ndindex(*stack)
        return [
            {**layer, "name": f"{layer['name']}.{i}", "index": list(place)}
            for i, place in enumerate(places)
        ]

    def _einsum(self, node: Any) -> list[dict[str, Any]]:
        """Read a product of one constant by one activation, written as an equation.

        The constant's labels must be a stack (in the result and in the activation), then the sum
        and the outputs, or the outputs and the sum: what is a matrix without being turned.
        """
        constants = [self._constant(name) for name in node.input]
        if len(constants) != 2 or (constants[0] is None) == (constants[1] is None):
            return []
        place = 0 if constants[0] else 1
        weights = constants[place]
        assert weights is not None
        equation = _attributes(node)["equation"].decode().replace(" ", "")
        terms, arrow, result = equation.partition("->")
        labels = terms.split(",")
        if not arrow or len(labels) != 2 or weights[1]:
            return []
        own, other = labels[place].replace("...", ""), labels[1 - place]
        if len(own) != len(self._tensors[weights[0]]):
            return []
        roles = "".join("i" if c not in result else "b" if c in other else "o" for c in own)
        if re.fullmatch("b*o+i+o+", roles):
            # Outputs in front of the sum are a stack of matrices that share their input.
            roles = "b" * roles.index("i") + roles.lstrip("bo")
        turned = re.fullmatch("b*i+o+", roles) is not None
        plain = re.fullmatch("b*o+i+", roles) is not None
        alone = set(own) - set(other) - set(result) | set(other) - set(own) - set(result)
        repeated = any(len(set(t) - {"."}) != len(t.replace(".", "")) for t in (own, other, result))
        if not (turned or plain) or alone or repeated:
            return []
        shape = self._tensors[weights[0]]
        x = self._shape(node, node.input[1 - place])
        shared = [n for c, n in zip(own, shape, strict=True) if c in other and c in result]
        size = {role: [n for r, n in zip(roles, shape, strict=True) if r == role] for role in "bio"}
        n_columns = math.prod(x) // (math.prod(size["i"]) * math.prod(shared))
        sizes = (math.prod(size["i"]), math.prod(size["o"]), n_columns)
        return self._linear(node, weights[0], tuple(size["b"]), sizes, turned)

    def _recurrent(self, node: Any) -> list[dict[str, Any]]:
        own, recurrent = (self._constant(name) for name in node.input[1:3])
        if own is None or recurrent is None or own[1] or recurrent[1]:
            return []
        directions, rows, n_in = self._tensors[own[0]]
        gates = RECURRENT[node.op_type]
        x = self._shape(node, node.input[0])
        self._must_take(node, x[2], n_in)
        # Time comes first unless the layout says the batch does.
        steps, batch = (x[1], x[0]) if _attributes(node).get("layout", 0) else (x[0], x[1])
        layers = []
        for direction in range(directions):
            layer = {
                "name": node_name(node) + (f".{direction}" if directions > 1 else ""),
                "op": "lstm",
                "tensor": own[0],
                "recurrent_tensor": recurrent[0],
                "index": [direction],
                "input_size": n_in,
                "hidden_size": rows // gates,
                "repeat": steps,
            }
            if gates != 4:
                layer["n_gates"] = gates
            if batch != self._batch:
                layer["batch"] = batch
            layers.append(layer)
        return layers


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def node_name(node: Any) -> str:
    """Return a node's name, or that of its first output."""
    return str(node.name or node.output[0])
