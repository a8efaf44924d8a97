"""What the units of F2F and of masks are made of."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

from f2fsim.cost.counted import Counted, Sizes, bits_of, log2_of, tree


def _patch_bits(s: Sizes) -> Counted:
    rate, depth, count = s["RATE"], s["DEPTH"], s["COUNT"]
    dff = depth + 4 * count + 1 + s["N"] + rate * s["WIDE"]
    # Bits that stay move field by field; a put to its place, and by all fields; four next fields.
    moved = depth * rate * s["LONG"], depth * (count + s["TAKE"])
    # Each field from the third on waits for the choice before it; the first two lie beside a put.
    return Counted(dff, (*moved, rate * rate * s["WIDE"] * s["LONG"]), (1.0, max(rate - 2, 0)))


def _gap_sum(s: Sizes) -> Counted:
    rate, gap, w = s["RATE"], s["GAP"], s["W"]
    steps = bits_of(rate - 1) if rate > 1 else 0
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


def _value_table(s: Sizes) -> Counted:
    planes, weight, rate, classes = s["PLANES"], s["WEIGHT"], s["RATE"], s["CLASSES"]
    held = s["WORDS"] * s["WORD"]
    # Words; what goes on; classes that are loaded and in use; fold twice; planes.
    dff = held + 41 + weight + classes * (4 + 4 * weight) + 14 * (classes - 1)
    dff += 2 * (1 + weight + s["SHIFT"]) + s["TOP"] + planes * (classes + 3 + 2 * rate)
    # Words move; a class to its place, others aside; rates, and which planes share one.
    logic = held, classes * (weight + 7), planes * (classes + rate)
    return Counted(dff, logic, (1.0,))


def _plane_words(s: Sizes) -> Counted:
    planes, n_in = s["PLANES"], s["N_IN"]
    span, fill = planes * n_in, bits_of(n_in)
    starts = [bits_of(p * n_in) for p in range(1, planes + 1)]
    # Accumulators; three fills a plane; where fields begin, of two steps; bits, and words thrice.
    dff = planes * (6 + 3 * fill) - 2 * fill + sum(starts) + sum(starts[:-1]) + 4 * span + 3
    # A plane's field moves down, the farthest places first: ever fewer bits are in question.
    moved = sum(n_in + (1 << far) - 1 for bits in starts[:-1] for far in range(bits))
    summed = planes // 2 * log2_of(planes) * bits_of(span)
    levels = 1.0, float(log2_of(planes)), float(bits_of(span))
    return Counted(dff, (moved, summed, planes * (6 + 3 * fill) + span), levels)


def _value_decoder(s: Sizes) -> Counted:
    n, planes, weight = s["N_OUT"], s["PLANES"], s["WEIGHT"]
    # Codeword, class, low planes, number; mask in each stage.
    dff = n * (planes + 16 + 2 * weight + 3) + 1
    logic = n * 6 * planes, n * 16 * 6, n * 16 * 2 * weight, n * weight * log2_of(weight)
    return Counted(dff, logic, (1.0, float(log2_of(weight)), float(log2_of(planes))))


def _mask_raw(s: Sizes) -> Counted:
    return Counted(s["N_OUT"] + 1, (s["N_OUT"], 1), tree(s["N_OUT"]))


def _run_sums(s: Sizes) -> Counted:
    rate, w = s["RATE"], s["W"]
    steps = bits_of(rate - 1) if rate > 1 else 0
    logic = rate * w, rate * (s["RUN"] + 5) * steps, rate
    return Counted(rate * (1 + w) + w, logic, (1.0, steps))


def _mask_runs(s: Sizes) -> Counted:
    n, rate, w = s["N_OUT"], s["RATE"], s["W"]
    dff = 2 * n + (rate + 1) * (1 + w) + 4 * w + 5
    return Counted(dff, ((rate + 1) * n, n, (rate + 1) * w), (1.0, log2_of(rate), log2_of(n)))


def _mask_blocks(s: Sizes) -> Counted:
    rate, part = s["RATE"], s["WORD"] + s["BLOCK"]
    dff = 1 + bits_of(rate) + rate * part
    return Counted(dff, (rate * rate * part, rate * part, s["COUNT"]), (1.0, rate))


def _unrank(s: Sizes) -> Counted:
    block, ones = s["BLOCK"], s["ONES"]
    # Bits of the rank that is left at each place, and of what it is compared with.
    left = [max(comb(place + 1, n) for n in range(ones + 1)) - 1 for place in range(block)]
    ranks = sum(bits_of(largest) for largest in left)
    tables = sum(comb(p, n).bit_length() for p in range(block) for n in range(1, ones + 1))
    stages = s["STAGES"]
    cuts = (stages - 1) * ranks / block, (stages - 1) * (block + ones), block * ones
    levels = 1.0, log2_of(s["WORD"]), ranks / stages
    return Counted(0, (ranks, tables, block * ones), levels, cuts)


def _mask_cut(s: Sizes) -> Counted:
    n = s["N_OUT"]
    return Counted(n + 1, (n, n * log2_of(n)), tree(n))


#: What each module is made of.
F2F_UNITS: dict[str, Callable[[Sizes], Counted]] = {
    "f2f_patch_bits": _patch_bits,
    "f2f_gap_sum": _gap_sum,
    "f2f_care": _care,
    "f2f_patch_place": _patch_place,
    "f2f_patch_unit": _patch_unit,
    "f2f_mask_raw": _mask_raw,
    "f2f_run_sums": _run_sums,
    "f2f_mask_runs": _mask_runs,
    "f2f_mask_blocks": _mask_blocks,
    "f2f_unrank": _unrank,
    "f2f_mask_cut": _mask_cut,
    "f2f_value_table": _value_table,
    "f2f_plane_words": _plane_words,
    "f2f_value_decoder": _value_decoder,
}
