"""What a run costs: energy of each layer and area of the machine, from the tables of `f2fsim.cost`.

Owns the translation of an architecture into the cost model's parts; holds no constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from f2fsim.codec.tensor import WEIGHT_TYPES
from f2fsim.config.arch import ArchConfig
from f2fsim.config.cost import load_cost_table
from f2fsim.config.dram import DramSpec
from f2fsim.cost import (
    CostShape,
    CostTable,
    EnergyTerm,
    GateCount,
    Level,
    MachineParts,
    Prices,
    Sram,
    amounts,
    energy_terms,
    estimate_vector_lane_gates,
    machine_area_um2,
    sum_terms,
)
from f2fsim.cost.front_end_units import whole_levels
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.front_ends import front_end_kind, stream_engines
from f2fsim.results import (
    ComponentStats,
    LayerResult,
    MemoryStats,
    StreamStats,
    common_name,
)
from f2fsim.sharing import shared

#: What clock limits call a front end with its handshakes.
WHOLE = "whole front end"


#: Keys of an architecture that the parts of its chip do not follow from.
NOT_OF_THE_CHIP = ("name", "description", "memory", "schedule")


@dataclass(frozen=True)
class CostModel:
    """Prices runs of one architecture with one table.

    Attributes
    ----------
    arch : ArchConfig
        The machine.
    table : CostTable
        Constants with their ranges.
    dram : DramSpec
        The memory's preset: its currents, or its standard for energy a bit.
    decoder : GateCount or None
        Cells of one XOR decoder of an F2F machine.
    """

    arch: ArchConfig
    table: CostTable
    dram: DramSpec
    decoder: GateCount | None

    @classmethod
    def of(cls, arch: ArchConfig, dram: DramSpec | None = None) -> CostModel:
        """Return the cost model that an architecture names; `dram` is its memory if at hand."""
        decoder = front_end_kind(arch).decoder_gates(arch.front_end)
        return cls(arch, load_cost_table(arch.cost_table), dram or arch.dram(), decoder)

    @cached_property
    def _bank_bytes(self) -> tuple[int, dict[str, int], dict[str, int]]:
        """Bytes of a bank of the scratchpad, and of the memories of front end and array."""
        arch, scratchpad = self.arch, self.arch.scratchpad
        own = front_end_kind(arch).memories(arch.front_end)
        inside = array_kind(arch).memories(arch, arch.pe_array)
        of_front_end, of_array = (
            {name: max(one.capacity_bytes // one.n_banks, 1) for name, one in of.items()}
            for of in (own, inside)
        )
        return max(scratchpad.capacity // scratchpad.n_banks, 1), of_front_end, of_array

    @cached_property
    def _prices(self) -> Prices:
        """What the actions of this machine's components are priced by, as far as they were met."""
        return {}

    def terms(
        self,
        components: Sequence[ComponentStats],
        memory: MemoryStats | None,
        streams: Sequence[StreamStats],
    ) -> list[EnergyTerm]:
        """Return what the dynamic energy of one run of a layer is made of."""
        scratchpad, of_front_end, of_array = self._bank_bytes
        of = {c.name: of_front_end.get(common_name(c.name), scratchpad) for c in components}
        shape = CostShape(of, self.decoder, self.dram.standard, of_array)
        return energy_terms(components, memory, shape, self.table, streams, self._prices)

    def priced(self, result: LayerResult) -> LayerResult:
        """Return a layer's result with its energy."""
        terms = self.terms(result.components, result.memory, result.streams)
        return replace(
            result, energy_pj=sum_terms(terms, self.table), energy_amounts=amounts(terms)
        )

    def area_um2(self, weight_type: str, level: Level = "typical") -> dict[str, float]:
        """Return the area of the machine by component, for multipliers of `weight_type`."""
        key = "area", self._made_from, weight_type, level
        table = self.table

        def areas() -> dict[str, float]:
            return machine_area_um2(self.parts(weight_type), table, level)

        return dict(shared(table, key, areas))

    @cached_property
    def _made_from(self) -> str:
        """What of the architecture decides what the machine is made of, as text."""
        return str(self.arch.model_dump(mode="json", exclude=set(NOT_OF_THE_CHIP)))

    def levels(self, weight_type: str) -> dict[str, int]:
        """Return the estimated levels of logic of the slowest stage of each component.

        `WHOLE` is the front end with the handshakes between its units.
        """
        arch, front_end = self.arch, self.arch.front_end
        n_bits = WEIGHT_TYPES[weight_type].n_bits
        kind = front_end_kind(arch)
        mine = kind.units(front_end, arch, n_bits)
        units = {**mine, **array_kind(arch).units(arch, arch.pe_array)}
        found = {name: max(unit.levels for unit in of_name) for name, of_name in units.items()}
        whole = whole_levels(front_end.kind, [one for of_name in mine.values() for one in of_name])
        if whole:
            found[WHOLE] = whole
        return {**found, **kind.decoder_levels(front_end)}

    def clock_limits_hz(self, weight_type: str, level: Level = "typical") -> dict[str, float]:
        """Return the clock that each component allows; multipliers and memories are not in it.

        `level` is the end of the delays' range: ``low`` delays give the highest clocks.
        """
        key, table = ("clocks", self._made_from, weight_type, level), self.table

        def limits() -> dict[str, float]:
            levels = self.levels(weight_type)
            return {name: table.clock_limit_hz(n, level) for name, n in levels.items()}

        return dict(shared(table, key, limits))

    def parts(self, weight_type: str) -> MachineParts:
        """Return what the machine is made of."""
        arch, front_end = self.arch, self.arch.front_end
        n_bits = WEIGHT_TYPES[weight_type].n_bits
        kind = front_end_kind(arch)
        mine = kind.parts(front_end, arch, n_bits)
        array = array_kind(arch).parts(arch, arch.pe_array)
        fifos = kind.fifo_bits(front_end, arch, n_bits)
        n_streams = len(stream_engines(arch)) + 2  # activations and outputs have buffers too
        vector: dict[str, GateCount] = {}
        if arch.vector is not None:
            n_streams += 1  # what the vector unit takes from the memory
            vector["vector unit"] = estimate_vector_lane_gates().times(arch.vector.lanes)
        return MachineParts(
            weight_type=weight_type,
            n_multipliers=arch.pe_array.n_multipliers,
            gates={**mine.gates, **array.gates, **vector},
            srams={
                **array.srams,
                "scratchpad": Sram(arch.scratchpad.capacity, arch.scratchpad.n_banks),
                "prefetch": Sram(n_streams * arch.streams.prefetch, n_streams),
                **kind.memories(front_end),
            },
            fifo_bits={"front end FIFOs": sum(fifos.values()), **array.fifo_bits},
            register_bits=array.register_bits,
            mux2_bits=array.mux2_bits,
        )
