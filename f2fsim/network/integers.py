"""Arithmetic of a quantised network in whole numbers: what both sides of a check agree on.

Only the meaning of operations on numbers; who computes what from which memory is not here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.operation import VectorOperation
from f2fsim.errors import InputError

Ints = NDArray[np.int64]

#: Operations whose result follows from their values alone (poolings have no geometry here).
SUPPORTED = ("activation", "add", "multiply", "requantise")


def requantised(sums: NDArray[Any]) -> Ints:
    """Return sums as activations of 8 bits: shifted by as many bits as the largest needs."""
    whole = np.asarray(sums).astype(np.int64)
    most = int(np.abs(whole).max(initial=0))
    return whole >> max(most.bit_length() - 7, 0)


def vector_result(operation: VectorOperation, inputs: list[Ints]) -> Ints:
    """Return the result of an element-wise operation on activations.

    Raises
    ------
    InputError
        If the operation's values are not defined by its inputs alone.
    """
    if operation.op == "activation":
        return np.maximum(inputs[0], 0)
    if operation.op == "add":
        total = inputs[0]
        for other in inputs[1:]:
            total = np.clip(total + other, -128, 127)
        return total
    if operation.op == "multiply":
        product = inputs[0]
        for other in inputs[1:]:
            product = (product * other) >> 7
        return product
    if operation.op == "requantise":
        return inputs[0]
    raise InputError(
        f"operation {operation.name!r}: values cannot flow through {operation.op}; "
        f"they can through {', '.join(SUPPORTED)}"
    )


def probabilities(scores: Ints, visible: NDArray[np.bool_]) -> Ints:
    """Return 7-bit probabilities from scores, a row a query: powers of two over their sum."""
    hidden = np.where(visible, scores, np.iinfo(np.int64).min // 2)
    steps = np.clip((hidden - hidden.max(axis=-1, keepdims=True)) >> 6, -20, 0)
    weights = np.where(visible, 1 << (20 + steps), 0)
    shares: Ints = weights * 127 // weights.sum(axis=-1, keepdims=True)
    return shares


def in_cache(values: Ints, kv_type: str) -> Ints:
    """Return keys or values as the cache holds them: int8 as they are, int4 without 4 low bits."""
    if kv_type == "int8":
        return values
    if kv_type == "int4":
        return values >> 4
    raise InputError(
        f"values cannot flow through a cache of {kv_type}; they can through int8, int4"
    )
