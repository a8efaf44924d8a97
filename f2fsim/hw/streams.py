"""How encoded streams reach the front end: from memory once a pass, or held on the chip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.layout import Segments
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import LayerSteps, TileLoad, tile_loads
from f2fsim.sharing import shared

#: Bits that the weight buffer stores and plays back at once, at the least.
CHUNK_BITS = 4096


def fill_width_bits(arch: ArchConfig) -> int:
    """Return the bits that all banks of the scratchpad take or give a core cycle."""
    return 8 * arch.scratchpad.n_banks * arch.scratchpad.bank_bytes_per_cycle


def _chunk_bits(builder: MachineBuilder, least: int) -> int:
    """Return what an item of a store moves: a whole cycle's width where the prefetch holds it.

    The prefetch buffer holds an item and the burst that comes next.
    """
    room = 8 * (builder.arch.streams.prefetch - builder.burst_bytes)
    return max(least, min(fill_width_bits(builder.arch), room))


def weight_stream(
    builder: MachineBuilder,
    name: str,
    plan: Plan,
    steps: LayerSteps,
    segments: Sequence[Segments],
    *,
    buffer_bytes: int | None = None,
    n_sharers: int = 1,
) -> InPort | None:
    """Bring one encoded stream to the front end; return the port, None for an empty stream.

    Without held weights every pass reads its band from memory again.  With held weights a band is
    read once, and a buffer plays it back for the other tiles.

    Parameters
    ----------
    builder, name, plan, steps
        Where to add it, its name in `steps`, and the order of passes.
    segments : sequence of Segments
        Its places in memory, band by band.
    buffer_bytes : int, optional
        Of its stream engine, in place of ``streams.prefetch``.
    n_sharers : int
        Streams of its kind, each of which has its share of the scratchpad's banks for held weights.
    """
    by_band = [band.bits_of(name) for band in steps.bands]
    # Bands cut at the same rows are the same wherever the first one is.
    key = "need", name, plan.band_rows, plan.tile_columns, plan.schedule
    need, sizes, most = shared(steps.bands[0], key, lambda: _needs(steps, by_band))
    if not most:
        return None
    if not plan.holds_weights:
        pieces = [segments[band] for band, _ in steps.passes]
        source = stream_reader(builder, name, pieces, most, buffer_bytes)
        return InPort(source, need, f"{name} empty")
    n_tiles = len(plan.tile_columns)
    chunk = _chunk_bits(builder, CHUNK_BITS)
    if buffer_bytes is not None:
        chunk = max(8 * (buffer_bytes - builder.burst_bytes), 8)
    source = stream_reader(builder, name, segments, min(chunk, max(sizes)), buffer_bytes)
    taken, given = [], []
    for size in sizes:
        chunks = np.full(-(-size // chunk), chunk, dtype=np.int64)
        chunks[-1:] = size - chunk * (chunks.shape[0] - 1)
        given.append(np.tile(chunks, n_tiles))
        taken.append(np.concatenate([chunks, np.zeros(chunks.shape[0] * (n_tiles - 1), np.int64)]))
    emit = seq(np.concatenate(given))
    played = builder.channel(f"{name} held", most + 2 * chunk)
    width = fill_width_bits(builder.arch)
    n_read, n_written = int(emit.sum()) // 8, sum(sizes) // 8
    builder.component(
        f"{name} store",
        "weight_buffer",
        -(-emit * n_sharers // width),
        emit.shape[0],
        [InPort(source, seq(np.concatenate(taken)), f"{name} empty")],
        [OutPort(played, emit, f"{name} held full")],
        {"sram_write_byte": n_written, "sram_read_byte": n_read},
    )
    return InPort(played, need, f"{name} empty")


def _needs(steps: LayerSteps, by_band: Sequence[IntSeq]) -> tuple[IntSeq, list[int], int]:
    """Return the bits that each step takes, those of each band, and the most of a step."""
    need = seq(steps.over_passes(by_band))
    return need, [int(bits.sum()) for bits in by_band], int(need.max(initial=0))


def stream_reader(
    builder: MachineBuilder,
    name: str,
    segments: Sequence[Segments],
    most_bits: int,
    buffer_bytes: int | None = None,
) -> str:
    """Add the stream engine that reads these pieces in order; return its channel."""
    addresses = np.concatenate([one.addresses for one in segments])
    n_bits = np.concatenate([one.n_bits for one in segments])
    return builder.reader(name, addresses, n_bits, most_bits, buffer_bytes)


def activation_stream(builder: MachineBuilder, steps: LayerSteps) -> InPort:
    """Load input activations tile by tile into the scratchpad; return the PE array's port."""
    return activation_tiles(builder, steps.tile_bits, tile_loads(steps), steps.n_steps)


def activation_tiles(
    builder: MachineBuilder, tile_bits: Sequence[int], loads: Sequence[TileLoad], n_items: int
) -> InPort:
    """Load input activations in the order of `loads`; return the port of their user.

    A load's bits are needed at its first item and stay until its last item ends.
    """
    scratchpad = builder.arch.scratchpad
    tile_addresses = builder.allocate(tile_bits)
    sizes = seq([load.n_bits for load in loads])
    chunk = _chunk_bits(builder, 8 * builder.burst_bytes)
    source = builder.reader(
        "activations", tile_addresses[[load.tile for load in loads]], sizes, chunk
    )
    chunks = _pieces(sizes, chunk)
    copies = 2 if scratchpad.double_buffered else 1
    room = max(int(sizes.max()), int(_pair_sums(sizes).max())) if copies == 2 else int(sizes.max())
    ready = builder.channel("activation tiles", room)
    width = fill_width_bits(builder.arch)
    builder.component(
        "scratchpad fill",
        "scratchpad",
        -(-chunks // width),
        chunks.shape[0],
        [InPort(source, chunks, "activations empty")],
        [OutPort(ready, chunks, "scratchpad full")],
        {"sram_write_byte": int(sizes.sum()) // 8},
    )
    need = np.zeros(n_items, dtype=np.int64)
    release = np.zeros(n_items, dtype=np.int64)
    for load in loads:
        need[load.first_step] += load.n_bits
        release[load.last_step] += load.n_bits
    return InPort(ready, need, "activations not loaded", release, release_at_end=True)


def output_stream(
    builder: MachineBuilder, steps: LayerSteps, activation_bits: int
) -> OutPort | None:
    """Write finished outputs; return the PE array's port."""
    columns = [n * activation_bits for n in steps.tile_columns]
    emit = steps.over_tiles([band.rows_done for band in steps.bands], columns)
    return output_segments(builder, emit, np.add.reduceat(emit, steps.starts()[:-1]))


def output_segments(
    builder: MachineBuilder, emit: IntSeq, sizes: IntSeq, region: int | None = None
) -> OutPort | None:
    """Write outputs, `emit` bits an item, to segments of `sizes` bits; return the port.

    `region` is as of `MachineBuilder.allocate`.
    """
    if not sizes.any():
        return None
    copies = 2 if builder.arch.scratchpad.double_buffered else 1
    # As large as the buffers of the streams that come in: writes wait for the memory as reads do.
    least = copies * int(emit.max()) + 8 * builder.burst_bytes
    done = builder.channel("outputs", max(least, 8 * builder.arch.streams.prefetch))
    builder.writer("outputs", builder.allocate(sizes.tolist(), region), seq(sizes), done)
    return OutPort(done, seq(emit), "outputs full")


def _pieces(sizes: IntSeq, piece: int) -> IntSeq:
    """Cut each size into pieces, the last one shorter."""
    counts = -(-sizes // piece)
    chunks = np.full(int(counts.sum()), piece, dtype=np.int64)
    chunks[np.cumsum(counts) - 1] = sizes - (counts - 1) * piece
    return seq(chunks)


def _pair_sums(sizes: IntSeq) -> IntSeq:
    """Return the sums of neighbours: what a double buffer holds."""
    return sizes[:-1] + sizes[1:] if sizes.shape[0] > 1 else sizes
