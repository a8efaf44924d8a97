"""Values that an ONNX graph computes from its constants alone, computed when they are needed.

Exporters leave chains such as DequantizeLinear, Reshape, Concat or weight norm in front of a
product.  The value at the end of such a chain is a weight like any other; it is found here by
running only the nodes that make it, with ONNX's reference evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.onnx_run import run_nodes

#: Domain of the operators that `onnx_standard_form` puts in place of quantised ones.
DOMAIN = "f2fsim"

#: Operators whose result differs from run to run, or depends on more than their inputs.
_RANDOM = ("RandomNormal", "RandomUniform", "Bernoulli", "Multinomial")


class DerivedValues:
    """What nodes of a graph compute from constants alone.

    Parameters
    ----------
    graphs : iterable of GraphProto
        Outer graphs before the graphs inside them.
    constants : mapping of str to TensorProto
        Stored constants by name.
    opsets : sequence of OperatorSetIdProto
        Of the model.
    inline : callable
        Returns a stored constant as a TensorProto that holds its data.
    """

    def __init__(
        self,
        graphs: Iterable[Any],
        constants: Mapping[str, Any],
        opsets: Iterable[Any],
        inline: Callable[[str], Any],
    ) -> None:
        self._constants = constants
        self._opsets = {entry.domain: entry.version for entry in opsets} | {DOMAIN: 1}
        self._inline = inline
        self._makers: dict[str, Any] = {}
        self._last: tuple[str, NDArray[Any]] | None = None
        for graph in graphs:
            for node in graph.node:
                if self._is_fixed(node):
                    self._makers |= dict.fromkeys(filter(None, node.output), node)

    def _is_fixed(self, node: Any) -> bool:
        if node.op_type == "Constant":
            return True
        if not node.input or node.op_type.startswith(_RANDOM):
            return False
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            return False
        return all(not n or n in self._constants or n in self._makers for n in node.input)

    def __contains__(self, name: object) -> bool:
        """Whether the value is computed from constants and is not a stored one."""
        return name in self._makers and name not in self._constants

    def read(self, name: str) -> NDArray[Any]:
        """Compute a value; the last one is kept.

        Raises
        ------
        DataError
            If the evaluator cannot compute it; the message starts behind the file's name.
        """
        if self._last is None or self._last[0] != name:
            self._last = (name, self._compute(name))
        return self._last[1]

    def _compute(self, name: str) -> NDArray[Any]:
        from onnx import numpy_helper

        nodes, leaves = self._ancestors(name)
        try:
            values = {leaf: numpy_helper.to_array(self._inline(leaf)) for leaf in leaves}
            run_nodes(nodes, values, self._opsets, own_operators())
        except DataError:
            raise
        except Exception as error:  # the evaluator lets any exception of an operator through
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise DataError(f"value {name!r} cannot be computed: {reason[:300]}") from None
        return values[name]

    def _ancestors(self, name: str) -> tuple[list[Any], list[str]]:
        """Return the nodes that a value needs, in an order to run them, and their constants."""
        order: list[Any] = []
        leaves: dict[str, None] = {}
        done: set[str] = set()
        stack = [(name, False)]
        while stack:
            value, ready = stack.pop()
            if ready:
                order.append(self._makers[value])
                done.update(self._makers[value].output)
            elif value in self._constants:
                leaves[value] = None
            elif value and value not in done:
                stack.append((value, True))
                stack += [(source, False) for source in self._makers[value].input]
        unique: dict[int, Any] = {id(node): node for node in order}
        return list(unique.values()), list(leaves)


def own_operators() -> list[Any]:
    """Return the evaluator's classes for the operators of `DOMAIN`."""
    from onnx.reference.op_run import OpRun

    class Dequantise(OpRun):
        """(x - zero) · scale, either left out: one number, one along `axis`, or one a block."""

        op_domain = DOMAIN

        def _run(self, x: Any, scale: Any = None, zero: Any = None, axis: Any = None) -> Any:
            axis = getattr(self, "axis", 0) if axis is None else axis
            value = x.astype(np.float32)
            if zero is not None:
                value = value - _spread(zero.astype(np.float32), x.shape, axis)
            if scale is not None:
                value = value * _spread(scale.astype(np.float32), x.shape, axis)
            return (value.astype(np.float32),)

    class UnpackBits(OpRun):
        """Weights of MatMulNBits as float32 (N, K): blocks of a row share scale and zero point."""

        op_domain = DOMAIN
        # The evaluator sets a node's attributes as the object's.
        K: int
        N: int
        bits: int
        block_size: int

        def _run(self, packed: Any, scales: Any, zeros: Any = None, **_: Any) -> Any:
            sizes = (self.K, self.N, self.bits, self.block_size)
            return (_unpack_bits(packed, scales, zeros, *sizes),)

    return [Dequantise, UnpackBits]


def _spread(values: NDArray[Any], shape: tuple[int, ...], axis: int) -> NDArray[Any]:
    """Return scales or zero points in a shape that broadcasts to `shape`."""
    if values.size == 1:
        return values.reshape(())
    axis %= len(shape)
    if values.ndim == len(shape) > 1 and values.shape != shape:
        block = -(-shape[axis] // values.shape[axis])
        return np.repeat(values, block, axis=axis).take(range(shape[axis]), axis=axis)
    if values.ndim == 2 and len(shape) == 3:
        # DynamicQuantizeLSTM: one a direction and gate, (directions, gates · hidden).
        return values[:, None, :]
    if values.ndim == 1:
        return values.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return values


def _unpack_bits(
    packed: NDArray[Any],
    scales: NDArray[Any],
    zeros: NDArray[Any] | None,
    n_in: int,
    n_out: int,
    n_bits: int,
    block: int,
) -> NDArray[np.float32]:
    n_blocks = -(-n_in // block)
    codes = _fields(packed.reshape(n_out, -1), n_bits)[:, : n_blocks * block]
    levels = codes.reshape(n_out, n_blocks, block).astype(np.float32)
    middle: Any = np.float32(2 ** (n_bits - 1))
    if zeros is not None:
        rows = zeros.reshape(n_out, -1)
        if rows.dtype == np.uint8:
            rows = _fields(rows, n_bits)[:, :n_blocks]
        middle = rows.astype(np.float32)[:, :, None]
    values = (levels - middle) * scales.astype(np.float32).reshape(n_out, n_blocks, 1)
    return np.ascontiguousarray(values.reshape(n_out, -1)[:, :n_in], dtype=np.float32)


def _fields(rows: NDArray[Any], n_bits: int) -> NDArray[np.uint8]:
    """Cut rows of bytes into fields of `n_bits`, the low bits first."""
    bits = np.unpackbits(rows.astype(np.uint8), axis=1, bitorder="little")
    whole = bits[:, : bits.shape[1] // n_bits * n_bits].reshape(rows.shape[0], -1, n_bits)
    return np.packbits(whole, axis=2, bitorder="little")[:, :, 0]
