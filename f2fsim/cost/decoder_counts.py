"""What the units of front ends are made of: index, run and Huffman decoders, aligners, buffers."""

from __future__ import annotations

from collections.abc import Callable
from math import log2

from f2fsim.cost.counted import Counted, Sizes, bits_of, log2_of, staged, tree


def _under_way(s: Sizes) -> int:
    return (s["LATENCY"] - 1) * (1 + s["COUNT"])


def _fields(s: Sizes) -> Counted:
    banks, width, rows = 1 << s["LOG_B"], s["WIDTH"], s["ROWS"]
    pointer = bits_of(rows - 1) + s["LOG_B"]
    dff = rows * banks * width + 2 * s["COUNT"] + 2 * pointer + _under_way(s)
    turned = (s["WRITE"] + s["READ"]) * width * s["LOG_B"]
    flags = s["WRITE"] * s["LOG_B"] + banks * bits_of(rows - 1)
    logic = turned, rows * banks * width, flags, s["COUNT"]
    # Counts are added by prefix adders.
    return Counted(dff, logic, (1.0, s["LOG_B"], log2(s["COUNT"])))


def _shift_fields(s: Sizes) -> Counted:
    held, put = s["DEPTH"] * s["WIDTH"], s["WRITE"] * s["WIDTH"]
    dff = held + 2 * s["COUNT"] + _under_way(s)
    logic = (held + put) * s["COUNT"], (2 * held + put) * bits_of(s["READ"]), held
    return Counted(dff, logic, (1.0, s["COUNT"], bits_of(s["READ"])))


def _pipe(s: Sizes) -> Counted:
    held = s["DEPTH"] * s["WIDTH"]
    dff = held + 2 * bits_of(s["DEPTH"]) + s["LATENCY"] - 1
    dff += 2 * bits_of(s["DEPTH"] - 1) * (s["DEPTH"] > 1)
    return Counted(dff, (held, s["WIDTH"]), tree(s["DEPTH"]))


def _count(s: Sizes) -> Counted:
    n, stages = s["N"], s["STAGES"]
    return Counted(0, (n, log2_of(n)), staged(n, stages), ((stages - 1) * n,))


def _dealer(s: Sizes) -> Counted:
    n, lanes, stages, w = s["N"], s["LANES"], s["STAGES"], s["WEIGHT"]
    log_n, log_l = log2_of(n), log2_of(lanes)
    payload, beside = (0, w) if s["PACKED"] else (w, 0)
    item = 1 + log_l + payload
    moved = n * log_l * item
    cuts = (stages - 1) * n * item, (stages - 1) * lanes * (1 + beside)
    logic = moved, n * log_n, lanes * (log_n + w)
    return Counted(1 + bits_of(-(-n // lanes) - 1), logic, staged(n, stages), cuts)


def _csr_walk(s: Sizes) -> Counted:
    p, queue = s["P"], s["ROW_FIFO"] * (s["WAVE"] + s["LENGTH"])
    pointers = bits_of(s["ROW_FIFO"]) + 2 * bits_of(s["ROW_FIFO"] - 1)
    of_pe = queue + pointers + s["LENGTH"] + 2 * s["WAVE"] + 3 + s["WAVE"]
    levels = 1.0, log2(p)
    return Counted(p * of_pe + s["WAVE"] + 3, (p * queue, p * s["LENGTH"], p), levels)


def _csr_decoder(s: Sizes) -> Counted:
    p, entry, stages = s["P"], s["WEIGHT"] + s["INDEX"], s["STAGES"]
    beside = 2 + s["WAVE"]
    cuts = (stages - 1) * p * (entry + beside), (stages - 1) * p * log2_of(p)
    return Counted(1, (p * log2_of(p) * entry, p * log2_of(p), p), staged(p, stages), cuts)


def _csc_pe(s: Sizes) -> Counted:
    item = 2 + s["ROW"] + s["WEIGHT"] + s["ACT"]
    dff = item + s["LENGTH"] + s["ROW"] + 1
    return Counted(dff, (dff, s["ADDRESS"] + s["LENGTH"] + s["ROW"]), tree(1 << s["ROW"]))


def _nm_decoder(s: Sizes) -> Counted:
    slots = s["GROUPS"] * s["SLOTS"]
    dff = slots * (log2_of(s["SPAN"]) + s["WEIGHT"]) + 1
    return Counted(dff, (dff,), tree(slots))


def _run_decoder(s: Sizes) -> Counted:
    e, run, stages = s["ENTRIES"], s["RUN"], s["STAGES"]
    offset = log2_of(e << run)
    cuts = (stages - 1) * e * (s["WEIGHT"] + offset), (stages - 1) * offset
    return Counted(s["PLACE"] + 1, (e * offset, s["PLACE"], e), staged(e, stages), cuts)


def _huffman_decoder(s: Sizes) -> Counted:
    length, depth, symbol, count = s["LENGTH"], s["DEPTH"], s["SYMBOL"], s["COUNT"]
    # A comparator a length; what stays for each length, chosen among them; a put to its place.
    chosen = length * (depth + symbol + count)
    logic = length * length, chosen, depth * count
    rests = s["RESTS"] if s["REST"] else 0
    # Bits held and room; what leaves and what is given back, a codeword's bits at most.
    dff = depth + 2 * count + 2 * bits_of(length + rests) + 1 + symbol + rests
    return Counted(dff, logic, (1.0, log2(length), float(count)))


def _huffman_join(s: Sizes) -> Counted:
    added = s["PAIRS"] * 2 * s["EXPONENT"]
    return Counted(s["RESTS"], (added,), (float(s["PAIRS"]),))


def _turns(s: Sizes) -> Counted:
    n, width = 1 << s["LOG_N"], s["WIDTH"]
    logic = n * width * s["LOG_N"], n * s["LOG_N"]
    return Counted(s["LOG_N"], logic, (1.0, s["LOG_N"]))


def _huffman_table(s: Sizes) -> Counted:
    length, symbol, depth, limits = s["LENGTH"], s["SYMBOL"], s["DEPTH"], s["LIMITS"]
    # Limits and offsets of two tables, a rank of each length; bits held; what is under way.
    dff = 2 * limits + 3 * length * symbol + depth + s["COUNT"]
    dff += 7 * symbol + 6 * s["LONG"] + 48
    # Zeros counted and bits that stay, of heads of two kinds; sums of each length.
    heads = (depth + s["WORD"]) * (s["SINGLE"] != symbol)
    logic = depth * s["WORD"], heads, limits, length * symbol
    return Counted(dff, logic, (1.0, log2(length)))


def _huffman_half(s: Sizes) -> Counted:
    return Counted(3, (s["WIDTH"],), (1.0,))


#: What each module is made of.
DECODERS: dict[str, Callable[[Sizes], Counted]] = {
    "f2f_count": _count,
    "f2f_dealer": _dealer,
    "f2f_fields": _fields,
    "f2f_shift_fields": _shift_fields,
    "f2f_pipe": _pipe,
    "f2f_csr_walk": _csr_walk,
    "f2f_csr_decoder": _csr_decoder,
    "f2f_csc_pe": _csc_pe,
    "f2f_nm_decoder": _nm_decoder,
    "f2f_run_decoder": _run_decoder,
    "f2f_huffman_decoder": _huffman_decoder,
    "f2f_huffman_join": _huffman_join,
    "f2f_turns": _turns,
    "f2f_huffman_table": _huffman_table,
    "f2f_huffman_half": _huffman_half,
}
