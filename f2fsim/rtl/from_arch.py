"""From an architecture and a real layer to a decoder group and its vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from f2fsim.codec import PrunedTensor
from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import F2fFrontEnd
from f2fsim.errors import InputError
from f2fsim.hw.front_ends import format_of, layer_format
from f2fsim.rtl.design import MASK_CODES, GroupDesign
from f2fsim.rtl.layer import layer_vectors
from f2fsim.rtl.vectors import GroupVectors


@dataclass(frozen=True, eq=False)
class LayerGroup:
    """The first decoder group of a machine with what it decodes of one layer."""

    design: GroupDesign
    vectors: GroupVectors


def group_for_layer(arch: ArchConfig, tensor: PrunedTensor, *, max_blocks: int = 0) -> LayerGroup:
    """Return the first decoder group of `arch` and its blocks of a layer.

    FIFO depths, pipeline depth and rates are the front end's; counters are as wide as the layer
    needs.

    Parameters
    ----------
    arch : ArchConfig
        A machine with an ``f2f`` front end.
    tensor : PrunedTensor
        A layer.
    max_blocks : int
        Only so many blocks; 0 for all.

    Raises
    ------
    InputError
        If the front end is of another kind, or its mask code has no Verilog.
    """
    front_end = arch.front_end
    if not isinstance(front_end, F2fFrontEnd):
        raise InputError(
            f"architecture {arch.name!r}: Verilog is generated for an f2f front end, "
            f"got {front_end.kind}"
        )
    weight_format = format_of(arch)
    assert isinstance(weight_format, F2FFormat)
    # The hardware has all outputs; the layer may use the first ones only (outputs: matched).
    encoded = layer_format(arch, tensor).encode(tensor)
    vectors = layer_vectors(tensor, encoded, n_out=front_end.n_out, max_blocks=max_blocks)
    mask = encoded.params["mask"]
    if mask["code"] not in MASK_CODES:
        raise InputError(
            f"architecture {arch.name!r}: no Verilog for mask code {mask['code']!r}; "
            f"set front_end.mask_code to one of {', '.join(MASK_CODES)}"
        )
    most = int(np.max(vectors.patch_counts, initial=1))
    latency = front_end.pipeline_cycles
    design = GroupDesign(
        weight_format.matrix.bits,
        front_end.n_in,
        tensor.weight_type.n_bits,
        pipeline_depth=latency,
        block_fifo=front_end.fifo_units + latency - 1,
        patched_fifo=front_end.fifo_units,
        patch_rate=front_end.patch_rate,
        patch_fifo=2 * front_end.patch_rate + front_end.fifo_units,
        max_patches=max(most, 1),
        mask_code=mask["code"],
        run_bits=int(mask["params"].get("run_bits", 4)),
        mask_rate=min(front_end.mask_rate, 16),
        mask_fifo=2 * front_end.mask_rate + front_end.fifo_units,
    )
    return LayerGroup(design, vectors)
