"""What stands around an array: front end, streams of weights, activations and outputs.

It does not follow from keys that only the time of the array's own steps follows from
(`ArrayKind.own_keys`): machines that differ in these alone share it (`f2fsim.sharing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from f2fsim.codec import SCALES, EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.hw.description import InPort, OutPort
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import FrontEndJob, Rates
from f2fsim.hw.machine_builder import MachineBuilder, sequence_bytes
from f2fsim.hw.one_in_time import Timing
from f2fsim.hw.streams import activation_stream, fill_width_bits, output_stream, weight_stream
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import LayerSteps, tile_loads
from f2fsim.sharing import shared

#: Returns the ports at which an array takes its steps, given those of the front end (`fed_ports`).
FedPorts = Callable[[list[InPort], MachineBuilder, LayerSteps, LayerSteps, int], list[InPort]]

#: Bytes of the service of an array that is looked for among those that were there before.
LARGEST_SERVICE = 16 << 10

#: Parts of an architecture that an array and all around it follow from.
DECIDING = frozenset({"clock", "front_end", "pe_array", "scratchpad", "streams"})


@dataclass(frozen=True, eq=False)
class Around:
    """All of a layer's machine but the array.

    Attributes
    ----------
    builder : MachineBuilder
        Holds its parts; never changed once they are there.
    steps : LayerSteps
        Steps of the array.
    inputs, outputs : list of InPort, list of OutPort
        Ports at which the array takes and puts.
    effectual : int
        Multiplications that count.
    rates : mapping of str to (int, int)
        Work and rate of the front end's units and of the scratchpad's fill.
    token : object
        Tells it from all others.
    """

    builder: MachineBuilder
    steps: LayerSteps
    inputs: list[InPort]
    outputs: list[OutPort]
    effectual: int
    rates: Rates
    token: object = field(default_factory=object)

    def n_bytes(self) -> int:
        """Return the bytes of its parts and ports; steps count where they are kept themselves."""
        ports = sum(one.need.nbytes + one.released.nbytes for one in self.inputs)
        return sequence_bytes(self.builder) + ports + sum(one.emit.nbytes for one in self.outputs)

    def timing(self, builder: MachineBuilder) -> Timing | None:
        """Return what is the same in machines that are one in time; None if that is not known.

        They have the parts of `builder`: these and an array of one component that takes the same
        cycles for its steps.  Of many steps it is seldom the same.
        """
        n_components, *others = self.builder.n_parts
        if builder.n_parts != (n_components + 1, *others):
            return None
        array = builder.components[-1]
        ports = tuple(self.inputs), tuple(self.outputs)
        if (array.inputs, array.outputs) != ports or array.service_cycles.nbytes > LARGEST_SERVICE:
            return None
        items = array.name, array.clock_hz, array.n_items, array.marks
        key = "timing", self.token, *items, array.service_cycles.tobytes()
        return shared(self.steps.bands[0], key, Timing)


def decided_by(arch: ArchConfig, own_keys: Sequence[str], *, sized_by_capacity: bool) -> str:
    """Return what of an architecture decides its array and all around it, as text.

    Of the array's keys but `own_keys`; with the bytes of memories where they are asked for.
    """
    data = arch.model_dump(mode="json", include=set(DECIDING))
    for key in own_keys:
        data["pe_array"].pop(key)
    if not sized_by_capacity:
        del data["scratchpad"]["capacity"]
        data["pe_array"].get("accumulators", {}).pop("capacity", None)
    return str(data)


def build_around(
    builder: MachineBuilder,
    plan: Plan,
    steps: LayerSteps,
    fed: LayerSteps,
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]],
    fed_ports: FedPorts,
) -> Around:
    """Add the surroundings of an array to `builder`; `fed` are the steps of the front end."""
    arch, weight_type = builder.arch, bands[0][0].weight_type
    kind, front_end = front_end_kind(arch), arch.front_end
    streams = (*kind.fetched(front_end), SCALES)
    job = FrontEndJob(builder, front_end, streams, plan, fed, bands, weight_type.n_bits)
    inputs = fed_ports(kind.build(job, front_end), builder, fed, steps, weight_type.n_bits)
    # Sums are scaled where they are made, in step with the weights, whatever their format.
    if SCALES in job.segments:
        scales = weight_stream(builder, SCALES, plan, steps, job.segments[SCALES])
        inputs = [*inputs, *([scales] if scales else [])]
    inputs = [*inputs, activation_stream(builder, steps)]
    out = output_stream(builder, steps, ACTIVATION_BITS[weight_type.name])
    kept = [band.total_kept for band in steps.bands]
    loaded = sum(load.n_bits for load in tile_loads(steps))
    return Around(
        builder,
        steps,
        inputs,
        [out] if out else [],
        steps.total(kept, steps.tile_columns),
        {
            "front end": (fed.n_steps, 1),
            **kind.rates(front_end, fed),
            "scratchpad fill": (loaded, fill_width_bits(arch)),
        },
    )
