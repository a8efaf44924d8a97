"""What front ends and operand networks are made of, as units of the Verilog with their sizes.

One function a part of a machine; the sizes are those that `f2fsim rtl` would give it.  Widths that
only a layer tells (indices, row lengths) are assumed here, each with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import comb

from f2fsim.cost.counted import log2_of
from f2fsim.cost.unit_spec import Units, UnitSpec, unit

#: Assumed widths: columns of 65 536, rows of 4 096 entries, 1 024 rows of a PE, 2**24 weights.
INDEX_BITS, LENGTH_BITS, ROW_BITS, PLACE_BITS = 16, 12, 10, 24
#: Assumed: rows that wait at a PE (opennsfw's layers on 32 PEs need up to 8).
ROWS_WAITING = 8
#: Words of coded masks: positions and most ones, those of `f2fsim.codec.block_code`.
UNIT_BLOCK, UNIT_ONES = 32, 6
#: Classes that value decoders are built for (`f2fsim.codec.f2f.value_code`).
VALUE_CLASSES = 16
#: Bits of a gap of the patch stream, of its widest field, of a field's length, of a word of it.
GAP_BITS, FIELD_BITS, LENGTH_BITS, WORD_BITS = 20, 20, 5, 32
#: Bits of a zero run of coded masks; weights between two entries of the directory of ranks.
RUN_BITS, RANK_GROUP = 4, 16
#: Latencies within front ends (cycles): kept weights counted, rows of a round counted, kept
#: weights counted and care bits added up, fields to gaps to places, places to planes and ranks.
COUNT_CYCLES, WALK_CYCLES, MASK_CYCLES, GAP_CYCLES, PLACED_CYCLES = 2, 2, 2, 5, 2


#: Levels of logic that a whole front end has more than its slowest unit by itself: handshakes
#: between units.  Of whole devices synthesised (docs/hardware_cost.md); Huffman's as bitmap's.
HANDSHAKE_LEVELS = {"f2f": 4, "bitmap": 9, "huffman": 9, "csr": 16, "rle": 4, "nm": 9}
#: Loops between FIFOs, which handshakes of other units do not lengthen.
LOOPS_APART = ("f2f_huffman_decoder", "f2f_huffman_table", "f2f_value_table")
#: Levels of the loop of the block code's cutter beside those of the cutter and its bit buffer.
BLOCK_LOOP_LEVELS = 10
#: Levels of the loop of Huffman decoders through their queues and the turns of all, beside those of
#: a decoder: of one, and for each doubling of them.  Of whole front ends with 4 to 32 decoders.
TURNS_LEVELS, TURNS_DOUBLING_LEVELS = -4.2, 3.2


def whole_levels(kind: str, units: Iterable[UnitSpec]) -> int:
    """Return the levels of logic of a whole front end of a kind, 0 if it has no units.

    Its slowest unit and the handshakes; of the block code the loop of bit buffer and cutter, of
    Huffman that of decoders, queues and turns: a decoder goes on when its weight is taken, which
    waits for those of all.
    """
    levels: dict[str, int] = {}
    turns = 0.0
    for one in units:
        # The first buffer of a mask unit is that of its bits.
        levels.setdefault(one.module, one.levels)
        if one.module == "f2f_turns":
            turns = TURNS_LEVELS + TURNS_DOUBLING_LEVELS * dict(one.sizes)["LOG_N"]
        if one.module not in LOOPS_APART:
            levels["slowest"] = max(levels.get("slowest", 0), one.levels)
    if not levels:
        return 0
    whole = levels.get("slowest", 0) + HANDSHAKE_LEVELS.get(kind, 0)
    if "f2f_mask_blocks" in levels:
        bits = levels["f2f_fields"] + levels["f2f_mask_blocks"] + BLOCK_LOOP_LEVELS
        whole = max(whole, bits)
    if "f2f_turns" in levels and "f2f_huffman_decoder" in levels:
        whole = max(whole, round(levels["f2f_huffman_decoder"] + turns))
    return whole


def _fields(
    width: int, depth: int, write: int, count: int = 1, read: int = 0, latency: int = 1
) -> UnitSpec:
    log_banks = log2_of(max(write, read))
    sizes = {"WIDTH": width, "DEPTH": depth, "WRITE": write, "READ": read or write}
    sizes |= {"COUNT": (depth + write).bit_length(), "LATENCY": latency}
    return unit("f2f_fields", count, **sizes, LOG_B=log_banks, ROWS=-(-depth // (1 << log_banks)))


def _shift_fields(
    width: int, depth: int, write: int, read: int, count: int, latency: int = 1
) -> UnitSpec:
    sizes = {"WIDTH": width, "DEPTH": depth, "WRITE": write, "READ": read}
    sizes |= {"COUNT": (depth + write).bit_length(), "LATENCY": latency}
    return unit("f2f_shift_fields", count, **sizes)


def _pipe(width: int, depth: int, latency: int, count: int = 1) -> UnitSpec:
    return unit("f2f_pipe", count, WIDTH=width, DEPTH=depth, LATENCY=latency)


def late_mask_cycles(code: str) -> int:
    """Return the cycles from a mask unit's service until the mask is there."""
    if code == "block":
        return unrank_stages(UNIT_BLOCK)
    return 0 if code == "raw" else 1  # zero runs: places to one-hot


def unrank_stages(block: int) -> int:
    """Return the stages in which a word of a block code is unranked: two places in each."""
    return 1 + -(-block // 2)


def mask_unit(n: int, code: str, rate: int, count: int = 1) -> Units:
    """Return the mask unit for blocks of `n`; `auto` counts as zero runs of 4 bits."""
    if code == "raw":
        return (unit("f2f_mask_raw", count, N_OUT=n),)
    if code == "block":
        return _block_mask_unit(n, rate, count)
    fifo = 2 * rate + 8
    w = (n + ((fifo + rate) << RUN_BITS)).bit_length() + 2
    return (
        _fields(1 + w, fifo, rate, count, latency=2),
        unit("f2f_run_sums", count, RATE=rate, RUN=RUN_BITS, W=w),
        unit("f2f_mask_runs", count, N_OUT=n, RATE=rate, W=w),
    )


def _block_mask_unit(n: int, rate: int, count: int) -> Units:
    n_words = max(1, min(rate, -(-n // UNIT_BLOCK)))
    word = (sum(comb(UNIT_BLOCK, j) for j in range(UNIT_ONES + 1)) + 1 - 1).bit_length()
    made, widest = n_words * UNIT_BLOCK, n_words * (word + UNIT_BLOCK)
    words = _fields(1, widest + 2 * WORD_BITS, 2 * WORD_BITS, count, widest)
    blocks = {"RATE": n_words, "WORD": word, "BLOCK": UNIT_BLOCK}
    unranked = {"BLOCK": UNIT_BLOCK, "ONES": UNIT_ONES, "WORD": word}
    stages = unranked["STAGES"] = unrank_stages(UNIT_BLOCK)
    return (
        words,
        unit("f2f_mask_blocks", count, **blocks, COUNT=dict(words.sizes)["COUNT"]),
        unit("f2f_unrank", count * n_words, **unranked),
        _fields(1, n + (1 + stages) * made, made, count, n, stages),
        unit("f2f_mask_cut", count, N_OUT=n),
    )


def aligner(n: int, lanes: int, weight_bits: int, stages: int, masks: int) -> Units:
    """Return prefix sum, compaction and value buffer of `lanes` weights a cycle.

    `masks` counts of masks wait beside them; `stages` is the latency of the results.
    """
    lanes = max(2, min(lanes, 1 << log2_of(n)))
    return (
        *_dealing(n, lanes, weight_bits, stages, masks, packed=1),
        _fields(weight_bits, 2 * lanes, lanes),
    )


def aligner_in_turn(n: int, lanes: int, weight_bits: int, stages: int, masks: int) -> Units:
    """Return `aligner` for weights that lie in turn in as many queues as there are lanes."""
    log = log2_of(lanes)
    return (
        *_dealing(n, max(2, min(lanes, 1 << log2_of(n))), weight_bits, stages, masks, packed=1),
        unit("f2f_turns", LOG_N=log, WIDTH=weight_bits, COUNT=log + 2),
    )


def compaction(n: int, lanes: int, weight_bits: int, stages: int, masks: int) -> Units:
    """Return compaction of kept weights to lanes that skip the others."""
    lanes = max(2, min(lanes, 1 << log2_of(n)))
    return _dealing(n, lanes, weight_bits, stages, masks, packed=0)


def _dealing(n: int, lanes: int, weight_bits: int, stages: int, masks: int, packed: int) -> Units:
    sizes = {"N": n, "LANES": lanes, "WEIGHT": weight_bits, "PACKED": packed}
    return (
        unit("f2f_count", N=n, STAGES=COUNT_CYCLES),
        _pipe(n.bit_length(), masks, COUNT_CYCLES),
        unit("f2f_dealer", **sizes, STAGES=stages + 1),
    )


def index_decoder(n_pes: int, index_bits: int | str, weight_bits: int, stages: int) -> Units:
    """Return CSR's row queues, index decode and entry buffers."""
    index = index_bits if isinstance(index_bits, int) else INDEX_BITS
    rows = {"P": n_pes, "LENGTH": LENGTH_BITS, "WAVE": ROW_BITS, "ROW_FIFO": ROWS_WAITING}
    sizes = {"P": n_pes, "INDEX": index, "WEIGHT": weight_bits, "WAVE": ROW_BITS}
    return (
        unit("f2f_csr_walk", **rows),
        unit("f2f_count", N=n_pes, STAGES=WALK_CYCLES),
        _pipe(n_pes.bit_length() + n_pes * (2 + ROW_BITS), WALK_CYCLES + 1, WALK_CYCLES),
        unit("f2f_csr_decoder", **sizes, STAGES=stages + 1),
        _fields(index, 2 * n_pes, n_pes),
        _fields(weight_bits, 2 * n_pes, n_pes),
    )


def csc_pes(n_pes: int, weight_bits: int, activation_bits: int) -> Units:
    """Return the column walkers of a broadcast array."""
    sizes = {"ADDRESS": 16, "LENGTH": LENGTH_BITS, "ROW": ROW_BITS}
    return (unit("f2f_csc_pe", n_pes, **sizes, WEIGHT=weight_bits, ACT=activation_bits),)


def nm_decoder(groups: int, n: int, m: int, weight_bits: int) -> Units:
    """Return the index decoder of N:M groups."""
    sizes = {"GROUPS": groups, "SLOTS": n, "SPAN": m, "WEIGHT": weight_bits}
    return (unit("f2f_nm_decoder", **sizes),)


def run_decoder(entries: int, run_bits: int, weight_bits: int, stages: int) -> Units:
    """Return the run decoder with its entry buffers."""
    sizes = {"ENTRIES": entries, "RUN": run_bits, "WEIGHT": weight_bits, "PLACE": PLACE_BITS}
    return (
        unit("f2f_run_decoder", **sizes, STAGES=stages + 1),
        _fields(run_bits, 2 * entries, entries),
        _fields(weight_bits, 2 * entries, entries),
    )


def position_decoder(n_out: int, n_planes: int, rate: int, masks: int, count: int) -> Units:
    """Return what finds the places of the patches of `count` groups; `masks` blocks wait there."""
    kept, plane = n_out.bit_length(), log2_of(n_planes)
    care, bases = (n_out * n_planes).bit_length(), (-(-n_out // RANK_GROUP) - 1) * kept
    fifo = 2 * rate + 2 + GAP_CYCLES
    w = GAP_BITS + fifo.bit_length() + 2
    gap = {"RATE": rate, "N": rate.bit_length(), "WIDE": FIELD_BITS, "LONG": LENGTH_BITS}
    depth = rate * FIELD_BITS + 2 * WORD_BITS
    cut = {**gap, "WORD": WORD_BITS, "DEPTH": depth, "COUNT": depth.bit_length()}
    cut["TAKE"] = (rate * FIELD_BITS).bit_length()
    placer = {"N_OUT": n_out, "RATE": rate, "W": w, "KEPT": kept, "PLANES": n_planes}
    placed = rate * (1 + plane + kept) + 1 + n_out + bases
    return (
        unit("f2f_patch_bits", count, **cut),
        unit("f2f_gap_sum", count, **gap, GAP=GAP_BITS, W=w),
        _shift_fields(1 + w, fifo, rate, rate + 1, count, GAP_CYCLES),
        unit("f2f_care", count, N_OUT=n_out, KEPT=kept, PLANE=plane, W=w),
        _pipe(w + kept, masks, MASK_CYCLES, count),
        unit("f2f_patch_place", count, **placer, PLANE=plane, CARE=care),
        _pipe(placed, PLACED_CYCLES, PLACED_CYCLES, count),
    )


def huffman_sizes(length: int, weight_bits: int, exponent_bits: int = 0) -> dict[str, int]:
    """Return the sizes of a Huffman decoder for codewords of at most `length` bits.

    Weights of at most 4 bits, and floats of 16 with their exponents, may come in pairs.
    """
    pairs = int(weight_bits <= 4 or weight_bits == 16)
    rest = weight_bits - exponent_bits if exponent_bits else 0
    symbol = 8 if exponent_bits else weight_bits * (1 + pairs)
    rests = max(rest * (1 + pairs), 1)
    depth = 2 * WORD_BITS + length + rest * (1 + pairs)
    sizes = {"LENGTH": length, "SYMBOL": symbol, "REST": rest, "RESTS": rests, "PAIRS": pairs}
    sizes |= {"WORD": WORD_BITS, "DEPTH": depth, "COUNT": depth.bit_length()}
    return sizes | {"LIMITS": length * (length + 3) // 2}


def huffman_decoder(n: int, length: int, weight_bits: int) -> Units:
    """Return `n` decoders of codewords of at most `length` bits; their tables are memories.

    Wide weights are floats, whose exponents are coded; those of 16 bits count as bf16.
    """
    exponent = 8 if weight_bits > 8 else 0
    sizes = huffman_sizes(length, weight_bits, exponent)
    found = (unit("f2f_huffman_decoder", n, **sizes),)
    if not exponent:
        return found
    joined = {name: sizes[name] for name in ("SYMBOL", "RESTS", "PAIRS")}
    joined |= {"WEIGHT": weight_bits, "EXPONENT": exponent, "HALF": sizes["SYMBOL"] // 2}
    return (*found, unit("f2f_huffman_join", n, **joined))


def huffman_table_sizes(length: int, weight_bits: int, exponent_bits: int = 0) -> dict[str, int]:
    """Return the sizes of the loader of the decoders' tables."""
    found = huffman_sizes(length, weight_bits, exponent_bits)
    symbol, limits = found["SYMBOL"], found["LIMITS"]
    depth = 2 * symbol + 2 * WORD_BITS
    sizes = {"LENGTH": length, "SYMBOL": symbol, "SINGLE": exponent_bits or weight_bits}
    sizes |= {"LONG": length.bit_length(), "WORD": WORD_BITS, "DEPTH": depth}
    return sizes | {"COUNT": depth.bit_length(), "LIMITS": limits}


def huffman_half_sizes(length: int, weight_bits: int, exponent_bits: int = 0) -> dict[str, int]:
    """Return the sizes of a decoder's choice between two tables: limits and offsets."""
    sizes = huffman_sizes(length, weight_bits, exponent_bits)
    return {"WIDTH": sizes["LIMITS"] + length * sizes["SYMBOL"]}


def huffman_table(n: int, length: int, weight_bits: int) -> Units:
    """Return the loader of `n` decoders' tables, and what chooses each one's of two."""
    exponent = 8 if weight_bits > 8 else 0
    return (
        unit("f2f_huffman_table", **huffman_table_sizes(length, weight_bits, exponent)),
        unit("f2f_huffman_half", n, **huffman_half_sizes(length, weight_bits, exponent)),
    )


def value_table_sizes(n_in: int, n_planes: int, weight_bits: int) -> dict[str, int]:
    """Return the sizes of the loader of value codes' tables."""
    shift = weight_bits.bit_length()
    widest = weight_bits + max(13, 4 + shift)
    sizes = {"PLANES": n_planes, "WEIGHT": weight_bits, "TOP": log2_of(n_planes), "SHIFT": shift}
    sizes |= {"RATE": (64 * n_in).bit_length(), "CLASSES": VALUE_CLASSES, "WORD": WORD_BITS}
    return sizes | {"WORDS": -(-(WORD_BITS - 1 + widest) // WORD_BITS)}


def value_table(n_in: int, n_planes: int, weight_bits: int) -> Units:
    """Return the loader of a value code's tables, which stand in its registers."""
    return (unit("f2f_value_table", **value_table_sizes(n_in, n_planes, weight_bits)),)


def plane_words(n_in: int, n_planes: int, count: int) -> Units:
    """Return the bit buffers and aligners that deal a step's bits to planes of unequal rates."""
    most = n_in * n_planes
    return (
        _fields(1, 2 * most, most, count),
        unit("f2f_plane_words", count, N_IN=n_in, PLANES=n_planes),
    )


def value_decoder(n_out: int, n_planes: int, weight_bits: int, count: int) -> Units:
    """Return the value decoders of the outputs of `count` groups."""
    sizes = {"N_OUT": n_out, "PLANES": n_planes, "WEIGHT": weight_bits}
    return (unit("f2f_value_decoder", count, **sizes),)


def patch_unit(n_out: int, n_planes: int, rate: int, count: int) -> Units:
    """Return the patch units of `count` groups."""
    sizes = {"N_OUT": n_out, "PLANES": n_planes, "RATE": rate, "KEPT": n_out.bit_length()}
    return (unit("f2f_patch_unit", count, **sizes),)
