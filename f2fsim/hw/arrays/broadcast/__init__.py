"""The broadcast array (EIE): non-zero activations go to all PEs, each walks its slice."""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.codec import PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import BroadcastArray
from f2fsim.cost.front_end_units import csc_pes
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.arrays.broadcast.layer import broadcast_layer
from f2fsim.hw.arrays.broadcast.plan import broadcast_plans
from f2fsim.hw.arrays.contract import ArrayKind, LayerWork
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.sums import AccumulatorMemory
from f2fsim.hw.front_ends.contract import Rates, UnitParts
from f2fsim.hw.layer_machine import BandWork, LayerMachine
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import LayerSteps

#: Bits of an entry of a PE's queue: an activation and its column.
QUEUE_BITS = 8 + 16


class BroadcastKind(ArrayKind[BroadcastArray]):
    """EIE: built as a whole, since vectors run one by one and a PE decodes its own slice."""

    model = BroadcastArray
    sized_by_capacity = False
    draws_zeros = True
    skips_zero_activations = True

    def own_plans(
        self, arch: ArchConfig, array: BroadcastArray, layer: Layer, tensor: PrunedTensor
    ) -> list[Plan]:
        """As few bands as fit the PEs' memory come first, then tiles that start early."""
        return broadcast_plans(arch, array, layer, tensor)

    def accumulators(self, arch: ArchConfig, array: BroadcastArray) -> AccumulatorMemory:
        """A bank a PE, for its rows of the vector in work and of the one before."""
        return AccumulatorMemory(array.n_pes, 1, array.accumulator_bytes)

    def build_layer(
        self, work: LayerWork, array: BroadcastArray, builder: MachineBuilder
    ) -> LayerMachine:
        """Add loader, broadcaster, queues, PEs and output unit."""
        return broadcast_layer(
            builder,
            array,
            work.layer,
            work.plan,
            work.bands,
            work.activation_bits,
            work.activation_density,
        )

    def build(self, job: ArrayJob, array: BroadcastArray) -> int:
        """Never called: `build_layer` builds the whole layer."""
        raise AssertionError("a broadcast array has no steps of a front end")

    def rates(self, array: BroadcastArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """Those of a layer come with its machine."""
        return {}

    def units(self, arch: ArchConfig, array: BroadcastArray) -> dict[str, Units]:
        """A walker through column slices a PE."""
        return {"pe array": csc_pes(array.n_pes, 8, 8)}

    def parts(self, arch: ArchConfig, array: BroadcastArray) -> UnitParts:
        """The units, and a queue of activations a PE."""
        found = super().parts(arch, array)
        found.fifo_bits["activation queues"] = array.n_pes * array.fifo_depth * QUEUE_BITS
        return found
