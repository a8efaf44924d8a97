"""The least that a workload can take on a machine, before anything is planned, encoded or run.

From totals of the pruned weights (`f2fsim.mapping.totals`) and what the kinds of the machine say
that they do at least: time by the bounds of `f2fsim.analytic`, energy by the cost model from
actions that no plan can leave out.  A simulation is never below; design spaces are pruned by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from f2fsim.analytic import Refresh, least_seconds
from f2fsim.config.arch import ArchConfig
from f2fsim.config.dram import DramSpec
from f2fsim.cost import CostShape, energy_terms
from f2fsim.cost.energy import constant_of
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.dram import DramParams
from f2fsim.hw.dram.energy import command_energy_pj
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.streams import fill_width_bits
from f2fsim.mapping.totals import Totals
from f2fsim.pipeline.cost import CostModel
from f2fsim.results import ComponentStats
from f2fsim.scheduling.choose import LEAST_DENSE

Floats = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: What bounds are lowered by, so that the rounding of floats never lifts one over a simulation.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Least:
    """Time and energy of a workload at least, all layers and their repeats.

    Attributes
    ----------
    seconds : float
    energy_pj : float
        Dynamic energy, typical constants.
    dram_bytes : int
        That go to and come from the memory.
    """

    seconds: float
    energy_pj: float
    dram_bytes: int


@dataclass(frozen=True, eq=False)
class _Work:
    """What layers move and take at least, one item a layer."""

    read_bits: IntArray
    write_bits: IntArray
    input_bits: IntArray
    cycles: IntArray
    fetch_actions: dict[str, IntArray]
    array_actions: dict[str, IntArray]


def least(arch: ArchConfig, dram: DramParams, cost: CostModel, totals: Sequence[Totals]) -> Least:
    """Return the least time and energy of layers on a machine."""
    seconds, energy, n_bytes = 0.0, 0.0, 0
    for layers in totals:
        work = _work(arch, layers)
        each = _seconds(arch, dram, work)
        seconds += float((each * layers.repeat).sum())
        energy += _array_energy(cost, layers, work)
        energy += _dram_energy(cost, dram, layers, work, each)
        n_bytes += int(((work.read_bits + work.write_bits) // 8 * layers.repeat).sum())
    return Least(seconds * (1 - ROUNDING), energy * (1 - ROUNDING), n_bytes)


def _work(arch: ArchConfig, layers: Totals) -> _Work:
    kind, array = front_end_kind(arch), array_kind(arch)
    block = kind.dense_block(arch.front_end, arch)
    if block is not None:
        dense = layers.n_kept >= LEAST_DENSE * layers.n_weights
        layers = replace(layers, may_be_dense=dense)
    own = kind.least(arch.front_end, arch, layers)
    zero = np.zeros_like(layers.n_kept)
    bits, steps, unit_cycles = own.bits + zero, own.steps + zero, own.cycles + zero
    actions = {name: amount + zero for name, amount in own.actions.items()}
    if block is not None and layers.may_be_dense.any():
        dense = layers.may_be_dense
        as_they_are = layers.n_weights * layers.weight_bits
        bits = np.where(dense, np.minimum(bits, as_they_are), bits)
        steps = np.where(dense, np.minimum(steps, -(-layers.n_weights // block)), steps)
        unit_cycles = np.where(dense, 0, unit_cycles)
        actions = {name: np.where(dense, 0, amount) for name, amount in actions.items()}
    cycles, array_actions = array.least(arch, arch.pe_array, layers, steps)
    return _Work(
        read_bits=bits + layers.scale_bits + layers.input_values * layers.activation_bits,
        write_bits=layers.n_rows * layers.n_columns * layers.activation_bits,
        input_bits=layers.input_values * layers.activation_bits,
        cycles=np.maximum(cycles, unit_cycles),
        fetch_actions=actions,
        array_actions=array_actions,
    )


def _seconds(arch: ArchConfig, dram: DramParams, work: _Work) -> Floats:
    """Return the bound of each layer: memory, array and front end, fill of the scratchpad."""
    refresh = None
    if dram.refresh and dram.n_ranks == 1:
        refresh = Refresh(dram.ref_act / dram.clock_hz, dram.ref_interval / dram.clock_hz)
    fill = -(-work.input_bits // fill_width_bits(arch))
    bits = work.read_bits + work.write_bits
    cycles = np.maximum(work.cycles, fill)
    first = max(dram.act_rd + dram.read_latency - 1, 0) / dram.clock_hz
    return least_seconds(bits, dram.peak_bytes_per_second, refresh, cycles, arch.clock, first)


def _array_energy(cost: CostModel, layers: Totals, work: _Work) -> float:
    """Return the energy of the actions on the chip, all layers."""

    def total(actions: dict[str, IntArray]) -> dict[str, int]:
        named = {
            name.replace("mac", f"mac_{layers.weight_type}", 1)
            if name.startswith("mac")
            else name: n
            for name, n in actions.items()
        }
        return {name: int((n * layers.repeat).sum()) for name, n in named.items()}

    filled = {"sram_write_byte": work.input_bits // 8}
    parts = [
        _part("front end", total(work.fetch_actions)),
        _part("pe array", total(work.array_actions)),
        _part("scratchpad fill", total(filled)),
    ]
    scratchpad = cost.arch.scratchpad
    bank = max(scratchpad.capacity // scratchpad.n_banks, 1)
    shape = CostShape({part.name: bank for part in parts}, cost.decoder, cost.dram.standard)
    terms = energy_terms(parts, None, shape, cost.table)
    return sum(term.amount * constant_of(term.key, cost.table).typical for term in terms)


def _part(name: str, actions: dict[str, int]) -> ComponentStats:
    return ComponentStats(name, name, 1, 0, 0, 0, {}, 0, actions)


def _dram_energy(
    cost: CostModel, dram: DramParams, layers: Totals, work: _Work, seconds: Floats
) -> float:
    """Return the energy of bursts, of the rows that they need, and of standby meanwhile."""
    spec: DramSpec = cost.dram
    burst = 8 * dram.burst_bytes
    reads, writes = -(-work.read_bits // burst), -(-work.write_bits // burst)
    each = command_energy_pj(spec)
    if not each:
        bits = float(((work.read_bits + work.write_bits) * layers.repeat).sum())
        return bits * cost.table.dram(spec.standard).typical
    rows = -(-(reads + writes) // spec.organisation.bursts_per_row)
    active, closed = each["active_standby_clock"], each["precharge_standby_clock"]
    clocks = np.maximum(np.floor(seconds * (1 - ROUNDING) * dram.clock_hz) - 1, 0)
    clocks = clocks * dram.n_channels * dram.n_ranks
    # While a burst is on its bus, a row of its rank is open.
    moving = np.minimum((reads + writes) * spec.burst_clocks, clocks)
    standby = min(active, closed) * (clocks - moving) + active * moving
    commands = each["read"] * reads + each["write"] * writes + each["activate"] * rows
    of_layer = commands + standby
    return float((of_layer * layers.repeat).sum())
