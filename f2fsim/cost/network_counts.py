"""What operand networks and the ways of sums are made of."""

from __future__ import annotations

from collections.abc import Callable
from math import log2

from f2fsim.cost.counted import Counted, Sizes, bits_of, log2_of, tree


def _gather_queue(s: Sizes) -> Counted:
    bank = s["LOG_B"]
    entry = s["PAYLOAD"] + s["ADDRESS"] + bank
    slot = bits_of(s["WINDOW"])
    dff = 2 * s["WINDOW"] * entry + 3 * slot + 1 + 2 * entry + bank + s["PAYLOAD"] + 2
    return Counted(dff, (s["WINDOW"] * entry, entry, s["WINDOW"]), tree(s["WINDOW"]))


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
    return Counted(0, ((span - 1) * width, span * width * log2_of(span)), tree(span))


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


def _sorter(s: Sizes) -> Counted:
    n, item = 1 << s["LOG_N"], s["KEY"] + s["PAYLOAD"]
    rows = s["LOG_N"] * (s["LOG_N"] + 1) // 2
    logic = n * rows * s["KEY"], n * rows * item
    return Counted(s["STAGES"] * n * item, logic, (1.0, s["PER"], s["PER"] * log2(s["KEY"])))


def _benes(s: Sizes) -> Counted:
    n, width = 1 << s["LOG_N"], s["WIDTH"]
    logic = n * width * s["LOG_N"], n * width * (2 * s["LOG_N"] - 1)
    return Counted(s["STAGES"] * n * width, logic, (1.0, s["PER"]))


def _scatter(s: Sizes) -> Counted:
    n = 1 << s["LOG_N"]
    item = s["LOG_B"] + s["ADDRESS"] + s["WIDTH"]
    # Each sum is compared with those before it; registers with an enable.
    logic = n * n * s["LOG_B"], n * n, n * item
    return Counted(n * (item + 2) + 1, logic, (1.0, s["LOG_N"], log2(s["LOG_B"])))


def _scatter_bank(s: Sizes) -> Counted:
    n = 1 << s["LOG_N"]
    logic = n * (s["WIDTH"] + s["ADDRESS"]), n * s["LOG_B"]
    return Counted(0, logic, (1.0, s["LOG_N"], log2(s["LOG_B"])))


#: What each module is made of.
NETWORKS: dict[str, Callable[[Sizes], Counted]] = {
    "f2f_gather_queue": _gather_queue,
    "f2f_gather_grant": _gather_grant,
    "f2f_gather_read": _gather_read,
    "f2f_select": _select,
    "f2f_row_sums": _row_sums,
    "f2f_wide_read": _wide_read,
    "f2f_sorter": _sorter,
    "f2f_benes": _benes,
    "f2f_scatter": _scatter,
    "f2f_scatter_bank": _scatter_bank,
}
