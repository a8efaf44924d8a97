"""Devices of the co-simulation and what passes through them, of trained weights."""

from itertools import pairwise

import numpy as np

from f2fsim.codec.f2f.choose_code import choose_code
from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.huffman import HuffmanFormat
from f2fsim.codec.huffman_symbols import rest_bits
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.hw.front_ends import layer_format
from f2fsim.hw.front_ends.value_decoder import built_planes
from f2fsim.rtl.front_ends import DeviceJob
from f2fsim.rtl.huffman_table import HuffmanTableDevice, TableVectors
from f2fsim.rtl.plane_words import PlaneWordsDevice, plane_vectors
from f2fsim.rtl.row_order import BenesDevice, SorterDevice
from f2fsim.rtl.scatter import ScatterDevice, Sums
from f2fsim.rtl.value_table import N_LENGTHS, ValueTableDevice, code_vectors
from f2fsim.rtl.values import ValueDevice, ValueVectors

#: Bands of the weights that a word aligner gets, one pass after another.
N_BANDS = 8


def values_job(tensor, sizes, n_steps):
    """Return value decoders with the code of the weights, and blocks of codewords.

    At pruned weights stands what an XOR decoder puts out there: any bits.
    """
    n_out, n_planes, kind = sizes["n_out"], sizes["n_planes"], tensor.weight_type
    n = n_out * n_steps
    mask, patterns = tensor.mask.reshape(-1)[:n], tensor.patterns.reshape(-1)[:n]
    kept = patterns[mask].astype(np.uint32)
    code = choose_code(kept, kind, n_planes)
    rng = np.random.default_rng(0)
    codewords = rng.integers(0, 1 << code.n_planes, n, dtype=np.uint64).astype(np.uint32)
    codewords[mask] = code.encode(kept)[0]
    blocks = (part.reshape(n_steps, n_out) for part in (mask, codewords))
    device = ValueDevice(n_out, n_planes, kind.n_bits)
    return DeviceJob(device, ValueVectors(code, *blocks))


def words_job(arch, tensor):
    """Return the word aligner and bands of the weights, each with a code of its own."""
    rows = np.array_split(np.arange(tensor.shape[0]), N_BANDS)
    encodings = [layer_format(arch, band).encode(band) for band in bands(tensor, rows)]
    n_planes = built_planes(arch.front_end, tensor.weight_type.n_bits)
    return DeviceJob(PlaneWordsDevice(arch.front_end.n_in, n_planes), plane_vectors(encodings))


def codes_job(tensor, sizes, n_steps):
    """Return the loader of value codes' tables and passes of 1 to 40 steps, each with its own."""
    n_in, n_out, n_planes = (sizes[key] for key in ("n_in", "n_out", "n_planes"))
    kind = tensor.weight_type
    lengths = np.random.default_rng(3).integers(1, 41, N_LENGTHS)
    lengths[:8] = 1  # one step after another without a gap
    ends = np.resize(lengths, n_steps).cumsum()
    ends = [0, *ends[: np.argmax(ends >= n_steps) + 1]]
    whole = tensor.patterns.reshape(-1), tensor.mask.reshape(-1)
    codec = F2FFormat(
        n_in=n_in, n_out=n_out, value_code="classes", spare_planes=n_planes - kind.n_bits
    )
    rows = [
        PrunedTensor(
            tensor.name, *(part[None, n_out * first : n_out * end] for part in whole), kind
        )
        for first, end in pairwise(ends)
    ]
    device = ValueTableDevice(n_in, n_out, n_planes, kind.n_bits, kind.is_float)
    return DeviceJob(device, code_vectors([codec.encode(row) for row in rows], rows))


def tables_job(tensor, sizes, n_steps):
    """Return the loader and tables of bands of 1 to 32 rows, until it has written so many."""
    kind, n_decoders = tensor.weight_type, sizes["n_decoders"]
    max_length = sizes.get("max_length", 12)
    codec = HuffmanFormat(n_decoders=n_decoders, max_length=max_length)
    codes, at, n_written = [], 0, 0
    while n_written < n_steps:
        n_rows = 1 << len(codes) % 6
        (band,) = bands(tensor, [np.arange(at, at + n_rows) % tensor.shape[0]])
        codes.append(codec.table_of(codec.encode(band)))
        at, n_written = at + n_rows, n_written + codes[-1].n_used
    exponent = kind.n_exponent_bits if rest_bits(kind) else 0
    flip = 1 << (kind.n_bits - 1) if kind.signed and not exponent else 0
    device = HuffmanTableDevice(n_decoders, kind.n_bits, exponent, max_length)
    return DeviceJob(device, TableVectors(codes, flip))


def bands(tensor, rows):
    """Yield the weights of some rows after others."""
    name, kind = tensor.name, tensor.weight_type
    for each in rows:
        yield PrunedTensor(name, tensor.patterns[each], tensor.mask[each], kind)


def row_sums(device, tensor, n_steps):
    """Return the adder tree and steps of kept weights row by row, times drawn activations."""
    row, column = np.nonzero(tensor.mask)
    n = device.lanes * n_steps
    weights = tensor.patterns[row, column].astype(np.int8).astype(np.int64)[:n]
    products = weights * np.random.default_rng(1).integers(-128, 128, n)
    first = np.append(True, np.diff(row) != 0)[:n]
    shape = n_steps, device.lanes
    return DeviceJob(device, device.step(first.reshape(shape), products.reshape(shape)))


def in_row_order(name, sizes, tensor, n_steps):
    """Return sorter, Benes network or scatter, and groups of kept weights column by column."""
    column, row = np.nonzero(tensor.mask.T)
    weights = tensor.patterns[row, column].astype(np.int64)
    lanes = sizes["n_sums" if name == "scatter" else "lanes"]
    shape = n_steps, lanes
    if name == "sorter":
        device = SorterDevice(**sizes)
        payload = (weights + (column << 8)) % (1 << device.payload_bits)
        cut = (part[: n_steps * lanes].reshape(shape) for part in (row, payload))
        return DeviceJob(device, device.step(*cut))
    rng = np.random.default_rng(4)
    if name == "benes":
        device = BenesDevice(**sizes)
        words = tensor.patterns.ravel()[: n_steps * lanes].reshape(shape).astype(np.int64)
        order = np.argsort(rng.random(shape), axis=1)
        return DeviceJob(device, device.step(words, np.arange(n_steps) % lanes, order))
    device = ScatterDevice(**sizes)
    rows = np.sort(row[: n_steps * lanes].reshape(shape), axis=1)
    used = np.diff(rows, axis=1, prepend=-1) > 0  # a row's products are one sum
    return DeviceJob(device, Sums(used, rows, rng.integers(0, 1 << device.sum_bits, shape)))


def wide_reads(device, n_steps):
    """Return the rotators and reads of dense rows of 477 columns, one after another."""
    values = np.random.default_rng(2).integers(0, 1 << device.word_bits, 477)
    columns = np.arange(n_steps) * device.lanes % values.size
    return DeviceJob(device, device.step(columns, values.size, values))
