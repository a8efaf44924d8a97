"""bitsandbytes: NF4 and FP4 in blocks, int8 by rows (LLM.int8)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import weight_type
from f2fsim.codec.floats import float_values, nearest_patterns
from f2fsim.workloads.conventions.bits import nibbles
from f2fsim.workloads.conventions.table import MAX_ELEMENTS, Table, as_float32
from f2fsim.workloads.readers.stored import Codes, Stored

FOUR_BITS = "bitsandbytes 4-bit"
EIGHT_BITS = "bitsandbytes int8"
_STATE = ".quant_state.bitsandbytes__"


def four_bits(table: Table) -> None:
    """Read NF4 and FP4: a code of 16 values, a maximum a block (itself quantised or not)."""
    for name in list(table.entries):
        base, found, kind = name.partition(_STATE)
        if not found:
            continue
        if base not in table.entries:
            raise table.error(FOUR_BITS, name, f"has no weights {base!r} beside it")
        state = _state(table, name)
        taken = [base, name, *_needed(table, base, state)]
        shape = tuple(state["shape"])
        _check_sizes(table, base, state)
        table.combine(base, taken, shape, f"{FOUR_BITS} ({kind})", _FourBits(state), "F32")


def _needed(table: Table, base: str, state: Mapping[str, Any]) -> list[str]:
    """Return the names of code, block maxima and what these are quantised with."""
    endings = [".quant_map", ".absmax"]
    nested = [e for e in (".nested_quant_map", ".nested_absmax") if base + e in table.entries]
    missing = [k for k in ("nested_blocksize", "nested_offset") if k not in state]
    if nested and missing:
        what = f"has quantised maxima, its state has no {missing[0]!r}"
        raise table.error(FOUR_BITS, base, what)
    if "nested_blocksize" in state:
        endings += [".nested_quant_map", ".nested_absmax"]
    for ending in endings:
        if base + ending not in table.entries:
            raise table.error(FOUR_BITS, base, f"has no {base + ending!r} beside it")
    return [base + ending for ending in endings]


def _state(table: Table, name: str) -> dict[str, Any]:
    """Return the JSON that a byte tensor holds, its numbers checked."""
    try:
        state = json.loads(table.entries[name].values().astype(np.uint8).tobytes())
        shape, block = state["shape"], state["blocksize"]
        sizes = [*shape, block, state.get("nested_blocksize", 1)]
        valid = all(isinstance(n, int) and 0 < n <= MAX_ELEMENTS for n in sizes)
        if not valid or math.prod(shape) > MAX_ELEMENTS:
            raise ValueError
        float(state.get("nested_offset", 0.0))
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError):
        raise table.error(FOUR_BITS, name, "is no valid state of a quantiser") from None
    return dict(state)


def _check_sizes(table: Table, base: str, state: Mapping[str, Any]) -> None:
    """Refuse codes, map and maxima that do not fit the shape of the state."""
    n = math.prod(state["shape"])
    n_blocks = -(-n // state["blocksize"])
    sizes = {"": -(-n // 2), ".quant_map": 16, ".absmax": n_blocks}
    if "nested_blocksize" in state:
        n_nested = -(-n_blocks // state["nested_blocksize"])
        sizes |= {".nested_quant_map": 256, ".nested_absmax": n_nested}
    for ending, size in sizes.items():
        found = table.entries[base + ending].shape
        if math.prod(found) != size:
            what = f"has shape {found}, its state of {state['shape']} needs {size} elements"
            raise table.error(FOUR_BITS, base + ending, what)


class _FourBits:
    """Reads one weight; called with weights, state, map and maxima in the order of `four_bits`."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state

    def __call__(self, stored: list[Stored]) -> Stored:
        packed, _, code, maxima, *nested = (item.values for item in stored)
        state = self._state
        n = math.prod(state["shape"])
        if nested:
            nested_map, nested_maxima = nested
            blocks = np.arange(maxima.size) // state["nested_blocksize"]
            scaled = as_float32(nested_map)[maxima.ravel()] * as_float32(nested_maxima)[blocks]
            maxima = scaled + np.float32(state.get("nested_offset", 0.0))
        fields = nibbles(packed.reshape(1, -1), high_first=True)[0]
        block_of = np.arange(n) // state["blocksize"]
        values = as_float32(code)[fields[:n]] * as_float32(maxima).ravel()[block_of]
        return Stored(rounded(values, str(state.get("dtype", "float32"))).reshape(state["shape"]))


def rounded(values: NDArray[np.float32], dtype: str) -> NDArray[np.float32]:
    """Round to the type that a library computes the weights in, as its kernels do."""
    word = {"bfloat16": "bf16", "float16": "fp16"}.get(dtype.removeprefix("torch."))
    if word is None:
        return values
    kind = weight_type(word)
    return float_values(nearest_patterns(values, kind), kind)


def eight_bits(table: Table) -> None:
    """Read int8 with one scale a row: ``weight`` and ``SCB`` (the row's absolute maximum)."""
    for name, base, _ in table.ending(".SCB"):
        weight = base + ".weight"
        if weight not in table.entries:
            raise table.error(EIGHT_BITS, name, f"has no weights {weight!r} beside it")
        if table.entries[weight].dtype != "I8":
            word = table.entries[weight].dtype
            raise table.error(EIGHT_BITS, weight, f"holds {word}, its scales are those of int8")
        shape, maxima = table.entries[weight].shape, table.entries[name].shape
        if len(shape) != 2 or math.prod(maxima) != shape[0]:
            raise table.error(EIGHT_BITS, name, f"has shape {maxima}, the weights {shape}")
        form = base + ".weight_format"
        taken = [weight, name] + ([form] if form in table.entries else [])
        table.combine(weight, taken, shape, EIGHT_BITS, _by_rows)


def _by_rows(stored: list[Stored]) -> Stored:
    codes = stored[0].values
    scales = (as_float32(stored[1].values).reshape(-1, 1) / np.float32(127)).astype(np.float32)
    made = Codes(
        codes.astype(np.int8, copy=False),
        "int8",
        scales,
        np.zeros(codes.shape[1], dtype=np.intp),
        side_bits=8 * stored[1].values.nbytes,
    )
    return Stored(made.values(), stored[0].mask, made)
