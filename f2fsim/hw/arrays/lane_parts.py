"""What lanes are made of beside multipliers: how operands, weights and sums reach each other.

Which network brings activations to lanes follows from what the lanes take.  Kept weights that were
compacted need any word: a request queue a lane, an arbiter, a crossbar from banks to lanes, all as
CSR's PEs have them.  A PE adds to its own sum; lanes add in one tree, so that their words wait for
each other, a queue of a window a lane.  All
positions of a dense row or of a diagonal, and the groups of an N:M pattern, need neighbouring
columns: wide words that are rotated into place.  A group that runs over the end of a row needs two
pieces, hence two rotators, and a window of groups whose words are awaited in order.
"""

from __future__ import annotations

from f2fsim.config.arch import ArchConfig
from f2fsim.config.pe_array import LanesArray
from f2fsim.cost import GateCount
from f2fsim.cost.counted import log2_of
from f2fsim.cost.front_end_units import INDEX_BITS
from f2fsim.cost.network_units import (
    SUM_BITS,
    adder_tree,
    benes,
    benes_settings,
    crossbar,
    gathers,
    registers_of,
    request_bits,
    scatter,
    sorter,
    wide_reads,
)
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.arrays.lane_steps import QUEUE, QUEUE_GROUPS
from f2fsim.hw.arrays.operands import Words
from f2fsim.hw.arrays.sums import AccumulatorMemory
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import UnitParts
from f2fsim.mapping.facts import LayerFacts

#: What brings a group's sums to the banks of their rows.
SCATTER = "sum scatter"
#: Assumed: bits of a weight and of an activation.
VALUE_BITS = 8
#: A layer without pruned weights.
DENSEST = LayerFacts(1024, 1024, 1.0, 8)


def operand_banks(arch: ArchConfig, array: LanesArray) -> int:
    """Return the banks that activations are read from, of full waves."""
    return Words.of(arch.scratchpad, VALUE_BITS, array.columns).n_banks


def neighbours_a_group(arch: ArchConfig, array: LanesArray) -> int | None:
    """Return how many neighbouring columns a group of lanes needs; None if they may be any."""
    kind = front_end_kind(arch)
    pattern = kind.dictated_pattern(arch.front_end)
    if array.zeros != "skip" or kind.is_uncompressed:
        return array.weights_per_cycle
    if pattern is None:
        return None
    n, m = pattern
    return -(-array.weights_per_cycle // n) * m


def needs_queue(arch: ArchConfig, array: LanesArray) -> bool:
    """Whether steps of the front end are other than full groups of the lanes.

    Weights as they are come in blocks of one size, without regard to rows.
    """
    kind = front_end_kind(arch)
    n = kind.step_weights(arch.front_end, DENSEST)
    return not (kind.is_uncompressed and array.zeros != "skip" and n == array.weights_per_cycle)


def operand_units(arch: ArchConfig, array: LanesArray) -> dict[str, Units]:
    """Return crossbar, request queues and arbiter where columns may be any, else rotators."""
    lanes, n_banks = array.weights_per_cycle, operand_banks(arch, array)
    word_bits = VALUE_BITS * array.columns
    neighbours = neighbours_a_group(arch, array)
    if neighbours is not None:
        # Two pieces, each turned by any number of columns.
        return {"operand rotators": wide_reads(neighbours, word_bits)} if neighbours > 1 else {}
    found = {"operand crossbar": crossbar(lanes, n_banks, word_bits)}
    if array.window > 1:
        found["operand requests"] = gathers(
            lanes, n_banks, array.window, VALUE_BITS, shares=array.shared_reads
        )
    return found


def sum_units(arch: ArchConfig, array: LanesArray, sums: AccumulatorMemory) -> dict[str, Units]:
    """Return adder trees; where all rows are in work, what brings groups in their order and back.

    All positions come in the same places again and again: a rotation, then a Benes network for
    weights, mask bits and activations.  Kept weights that were compacted come in any: a sorter,
    before activations are read.
    """
    lanes = array.weights_per_cycle
    if lanes == 1:
        return {}
    found = {"adder tree": adder_tree(lanes, array.columns)}
    if not front_end_kind(arch).is_all_rows(arch.front_end):
        return found
    if array.zeros == "skip":
        found["row order"] = sorter(lanes, VALUE_BITS)
        return found | {SCATTER: scatter(lanes, sums.n_banks, array.columns)}
    return found | {"row order": benes(lanes, VALUE_BITS + 1 + VALUE_BITS * array.columns)}


def waiting_bytes(arch: ArchConfig, array: LanesArray, words: Words) -> int:
    """Return the bytes that wait in queues for each read: its request, and the word itself."""
    gathers = neighbours_a_group(arch, array) is None
    asked = request_bits(VALUE_BITS) if gathers else INDEX_BITS
    return asked // 8 + words.read_bytes


def add_lane_parts(
    found: UnitParts, arch: ArchConfig, array: LanesArray, sums: AccumulatorMemory, trees: Units
) -> None:
    """Add queues of operands and of lanes, and make of the adder `trees` what is not counted yet.

    An addition is counted with its multiplication: registers and choices between halves are left.
    A Benes network leaves sums in the same places, too: a bank has one way out of each level.
    """
    lanes, word_bits = array.weights_per_cycle, VALUE_BITS * array.columns
    neighbours = neighbours_a_group(arch, array)
    if neighbours is not None:
        # Addresses wait at the banks.
        waiting = operand_banks(arch, array) * INDEX_BITS + neighbours * word_bits
        found.fifo_bits["operand window"] = array.window * waiting
    elif array.window > 1:
        found.fifo_bits["operand queues"] = array.window * lanes * word_bits
    if trees:
        found.gates["adder tree"] = GateCount(dff=registers_of(trees))
        # A lane starts a row or does not; a node chooses for either end.
        found.mux2_bits["adder tree"] = (3 * lanes - 2) * SUM_BITS * array.columns
    if "row order" in found.gates and array.zeros != "skip":
        found.register_bits["row order"] = benes_settings(lanes)
        ways = sums.n_banks * log2_of(lanes)
        found.mux2_bits[SCATTER] = ways * SUM_BITS * array.columns
    if needs_queue(arch, array):
        found.fifo_bits[QUEUE] = QUEUE_GROUPS * lanes * (VALUE_BITS + 1 + INDEX_BITS)
