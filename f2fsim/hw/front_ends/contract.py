"""The contract of a weight front end: all that is asked of one, and what it is given to build.

A kind states itself once: the format that encodes for it, the streams it fetches, its components
in time, the work and rate of each unit (for the bounds, which `f2fsim.analytic` computes) and its
parts (for the area).  Nothing above this package matches on kinds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import FORMATS, EncodedTensor, PrunedTensor, WeightFormat
from f2fsim.codec.entropy import binary_entropy
from f2fsim.codec.f2f.orders import BlockOrder
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import FrontEnd
from f2fsim.cost import GateCount, Sram
from f2fsim.cost.unit_spec import Units, total_gates
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.layout import Segments, band_segments
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.hw.streams import weight_stream
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import BandSteps, LayerSteps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared

ONE = seq(1)

#: Bits of mask codes over the entropy of an even mask at S=0.9 (docs/formats.md).
OVER_MASK_ENTROPY = {"zero_runs": 1.073, "block": 1.40}

#: Work in all and the most that is done a cycle, by unit.
Rates = dict[str, tuple[int, int]]

F = TypeVar("F", bound=FrontEnd)


@dataclass(frozen=True)
class Least:
    """What layers make a front end do at least, one item a layer; 0 where nothing is known.

    Attributes
    ----------
    bits : ndarray of int64
        Bits of the encoded streams, scales apart.
    steps : ndarray of int64
        Steps of a pass over all rows, each of which the array holds for a wave of columns.
    cycles : ndarray of int64
        Cycles of the slowest unit in a pass.
    actions : mapping of str to ndarray
        Actions that are priced, of one pass.
    """

    bits: IntSeq = field(default_factory=lambda: seq(0))
    steps: IntSeq = field(default_factory=lambda: seq(0))
    cycles: IntSeq = field(default_factory=lambda: seq(0))
    actions: Mapping[str, IntSeq] = field(default_factory=dict)


@dataclass
class UnitParts:
    """What units are made of, by the name of their component (as in `MachineParts`)."""

    gates: dict[str, GateCount] = field(default_factory=dict)
    fifo_bits: dict[str, int] = field(default_factory=dict)
    srams: dict[str, Sram] = field(default_factory=dict)
    register_bits: dict[str, int] = field(default_factory=dict)
    mux2_bits: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FrontEndJob:
    """What a front end is built from: where to add parts, the schedule, the work, the bands."""

    builder: MachineBuilder
    front_end: FrontEnd
    streams: tuple[str, ...]
    plan: Plan
    steps: LayerSteps
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]]
    weight_bits: int

    def over_passes(self, of_band: Callable[[BandSteps], IntSeq]) -> IntSeq:
        """Return an array over all steps from one over the steps of each band."""
        return self.steps.over_passes([of_band(band) for band in self.steps.bands])

    def stream(self, name: str) -> list[InPort]:
        """Return the port of a stream, or none if it is empty or the format lacks it."""
        if not any(name in band.stream_bits for band in self.steps.bands):
            return []
        port = weight_stream(self.builder, name, self.plan, self.steps, self.segments[name])
        return [port] if port else []

    @cached_property
    def segments(self) -> Mapping[str, list[Segments]]:
        """Where the streams that the front end fetches lie in memory."""
        bands = self.steps.bands
        names = [n for n in self.streams if any(n in band.stream_bits for band in bands)]
        builder, first = self.builder, self.builder.next_address

        def placed() -> tuple[Mapping[str, list[Segments]], int]:
            sizes = {name: [int(band.bits_of(name).sum()) for band in bands] for name in names}
            return band_segments(builder, sizes), builder.next_address

        # Bands cut at the same rows are the same wherever the first one is.
        memory = builder.burst_bytes, builder.capacity_bytes, first
        key = "segments", tuple(names), self.plan.band_rows, memory
        found, builder.next_address = shared(bands[0], key, placed)
        return found

    def unit(
        self,
        name: str,
        kind: str,
        service_cycles: IntSeq,
        inputs: list[InPort],
        actions: dict[str, int],
        latency_cycles: int = 1,
    ) -> str:
        """Add a component that takes a step an item, with a FIFO behind it; return the FIFO."""
        fifo = self.builder.channel(
            f"{name} out", fifo_units(self.front_end, latency_cycles), latency_cycles
        )
        out = OutPort(fifo, ONE, f"{name} out full")
        n_items = self.steps.n_steps
        self.builder.component(name, kind, service_cycles, n_items, inputs, [out], actions)
        return fifo

    def total(self, values: IntSeq) -> int:
        """Return the sum over all steps of an array or constant."""
        n = self.steps.n_steps
        return int(values.sum()) if values.shape[0] == n else int(values[0]) * n

    def over_bands(self, of_band: Sequence[int]) -> int:
        """Return the sum over all passes of a number of each band."""
        return sum(of_band[band] for band, _ in self.steps.passes)

    @property
    def is_dense(self) -> bool:
        """Whether the layer is stored in the machine's dense way."""
        return any(band.is_dense for band in self.steps.bands)

    def n_weight_bytes(self) -> int:
        """Return the bytes of all weight positions of all steps."""
        return self.n_positions() * self.weight_bits // 8

    def n_positions(self) -> int:
        """Return all weight positions of all steps."""
        return self.over_bands([band.total_weights for band in self.steps.bands])


def fifo_units(front_end: FrontEnd, latency_cycles: int = 1) -> int:
    """Return the places of a FIFO behind a unit: those in its pipeline are places too."""
    return front_end.fifo_units + latency_cycles - 1


def at_rate(amount: IntSeq, rate: int) -> IntSeq:
    """Return the cycles for `amount` at `rate` a cycle, at least one."""
    return seq(np.maximum(-(-amount // rate), 1))


@lru_cache(maxsize=4096)
def mean_rounds(n_positions: float, share: float, width: int, n_units: int = 1) -> float:
    """Return the mean of ``max(1, ceil(k / width))``, k of `n_positions` independent places.

    A place counts with the chance `share`; k is taken for normal, and the most of `n_units`.
    """
    mean = n_positions * share
    deviation = math.sqrt(max(n_positions * share * (1 - share), 1e-9))
    rounds, beyond = 1.0, width
    while beyond < mean + 4 * deviation:
        chance = 0.5 * math.erfc((beyond + 0.5 - mean) / (deviation * math.sqrt(2)))
        rounds += 1 - (1 - chance) ** n_units
        beyond += width
    return rounds


def expected_mask_bits(code: str, density: float) -> float:
    """Return the bits a weight of an even mask in a code, about: never more than the raw mask."""
    if code not in OVER_MASK_ENTROPY:
        return 1.0
    return min(1.0, OVER_MASK_ENTROPY[code] * binary_entropy(density))


def total_work(steps: LayerSteps, of_band: Callable[[BandSteps], IntSeq]) -> int:
    """Return the sum over all passes of an array over the steps of each band."""
    by_band = [int(of_band(band).sum()) for band in steps.bands]
    return sum(by_band[band] for band, _ in steps.passes)


class FrontEndKind(ABC, Generic[F]):
    """A kind of weight front end.  Instances hold no state; `front_end` is the configuration.

    What a kind may rely on: every band that it gets was encoded by `layer_format` of this very
    machine.  What it promises: `build` adds components whose items are steps, and returns one port
    (one unit a step) for each channel that the PE array has to take from; every component that it
    adds is in `rates`, or passes a step a cycle; every action has an energy; every component has
    its parts in `parts`, or a reason in `unpriced`.

    Attributes
    ----------
    model : type of FrontEnd
        Its YAML form; `model.feeds` names the array kinds that can take from it.
    title : str
        What people call the format.
    streams : tuple of str
        Encoded streams that it fetches, in the order in which they lie in memory.
    unpriced : mapping of str to str
        Components without an area of their own, and why.
    is_fixed_to_fixed : bool
        Whether it reads fixed-to-fixed encodings, which reports are about.
    is_mask_and_values : bool
        Whether it reads a mask beside the packed kept values, and nothing else: the size that F2F's
        is held against.
    is_uncompressed : bool
        Whether it reads all weights as they are: what speed-ups are over.
    dictates_pruning : bool
        Whether weights must be pruned to a pattern of the machine (`dictated_pattern`).
    sized_by_capacity : bool
        Whether it asks for the bytes of scratchpad or accumulators when it encodes or builds.
    """

    model: type[F]
    title: ClassVar[str]
    streams: ClassVar[tuple[str, ...]]
    unpriced: ClassVar[Mapping[str, str]] = {}
    is_fixed_to_fixed: ClassVar[bool] = False
    is_mask_and_values: ClassVar[bool] = False
    is_uncompressed: ClassVar[bool] = False
    dictates_pruning: ClassVar[bool] = False
    sized_by_capacity: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Value of ``front_end.kind``."""
        return str(self.model.model_fields["kind"].annotation.__args__[0])  # type: ignore[union-attr]

    @property
    def format_name(self) -> str:
        """Name of the weight format; that of the kind unless a kind says otherwise."""
        return self.name

    @abstractmethod
    def format_params(self, front_end: F, arch: ArchConfig) -> dict[str, object]:
        """Return the parameters of the weight format that the machine reads."""

    @abstractmethod
    def build(self, job: FrontEndJob, front_end: F) -> list[InPort]:
        """Add the components; return the ports, one unit a step, that the PE array takes from."""

    def weight_format(self, arch: ArchConfig) -> WeightFormat:
        """Return the weight format, with its parameters, that `arch` reads."""
        front_end: Any = arch.front_end
        return FORMATS[self.format_name](**self.format_params(front_end, arch))

    def layer_format(self, front_end: F, arch: ArchConfig, tensor: PrunedTensor) -> WeightFormat:
        """Return the format in which `arch` reads one layer; `weight_format` unless it adapts."""
        return self.weight_format(arch)

    def band_format(self, front_end: F, of_layer: WeightFormat, band: PrunedTensor) -> WeightFormat:
        """Return the format of one row band of a layer; the layer's unless it adapts."""
        return of_layer

    def step_weights(self, front_end: F, facts: LayerFacts) -> float:
        """Return the weight positions of a step, about: for plans only."""
        return 1.0

    def unit_cycles(
        self, front_end: F, facts: LayerFacts, weights: float, rows: NDArray[np.float64]
    ) -> NDArray[np.float64] | float:
        """Return the mean cycles of the slowest unit for a step of so many positions, about.

        In bands of so many `rows`.  For plans only.
        """
        return 1.0

    def step_rounds(
        self, front_end: F, facts: LayerFacts, weights: float, share: float, width: int
    ) -> float:
        """Return the mean rounds of `width` weights that what a step passes on takes, about.

        Of its positions each counts with the chance `share`.  For plans only.
        """
        return mean_rounds(weights, share, width)

    def pass_table(
        self, front_end: F, facts: LayerFacts, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bits that passes over so many rows take beside those that grow with them, about.

        And the cycles from pass to pass that tables take which are loaded meanwhile.  For plans
        only.
        """
        return np.zeros_like(rows), np.zeros_like(rows)

    def table_turn(self, front_end: F, arch: ArchConfig) -> int:
        """Return the cycles from a table's load until the next one's may begin: for plans only."""
        return 0

    def depth_cycles(self, front_end: F, arch: ArchConfig) -> int:
        """Return the cycles that the first step takes through the units, about: for plans only."""
        return int(getattr(front_end, "pipeline_cycles", 1))

    def dense_block(self, front_end: F, arch: ArchConfig) -> int | None:
        """Return the weights a step of a layer that is stored densely; None without such a way.

        A sparse machine then reads weights as they are, without mask or indices.
        """
        return None

    def fetched(self, front_end: F) -> tuple[str, ...]:
        """Return the encoded streams that a machine of this configuration can fetch."""
        return self.streams

    def engines(self, front_end: F, arch: ArchConfig) -> tuple[str, ...]:
        """Return the stream engines that fetch them: one a stream unless a kind says otherwise."""
        return self.fetched(front_end)

    def units_per_step(self, front_end: F) -> int:
        """Return the work units of the encoding that a step takes at once."""
        return 1

    def is_all_rows(self, front_end: F) -> bool:
        """Whether the order runs through all rows of a band, so that all accumulate at once."""
        return False

    def block_order(self, front_end: F, shape: tuple[int, int]) -> BlockOrder:
        """Return the order of the weights of a band of that shape."""
        return BlockOrder("row", *shape)

    def dictated_pattern(self, front_end: F) -> tuple[int, int] | None:
        """Return (n, m) if weights must be pruned to n of m; None if any mask will do."""
        return None

    def expected_bits(self, front_end: F, facts: LayerFacts) -> float:
        """Return the encoded bits of a layer, about: for plans only.

        Mask and kept values unless a kind says otherwise.
        """
        mask = expected_mask_bits(getattr(front_end, "mask_code", "raw"), facts.density)
        return facts.n_weights * (mask + facts.density * facts.weight_bits)

    def place_order(
        self, front_end: F, encoded: EncodedTensor, shape: tuple[int, int]
    ) -> tuple[IntSeq, IntSeq]:
        """Return the row-major place of each weight in the order of steps, and the rows' order."""
        return np.arange(shape[0] * shape[1]), np.arange(shape[0])

    def kept_places(
        self, front_end: F, encoded: EncodedTensor, mask: NDArray[np.bool_]
    ) -> tuple[IntSeq, IntSeq, IntSeq]:
        """Return of each kept weight, in the order of steps, its number among all weights.

        Its row and its column beside.
        """
        rows, columns = np.nonzero(mask)
        return rows * mask.shape[1] + columns, rows, columns

    def every_place(
        self, front_end: F, encoded: EncodedTensor, shape: tuple[int, int]
    ) -> tuple[IntSeq, IntSeq]:
        """Return row and column of every weight in the order of steps."""
        n_rows, n_cols = shape
        return np.repeat(np.arange(n_rows), n_cols), np.tile(np.arange(n_cols), n_rows)

    def least(self, front_end: F, arch: ArchConfig, totals: Totals) -> Least:
        """Return what it fetches and does at least, whatever the plan; nothing is always true.

        For bounds without a plan or an encoding (`f2fsim.pipeline.least`): no run may do less.
        """
        return Least()

    def rates(self, front_end: F, steps: LayerSteps) -> Rates:
        """Return work and rate of the units that can bound a layer beyond a step a cycle."""
        return {}

    def units(self, front_end: F, arch: ArchConfig, weight_bits: int) -> dict[str, Units]:
        """Return the units of the Verilog that each component is made of, for area and clock."""
        return {}

    def parts(self, front_end: F, arch: ArchConfig, weight_bits: int) -> UnitParts:
        """Return what its units are made of, for the area."""
        units = self.units(front_end, arch, weight_bits)
        return UnitParts({name: total_gates(of_name) for name, of_name in units.items()})

    def memories(self, front_end: F) -> dict[str, Sram]:
        """Return the memories of its units, by component (a common name, as in `units`)."""
        return {}

    @abstractmethod
    def fifo_bits(self, front_end: F, arch: ArchConfig, weight_bits: int) -> dict[str, int]:
        """Return the bits of every FIFO that `build` adds, by the channel's name.

        A FIFO holds ``capacity`` units; a unit is what the unit before gives a cycle.
        """

    def decoder_levels(self, front_end: F) -> dict[str, int]:
        """Return the levels of logic of generated networks, by component."""
        return {}

    def decoder_gates(self, front_end: F) -> GateCount | None:
        """Return the cells of one XOR decoder, for its energy; None where there is none."""
        return None
