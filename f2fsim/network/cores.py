"""Several cores on one memory: what each does of a network, and their machines as one.

Output rows of every layer are dealt to the cores (whole groups of a convolution, whole heads of an
attention); each has front end, array, vector unit and scratchpad of its own.  Each core reads the
inputs that its rows need by itself, after **all** cores have written their parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from f2fsim.codec import PrunedTensor
from f2fsim.config.conv_layer import ConvLayer
from f2fsim.config.layer import Layer, LinearLayer
from f2fsim.config.operation import Attention, VectorOperation
from f2fsim.errors import InputError
from f2fsim.hw.description import Channel, Component, InPort, Machine, OutPort, Reader, Writer, seq
from f2fsim.mapping.geometry import split_evenly
from f2fsim.network.order import WRITTEN_FOR_ACTIVATIONS
from f2fsim.network.stages import CacheAppend, Stage

BARRIER = "all written"


def share_of(n: int, core: int, n_cores: int) -> tuple[int, int]:
    """Return first and number of a core's share of `n`, larger shares first."""
    sizes = split_evenly(n, n_cores)
    return sum(sizes[:core]), sizes[core]


def dealt_stage(stage: Stage, core: int, n_cores: int) -> Stage:
    """Return what a core does of a stage.

    Raises
    ------
    InputError
        If there is not a row, group, head or value for each core, or rows cannot be dealt.
    """
    work = stage.work
    if isinstance(work, Layer):
        n_values = stage.n_values * dealt_rows(work, core, n_cores)[1] // work.shape[0]
        return replace(stage, work=dealt_layer(work, core, n_cores), n_values=n_values)
    if isinstance(work, Attention):
        own = dealt_attention(work, core, n_cores)
        return replace(stage, work=own, n_values=stage.batch * own.query_values)
    if isinstance(work, CacheAppend):
        own = dealt_attention(work.attention, core, n_cores)
        n_values = 2 * work.batch * own.kv_values
        return replace(stage, work=replace(work, attention=own), n_values=n_values)
    assert isinstance(work, VectorOperation)
    n_values = share_of(stage.n_values, core, n_cores)[1]
    if not n_values:
        raise InputError(f"stage {stage.name!r}: {stage.n_values} values for {n_cores} cores")
    return replace(stage, n_values=n_values)


def dealt_rows(layer: Layer, core: int, n_cores: int) -> tuple[int, int]:
    """Return first and number of a core's rows of the weight matrix."""
    units = layer.n_groups if layer.n_groups > 1 else layer.n_outputs
    if units < n_cores or not isinstance(layer, LinearLayer | ConvLayer):
        what = "groups" if layer.n_groups > 1 else "output rows"
        raise InputError(
            f"layer {layer.name!r} ({layer.kind}): {units} {what} cannot be dealt to "
            f"{n_cores} cores"
        )
    first, n = share_of(units, core, n_cores)
    rows = layer.n_outputs if layer.n_groups > 1 else 1
    return first * rows, n * rows


def dealt_layer(layer: Layer, core: int, n_cores: int) -> Layer:
    """Return the layer with a core's rows; of a convolution in groups also with their inputs."""
    n = dealt_rows(layer, core, n_cores)[1]
    if isinstance(layer, LinearLayer):
        return layer.model_copy(update={"out_features": n})
    assert isinstance(layer, ConvLayer)
    if layer.groups == 1:
        per_channel = layer.shape[0] // layer.out_channels
        return layer.model_copy(update={"out_channels": n // per_channel})
    groups = n // layer.n_outputs
    update = {
        "groups": groups,
        "out_channels": layer.out_channels // layer.groups * groups,
        "in_channels": layer.in_channels // layer.groups * groups,
    }
    return layer.model_copy(update=update)


def dealt_attention(work: Attention, core: int, n_cores: int) -> Attention:
    """Return the attention with a core's heads."""
    n = share_of(work.n_kv_heads, core, n_cores)[1]
    if not n:
        raise InputError(f"attention {work.name!r}: {work.n_kv_heads} heads for {n_cores} cores")
    group = work.n_heads // work.n_kv_heads
    return work.model_copy(update={"kv_heads": n, "n_heads": n * group})


def dealt_tensor(layer: Layer, tensor: PrunedTensor, core: int, n_cores: int) -> PrunedTensor:
    """Return a core's rows of a layer's weights."""
    first, n = dealt_rows(layer, core, n_cores)
    rows = slice(first, first + n)
    name = f"{tensor.name}[core {core}]"
    return replace(tensor, name=name, patterns=tensor.patterns[rows], mask=tensor.mask[rows])


def on_core(name: str, core: int) -> str:
    """Return the name of a part or channel of a core."""
    return f"core {core}: {name}"


def join_cores(machines: Sequence[Machine]) -> Machine:
    """Return one machine of those of the cores; a single one stays as it is.

    Where a stream engine waits for a tensor it waits for the parts of all cores: a barrier takes a
    token of each and gives one to each.
    """
    if len(machines) == 1:
        return machines[0]
    components: list[Component] = []
    channels: list[Channel] = []
    readers: list[Reader] = []
    writers: list[Writer] = []
    waits = 0
    for core, machine in enumerate(machines):
        components += [_part(part, core) for part in machine.components]
        channels += [replace(one, name=on_core(one.name, core)) for one in machine.channels]
        readers += [_reader(one, core) for one in machine.readers]
        for writer in machine.writers:
            done = tuple(_out(port, core) for port in writer.done)
            name, channel = on_core(writer.name, core), on_core(writer.channel, core)
            writers.append(replace(writer, name=name, channel=channel, done=done))
        waits = sum(c.capacity for c in machine.channels if c.name == WRITTEN_FOR_ACTIVATIONS)
    if waits:
        components.append(_barrier(len(machines), waits, components[0].clock_hz))
        names = [on_core(BARRIER, core) for core in range(len(machines))]
        channels += [Channel(name, waits) for name in names]
    return Machine(
        tuple(components), tuple(channels), tuple(readers), tuple(writers), machines[0].burst_bytes
    )


def _part(part: Component, core: int) -> Component:
    return replace(
        part,
        name=on_core(part.name, core),
        inputs=tuple(_in(port, core) for port in part.inputs),
        outputs=tuple(_out(port, core) for port in part.outputs),
    )


def _in(port: InPort, core: int) -> InPort:
    return replace(port, channel=on_core(port.channel, core))


def _out(port: OutPort, core: int) -> OutPort:
    return replace(port, channel=on_core(port.channel, core))


def _reader(one: Reader, core: int) -> Reader:
    gate = one.gate
    if gate is not None:
        name = BARRIER if gate.channel == WRITTEN_FOR_ACTIVATIONS else gate.channel
        gate = replace(gate, channel=on_core(name, core))
    return replace(one, name=on_core(one.name, core), channel=on_core(one.channel, core), gate=gate)


def _barrier(n_cores: int, n_items: int, clock_hz: int) -> Component:
    """Return what waits for all cores: a tensor an item, no time of its own."""
    cores = range(n_cores)
    taken = [InPort(on_core(WRITTEN_FOR_ACTIVATIONS, c), seq(1), "not written") for c in cores]
    given = [OutPort(on_core(BARRIER, c), seq(1), "never") for c in cores]
    return Component("barrier", "barrier", clock_hz, n_items, seq(0), tuple(taken), tuple(given))
