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
from f2fsim.cost.counted import log2_of
from f2fsim.cost.front_end_units import INDEX_BITS
from f2fsim.cost.network_units import crossbar, gathers, request_bits
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.arrays.lane_steps import QUEUE, QUEUE_GROUPS
from f2fsim.hw.arrays.operands import Words
from f2fsim.hw.arrays.sums import AccumulatorMemory
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import UnitParts
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.geometry import ACCUMULATOR_BITS

#: Stages of 2-to-1 multiplexers between two registers of a network.
STAGES_A_CYCLE = 8
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
    """Return crossbar, request queues and arbiter, where columns may be any."""
    if neighbours_a_group(arch, array) is not None:
        return {}
    lanes, n_banks = array.weights_per_cycle, operand_banks(arch, array)
    found = {"operand crossbar": crossbar(lanes, n_banks, VALUE_BITS * array.columns)}
    if array.window > 1:
        found["operand requests"] = gathers(
            lanes, n_banks, array.window, VALUE_BITS, shares=array.shared_reads
        )
    return found


def waiting_bytes(arch: ArchConfig, array: LanesArray, words: Words) -> int:
    """Return the bytes that wait in queues for each read: its request, and the word itself."""
    gathers = neighbours_a_group(arch, array) is None
    asked = request_bits(VALUE_BITS) if gathers else INDEX_BITS
    return asked // 8 + words.read_bytes


def add_lane_parts(
    found: UnitParts, arch: ArchConfig, array: LanesArray, sums: AccumulatorMemory
) -> None:
    """Add rotators or queues of operands, adder tree, row order and lane queue to `found`."""
    lanes, word_bits = array.weights_per_cycle, VALUE_BITS * array.columns
    neighbours = neighbours_a_group(arch, array)
    if neighbours is not None:
        # Two pieces, each rotated by any number of columns; addresses wait at the banks.
        found.mux2_bits["operand rotators"] = 2 * neighbours * log2_of(neighbours) * word_bits
        waiting = operand_banks(arch, array) * INDEX_BITS + neighbours * word_bits
        found.fifo_bits["operand window"] = array.window * waiting
    elif array.window > 1:
        found.fifo_bits["operand queues"] = array.window * lanes * word_bits
    # A 2-to-1 multiplexer a node to start a row's sum, one a level to bring it out: to every bank
    # at once, or the one row in work.
    all_rows = front_end_kind(arch).is_all_rows(arch.front_end)
    ways = lanes + (sums.n_banks if all_rows else 1) * log2_of(lanes)
    found.mux2_bits["adder tree"] = ways * ACCUMULATOR_BITS * array.columns
    if all_rows:
        n_stages, place_bits = _row_order(array)
        found.mux2_bits["row order"] = lanes * n_stages * place_bits
        found.register_bits["row order"] = lanes * -(-n_stages // STAGES_A_CYCLE) * place_bits
    if needs_queue(arch, array):
        found.fifo_bits[QUEUE] = QUEUE_GROUPS * lanes * (VALUE_BITS + 1 + INDEX_BITS)


def _row_order(array: LanesArray) -> tuple[int, int]:
    """Return stages and bits a lane of the network that puts a group in row order.

    All positions come in the same places again and again: a rotation, then a Benes network (2 log n
    - 1 stages) for weights, mask bits and activations.  Kept weights that were compacted come in
    any: a bitonic sorter for weights and columns, before activations are read; a comparator is
    about as much again as its multiplexers.
    """
    log = log2_of(array.weights_per_cycle)
    if array.zeros == "skip":
        return log * (log + 1), VALUE_BITS + 2 * INDEX_BITS
    return 3 * log, VALUE_BITS + 1 + VALUE_BITS * array.columns
