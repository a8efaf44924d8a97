"""The contract of a PE array: all that is asked of one, and what it is given to build.

A kind states itself once: the rows it works on at once (for plans), the steps it takes and their
cycles, the order in which weights reach the PEs (for values), the work and rate of each unit (for
bounds) and its parts (for the area).  Nothing above this package matches on kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import PeArray
from f2fsim.cost import Sram
from f2fsim.cost.unit_spec import Units, total_gates
from f2fsim.hw.arrays.around import Around, build_around, decided_by
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.sums import AccumulatorMemory, port_rates
from f2fsim.hw.description import InPort, IntSeq
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import Rates, UnitParts
from f2fsim.hw.layer_machine import BandWork, LayerMachine, payload_bits
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.geometry import ACCUMULATOR_BITS, ACTIVATION_BITS
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import BandSteps, LayerSteps, band_steps, layer_steps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared

A = TypeVar("A", bound=PeArray)
IntArray = NDArray[np.int64]
#: What the area calls an array's own memories.
MEMORIES = {"accumulator": "accumulators", "strip": "strip buffer"}
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerWork:
    """A layer on an architecture: everything that its machine is made from.

    Attributes
    ----------
    arch, layer, plan
        What runs, on what, and how.
    bands : sequence of (PrunedTensor, EncodedTensor)
        The row bands of the plan, pruned and encoded.
    activation_density : float
        Share of non-zero input activations, for machines that skip the others.
    """

    arch: ArchConfig
    layer: Layer
    plan: Plan
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]]
    activation_density: float = 1.0

    @property
    def activation_bits(self) -> int:
        """Bits of an activation."""
        return ACTIVATION_BITS[self.bands[0][0].weight_type.name]


class ArrayKind(ABC, Generic[A]):
    """A kind of PE array.  Instances hold no state; `array` is the configuration.

    What it promises: `build` adds components that take one unit a step from every input port and
    put the finished outputs, and returns the multiplier slots that were taken; `rates` has the
    work of each unit that can bound a layer; `parts` has every component of its own but the
    multipliers, which all arrays have.

    Attributes
    ----------
    model : type of PeArray
        Its YAML form.
    draws_zeros : bool
        Whether it draws which activations are zero, for its timing.
    skips_zero_activations : bool
        Whether the density of activations changes what it does.
    keeps_maps : bool
        Whether its scratchpad has room for maps that stay on the chip between layers.
    sized_by_capacity : bool
        Whether the machine of a layer with a given plan may follow from the bytes of scratchpad and
        accumulators, or its predicted time; if not, machines that differ in these alone share both.
    own_keys : tuple of str
        Keys that decide no more of a machine than its own component, given plan and steps.
    fitting_keys : tuple of str
        Those of them that plans follow from.
    """

    model: type[A]
    draws_zeros: ClassVar[bool] = False
    skips_zero_activations: ClassVar[bool] = False
    keeps_maps: ClassVar[bool] = True
    sized_by_capacity: ClassVar[bool] = True
    own_keys: ClassVar[tuple[str, ...]] = ()
    fitting_keys: ClassVar[tuple[str, ...]] = ()
    unpriced: ClassVar[dict[str, str]] = {}

    @property
    def name(self) -> str:
        """Value of ``pe_array.kind``."""
        return str(self.model.model_fields["kind"].annotation.__args__[0])  # type: ignore[union-attr]

    # --- plans ------------------------------------------------------------------------------------

    def own_plans(
        self, arch: ArchConfig, array: A, layer: Layer, tensor: PrunedTensor
    ) -> list[Plan]:
        """Return its plans, the one to take first, where the kind makes its own.

        None of them leaves plans to the planner.
        """
        return []

    def pass_cycles(
        self, arch: ArchConfig, array: A, facts: LayerFacts, rows: Floats, columns: Floats
    ) -> tuple[Floats, Floats]:
        """Return the core cycles of front end and array for a pass over rows and columns, about.

        For plans only: from sizes and densities, step by step.  `rows` has shape (n, 1), `columns`
        (1, m), the answers can be broadcast to (n, m).  The slower of both decides.
        """
        kind, front_end = front_end_kind(arch), arch.front_end
        weights = kind.step_weights(front_end, facts)
        units = kind.unit_cycles(front_end, facts, weights, rows)
        waves = np.ceil(columns / getattr(array, "columns", 1))
        steps = np.ceil(full := rows * facts.n_reduction / weights)
        slots = self.step_slots(arch, array, facts, weights)
        return np.maximum(steps, full * units), steps * slots * waves

    def pass_steps(
        self, arch: ArchConfig, array: A, facts: LayerFacts, rows: Floats, *, all_rows: bool
    ) -> Floats:
        """Return in how many portions the outputs of passes over `rows` rows leave, about."""
        if all_rows:
            return np.ones_like(rows)
        weights = front_end_kind(arch).step_weights(arch.front_end, facts)
        return np.maximum(np.minimum(rows, rows * facts.n_reduction / weights), 1.0)

    def step_slots(self, arch: ArchConfig, array: A, facts: LayerFacts, weights: float) -> float:
        """Return the cycles in which a wave of columns passes a step of so many positions."""
        return 1.0

    def rows_at_once(self, array: A) -> int:
        """Return the rows worked on at once, each in a place of its own.

        A band of fewer rows would leave the other places idle.
        """
        return 1

    def rows_in_flight(self, array: A, band_rows: int, n_reduction: int) -> int:
        """Return how many rows of a band accumulate at once, for orders row by row."""
        at_once = getattr(array, "weights_per_cycle", 1)
        return min(band_rows, -(-at_once // n_reduction) + 1)

    def accumulators(self, arch: ArchConfig, array: A) -> AccumulatorMemory:
        """Return where sums of rows in work lie; one bank unless the kind says otherwise."""
        return AccumulatorMemory(1, int(getattr(array, "columns", 1)), array.accumulator_bytes)

    def memories(self, arch: ArchConfig, array: A) -> dict[str, Sram]:
        """Return the array's own memories by the name that its actions give them."""
        return {"accumulator": self.accumulators(arch, array).sram}

    def rows_held(self, arch: ArchConfig, array: A, band_rows: int) -> int:
        """Return how many rows of a band have sums in the accumulators at once."""
        return 1

    # --- time -------------------------------------------------------------------------------------

    def dense_cycles(self, array: A, n_rows: int, n_reduction: int, n_columns: int) -> int:
        """Return the cycles of a product of two dense operands, (rows x reduction) held.

        A multiplier for each of the array's columns takes a held value and an activation a cycle;
        a value that several take is read once for all.
        """
        at_once = getattr(array, "columns", 1)
        held = int(getattr(array, "n_multipliers", 1)) // at_once
        return -(-n_rows * n_reduction // held) * -(-n_columns // at_once)

    def band_work(
        self, arch: ArchConfig, array: A, layer: Layer, band: tuple[PrunedTensor, EncodedTensor],
        first_row: int,
    ) -> BandWork:  # fmt: skip
        """Return the steps of a band whose first row is `first_row` of the layer.

        The steps are those of the front end unless a kind takes weights in another grouping.
        """
        return BandWork(front_end_steps(arch, band[1]))

    def layer_work(self, work: LayerWork, array: A) -> Sequence[BandWork]:
        """Return the work of every band; a kind may go through all bands at once."""
        found, row = [], 0
        for band in work.bands:
            found.append(self.band_work(work.arch, array, work.layer, band, row))
            row += band[0].shape[0]
        return found

    @abstractmethod
    def build(self, job: ArrayJob, array: A) -> int:
        """Add the array; return the multiplications that took a multiplier's slot."""

    def fed_ports(
        self,
        array: A,
        ports: list[InPort],
        builder: MachineBuilder,
        fed: LayerSteps,
        steps: LayerSteps,
        weight_bits: int,
    ) -> list[InPort]:
        """Return the ports at which the array takes its steps, given those of the front end.

        A kind that takes weights in another grouping adds here what regroups them.
        """
        return ports

    def build_layer(self, work: LayerWork, array: A, builder: MachineBuilder) -> LayerMachine:
        """Build the whole machine of a layer: front end, operands, array, outputs."""
        arch, bands, bits = work.arch, work.bands, work.activation_bits
        by_band = self.layer_work(work, array)
        around = self._around(work, array, builder, by_band)
        builder.take(around.builder)
        name, steps = bands[0][0].weight_type.name, around.steps
        job = ArrayJob(builder, steps, name, bits, around.inputs, around.outputs, by_band)
        issued = self.build(job, array)
        machine = builder.build(around.timing(builder))
        rates = {
            **around.rates,
            **self.rates(array, steps, by_band),
            **port_rates(machine, arch, self.accumulators(arch, array)),
        }
        return LayerMachine(
            machine,
            issued,
            around.effectual,
            payload_bits(machine),
            rates,
            builder.next_address,
            steps,
            tuple(by_band),
        )

    def _around(
        self, work: LayerWork, array: A, builder: MachineBuilder, by_band: Sequence[BandWork]
    ) -> Around:
        """Return all of the machine but the array, in a builder of its own."""
        arch, layer, bits = work.arch, work.layer, work.activation_bits

        def make() -> Around:
            steps = layer_steps(layer, work.plan, [one.steps for one in by_band], bits)
            fed = layer_steps(layer, work.plan, [one.fed_steps for one in by_band], bits)
            own = partial(self.fed_ports, array)
            return build_around(builder.beginning(), work.plan, steps, fed, work.bands, own)

        # Bands cut at the same rows have the same steps wherever the first one's are.
        key = "around", self.decided(arch, self.own_keys), layer, work.plan.key, builder.place
        return shared(by_band[0].steps, key, make, Around.n_bytes)

    def decided(self, arch: ArchConfig, but: tuple[str, ...] = ()) -> str:
        """Return what of an architecture decides a layer's parts, but for some of its own keys."""
        sized = self.sized_by_capacity or front_end_kind(arch).sized_by_capacity
        make = partial(decided_by, arch, but, sized_by_capacity=sized)
        return shared(arch, ("decided", but), make)

    # --- values -----------------------------------------------------------------------------------

    def sequence(
        self,
        arch: ArchConfig,
        array: A,
        encoded: EncodedTensor,
        tensor: PrunedTensor,
        work: BandWork,
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return place and step of each kept weight in order, and the order in which rows leave.

        Places are row-major; `tensor` is what the streams decode to.
        """
        order, rows = np.arange(tensor.mask.size), np.arange(tensor.shape[0])
        if not work.steps.is_dense:
            order, rows = front_end_kind(arch).place_order(arch.front_end, encoded, tensor.shape)
        return *places_in_order(order, tensor, work), rows

    def least(
        self, arch: ArchConfig, array: A, totals: Totals, steps: IntSeq
    ) -> tuple[IntSeq, dict[str, IntSeq]]:
        """Return the cycles and the actions of layers at least, whatever the plan.

        For bounds without a plan or an encoding: no run may take or do less; nothing is always
        true.  `steps` are those of the front end in a pass over all rows, at least; an action
        ``mac`` is that of the weights' type.
        """
        return np.zeros_like(totals.n_kept), {}

    # --- bounds and parts -------------------------------------------------------------------------

    @abstractmethod
    def rates(self, array: A, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """Return work and rate of the units that can bound a layer beside the multipliers."""

    def units(self, arch: ArchConfig, array: A) -> dict[str, Units]:
        """Return the units of the Verilog that its parts are made of, for area and clock."""
        return {}

    def parts(self, arch: ArchConfig, array: A) -> UnitParts:
        """Return what its units are made of, beside multipliers."""
        units = self.units(arch, array)
        return UnitParts(
            {name: total_gates(of_name) for name, of_name in units.items()},
            srams={MEMORIES[name]: sram for name, sram in self.memories(arch, array).items()},
            register_bits={"sum registers": arch.pe_array.n_multipliers * ACCUMULATOR_BITS},
        )


def front_end_steps(arch: ArchConfig, encoded: EncodedTensor) -> BandSteps:
    """Return the steps in which a front end takes a band."""
    kind, front_end = front_end_kind(arch), arch.front_end
    if is_dense_way(arch, encoded):
        return replace(band_steps(encoded, 1, all_rows=False), is_dense=True)
    return band_steps(encoded, kind.units_per_step(front_end), kind.is_all_rows(front_end))


def is_dense_way(arch: ArchConfig, encoded: EncodedTensor) -> bool:
    """Whether a band is stored as it is though the machine reads another format."""
    return encoded.format == "dense" and front_end_kind(arch).format_name != "dense"


def places_in_order(
    order: IntArray, tensor: PrunedTensor, work: BandWork
) -> tuple[IntArray, IntArray]:
    """Return place and step of each kept weight, weights coming in `order` of all places."""
    kept = np.flatnonzero(tensor.mask.reshape(-1)[order])
    step = np.searchsorted(np.cumsum(work.steps.n_weights), kept, side="right")
    return order[kept], step


def passes_with_columns(steps: LayerSteps) -> list[tuple[Any, int]]:
    """Return the steps of the band and the columns of the tile of each pass."""
    return [(steps.bands[band], steps.tile_columns[tile]) for band, tile in steps.passes]
