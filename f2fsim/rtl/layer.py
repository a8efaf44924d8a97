"""Vectors of a decoder group from a real encoded layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.codec.f2f.format import F2FFormat, read_params, read_planes
from f2fsim.codec.f2f.patches import read_code, unpack_patches
from f2fsim.codec.streams import read_stream
from f2fsim.errors import InputError
from f2fsim.rtl.vectors import GroupVectors


def layer_vectors(
    tensor: PrunedTensor,
    encoded: EncodedTensor,
    *,
    n_out: int = 0,
    group: int = 0,
    max_blocks: int = 0,
) -> GroupVectors:
    """Return what one decoder group gets and gives for an encoded layer.

    The expected bits come from `tensor`, not from a decoder.

    Parameters
    ----------
    tensor : PrunedTensor
        The layer.
    encoded : EncodedTensor
        Its F2F encoding, without a value code.
    n_out : int
        Outputs of the decoder, at least those that the encoding uses; 0 for as many.
    group : int
        Which of the format's interleaved groups; it gets blocks ``group``, ``group + n_groups`` …
    max_blocks : int
        Only so many of its first blocks; 0 for all.

    Raises
    ------
    InputError
        If the encoding is not F2F or has a value code, or there is no such group.
    """
    if encoded.format != F2FFormat.name:
        raise InputError(f"tensor {encoded.name!r}: format {encoded.format!r} has no XOR decoder")
    params = read_params(encoded)
    layout, code, stored_words = read_planes(encoded, params)
    if code is not None:
        raise InputError(
            f"tensor {encoded.name!r}: no Verilog for a value code; use value_code: none"
        )
    if not 0 <= group < params.n_groups:
        raise InputError(f"group must be 0 to {params.n_groups - 1}, got {group}")
    n_used = params.n_out
    n_out = n_out or n_used
    if n_out < n_used:
        raise InputError(f"tensor {encoded.name!r} uses {n_used} outputs of a decoder of {n_out}")
    n_planes = encoded.weight_type.n_bits
    stored = np.asarray(layout.stored, dtype=np.int64)
    inverted = np.zeros(n_planes, dtype=np.bool_)
    inverted[list(layout.inverted)] = True
    mask_sequence, care = params.block_order(tensor.shape).care_list(
        tensor.patterns, tensor.mask, n_used
    )
    n_blocks = care.n_blocks
    words = np.zeros((n_blocks, n_planes), dtype=np.int64)
    words[:, stored] = stored_words
    used = np.zeros(n_blocks * n_used, dtype=np.bool_)
    used[: mask_sequence.size] = mask_sequence
    mask = np.zeros((n_blocks, n_out), dtype=np.bool_)
    mask[:, :n_used] = used.reshape(n_blocks, n_used)
    block_of = np.repeat(np.arange(n_blocks), care.n_u)
    expected = np.zeros((n_blocks, n_planes, n_out), dtype=np.bool_)
    for plane in range(n_planes):
        expected[block_of, plane, care.pos] = care.val >> np.uint32(plane) & np.uint32(1)
    what = f"tensor {encoded.name!r}, patches"
    gaps = read_code(encoded.params.get("patch_code"), what)
    stream = read_stream(encoded, "patches")
    places = unpack_patches(stream, gaps, care.n_kept * stored.size, what)
    patches = _patches(places, care.block_ptr, care.pos.astype(np.int64), stored)
    chosen = np.arange(group, n_blocks, params.n_groups)
    chosen = chosen[:max_blocks] if max_blocks else chosen
    number = np.full(n_blocks, -1, dtype=np.int64)
    number[chosen] = np.arange(chosen.size)
    patches = patches[number[patches[:, 0]] >= 0]
    patches[:, 0] = number[patches[:, 0]]
    return GroupVectors(
        words[chosen],
        inverted,
        mask[chosen],
        patches,
        expected[chosen],
        n_used,
        stored,
    )


def _patches(
    places: NDArray[np.int64],
    block_ptr: NDArray[np.int64],
    positions: NDArray[np.int64],
    stored: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return block, plane and position of care-bit numbers (`f2fsim.codec.f2f.patches`)."""
    if not places.size:
        return np.zeros((0, 3), dtype=np.int64)
    block = np.searchsorted(block_ptr * stored.size, places, side="right") - 1
    start = block_ptr[block]
    plane, kept = np.divmod(places - start * stored.size, block_ptr[block + 1] - start)
    return np.stack([block, stored[plane], positions[start + kept]], axis=1)
