"""What front ends and operand networks are made of, as units of the Verilog with their sizes.

One function a part of a machine; the sizes are those that `f2fsim rtl` would give it.  Widths that
only a layer tells (indices, row lengths) are assumed here, each with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

from f2fsim.cost.cells import GateCount
from f2fsim.cost.unit_gates import estimate_unit_gates, estimate_unit_levels, log2_of

#: Assumed widths: columns of 65 536, rows of 4 096 entries, 1 024 rows of a PE, 2**24 weights.
INDEX_BITS, LENGTH_BITS, ROW_BITS, PLACE_BITS = 16, 12, 10, 24
#: Assumed: rows that wait at a PE (opennsfw's layers on 32 PEs need up to 8).
ROWS_WAITING = 8
#: Assumed block code of coded masks, near the best at 90 % pruned: 32 positions, at most 6 ones.
CODE_BLOCK, CODE_ONES = 32, 6
#: Classes and bits of a prefix that value decoders are built for (`f2fsim.codec.f2f.value_code`).
VALUE_CLASSES, VALUE_PREFIX = 16, 6
#: Bits of a gap of the patch stream, of its widest field, and of a word of it.
GAP_BITS, FIELD_BITS, WORD_BITS = 20, 20, 32


@dataclass(frozen=True)
class UnitSpec:
    """`count` units of one Verilog module.

    Attributes
    ----------
    module : str
        A name in `f2fsim.cost.unit_gates.UNITS`.
    sizes : tuple of (str, int)
        Its parameters.
    count : int
        How many there are.
    stages : int
        Pipeline stages that its longest path may be cut into (registers behind it, retimed).
    """

    module: str
    sizes: tuple[tuple[str, int], ...]
    count: int = 1
    stages: int = 1

    @property
    def gates(self) -> GateCount:
        """Estimated cells of all of them."""
        return estimate_unit_gates(self.module, **dict(self.sizes)).times(self.count)

    @property
    def levels(self) -> int:
        """Estimated levels of logic of a stage."""
        return -(-estimate_unit_levels(self.module, **dict(self.sizes)) // self.stages)


Units = tuple[UnitSpec, ...]


def total_gates(units: Iterable[UnitSpec]) -> GateCount:
    """Return the cells of several units."""
    total = GateCount()
    for unit in units:
        total = total + unit.gates
    return total


def _unit(module: str, count: int = 1, stages: int = 1, **sizes: int) -> UnitSpec:
    return UnitSpec(module, tuple(sizes.items()), count, stages)


def _fields(width: int, depth: int, rate: int, count: int = 1) -> UnitSpec:
    return _unit("f2f_fields", count, WIDTH=width, DEPTH=depth, WRITE=rate)


def mask_unit(n: int, code: str, rate: int, count: int = 1) -> Units:
    """Return the mask unit for blocks of `n`; `auto` counts as zero runs of 4 bits."""
    if code == "raw":
        return (_unit("f2f_mask_raw", count, N_OUT=n),)
    if code == "block":
        n_words = max(1, min(rate, -(-n // CODE_BLOCK)))
        word = (sum(comb(CODE_BLOCK, j) for j in range(CODE_ONES + 1)) + 1 - 1).bit_length()
        made = n_words * CODE_BLOCK
        sizes = {"RATE": n_words, "WORD": word, "BLOCK": CODE_BLOCK, "ONES": CODE_ONES}
        return (
            _fields(1, n_words * (word + CODE_BLOCK) + 2 * WORD_BITS, 2 * WORD_BITS, count),
            _unit("f2f_mask_blocks", count, **sizes),
            _fields(1, n + 2 * made, made, count),
            _unit("f2f_mask_cut", count, N_OUT=n),
        )
    return (
        _fields(4, 2 * rate, rate, count),
        _unit("f2f_mask_runs", count, N_OUT=n, RATE=rate, PLACE=(n + 16).bit_length()),
    )


def aligner(n: int, lanes: int, weight_bits: int, stages: int) -> Units:
    """Return prefix sum, compaction and value buffer of `lanes` weights a cycle."""
    lanes = max(2, min(lanes, 1 << log2_of(n)))
    return (
        _unit("f2f_count", N=n),
        _unit("f2f_aligner", 1, stages, N=n, LANES=lanes, WEIGHT=weight_bits),
        _fields(weight_bits, 2 * lanes, lanes),
    )


def compaction(n: int, lanes: int, weight_bits: int, stages: int) -> Units:
    """Return compaction of kept weights to lanes that skip the others."""
    lanes = max(2, min(lanes, 1 << log2_of(n)))
    sizes = {"N": n, "LANES": lanes, "WEIGHT": weight_bits}
    return (_unit("f2f_count", N=n), _unit("f2f_compactor", 1, stages, **sizes))


def index_decoder(n_pes: int, index_bits: int | str, weight_bits: int, stages: int) -> Units:
    """Return CSR's row queues, index decode and entry buffers."""
    index = index_bits if isinstance(index_bits, int) else INDEX_BITS
    sizes = {"P": n_pes, "INDEX": index, "WEIGHT": weight_bits}
    sizes |= {"LENGTH": LENGTH_BITS, "WAVE": ROW_BITS, "ROW_FIFO": ROWS_WAITING}
    return (
        _unit("f2f_csr_decoder", 1, stages, **sizes),
        _fields(index, 2 * n_pes, n_pes),
        _fields(weight_bits, 2 * n_pes, n_pes),
    )


def gathers(n_pes: int, n_banks: int, window: int, weight_bits: int) -> Units:
    """Return windows of requests and the arbiter of banked gathers."""
    log_banks = log2_of(n_banks)
    address = max(INDEX_BITS - log_banks, 1)
    payload = 1 + ROW_BITS + weight_bits
    queue = {"WINDOW": window, "LOG_B": log_banks, "ADDRESS": address, "PAYLOAD": payload}
    return (_unit("f2f_gather_queue", n_pes, **queue), *grants(n_pes, n_banks, 1))


def grants(n_pes: int, n_banks: int, stages: int) -> Units:
    """Return the arbiter that lets one PE to each bank."""
    log_banks = log2_of(n_banks)
    sizes = {"P": n_pes, "BANKS": n_banks, "LOG_B": log_banks}
    sizes["ADDRESS"] = max(INDEX_BITS - log_banks, 1)
    return (_unit("f2f_gather_grant", 1, stages, **sizes),)


def crossbar(n_lanes: int, span: int, word_bits: int) -> Units:
    """Return a multiplexer of `span` words for each lane."""
    return (_unit("f2f_select", n_lanes, SPAN=span, WIDTH=word_bits),)


def csc_pes(n_pes: int, weight_bits: int, activation_bits: int) -> Units:
    """Return the column walkers of a broadcast array."""
    sizes = {"ADDRESS": 16, "LENGTH": LENGTH_BITS, "ROW": ROW_BITS}
    return (_unit("f2f_csc_pe", n_pes, **sizes, WEIGHT=weight_bits, ACT=activation_bits),)


def nm_decoder(groups: int, n: int, m: int, weight_bits: int, stages: int) -> Units:
    """Return the index decoder of N:M groups."""
    sizes = {"GROUPS": groups, "SLOTS": n, "SPAN": m, "WEIGHT": weight_bits}
    return (_unit("f2f_nm_decoder", 1, stages, **sizes),)


def run_decoder(entries: int, run_bits: int, weight_bits: int, stages: int) -> Units:
    """Return the run decoder with its entry buffers."""
    count = (3 * entries).bit_length()
    sizes = {"ENTRIES": entries, "RUN": run_bits, "WEIGHT": weight_bits, "PLACE": PLACE_BITS}
    return (
        _unit("f2f_run_decoder", 1, stages, **sizes, COUNT=count),
        _fields(run_bits, 2 * entries, entries),
        _fields(weight_bits, 2 * entries, entries),
    )


def position_decoder(n_out: int, n_planes: int, rate: int, count: int) -> Units:
    """Return gap decoder, kept count and placer of the patches of `count` groups."""
    kept, care = n_out.bit_length(), (n_out * n_planes).bit_length()
    placer = {"RATE": rate, "GAP": GAP_BITS, "KEPT": kept, "PLANES": n_planes}
    placer |= {"PLANE": log2_of(n_planes), "CARE": care}
    return (
        _fields(1, rate * FIELD_BITS + WORD_BITS, WORD_BITS, count),
        _unit("f2f_gap_decoder", count, RATE=rate, GAP=GAP_BITS, N=rate.bit_length()),
        _unit("f2f_count", count, N=n_out),
        _unit("f2f_patch_place", count, **placer),
    )


def huffman_decoder(n: int, length: int, weight_bits: int) -> Units:
    """Return `n` decoders of codewords of at most `length` bits; their tables are memories."""
    symbol = min(weight_bits, 8)
    sizes = {"LENGTH": length, "SYMBOL": symbol, "REST": weight_bits - symbol, "WORD": WORD_BITS}
    return (_unit("f2f_huffman_decoder", n, **sizes),)


def huffman_table(length: int, weight_bits: int) -> Units:
    """Return the loader of the decoders' tables, with limit and first rank of each length."""
    return (_unit("f2f_huffman_table", LENGTH=length, SYMBOL=min(weight_bits, 8)),)


def value_table_bits(n_in: int, n_planes: int, weight_bits: int) -> tuple[int, int]:
    """Return the register bits of one table of a value code: the rates, and all the rest."""
    classes = VALUE_CLASSES * (VALUE_PREFIX + 1 + 2 * weight_bits)
    rest = log2_of(n_planes) + 2 + weight_bits + 5
    return n_planes * (64 * n_in).bit_length(), classes + rest


def value_table(n_in: int, n_planes: int, weight_bits: int) -> Units:
    """Return the loader of a value code's table; its registers are counted as a FIFO."""
    return (_unit("f2f_value_table", N_IN=n_in, PLANES=n_planes, WEIGHT=weight_bits),)


def plane_words(n_in: int, n_planes: int, count: int) -> Units:
    """Return the bit buffers and aligners that deal a step's bits to planes of unequal rates."""
    most = n_in * n_planes
    return (
        _fields(1, 2 * most, most, count),
        _unit("f2f_plane_words", count, N_IN=n_in, PLANES=n_planes),
    )


def value_decoder(n_out: int, n_planes: int, weight_bits: int, count: int) -> Units:
    """Return the value decoders of the outputs of `count` groups."""
    sizes = {"N_OUT": n_out, "PLANES": n_planes, "WEIGHT": weight_bits}
    return (_unit("f2f_value_decoder", count, **sizes),)


def patch_unit(n_out: int, n_planes: int, rate: int, count: int) -> Units:
    """Return the patch units of `count` groups."""
    sizes = {"N_OUT": n_out, "PLANES": n_planes, "RATE": rate, "KEPT": n_out.bit_length()}
    return (_unit("f2f_patch_unit", count, **sizes),)
