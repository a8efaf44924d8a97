"""A layer on clusters: one vector after another, each with the whole matrix streamed past it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.codec import SCALES
from f2fsim.config.pe_array import ClusterArray
from f2fsim.hw.arrays.clusters.shuffle import BandRuns, ClusterRun, band_runs, sync_cycles
from f2fsim.hw.arrays.contract import LayerWork
from f2fsim.hw.arrays.sums import SUM_BYTES, AccumulatorMemory, port_rates
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.front_ends.contract import Rates
from f2fsim.hw.layer_machine import BandWork, LayerMachine, payload_bits
from f2fsim.hw.layout import Segments
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.hw.streams import output_segments, stream_reader
from f2fsim.mapping.geometry import ACCUMULATOR_BITS
from f2fsim.mapping.steps import BandSteps

ONE = seq(1)

#: Most packets of an item, of the matrix and of a vector.
WINDOW = 64


@dataclass(frozen=True, eq=False)
class RunWork(BandWork):
    """The steps of a band, an item of a cluster each, and the clusters' runs."""

    runs: BandRuns


@dataclass(frozen=True, eq=False)
class _Layer:
    """What the parts of a layer are made from; `vectors` are the band of each vector in order."""

    builder: MachineBuilder
    array: ClusterArray
    work: LayerWork
    bands: Sequence[RunWork]
    vectors: IntSeq

    @property
    def part_columns(self) -> int:
        """Activations that a vector buffer holds."""
        return int(self.work.bands[0][1].params["part_columns"])

    def over_vectors(self, by_band: Sequence[IntSeq]) -> IntSeq:
        """Return arrays of the bands, one after another in the order of vectors."""
        return seq(np.concatenate([by_band[band] for band in self.vectors]))

    def runs(self, cluster: int) -> list[ClusterRun]:
        """Return the runs of a cluster, by band."""
        return [band.runs.clusters[cluster] for band in self.bands]


def cluster_layer(
    builder: MachineBuilder, array: ClusterArray, work: LayerWork, sums: AccumulatorMemory
) -> LayerMachine:
    """Build the machine of one layer; `sums` are its output buffers."""
    window = _window(builder, array, work)
    bands = [_band_work(array, work, band, window) for band in range(len(work.bands))]
    plan = work.plan
    vectors = seq(np.repeat(*np.array([[b, plan.tile_columns[t]] for b, t in plan.passes()]).T))
    layer = _Layer(builder, array, work, bands, vectors)
    _add_loader(layer)
    for cluster in range(array.n_clusters):
        _add_cluster(layer, cluster)
    _add_drain(layer)
    macs = int(sum(bands[band].steps.n_kept.sum() for band in vectors))
    machine = builder.build()
    rates = _rates(layer) | port_rates(machine, work.arch, sums)
    payload, end = payload_bits(machine), builder.next_address
    return LayerMachine(machine, macs, macs, payload, rates, end, work=tuple(bands))


def _window(builder: MachineBuilder, array: ClusterArray, work: LayerWork) -> int:
    """Return the packets of an item: as many as half a prefetch buffer holds."""
    params = work.bands[0][1].params
    packet = array.n_lanes * (params["index_bits"] + params["value_bits"])
    return int(min(max(4 * builder.arch.streams.prefetch // packet, 1), WINDOW))


def _band_work(array: ClusterArray, work: LayerWork, band: int, window: int) -> RunWork:
    """Return the steps of a band: the items of its clusters, one cluster after another."""
    tensor, encoded = work.bands[band]
    runs = band_runs(array, tensor, encoded, window)
    n_kept, n_weights, n_stored, n_bits = (
        seq(np.concatenate([getattr(one, name) for one in runs.clusters]))
        for name in ("n_kept", "n_weights", "n_stored", "n_bits")
    )
    done = np.zeros_like(n_kept)
    ends = np.cumsum([one.service.shape[0] for one in runs.clusters]) - 1
    cluster = np.arange(tensor.shape[0]) // array.n_lanes % array.n_clusters
    done[ends] = np.bincount(cluster, minlength=array.n_clusters)
    none = np.zeros_like(n_kept)
    steps = BandSteps(
        {"packets": n_bits}, n_weights, n_kept, n_stored, none, none, none, none, done
    )
    return RunWork(steps, runs)


def _part_widths(layer: _Layer) -> IntSeq:
    """Return the columns of each part of a vector."""
    n = layer.work.layer.n_reduction
    return seq(np.diff(np.append(np.arange(0, n, layer.part_columns), n)))


def _add_loader(layer: _Layer) -> None:
    """Add what reads a vector and gives every cluster's buffer a copy, a packet a cycle."""
    builder, array = layer.builder, layer.array
    n_vectors, bits = layer.vectors.shape[0], layer.work.activation_bits
    chunk = _chunk_columns(layer)
    taken, filled = [], []
    for width in _part_widths(layer):
        columns = np.diff(np.append(np.arange(0, width, chunk), width))
        fill = columns.copy()
        fill[-1] += layer.part_columns - width  # a buffer is one, however little is in it
        taken.append(columns)
        filled.append(fill)
    columns, fill = seq(np.concatenate(taken)), seq(np.concatenate(filled))
    need = seq(np.tile(columns * bits, n_vectors))
    inputs = [_vector_tiles(layer, columns * bits, need)]
    if n_vectors > 1:
        told = np.zeros(need.shape[0], dtype=np.int64)
        told[columns.shape[0] :: columns.shape[0]] = 1
        drained = builder.channel("vector drained", 1)
        inputs.insert(0, InPort(drained, told, "vector before not drained"))
    outputs = [
        OutPort(
            builder.channel(f"vector {c}", 2 * layer.part_columns),
            seq(np.tile(fill, n_vectors)),
            "vector buffer full",
        )
        for c in range(array.n_clusters)
    ]
    written = array.n_clusters * int(need.sum()) // 8
    builder.component(
        "vector loader",
        "vector_loader",
        seq(np.tile(-(-columns // array.n_lanes), n_vectors)),
        need.shape[0],
        inputs,
        outputs,
        {"sram_write_byte": written},
    )


def _chunk_columns(layer: _Layer) -> int:
    """Return the activations of an item of the vector loader: whole packets and whole bursts."""
    builder, bits = layer.builder, layer.work.activation_bits
    packet, burst = layer.array.n_lanes * bits, 8 * builder.burst_bytes
    least = int(np.lcm(packet, burst))
    room = 8 * (builder.arch.streams.prefetch - builder.burst_bytes)
    whole = max(min(room, WINDOW * packet) // least, 1) * least // bits
    # Parts begin at bursts too; a buffer that is no multiple of them is filled burst by burst.
    grain = max(burst // bits, 1)
    return whole if layer.part_columns % grain == 0 else layer.part_columns


def _vector_tiles(layer: _Layer, sizes: IntSeq, need: IntSeq) -> InPort:
    """Read vectors chunk by chunk through a buffer of two of them; return the loader's port."""
    builder, work = layer.builder, layer.work
    own = np.flatnonzero(layer.vectors == layer.vectors[0]).shape[0]  # vectors of the layer
    burst = 8 * builder.burst_bytes
    starts = np.cumsum(-(-sizes // burst)) - -(-sizes // burst)
    whole = int((-(-sizes // burst)).sum()) * burst
    n_groups = work.layer.n_groups
    places = builder.allocate([whole] * (own * n_groups), layer.array.n_clusters)
    per_group = max(len(work.plan.band_rows) // n_groups, 1)
    turn = np.concatenate([np.arange(own) for _ in range(layer.vectors.shape[0] // own)])
    place = places[layer.vectors // per_group * own + turn]
    addresses = (place[:, None] + starts * builder.burst_bytes).ravel()
    source = builder.reader("activations", seq(addresses), need, int(need.max()))
    tiles = builder.channel("activation tiles", 2 * int(need.max()))
    builder.component(
        "scratchpad fill",
        "scratchpad",
        ONE,
        need.shape[0],
        [InPort(source, need, "activations empty")],
        [OutPort(tiles, need, "scratchpad full")],
        {"fifo_byte": int(need.sum()) // 8},
    )
    return InPort(tiles, need, "activations not loaded")


def _add_cluster(layer: _Layer, cluster: int) -> None:
    """Add a cluster: its stream of packets, and the part of the vector that each item needs."""
    builder, runs = layer.builder, layer.runs(cluster)
    sizes = [int(run.n_bits.sum()) for run in runs]
    places = builder.allocate(sizes, cluster)
    segments = [Segments(places[i : i + 1], seq(size)) for i, size in enumerate(sizes)]
    need = layer.over_vectors([run.n_bits for run in runs])
    name = f"channel {cluster}"
    source = stream_reader(
        builder, name, [segments[band] for band in layer.vectors], int(need.max())
    )
    begins, ends, last = [], [], []
    for run in runs:
        edge = np.cumsum(run.part_items)
        begin, end, done = np.zeros((3, int(edge[-1])), dtype=np.int64)
        begin[edge - run.part_items] = end[edge - 1] = layer.part_columns
        done[-1] = 1
        begins.append(seq(begin))
        ends.append(seq(end))
        last.append(seq(done))
    vector = InPort(
        f"vector {cluster}",
        layer.over_vectors(begins),
        "vector not loaded",
        layer.over_vectors(ends),
        release_at_end=True,
    )
    results = builder.channel(f"results {cluster}", 1)
    n_kept = int(layer.over_vectors([run.n_kept for run in runs]).sum())
    n_elements = int(layer.over_vectors([run.n_stored for run in runs]).sum())
    entry = ACCUMULATOR_BITS + 8 * np.dtype(np.int32).itemsize  # a value and an index or a row
    builder.component(
        f"cluster {cluster}",
        "cluster",
        layer.over_vectors([run.service for run in runs]),
        need.shape[0],
        [InPort(source, need, "packets empty"), vector],
        [OutPort(results, layer.over_vectors(last), "results full")],
        {
            f"mac_{layer.work.bands[0][0].weight_type.name}": n_kept,
            "index_decode": n_elements,
            # In front of the first shuffle, of a bank, of the second shuffle and of a PE.
            "fifo_byte": 4 * n_kept * entry // 8,
            "sram_read_byte": n_kept * layer.work.activation_bits // 8,
            "accumulator_read_byte": n_kept * SUM_BYTES,
            "accumulator_write_byte": n_kept * SUM_BYTES,
            "register_byte": n_kept * SUM_BYTES,
        },
    )


def _add_drain(layer: _Layer) -> None:
    """Add what takes the sums of a vector out of the output buffers, a packet a cycle."""
    builder, array, work = layer.builder, layer.array, layer.work
    n_vectors = layer.vectors.shape[0]
    rows = seq(np.array(work.plan.band_rows)[layer.vectors])
    inputs = [InPort(f"results {c}", ONE, "cluster not done") for c in range(array.n_clusters)]
    scales = [encoded.scale_bits for _, encoded in work.bands]
    if any(scales):
        places = builder.allocate(scales, array.n_clusters)
        need = seq(np.array(scales)[layer.vectors])
        most = int(need.max())
        if most > 8 * (builder.arch.streams.prefetch - builder.burst_bytes):
            inputs.append(_scale_buffer(layer, places, need))
        else:
            source = builder.reader(SCALES, places[layer.vectors], need, most)
            inputs.append(InPort(source, need, f"{SCALES} empty"))
    outputs = []
    if n_vectors > 1:
        told = np.ones(n_vectors, dtype=np.int64)
        told[-1] = 0
        outputs.append(OutPort("vector drained", seq(told), "loader not ready"))
    emit = rows * work.activation_bits
    port = output_segments(builder, seq(emit), seq(emit), array.n_clusters + 1)
    if port:
        outputs.append(port)
    builder.component(
        "result drain",
        "result_drain",
        -(-rows // array.n_lanes) + sync_cycles(array),
        n_vectors,
        inputs,
        outputs,
        {"accumulator_read_byte": int(rows.sum()) * SUM_BYTES},
    )


def _scale_buffer(layer: _Layer, places: IntSeq, need: IntSeq) -> InPort:
    """Collect scales that are more than a prefetch buffer holds; return the drain's port."""
    builder = layer.builder
    piece = max(8 * (builder.arch.streams.prefetch - builder.burst_bytes), 1)
    cuts = [np.diff(np.append(np.arange(0, size, piece), size)) for size in need]
    pieces = seq(np.concatenate(cuts))
    source = builder.reader(SCALES, places[layer.vectors], need, int(pieces.max()))
    held = builder.channel("scales held", 2 * int(need.max()))
    builder.component(
        "scales store",
        "weight_buffer",
        ONE,
        pieces.shape[0],
        [InPort(source, pieces, f"{SCALES} empty")],
        [OutPort(held, pieces, "scales held full")],
        {"sram_write_byte": int(need.sum()) // 8, "sram_read_byte": int(need.sum()) // 8},
    )
    return InPort(held, need, f"{SCALES} empty")


def _rates(layer: _Layer) -> Rates:
    """Return work and rate of what can bound a layer."""
    array, vectors = layer.array, layer.vectors
    rows = np.array(layer.work.plan.band_rows)[vectors]
    packets, banks = (
        max(
            sum(getattr(layer.runs(c)[band], name) for band in vectors)
            for c in range(array.n_clusters)
        )
        for name in ("n_packets", "most_of_bank")
    )
    load = int((-(-_part_widths(layer) // array.n_lanes)).sum())
    return {
        "packets": (packets, 1),
        "vector banks": (banks, 1),
        "vector loader": (load * vectors.shape[0], 1),
        "result drain": (int((-(-rows // array.n_lanes)).sum()), 1),
    }
