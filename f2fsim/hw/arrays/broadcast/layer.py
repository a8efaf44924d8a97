"""A layer on a broadcast array: columns loaded into the PEs' memory, vectors run one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.codec.csc_relative import CscRelativeFormat
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import BroadcastArray
from f2fsim.hw.arrays.broadcast.batches import Broadcasts, SliceCounts, draw_broadcasts
from f2fsim.hw.arrays.broadcast.components import (
    BroadcastJob,
    add_folded,
    add_network,
    item_of_batch,
)
from f2fsim.hw.arrays.sums import SUM_BYTES
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.front_ends import fetched
from f2fsim.hw.layer_machine import LayerMachine, payload_bits
from f2fsim.hw.layout import band_segments
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.hw.streams import activation_tiles, output_segments, stream_reader
from f2fsim.mapping.geometry import tile_input_values
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import TileLoad


@dataclass(frozen=True, eq=False)
class BroadcastMachine(LayerMachine):
    """The machine of a layer on a broadcast array.

    Attributes
    ----------
    slices : tuple of SliceCounts
        Entries of each band.
    broadcasts : tuple of Broadcasts
        Of each pass.
    """

    slices: tuple[SliceCounts, ...] = ()
    broadcasts: tuple[Broadcasts, ...] = ()


@dataclass(frozen=True, eq=False)
class _Layer:
    """Everything that the ports of a layer are made from."""

    job: BroadcastJob
    layer: Layer
    plan: Plan
    encoded: Sequence[EncodedTensor]
    n_cuts: int

    def vectors(self) -> IntSeq:
        """Return the vectors of each pass."""
        return seq([self.plan.tile_columns[tile] for _, tile in self.plan.passes()])

    def batch_starts(self) -> IntSeq:
        """Return the first batch of each pass, and the end of the last."""
        return seq(np.concatenate([[0], np.cumsum(self.vectors() * self.n_cuts)]))


def broadcast_layer(
    builder: MachineBuilder,
    array: BroadcastArray,
    layer: Layer,
    plan: Plan,
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]],
    activation_bits: int,
    activation_density: float,
) -> BroadcastMachine:
    """Build the machine of one layer; the bands of `plan` do not cross groups."""
    encoded = [one for _, one in bands]
    counts = [slice_counts(tensor, one, array.n_pes) for tensor, one in bands]
    passes = _passes(array, layer, plan, activation_density)
    weight_type = bands[0][0].weight_type.name
    job = BroadcastJob(builder, array, counts, passes, weight_type, activation_bits)
    if job.is_network:
        job = replace(job, passes=[(band, work.expanded()) for band, work in passes])
    n_cuts = -(-layer.n_reduction // array.batch_inputs)
    whole = _Layer(job, layer, plan, encoded, n_cuts)
    first, last = item_of_batch(job)
    inputs = [_weights(whole, first, last), _activations(whole, first, last)]
    outputs = _outputs(whole)
    if job.is_network:
        add_network(job, inputs, outputs)
    else:
        add_folded(job, inputs, outputs)
    stored, kept = (int(walked.sum()) for walked in job.walked)
    machine = builder.build()
    n_bytes = sum(part.actions.get("accumulator_read_byte", 0) for part in machine.components)
    rates = {
        "broadcasts": (job.n_broadcasts, 1),
        "accumulators": (n_bytes, array.n_pes * SUM_BYTES),
    }
    zeros = f"synthetic: density {activation_density:g}, seed {array.activation_seed}"
    origins = {"activation zeros": zeros}
    return BroadcastMachine(
        machine,
        stored,
        kept,
        payload_bits(machine),
        rates,
        builder.next_address,
        origins=origins,
        slices=tuple(counts),
        broadcasts=tuple(work for _, work in passes),
    )


def slice_counts(tensor: PrunedTensor, encoded: EncodedTensor, n_pes: int) -> SliceCounts:
    """Return the entries of each column and PE of a band."""
    run_bits = int(encoded.params["run_bits"])
    counts = CscRelativeFormat(n_pes=n_pes, run_bits=run_bits).entry_counts(tensor)
    return SliceCounts(counts.stored, counts.stored - counts.padding)


def _passes(
    array: BroadcastArray, layer: Layer, plan: Plan, density: float
) -> list[tuple[int, Broadcasts]]:
    """Return the broadcasts of each pass; a vector has the same zeros for all bands of a group."""
    bands_per_group = len(plan.band_rows) // layer.n_groups
    drawn: dict[tuple[int, int], Broadcasts] = {}
    passes = []
    for band, tile in plan.passes():
        key = band // bands_per_group, tile
        if key not in drawn:
            n_vectors = plan.tile_columns[tile]
            seed = array.activation_seed + 1_000_003 * tile + 7_919 * key[0]
            drawn[key] = draw_broadcasts(
                layer.n_reduction, n_vectors, array.batch_inputs, density, seed
            )
        passes.append((band, drawn[key]))
    return passes


def _weights(whole: _Layer, first: IntSeq, last: IntSeq) -> InPort:
    """Load columns into the PEs' memory; the port says which the array has to have."""
    job, array = whole.job, whole.job.array
    loads = _loads(whole)
    n_cols = whole.layer.n_reduction
    grain = 1 if job.is_network else array.batch_inputs
    starts = np.arange(0, n_cols, grain)
    per_item = np.diff(np.append(starts, n_cols))
    ports: list[tuple[str, str, IntSeq]] = []
    read = 0
    names = fetched(job.builder.arch)
    present = [s for s in names if any(s in one.work.stream_bits for one in whole.encoded)]
    bits = {
        name: [np.add.reduceat(one.work.stream_bits[name], starts) for one in whole.encoded]
        for name in present
    }
    sizes = {name: [int(one.sum()) for one in bits[name]] for name in present}
    segments = band_segments(job.builder, sizes)
    for name in present:
        need = np.concatenate([bits[name][band] for band, _ in loads])
        if not need.any():
            continue
        limit = 8 * (job.builder.arch.streams.prefetch - job.builder.burst_bytes)
        most = min(int(need.max()), max(limit, 1))
        source = stream_reader(job.builder, name, [segments[name][band] for band, _ in loads], most)
        ports.append((name, source, need))
        read += int(need.sum())
    columns = np.tile(per_item, len(loads))
    port = _column_port(whole, loads, first, last)
    least = max(int(port.need.max()), int(columns.max()))
    room = n_cols if array.weights_on_chip else min(n_cols, least + 2 * array.fifo_depth)
    job.builder.channel(port.channel, room)
    scratchpad = job.builder.arch.scratchpad
    width = 8 * scratchpad.n_banks * scratchpad.bank_bytes_per_cycle
    moved = np.sum([need for _, _, need in ports], axis=0) if ports else np.zeros_like(columns)
    items, service, emit, needs = _chunked(job.builder, columns, moved, ports, width)
    job.builder.component(
        "weight memory",
        "weight_buffer",
        service,
        items,
        [
            InPort(source, need, f"{name} empty")
            for (name, source, _), need in zip(ports, needs, strict=True)
        ],
        [OutPort(port.channel, emit, "weight memory full")],
        {"sram_write_byte": read // 8, "sram_read_byte": int(job.walked[0].sum())},
    )
    return port


def _chunked(
    builder: MachineBuilder,
    columns: IntSeq,
    moved: IntSeq,
    ports: Sequence[tuple[str, str, IntSeq]],
    width: int,
) -> tuple[int, IntSeq, IntSeq, list[IntSeq]]:
    """Cut items of the loader so that no stream has to deliver more than its buffer holds.

    Returns
    -------
    n_items : int
    service, emit : IntSeq, shape (n_items,)
        Cycles, and columns that are complete after the item.
    needs : list of IntSeq
        Bits of each stream by item.
    """
    limit = 8 * (builder.arch.streams.prefetch - builder.burst_bytes)
    pieces = np.ones(columns.shape[0], dtype=np.int64)
    for _, _, need in ports:
        pieces = np.maximum(pieces, -(-need // max(limit, 1)))
    item = np.repeat(np.arange(columns.shape[0]), pieces)
    ends = np.cumsum(pieces)
    turn = np.arange(item.shape[0]) - np.repeat(ends - pieces, pieces)

    def share(values: IntSeq) -> IntSeq:
        upto = values[item] * (turn + 1) // pieces[item]
        return seq(upto - values[item] * turn // pieces[item])

    emit = np.zeros(item.shape[0], dtype=np.int64)
    emit[ends - 1] = columns
    service = np.maximum(-(-share(moved) // width), 1)
    return item.shape[0], seq(service), seq(emit), [share(need) for _, _, need in ports]


def _loads(whole: _Layer) -> list[tuple[int, int]]:
    """Return (band, first batch) of each time that a band's columns are brought in."""
    starts = whole.batch_starts()
    loads: list[tuple[int, int]] = []
    for i, (band, _) in enumerate(whole.plan.passes()):
        if not whole.job.array.weights_on_chip:
            vectors = range(int(starts[i]), int(starts[i + 1]), whole.n_cuts)
            loads += [(band, batch) for batch in vectors]
        elif not loads or loads[-1][0] != band:
            loads.append((band, int(starts[i])))
    return loads


def _column_port(
    whole: _Layer, loads: Sequence[tuple[int, int]], first: IntSeq, last: IntSeq
) -> InPort:
    """Return the port that asks for the columns of the first vector after each load.

    A broadcast needs its column and all before it; what the vector does not need is awaited with
    its last broadcast.  Columns leave with the last broadcast that may use them.
    """
    job, n_cols = whole.job, whole.layer.n_reduction
    n_items = int(last[-1]) + 1
    need = np.zeros(n_items, dtype=np.int64)
    release = np.zeros(n_items, dtype=np.int64)
    all_columns = (
        np.concatenate([work.columns for _, work in job.passes]) if job.is_network else None
    )
    edges = np.append(np.arange(0, n_cols, job.array.batch_inputs), n_cols)
    ends = [batch for _, batch in loads[1:]] + [job.n_batches]
    for (_, batch), end in zip(loads, ends, strict=True):
        begin, stop = int(first[batch]), int(last[batch + whole.n_cuts - 1]) + 1
        if all_columns is None:
            upto = edges[1:].copy()
        else:
            upto = np.maximum.accumulate(all_columns[begin:stop] + 1)
        upto[-1] = n_cols
        need[begin:stop] = np.diff(upto, prepend=0)
        release[int(last[end - 1])] += n_cols
    name, cause = "columns on chip", "columns not loaded"
    if not job.array.weights_on_chip:
        return InPort(name, seq(need), cause)
    return InPort(name, seq(need), cause, seq(release), release_at_end=True)


def _activations(whole: _Layer, first: IntSeq, last: IntSeq) -> InPort:
    """Load the input vectors of a tile before its first broadcast."""
    starts, tiles = whole.batch_starts(), whole.plan.tile_columns
    bits = [tile_input_values(whole.layer, n) * whole.job.activation_bits for n in tiles]
    loads: list[TileLoad] = []
    for i, (_, tile) in enumerate(whole.plan.passes()):
        begin, end = int(first[starts[i]]), int(last[starts[i + 1] - 1])
        if loads and loads[-1].tile == tile:
            loads[-1] = TileLoad(tile, bits[tile], loads[-1].first_step, end)
        else:
            loads.append(TileLoad(tile, bits[tile], begin, end))
    return activation_tiles(whole.job.builder, bits, loads, int(last[-1]) + 1)


def _outputs(whole: _Layer) -> list[OutPort]:
    """Write the outputs of a vector when its last batch is done."""
    rows = [whole.plan.band_rows[band] for band, _ in whole.plan.passes()]
    per_vector = seq(rows) * whole.job.activation_bits
    emit = np.zeros(whole.job.n_batches, dtype=np.int64)
    emit[whole.n_cuts - 1 :: whole.n_cuts] = np.repeat(per_vector, whole.vectors())
    port = output_segments(whole.job.builder, emit, per_vector * whole.vectors())
    return [port] if port else []
