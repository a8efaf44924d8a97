"""Quick estimates of the units of front ends and operand networks, fitted to synthesis.

Flip-flops are counted, those that cut a network into stages are fitted.  Combinational cells (as
NAND2 equivalents) and levels of logic between registers are linear in a few terms that the
construction gives: so many multiplexers, so many adders.  Their factors,
`unit_fits.json` beside the cost tables, come from ``benchmarks/rtl_fit.py``;
``docs/hardware_cost.md`` states the errors on configurations that were not used to fit them.  Names
and sizes are those of the Verilog modules (`f2fsim.rtl`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import comb, log2
from pathlib import Path

from f2fsim.cost import tables
from f2fsim.cost.cells import GateCount
from f2fsim.errors import InputError, choices, near_miss

FITS_FILE = "unit_fits.json"

Sizes = dict[str, int]
Terms = tuple[float, ...]


@dataclass(frozen=True)
class Counted:
    """What a unit is made of.

    Attributes
    ----------
    dff : int
        Flip-flops.
    logic, levels : tuple of float
        Terms that combinational cells and levels of logic are linear in.
    cuts : tuple of float
        Terms that the flip-flops of its stages are linear in.
    """

    dff: int
    logic: Terms
    levels: Terms
    cuts: Terms = ()


def log2_of(n: int) -> int:
    """Return ``ceil(log2 n)``, at least 1."""
    return max(1, (n - 1).bit_length())


def _bits(largest: int) -> int:
    return max(1, largest.bit_length())


def _tree(n: int) -> Terms:
    """Return what levels of logic are linear in: trees over n, and trees of adders."""
    depth = log2(max(n, 2))
    return 1.0, depth, depth * depth


def _staged(n: int, stages: int) -> Terms:
    """Return `_tree` cut into stages; a stage has some levels of its own."""
    one, depth, squared = _tree(n)
    return one, depth / stages, squared / stages


def _count(s: Sizes) -> Counted:
    n, stages = s["N"], s["STAGES"]
    return Counted(0, (n, log2_of(n)), _staged(n, stages), ((stages - 1) * n,))


def _dealer(s: Sizes) -> Counted:
    n, lanes, stages, w = s["N"], s["LANES"], s["STAGES"], s["WEIGHT"]
    log_n, log_l = log2_of(n), log2_of(lanes)
    payload, beside = (0, w) if s["PACKED"] else (w, 0)
    item = 1 + log_l + payload
    moved = n * log_l * item
    cuts = (stages - 1) * n * item, (stages - 1) * lanes * (1 + beside)
    logic = moved, n * log_n, lanes * (log_n + w)
    return Counted(1 + _bits(-(-n // lanes) - 1), logic, _staged(n, stages), cuts)


def _under_way(s: Sizes) -> int:
    return (s["LATENCY"] - 1) * (1 + s["COUNT"])


def _fields(s: Sizes) -> Counted:
    banks, width, rows = 1 << s["LOG_B"], s["WIDTH"], s["ROWS"]
    pointer = _bits(rows - 1) + s["LOG_B"]
    dff = rows * banks * width + 2 * s["COUNT"] + 2 * pointer + _under_way(s)
    turned = (s["WRITE"] + s["READ"]) * width * s["LOG_B"]
    flags = s["WRITE"] * s["LOG_B"] + banks * _bits(rows - 1)
    logic = turned, rows * banks * width, flags, s["COUNT"]
    # Counts are added by prefix adders.
    return Counted(dff, logic, (1.0, s["LOG_B"], log2(s["COUNT"])))


def _shift_fields(s: Sizes) -> Counted:
    held, put = s["DEPTH"] * s["WIDTH"], s["WRITE"] * s["WIDTH"]
    dff = held + 2 * s["COUNT"] + _under_way(s)
    logic = (held + put) * s["COUNT"], (2 * held + put) * _bits(s["READ"]), held
    return Counted(dff, logic, (1.0, s["COUNT"], _bits(s["READ"])))


def _pipe(s: Sizes) -> Counted:
    held = s["DEPTH"] * s["WIDTH"]
    dff = held + 2 * _bits(s["DEPTH"]) + s["LATENCY"] - 1
    dff += 2 * _bits(s["DEPTH"] - 1) * (s["DEPTH"] > 1)
    return Counted(dff, (held, s["WIDTH"]), _tree(s["DEPTH"]))


def _csr_walk(s: Sizes) -> Counted:
    p, queue = s["P"], s["ROW_FIFO"] * (s["WAVE"] + s["LENGTH"])
    pointers = _bits(s["ROW_FIFO"]) + 2 * _bits(s["ROW_FIFO"] - 1)
    of_pe = queue + pointers + s["LENGTH"] + 2 * s["WAVE"] + 3 + s["WAVE"]
    levels = 1.0, log2(p)
    return Counted(p * of_pe + s["WAVE"] + 3, (p * queue, p * s["LENGTH"], p), levels)


def _csr_decoder(s: Sizes) -> Counted:
    p, entry, stages = s["P"], s["WEIGHT"] + s["INDEX"], s["STAGES"]
    beside = 2 + s["WAVE"]
    cuts = (stages - 1) * p * (entry + beside), (stages - 1) * p * log2_of(p)
    return Counted(1, (p * log2_of(p) * entry, p * log2_of(p), p), _staged(p, stages), cuts)


def _gather_queue(s: Sizes) -> Counted:
    bank = s["LOG_B"]
    entry = s["PAYLOAD"] + s["ADDRESS"] + bank
    slot = _bits(s["WINDOW"])
    dff = 2 * s["WINDOW"] * entry + 3 * slot + 1 + 2 * entry + bank + s["PAYLOAD"] + 2
    return Counted(dff, (s["WINDOW"] * entry, entry, s["WINDOW"]), _tree(s["WINDOW"]))


def _gather_grant(s: Sizes) -> Counted:
    p, shared = s["P"], s["SHARED"]
    # Shared reads: addresses are compared pair by pair beside banks, then an OR over the offers.
    logic = p * p * s["LOG_B"], p * p, p, shared * p * p * s["ADDRESS"], shared * p * p
    levels = 1.0, log2(p), log2_of(s["LOG_B"]), shared * log2(p), float(shared)
    return Counted(0, logic, levels)


def _gather_read(s: Sizes) -> Counted:
    p, banks = s["P"], s["BANKS"]
    logic = p * banks * s["ADDRESS"], p * banks, p * s["LOG_B"]
    return Counted(0, logic, (1.0, log2(p), log2_of(s["LOG_B"])))


def _select(s: Sizes) -> Counted:
    span, width = s["SPAN"], s["WIDTH"]
    return Counted(0, ((span - 1) * width, span * width * log2_of(span)), _tree(span))


def _csc_pe(s: Sizes) -> Counted:
    item = 2 + s["ROW"] + s["WEIGHT"] + s["ACT"]
    dff = item + s["LENGTH"] + s["ROW"] + 1
    return Counted(dff, (dff, s["ADDRESS"] + s["LENGTH"] + s["ROW"]), _tree(1 << s["ROW"]))


def _nm_decoder(s: Sizes) -> Counted:
    slots = s["GROUPS"] * s["SLOTS"]
    dff = slots * (log2_of(s["SPAN"]) + s["WEIGHT"]) + 1
    return Counted(dff, (dff,), _tree(slots))


def _run_decoder(s: Sizes) -> Counted:
    e, run, stages = s["ENTRIES"], s["RUN"], s["STAGES"]
    offset = log2_of(e << run)
    cuts = (stages - 1) * e * (s["WEIGHT"] + offset), (stages - 1) * offset
    return Counted(s["PLACE"] + 1, (e * offset, s["PLACE"], e), _staged(e, stages), cuts)


def _patch_bits(s: Sizes) -> Counted:
    rate, depth, count = s["RATE"], s["DEPTH"], s["COUNT"]
    dff = depth + 4 * count + 1 + s["N"] + rate * s["WIDE"]
    # Bits that stay move field by field; a put to its place, and by all fields; four next fields.
    moved = depth * rate * s["LONG"], depth * (count + s["TAKE"])
    # Each field from the third on waits for the choice before it; the first two lie beside a put.
    return Counted(dff, (*moved, rate * rate * s["WIDE"] * s["LONG"]), (1.0, max(rate - 2, 0)))


def _gap_sum(s: Sizes) -> Counted:
    rate, gap, w = s["RATE"], s["GAP"], s["W"]
    steps = _bits(rate - 1) if rate > 1 else 0
    # Top bits of gaps and of the sum of a put are never used.
    dff = rate * (s["WIDE"] + 3 * gap + 1 + 2 * w) + 2 * w - 8
    return Counted(dff, (rate * gap, rate * w, rate * w * steps), (1.0, steps))


def _care(s: Sizes) -> Counted:
    n, kept = s["N_OUT"], s["KEPT"]
    logic = n, log2_of(n), (s["PLANE"] + 2) * s["W"]
    return Counted(n + s["W"] + kept, logic, (1.0, log2_of(n)))


def _patch_place(s: Sizes) -> Counted:
    rate, planes, care, kept = s["RATE"], s["PLANES"], s["CARE"], s["KEPT"]
    dff = 3 + 2 * s["N_OUT"] + kept + 2 * care + rate * (2 + 2 * care)
    logic = rate * planes * care, s["N_OUT"], (rate + 1) * s["W"] + planes * kept
    levels = 1.0, log2_of(s["N_OUT"]), log2_of(planes)
    return Counted(dff, logic, levels, ((planes - 1) * kept,))


def _patch_unit(s: Sizes) -> Counted:
    n, planes, rate = s["N_OUT"], s["PLANES"], s["RATE"]
    logic = rate * planes * n, planes * n, rate * n * s["KEPT"], n
    return Counted(n * (planes + 1 + rate) + rate * planes + 2, logic, (1.0, rate, log2_of(n)))


def _row_sums(s: Sizes) -> Counted:
    n, bits, per, stages = 1 << s["LOG_N"], s["SUM"], s["PER"], s["STAGES"]
    # Nodes behind each cut and their two ends; sums of nodes that wait for the last ones.
    dff = 0
    for done in range(1, s["LOG_N"] + 1):
        nodes = n >> done
        dff += nodes * (2 * bits + 1) * (done % per == 0 and done < s["LOG_N"])
        dff += nodes * (bits + 1) * (stages - (done - 1) // per)
    logic = (n - 1) * bits, (n - 1) * bits * log2_of(bits), n * s["PRODUCT"]
    return Counted(dff, logic, (1.0, float(per), log2(bits)))


def _wide_read(s: Sizes) -> Counted:
    n, width = 1 << s["LOG_N"], s["WIDTH"]
    return Counted(0, (n * width * s["LOG_N"], n * width, n * s["LOG_N"]), (1.0, s["LOG_N"]))


def _mask_raw(s: Sizes) -> Counted:
    return Counted(s["N_OUT"] + 1, (s["N_OUT"], 1), _tree(s["N_OUT"]))


def _run_sums(s: Sizes) -> Counted:
    rate, w = s["RATE"], s["W"]
    steps = _bits(rate - 1) if rate > 1 else 0
    logic = rate * w, rate * (s["RUN"] + 5) * steps, rate
    return Counted(rate * (1 + w) + w, logic, (1.0, steps))


def _mask_runs(s: Sizes) -> Counted:
    n, rate, w = s["N_OUT"], s["RATE"], s["W"]
    dff = 2 * n + (rate + 1) * (1 + w) + 4 * w + 5
    return Counted(dff, ((rate + 1) * n, n, (rate + 1) * w), (1.0, log2_of(rate), log2_of(n)))


def _mask_blocks(s: Sizes) -> Counted:
    rate, part = s["RATE"], s["WORD"] + s["BLOCK"]
    dff = 1 + _bits(rate) + rate * part
    return Counted(dff, (rate * rate * part, rate * part, s["COUNT"]), (1.0, rate))


def _unrank(s: Sizes) -> Counted:
    block, ones = s["BLOCK"], s["ONES"]
    # Bits of the rank that is left at each place, and of what it is compared with.
    left = [max(comb(place + 1, n) for n in range(ones + 1)) - 1 for place in range(block)]
    ranks = sum(_bits(largest) for largest in left)
    tables = sum(comb(p, n).bit_length() for p in range(block) for n in range(1, ones + 1))
    stages = s["STAGES"]
    cuts = (stages - 1) * ranks / block, (stages - 1) * (block + ones), block * ones
    levels = 1.0, log2_of(s["WORD"]), ranks / stages
    return Counted(0, (ranks, tables, block * ones), levels, cuts)


def _mask_cut(s: Sizes) -> Counted:
    n = s["N_OUT"]
    return Counted(n + 1, (n, n * log2_of(n)), _tree(n))


def _value_table(s: Sizes) -> Counted:
    widest = 32 + s["WEIGHT"]
    # The field that is read moves through a shifter of the widest one.
    return Counted(widest + 16, (widest * log2_of(widest), s["WEIGHT"]), _tree(widest))


def _plane_words(s: Sizes) -> Counted:
    planes, n_in = s["PLANES"], s["N_IN"]
    word = planes * n_in
    moved = planes * (planes - 1) // 2 * n_in * _bits(n_in)
    levels = 1.0, float(planes * _bits(n_in))
    return Counted(planes * 6 + 2 * word, (moved, planes * 6), levels)


def _value_decoder(s: Sizes) -> Counted:
    n, planes, weight = s["N_OUT"], s["PLANES"], s["WEIGHT"]
    # Codeword, class, low planes, number; mask in each stage.
    dff = n * (planes + 16 + 2 * weight + 3) + 1
    logic = n * 6 * planes, n * 16 * 6, n * 16 * 2 * weight, n * weight * log2_of(weight)
    return Counted(dff, logic, (1.0, float(log2_of(weight)), float(log2_of(planes))))


def _huffman_decoder(s: Sizes) -> Counted:
    length, symbol = s["LENGTH"], s["SYMBOL"]
    window = 2 * s["WORD"]
    # Two shifters: what is taken, and where a word comes in; a comparator and a rank a length.
    shifted = 2 * window * log2_of(window)
    terms = shifted, length * length, length * symbol
    dff = window + _bits(window) + symbol + s["REST"] + 1
    return Counted(dff, terms, (1.0, float(length)))


def _huffman_table(s: Sizes) -> Counted:
    length, symbol = s["LENGTH"], s["SYMBOL"]
    # Limit and rank of each length, in two halves; a counter of symbols, an adder.
    held = 2 * length * (length + symbol)
    return Counted(held + 3 * symbol + length, (held, length + symbol), _tree(length))


#: What each module is made of.
UNITS: dict[str, Callable[[Sizes], Counted]] = {
    "f2f_count": _count,
    "f2f_dealer": _dealer,
    "f2f_fields": _fields,
    "f2f_shift_fields": _shift_fields,
    "f2f_pipe": _pipe,
    "f2f_csr_walk": _csr_walk,
    "f2f_csr_decoder": _csr_decoder,
    "f2f_gather_queue": _gather_queue,
    "f2f_gather_grant": _gather_grant,
    "f2f_gather_read": _gather_read,
    "f2f_select": _select,
    "f2f_csc_pe": _csc_pe,
    "f2f_nm_decoder": _nm_decoder,
    "f2f_run_decoder": _run_decoder,
    "f2f_patch_bits": _patch_bits,
    "f2f_gap_sum": _gap_sum,
    "f2f_care": _care,
    "f2f_patch_place": _patch_place,
    "f2f_patch_unit": _patch_unit,
    "f2f_row_sums": _row_sums,
    "f2f_wide_read": _wide_read,
    "f2f_mask_raw": _mask_raw,
    "f2f_run_sums": _run_sums,
    "f2f_mask_runs": _mask_runs,
    "f2f_mask_blocks": _mask_blocks,
    "f2f_unrank": _unrank,
    "f2f_mask_cut": _mask_cut,
    "f2f_huffman_decoder": _huffman_decoder,
    "f2f_huffman_table": _huffman_table,
    "f2f_value_table": _value_table,
    "f2f_plane_words": _plane_words,
    "f2f_value_decoder": _value_decoder,
}


@cache
def _fits() -> dict[str, dict[str, list[float]]]:
    folder = Path(tables.__file__).parent
    fits: dict[str, dict[str, list[float]]] = json.loads(
        (folder / FITS_FILE).read_text(encoding="utf-8")
    )
    return fits


def _look_up(module: str, sizes: Sizes) -> Counted:
    if module not in UNITS:
        raise InputError(
            f"no estimate for unit {module!r}{near_miss(module, UNITS)}; known: {choices(UNITS)}"
        )
    return UNITS[module](sizes)


def estimate_unit_gates(module: str, **sizes: int) -> GateCount:
    """Return the estimated cells of a unit; its logic is counted in NAND2 equivalents.

    Parameters
    ----------
    module : str
        A name in `UNITS`.
    sizes : int
        Its Verilog parameters (those that are widths of others may be left out).

    Raises
    ------
    InputError
        If there is no such unit.
    """
    counted = _look_up(module, sizes)
    factors = _fits()[module]
    cuts = _linear(factors.get("dff", []), counted.cuts)
    return GateCount(
        dff=counted.dff + round(cuts), nand2=round(_linear(factors["nand2"], counted.logic))
    )


def estimate_unit_levels(module: str, **sizes: int) -> int:
    """Return the estimated levels of logic on the longest path of a unit between registers."""
    return round(_linear(_fits()[module]["levels"], _look_up(module, sizes).levels))


def _linear(factors: list[float], terms: Terms) -> float:
    return sum(factor * term for factor, term in zip(factors, terms, strict=True))
