"""Quick estimates of the units of front ends and operand networks, fitted to synthesis.

Flip-flops are counted.  Combinational cells (as NAND2 equivalents) and levels of logic are linear
in a few terms that the construction gives: so many multiplexers, so many adders.  Their factors,
`unit_fits.json` beside the cost tables, come from ``benchmarks/rtl_fit.py``;
``docs/hardware_cost.md`` states the errors on configurations that were not used to fit them.  Names
and sizes are those of the Verilog modules (`f2fsim.rtl`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from math import comb, log2
from pathlib import Path

from f2fsim.cost import tables
from f2fsim.cost.cells import GateCount
from f2fsim.errors import InputError, choices, near_miss

FITS_FILE = "unit_fits.json"

Sizes = dict[str, int]
Terms = tuple[float, ...]
#: Flip-flops, terms of the combinational cells, terms of the levels.
Counted = tuple[int, Terms, Terms]


def log2_of(n: int) -> int:
    """Return ``ceil(log2 n)``, at least 1."""
    return max(1, (n - 1).bit_length())


def _bits(largest: int) -> int:
    return max(1, largest.bit_length())


def _tree(n: int) -> Terms:
    """Return what levels of logic are linear in: trees over n, and trees of adders."""
    depth = log2(max(n, 2))
    return 1.0, depth, depth * depth


def _count(s: Sizes) -> Counted:
    return 0, (s["N"], log2_of(s["N"])), _tree(s["N"])


def _compacting(s: Sizes, payload: int, dealt: int) -> Counted:
    n, lanes = s["N"], s["LANES"]
    log_n, log_l = log2_of(n), log2_of(lanes)
    beats = _bits(-(-n // lanes) - 1)
    dff = lanes * (log_n + s["WEIGHT"]) + log_l + 3 + beats
    moved = n * log_l * (1 + log_l + payload)
    return dff, (moved, n * log_n, lanes * (log_n + dealt)), _tree(n)


def _aligner(s: Sizes) -> Counted:
    return _compacting(s, 1, s["WEIGHT"])


def _compactor(s: Sizes) -> Counted:
    return _compacting(s, s["WEIGHT"], s["WEIGHT"])


def _fields(s: Sizes) -> Counted:
    held, count = s["DEPTH"] * s["WIDTH"], _bits(s["DEPTH"] + s["WRITE"])
    return held + count, (held * count, held, s["WRITE"] * s["WIDTH"] * count), _tree(s["DEPTH"])


def _csr_decoder(s: Sizes) -> Counted:
    p, queue = s["P"], s["ROW_FIFO"] * (s["WAVE"] + s["LENGTH"])
    entry = s["WEIGHT"] + s["INDEX"]
    pointers = 2 * _bits(s["ROW_FIFO"]) + 2 * _bits(s["ROW_FIFO"] - 1)
    pointers += 2 * (s["ROW_FIFO"] == 4)  # synthesis makes one of two bits one-hot
    of_pe = queue + pointers + s["LENGTH"] + 2 * s["WAVE"] + 2 + s["WAVE"] + entry
    dff = p * of_pe + s["WAVE"] + 2
    return dff, (p * queue, p * log2_of(p) * entry, p * (s["LENGTH"] + s["WAVE"] + entry)), _tree(p)


def _gather_queue(s: Sizes) -> Counted:
    entry = s["PAYLOAD"] + s["ADDRESS"] + s["LOG_B"]
    slot = _bits(s["WINDOW"])
    dff = 2 * s["WINDOW"] * entry + 3 * slot + 1 + s["PAYLOAD"] + s["LOG_B"]
    return dff, (s["WINDOW"] * entry, entry, s["WINDOW"]), _tree(s["WINDOW"])


def _gather_grant(s: Sizes) -> Counted:
    p, banks = s["P"], s["BANKS"]
    return 0, (p * p * (s["LOG_B"] + 2), p * banks * (1 + s["ADDRESS"]), p), _tree(p)


def _select(s: Sizes) -> Counted:
    span, width = s["SPAN"], s["WIDTH"]
    return 0, ((span - 1) * width, span * width * log2_of(span)), _tree(span)


def _csc_pe(s: Sizes) -> Counted:
    item = 2 + s["ROW"] + s["WEIGHT"] + s["ACT"]
    dff = item + s["LENGTH"] + s["ROW"] + 1
    return dff, (dff, s["ADDRESS"] + s["LENGTH"] + s["ROW"]), _tree(1 << s["ROW"])


def _nm_decoder(s: Sizes) -> Counted:
    slots = s["GROUPS"] * s["SLOTS"]
    dff = slots * (log2_of(s["SPAN"]) + s["WEIGHT"]) + 1
    return dff, (dff,), _tree(slots)


def _run_decoder(s: Sizes) -> Counted:
    e, offset = s["ENTRIES"], log2_of(s["ENTRIES"] << s["RUN"])
    # The first entries cannot lie far: top bits of their places are constant.
    places = sum(_bits(((i + 1) << s["RUN"]) - 1) for i in range(e))
    dff = places + e * s["WEIGHT"] + 2 * s["PLACE"] + s["COUNT"] + 1
    return dff, (dff, e * offset, s["PLACE"]), _tree(e)


def _gap_decoder(s: Sizes) -> Counted:
    rate = s["RATE"]
    return 1 + s["N"] + rate * (1 + s["GAP"]), (rate, rate * rate), _tree(rate)


def _patch_place(s: Sizes) -> Counted:
    rate, planes, care = s["RATE"], s["PLANES"], s["CARE"]
    signed = max(s["GAP"], care) + 2
    dff = 2 + rate * (1 + s["PLANE"] + s["KEPT"]) + signed
    terms = rate * planes * care, planes * care, (rate + 1) * signed
    return dff, terms, _tree(rate * planes)


def _patch_unit(s: Sizes) -> Counted:
    n, planes, rate = s["N_OUT"], s["PLANES"], s["RATE"]
    return n * (planes + 1) + 2, (rate * planes * n, planes * n, rate * n * s["KEPT"]), _tree(n)


def _mask_raw(s: Sizes) -> Counted:
    return s["N_OUT"] + 1, (s["N_OUT"], 1), _tree(s["N_OUT"])


def _mask_runs(s: Sizes) -> Counted:
    n, rate = s["N_OUT"], s["RATE"]
    # Lanes follow one another: levels grow with their number.
    path = 1.0, float(rate), float(rate * log2_of(n))
    return n + s["PLACE"] + 3, (n, rate, rate * rate * n), path


def _mask_blocks(s: Sizes) -> Counted:
    rate, block, ones = s["RATE"], s["BLOCK"], s["ONES"]
    # Bits of the rank that is left at each place, and of what it is compared with.
    left = [max(comb(place + 1, n) for n in range(ones + 1)) - 1 for place in range(block)]
    ranks = sum(_bits(largest) for largest in left)
    tables = sum(comb(p, n).bit_length() for p in range(block) for n in range(1, ones + 1))
    made = rate * block
    terms = rate * ranks, rate * tables, made * ones
    return 1 + _bits(made) + made, terms, (1.0, float(rate), float(ranks))


def _mask_cut(s: Sizes) -> Counted:
    n = s["N_OUT"]
    return n + 1, (n, n * log2_of(n)), _tree(n)


def _value_table(s: Sizes) -> Counted:
    widest = 32 + s["WEIGHT"]
    # The field that is read moves through a shifter of the widest one.
    return widest + 16, (widest * log2_of(widest), s["WEIGHT"]), _tree(widest)


def _plane_words(s: Sizes) -> Counted:
    planes, n_in = s["PLANES"], s["N_IN"]
    word = planes * n_in
    moved = planes * (planes - 1) // 2 * n_in * _bits(n_in)
    return planes * 6 + 2 * word, (moved, planes * 6), (1.0, float(planes * _bits(n_in)))


def _value_decoder(s: Sizes) -> Counted:
    n, weight = s["N_OUT"], s["WEIGHT"]
    # Class, low planes; number; pattern; kept at each stage.
    dff = n * (16 + 3 * weight + 3)
    terms = n * 6 * s["PLANES"], n * 16 * 6, n * 16 * 2 * weight, n * weight * (4 + log2_of(weight))
    return dff, terms, (1.0, float(log2_of(weight)), float(weight))


def _huffman_decoder(s: Sizes) -> Counted:
    length, symbol = s["LENGTH"], s["SYMBOL"]
    window = 2 * s["WORD"]
    # Two shifters: what is taken, and where a word comes in; a comparator and a rank a length.
    shifted = 2 * window * log2_of(window)
    terms = shifted, length * length, length * symbol
    return window + _bits(window) + symbol + s["REST"] + 1, terms, (1.0, float(length))


def _huffman_table(s: Sizes) -> Counted:
    length, symbol = s["LENGTH"], s["SYMBOL"]
    # Limit and rank of each length, in two halves; a counter of symbols, an adder.
    held = 2 * length * (length + symbol)
    return held + 3 * symbol + length, (held, length + symbol), _tree(length)


#: What each module is made of.
UNITS: dict[str, Callable[[Sizes], Counted]] = {
    "f2f_count": _count,
    "f2f_aligner": _aligner,
    "f2f_compactor": _compactor,
    "f2f_fields": _fields,
    "f2f_csr_decoder": _csr_decoder,
    "f2f_gather_queue": _gather_queue,
    "f2f_gather_grant": _gather_grant,
    "f2f_select": _select,
    "f2f_csc_pe": _csc_pe,
    "f2f_nm_decoder": _nm_decoder,
    "f2f_run_decoder": _run_decoder,
    "f2f_gap_decoder": _gap_decoder,
    "f2f_patch_place": _patch_place,
    "f2f_patch_unit": _patch_unit,
    "f2f_mask_raw": _mask_raw,
    "f2f_mask_runs": _mask_runs,
    "f2f_mask_blocks": _mask_blocks,
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
    dff, terms, _ = _look_up(module, sizes)
    factors = _fits()[module]["nand2"]
    nand2 = sum(factor * term for factor, term in zip(factors, terms, strict=True))
    return GateCount(dff=dff, nand2=round(nand2))


def estimate_unit_levels(module: str, **sizes: int) -> int:
    """Return the estimated levels of logic on the longest path of a unit."""
    _, _, terms = _look_up(module, sizes)
    factors = _fits()[module]["levels"]
    return round(sum(factor * term for factor, term in zip(factors, terms, strict=True)))
