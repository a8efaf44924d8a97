"""Verilog by kind of front end: a device as an architecture says, a real layer for its bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.huffman import HuffmanFormat
from f2fsim.codec.huffman_read import read_apart, read_pairs, read_parts
from f2fsim.codec.huffman_symbols import n_symbols, rest_bits
from f2fsim.codec.masks import decode_mask
from f2fsim.codec.streams import read_fields, read_stream
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import (
    BitmapFrontEnd,
    CsrFrontEnd,
    F2fFrontEnd,
    HuffmanFrontEnd,
    NmFrontEnd,
    RleFrontEnd,
)
from f2fsim.config.pe_array import BroadcastArray, RowParallelArray
from f2fsim.cost.front_end_units import COUNT_CYCLES, GAP_CYCLES
from f2fsim.errors import InputError, choices
from f2fsim.hw.front_ends import format_of, front_end_kind, layer_format
from f2fsim.hw.front_ends.f2f import POSITION_CYCLES
from f2fsim.hw.front_ends.huffman import fifo_weights
from f2fsim.hw.front_ends.mask_unit import mask_places
from f2fsim.rtl.bench import Bench
from f2fsim.rtl.bitmap import BitmapDevice, BitmapVectors
from f2fsim.rtl.csc import CscDevice, CscVectors
from f2fsim.rtl.csr import CsrDevice, CsrVectors
from f2fsim.rtl.csr_rounds import rows_waiting
from f2fsim.rtl.cycles import Gaps
from f2fsim.rtl.device import Device
from f2fsim.rtl.f2f import F2fDevice
from f2fsim.rtl.huffman import HuffmanDevice, HuffmanVectors, patterns_of_symbols
from f2fsim.rtl.layer import layer_vectors
from f2fsim.rtl.mask_paths import mask_path
from f2fsim.rtl.nm import NmDevice, NmVectors
from f2fsim.rtl.run_length import RunLengthDevice, RunLengthVectors
from f2fsim.rtl.text import bits_for

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DeviceJob:
    """A front end as Verilog, what passes through it of one layer, and figures for people."""

    device: Device[Any]
    vectors: object
    facts: Mapping[str, int] = field(default_factory=dict)

    def bench(self, gaps: Gaps) -> Bench:
        """Return the bench, sources and consumers as `gaps` draws them."""
        return self.device.bench(self.vectors, gaps)


def _fields(encoded: EncodedTensor, name: str, width: int, n: int) -> IntArray:
    return np.asarray(read_fields(encoded, name, width, n), dtype=np.int64)


def _power_of_two(n: int) -> int:
    return 1 << max(n - 1, 1).bit_length()


def bitmap_job(
    arch: ArchConfig, encoded: EncodedTensor, tensor: PrunedTensor, n_steps: int
) -> DeviceJob:
    """Return mask unit and aligner; lanes are rounded up to a power of two."""
    front_end = cast(BitmapFrontEnd, arch.front_end)
    code = encoded.params["mask"]
    depth, latency = front_end.fifo_units, front_end.pipeline_cycles
    rate = front_end.mask_rate
    path = mask_path(code["code"], front_end.block, rate, 2 * rate + depth, code["params"])
    lanes = min(_power_of_two(front_end.aligner_weights), _power_of_two(front_end.block))
    flat = decode_mask(read_stream(encoded, "mask"), encoded.n_weights, **code)
    n_blocks = -(-flat.size // front_end.block)
    mask = np.zeros(n_blocks * front_end.block, dtype=np.bool_)
    mask[: flat.size] = flat
    mask = mask.reshape(n_blocks, front_end.block)[: n_steps or None]
    n_bits = encoded.weight_type.n_bits
    values = _fields(encoded, "weights", n_bits, int(flat.sum()))[: int(mask.sum())]
    masks = depth + COUNT_CYCLES + path.late_cycles - 1
    device = BitmapDevice(path, lanes, n_bits, masks, 2 * lanes, depth + latency - 1, latency)
    return DeviceJob(device, BitmapVectors(mask, values))


def huffman_job(
    arch: ArchConfig, encoded: EncodedTensor, tensor: PrunedTensor, n_steps: int
) -> DeviceJob:
    """Return mask unit, decoders and aligner; a step is a block."""
    front_end = cast(HuffmanFrontEnd, arch.front_end)
    code = encoded.params["mask"]
    depth, latency = front_end.fifo_units, front_end.pipeline_cycles
    rate, block, n = front_end.mask_rate, front_end.block, front_end.n_decoders
    path = mask_path(code["code"], block, rate, 2 * rate + depth, code["params"])
    mask = np.zeros(-(-tensor.n_weights // block) * block, dtype=np.bool_)
    mask[: tensor.n_weights] = tensor.mask.ravel()
    mask = mask.reshape(-1, block)[: n_steps or None]
    kind, n_kept = tensor.weight_type, int(mask.sum())
    if read_apart(encoded):
        raise InputError(f"tensor {encoded.name!r}: signs behind codewords have no Verilog")
    exponent = kind.n_exponent_bits if rest_bits(kind) else 0
    device = HuffmanDevice(
        path,
        n,
        kind.n_bits,
        exponent,
        front_end.max_length,
        depth + COUNT_CYCLES + path.late_cycles - 1,
        fifo_weights(front_end, kind.n_bits),
        depth + latency - 1,
        latency,
    )
    values = tensor.patterns.ravel()[tensor.mask.ravel()][:n_kept].astype(np.int64)
    return DeviceJob(device, huffman_vectors(arch, encoded, tensor, mask, values))


def huffman_vectors(
    arch: ArchConfig,
    encoded: EncodedTensor,
    tensor: PrunedTensor,
    mask: NDArray[np.bool_],
    values: IntArray,
) -> HuffmanVectors:
    """Return the decoders' streams as far as the blocks of `mask` need them."""
    codec, n = layer_format(arch, tensor), int(encoded.params["n_decoders"])
    assert isinstance(codec, HuffmanFormat)
    widths, (n_each, base) = codec.codeword_bits(tensor), read_pairs(encoded)
    n_codewords = n_symbols(values.size, n, n_each)
    own = [widths[:n_codewords][d::n] for d in range(n)]
    parts = [
        np.unpackbits(data, bitorder="little")[: int(bits.sum())].astype(np.bool_)
        for (data, _), bits in zip(read_parts(encoded), own, strict=True)
    ]
    code = HuffmanFormat.table_of(encoded)
    symbols = patterns_of_symbols(tensor.weight_type, n_each)
    return HuffmanVectors(mask, values, code, symbols, parts, own, n_each, base)


def csr_job(
    arch: ArchConfig, encoded: EncodedTensor, tensor: PrunedTensor, n_steps: int
) -> DeviceJob:
    """Return index decoder and gathers; a step is a window."""
    front_end = cast(CsrFrontEnd, arch.front_end)
    array = cast(RowParallelArray, arch.pe_array)
    params, n_pes = encoded.params, array.n_pes
    n_banks = arch.scratchpad.n_banks  # a word holds a column: as many values as PEs have columns
    n_rows, n_cols = encoded.shape
    counts = _fields(encoded, "pointers", params["pointer_bits"], n_rows)
    n_kept = int(counts.sum())
    columns = _fields(encoded, "indices", params["index_bits"], n_kept)
    n_bits = encoded.weight_type.n_bits
    values = _fields(encoded, "weights", n_bits, n_kept)
    latency = front_end.pipeline_cycles
    device = CsrDevice(
        n_pes,
        n_banks,
        array.window,
        max(bits_for(n_cols - 1), bits_for(n_banks - 1) + 1),
        bits_for(int(counts.max())),
        bits_for(-(-n_rows // n_pes) - 1),
        n_bits,
        8 * array.columns,
        rows_waiting(counts, n_pes),
        2 * n_pes,
        front_end.fifo_units + latency - 1,
        front_end.fifo_units,
        latency,
        array.shared_reads,
    )
    return DeviceJob(device, CsrVectors(counts, columns, values))


def csc_job(
    arch: ArchConfig, encoded: EncodedTensor, tensor: PrunedTensor, n_steps: int
) -> DeviceJob:
    """Return the PEs of a broadcast array; a step is a broadcast of every second column."""
    array = cast(BroadcastArray, arch.pe_array)
    params, n_pes = encoded.params, array.n_pes
    n_rows, n_cols = encoded.shape
    n_pointers = (n_cols + (params["pointers"] == "offsets")) * n_pes
    table = _fields(encoded, "pointers", params["pointer_bits"], n_pointers).reshape(-1, n_pes)
    counts = np.diff(table, axis=0) if params["pointers"] == "offsets" else table
    n_stored = int(counts.sum())
    n_bits, run_bits = encoded.weight_type.n_bits, params["run_bits"]
    runs = _fields(encoded, "indices", run_bits, n_stored)
    values = _fields(encoded, "weights", n_bits, n_stored)
    pe = np.repeat(np.tile(np.arange(n_pes), n_cols), counts.ravel())
    columns = np.arange(0, n_cols, 2)[: n_steps or None]
    most = int(counts.max(initial=0))
    longest = int(counts.sum(axis=0).max(initial=1))
    device = CscDevice(
        n_pes,
        array.fifo_depth,
        max(bits_for(longest), bits_for(most) + 1),
        bits_for(most),
        bits_for(-(-n_rows // n_pes) - 1),
        run_bits,
        n_bits,
    )
    return DeviceJob(
        device,
        CscVectors(
            columns,
            columns * 37 % 255 + 1,
            counts,
            tuple(runs[pe == p] for p in range(n_pes)),
            tuple(values[pe == p] for p in range(n_pes)),
        ),
    )


def nm_job(
    arch: ArchConfig, encoded: EncodedTensor, tensor: PrunedTensor, n_steps: int
) -> DeviceJob:
    """Return the index decoder of N:M groups."""
    front_end = cast(NmFrontEnd, arch.front_end)
    n, m = front_end.n, front_end.m
    n_rows, n_cols = encoded.shape
    n_slots = n_rows * -(-n_cols // m) * n
    n_bits = encoded.weight_type.n_bits
    places = _fields(encoded, "indices", max(m - 1, 0).bit_length(), n_slots).reshape(-1, n)
    values = _fields(encoded, "weights", n_bits, n_slots).reshape(-1, n)
    depth, latency = front_end.fifo_units, front_end.pipeline_cycles
    device = NmDevice(n, m, front_end.groups_per_cycle, n_bits, 2, depth + latency - 1, latency)
    kept = slice(n_steps * front_end.groups_per_cycle or None)
    return DeviceJob(device, NmVectors(places[kept], values[kept]))


def rle_job(
    arch: ArchConfig, encoded: EncodedTensor, tensor: PrunedTensor, n_steps: int
) -> DeviceJob:
    """Return the run decoder."""
    front_end = cast(RleFrontEnd, arch.front_end)
    n_bits, run_bits = encoded.weight_type.n_bits, encoded.params["run_bits"]
    n_entries = read_stream(encoded, "weights").n_bits // n_bits
    kept = slice(n_steps * front_end.entries_per_cycle or None)
    runs = _fields(encoded, "indices", run_bits, n_entries)[kept]
    values = _fields(encoded, "weights", n_bits, n_entries)[kept]
    entries, latency = front_end.entries_per_cycle, front_end.pipeline_cycles
    offset = bits_for(entries * 2**run_bits - 1)
    device = RunLengthDevice(
        entries,
        run_bits,
        max(bits_for(encoded.n_weights), offset + 2),
        n_bits,
        2 * entries,
        front_end.fifo_units + latency - 1,
        latency,
    )
    return DeviceJob(device, RunLengthVectors(runs, values))


def f2f_job(
    arch: ArchConfig, encoded: EncodedTensor, tensor: PrunedTensor, n_steps: int
) -> DeviceJob:
    """Return the first decoder group and its blocks; a step is a block.

    FIFO depths, pipeline depth and rates are the front end's.  The hardware has all outputs, the
    layer may use the first ones only (``outputs: matched``).
    """
    front_end = cast(F2fFrontEnd, arch.front_end)
    weight_format = format_of(arch)
    assert isinstance(weight_format, F2FFormat)
    vectors = layer_vectors(tensor, encoded, n_out=front_end.n_out, max_blocks=n_steps)
    code, rate = encoded.params["mask"], min(front_end.mask_rate, 16)
    depth, latency = front_end.fifo_units, front_end.pipeline_cycles
    masks = mask_path(code["code"], front_end.n_out, rate, 2 * rate + depth, code["params"])
    device = F2fDevice(
        weight_format.matrix.bits,
        front_end.n_in,
        masks,
        tensor.weight_type.n_bits,
        pipeline_depth=latency,
        block_fifo=depth + latency - 1,
        mask_fifo=mask_places(front_end, POSITION_CYCLES),
        patched_fifo=depth,
        patch_rate=front_end.patch_rate,
        patch_fifo=2 * front_end.patch_rate + depth + GAP_CYCLES - 1,
    )
    facts = {
        "outputs that the layer uses": vectors.n_used,
        "patches in the bench": int(vectors.patches.shape[0]),
    }
    return DeviceJob(device, vectors, facts)


#: Devices by kind of front end; `dense` passes words on and has no logic.
DEVICES: dict[str, Callable[[ArchConfig, EncodedTensor, PrunedTensor, int], DeviceJob]] = {
    "f2f": f2f_job,
    "bitmap": bitmap_job,
    "huffman": huffman_job,
    "csr": csr_job,
    "csc_relative": csc_job,
    "nm": nm_job,
    "rle": rle_job,
}


def device_for_layer(arch: ArchConfig, tensor: PrunedTensor, *, max_steps: int = 0) -> DeviceJob:
    """Return the front end of `arch` as Verilog, and the streams of a real layer.

    Parameters
    ----------
    arch : ArchConfig
        FIFO depths, latency and rates are its front end's; counters are as wide as the layer needs.
    tensor : PrunedTensor
        A layer.
    max_steps : int
        Only so many of its first steps; 0 for all.  CSR takes the whole tensor: its lists end
        together.

    Raises
    ------
    InputError
        If the kind of front end, its mask code or its sizes have no Verilog.
    """
    kind = check_kind(arch)
    encoded = layer_format(arch, tensor).encode(tensor)
    if encoded.format != front_end_kind(arch).format_name:
        raise InputError(
            f"architecture {arch.name!r} reads tensor {encoded.name!r} as {encoded.format}, "
            f"not through its {kind} front end: choose another layer"
        )
    return DEVICES[kind](arch, encoded, tensor, max_steps)


def check_kind(arch: ArchConfig) -> str:
    """Return the kind of an architecture's front end; `InputError` if it has no Verilog."""
    kind = str(arch.front_end.kind)
    if kind not in DEVICES:
        raise InputError(
            f"architecture {arch.name!r}: no Verilog for front end {kind!r}; "
            f"known: {choices(DEVICES)}"
        )
    return kind
