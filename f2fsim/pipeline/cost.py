"""What a run costs: energy of each layer and area of the machine, from the tables of `f2fsim.cost`.

Owns the translation of an architecture into the cost model's parts; holds no constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.tensor import WEIGHT_TYPES
from f2fsim.config.arch import ArchConfig
from f2fsim.config.cost import load_cost_table
from f2fsim.config.dram import DramSpec
from f2fsim.config.front_end import BitmapFrontEnd, DenseFrontEnd, F2fFrontEnd
from f2fsim.config.pe_array import BroadcastArray, LanesArray, RowParallelArray
from f2fsim.cost import (
    CostShape,
    CostTable,
    EnergyTerm,
    GateCount,
    Level,
    MachineParts,
    Sram,
    energy_terms,
    estimate_decoder_gates,
    estimate_mask_unit_gates,
    estimate_patch_unit_gates,
    machine_area_um2,
)
from f2fsim.hw.layout import fetched
from f2fsim.mapping.geometry import ACCUMULATOR_BITS
from f2fsim.results import ComponentStats, MemoryStats, StreamStats


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
    def of(cls, arch: ArchConfig) -> CostModel:
        """Return the cost model that an architecture names."""
        return cls(arch, load_cost_table(arch.cost_table), arch.dram(), _decoder(arch))

    def terms(
        self,
        components: Sequence[ComponentStats],
        memory: MemoryStats | None,
        streams: Sequence[StreamStats],
    ) -> list[EnergyTerm]:
        """Return what the dynamic energy of one run of a layer is made of."""
        scratchpad = self.arch.scratchpad
        bank = max(scratchpad.capacity // scratchpad.n_banks, 1)
        shape = CostShape({c.name: bank for c in components}, self.decoder, self.dram.standard)
        return energy_terms(components, memory, shape, self.table, streams)

    def area_um2(self, weight_type: str, level: Level = "typical") -> dict[str, float]:
        """Return the area of the machine by component, for multipliers of `weight_type`."""
        return machine_area_um2(self.parts(weight_type), self.table, level)

    def parts(self, weight_type: str) -> MachineParts:
        """Return what the machine is made of."""
        arch, front_end = self.arch, self.arch.front_end
        n_bits = WEIGHT_TYPES[weight_type].n_bits
        gates: dict[str, GateCount] = {}
        mux2_bits: dict[str, int] = {}
        index_units: dict[str, int] = {}
        step_bits = n_bits * getattr(arch.pe_array, "n_pes", 1)
        if isinstance(front_end, F2fFrontEnd):
            assert self.decoder is not None
            gates["xor decoder"] = self.decoder.times(n_bits * front_end.groups)
            patches = estimate_patch_unit_gates(front_end.n_out, n_bits, front_end.patch_rate)
            gates["patch unit"] = patches.times(front_end.groups)
            masks = estimate_mask_unit_gates(
                front_end.n_out, front_end.mask_code, front_end.mask_rate
            )
            gates["mask unit"] = masks.times(front_end.groups)
            n_out = front_end.groups * front_end.n_out
            step_bits = n_out * n_bits
            if isinstance(arch.pe_array, LanesArray) and arch.pe_array.zeros == "skip":
                # Compaction of the kept weights to the lanes.
                depth = max(n_out - 1, 1).bit_length()
                mux2_bits["compaction"] = arch.pe_array.weights_per_cycle * depth * n_bits
                index_units["compaction"] = n_out
        elif isinstance(front_end, DenseFrontEnd):
            step_bits = front_end.weights_per_cycle * n_bits
        elif isinstance(front_end, BitmapFrontEnd):
            # Aligner: every lane takes its weight through a tree of 2-to-1 multiplexers.
            depth = max(front_end.block - 1, 1).bit_length()
            mux2_bits["aligner"] = front_end.aligner_weights * depth * 8
            index_units["prefix sum"] = front_end.block
            step_bits = front_end.aligner_weights * n_bits
        if isinstance(arch.pe_array, RowParallelArray | BroadcastArray):
            index_units["index decoder"] = arch.pe_array.n_pes
        if isinstance(arch.pe_array, RowParallelArray):
            # Crossbar from banks to PEs: a tree of multiplexers a PE and activation byte.
            depth = max(arch.pe_array.n_banks - 1, 1).bit_length()
            mux2_bits["gather crossbar"] = arch.pe_array.n_pes * depth * 8 * arch.pe_array.columns
        n_streams = len(fetched(arch)) + 2  # activations and outputs have buffers too
        return MachineParts(
            weight_type=weight_type,
            n_multipliers=arch.pe_array.n_multipliers,
            gates=gates,
            srams={
                "scratchpad": Sram(arch.scratchpad.capacity, arch.scratchpad.n_banks),
                "prefetch": Sram(n_streams * arch.streams.prefetch, n_streams),
            },
            fifo_bits={"front end FIFOs": front_end.fifo_units * step_bits},
            register_bits={"accumulators": arch.pe_array.n_multipliers * ACCUMULATOR_BITS},
            mux2_bits=mux2_bits,
            index_units=index_units,
        )


def _decoder(arch: ArchConfig) -> GateCount | None:
    front_end = arch.front_end
    if not isinstance(front_end, F2fFrontEnd):
        return None
    names = ("n_in", "n_out", "n_s", "taps", "seed", "pipeline_cycles", "invert")
    return _decoder_gates(*(getattr(front_end, name) for name in names))


@lru_cache(maxsize=256)
def _decoder_gates(
    n_in: int, n_out: int, n_s: int, taps: int | str, seed: int, pipeline_cycles: int, invert: bool
) -> GateCount:
    """Return the cells of one XOR decoder; machines of a sweep share decoders."""
    matrix = DecoderMatrix.random(n_in, n_out, n_s, taps, seed)
    return estimate_decoder_gates(
        np.asarray(matrix.bits, dtype=np.bool_),
        n_in=n_in,
        pipeline_depth=pipeline_cycles,
        invertible=invert,
    )
