"""Counters of the parts of one simulated layer: components, streams, memory, and its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache


@lru_cache(maxsize=4096)
def common_name(name: str) -> str:
    """Return the name of a part without its number, if it is one of several: ``pe`` of ``pe 3``."""
    stem, _, number = name.rpartition(" ")
    return stem if number.isdecimal() else name


@dataclass(frozen=True)
class ComponentStats:
    """Where the cycles of one component went; busy + stall + idle = total, in its own cycles.

    Attributes
    ----------
    name, kind : str
        The component, and what it is (``pe_array``, ``f2f_decoder`` …).
    clock_hz : int
        Its clock; all its cycles are of this clock.
    total_cycles, busy_cycles, idle_cycles : int
        Cycles of the whole run, in service, and after its last item.
    stall_cycles : mapping of str to int
        Cycles by the cause that it waited for (``weights empty``, ``pe full`` …).
    n_items : int
        Items that it worked on.
    actions : mapping of str to int
        What it did (``mac``, ``xor_decode`` …) and how often: the base of the energy.
    """

    name: str
    kind: str
    clock_hz: int
    total_cycles: int
    busy_cycles: int
    idle_cycles: int
    stall_cycles: Mapping[str, int]
    n_items: int
    actions: Mapping[str, int] = field(default_factory=dict)

    @property
    def stalled_cycles(self) -> int:
        """Cycles stalled for any cause."""
        return sum(self.stall_cycles.values())

    @property
    def utilisation(self) -> float:
        """Share of all cycles that were busy."""
        return self.busy_cycles / self.total_cycles if self.total_cycles else 0.0


@dataclass(frozen=True)
class StreamStats:
    """One memory stream: what was asked for and what the bus carried.

    Attributes
    ----------
    name : str
        ``weights``, ``mask``, ``activations``, ``outputs`` …
    is_write : bool
        Whether it is written.
    payload_bits : int
        Bits that the layer needs of it.
    n_bursts, burst_bytes : int
        Bursts on the bus, and the bytes of each.
    row_hits, row_misses, row_conflicts : int
        Bursts that found their row open, no row open, or another one.
    latency_sum_clocks : int
        Memory clocks from request to data, summed over bursts.
    """

    name: str
    is_write: bool
    payload_bits: int
    n_bursts: int
    burst_bytes: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    latency_sum_clocks: int

    @property
    def n_bytes(self) -> int:
        """Bytes moved on the bus, burst padding included."""
        return self.n_bursts * self.burst_bytes


@dataclass(frozen=True)
class MemoryStats:
    """The DRAM system of one layer's run, all channels together.

    Attributes
    ----------
    preset : str
        DRAM preset.
    n_channels : int
        Channels in use.
    clock_hz : int
        Clock of the memory.
    peak_bytes_per_second : float
        Peak bandwidth of all channels.
    total_cycles, busy_cycles, idle_cycles : int
        Memory clocks summed over channels: all, with data on the bus, without a request.
    stall_cycles : mapping of str to int
        Memory clocks by the cause that kept a waiting request off the bus.
    commands : mapping of str to int
        DRAM commands by name.
    energy_pj : mapping of str to float
        Energy by piece, where the preset has currents.
    """

    preset: str
    n_channels: int
    clock_hz: int
    peak_bytes_per_second: float
    total_cycles: int
    busy_cycles: int
    idle_cycles: int
    stall_cycles: Mapping[str, int]
    commands: Mapping[str, int]
    energy_pj: Mapping[str, float]


@dataclass(frozen=True)
class PlanStats:
    """How a layer was cut and scheduled, and what that made it fetch again.

    Attributes
    ----------
    schedule : str
        ``input_stationary`` or ``weight_stationary``.
    n_bands, band_rows : int
        Row bands of the weight matrix, and the rows of the largest one.
    n_tiles, tile_columns : int
        Tiles of activation columns, and the columns of the largest one.
    weight_fetches, activation_fetches : float
        How often all encoded weights, and all input activations, come from DRAM.
    scratchpad_bits : mapping of str to int
        What the scratchpad holds at most, by what it is.
    """

    schedule: str
    n_bands: int
    band_rows: int
    n_tiles: int
    tile_columns: int
    weight_fetches: float
    activation_fetches: float
    scratchpad_bits: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        stays = "weights" if self.schedule == "weight_stationary" else "inputs"
        return (
            f"{stays} stay, {self.n_bands} × {self.band_rows} rows, "
            f"{self.n_tiles} × {self.tile_columns} columns"
        )
