"""The broadcast array (EIE) as components: broadcaster, a queue and a PE each, output unit.

Two forms of the same array: a network with one component a PE, and, where a layer has too many
broadcasts for that, one component whose items are batches timed by the same recurrence
(`f2fsim.hw.arrays.broadcast.batches`).  ``docs/machines.md`` says what each unit does and what is
simplified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from f2fsim.config.pe_array import BroadcastArray
from f2fsim.hw.arrays.broadcast.batches import Broadcasts, SliceCounts, batch_cycles, entries_by_pe
from f2fsim.hw.arrays.sums import SUM_BYTES
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq, total
from f2fsim.hw.machine_builder import MachineBuilder

#: Most services of PEs (broadcasts times PEs) that are run as a network.
NETWORK_SERVICES = 1 << 20

ONE = seq(1)

#: Cycles from the end of a batch's last PE to the start of the next batch's first broadcast: the
#: last PE is seen, the output unit swaps the register files, the broadcaster is told.
SWAP_CYCLES = 3


@dataclass(frozen=True, eq=False)
class BroadcastJob:
    """The work of an array: passes of batches, each on the entries of a band.

    Attributes
    ----------
    builder : MachineBuilder
        Where components are added.
    array : BroadcastArray
        The configuration.
    bands : sequence of SliceCounts
        Entries by row band.
    passes : sequence of (int, Broadcasts)
        Band and broadcasts of each pass, in order.
    weight_type, activation_bits
        What is multiplied.
    """

    builder: MachineBuilder
    array: BroadcastArray
    bands: Sequence[SliceCounts]
    passes: Sequence[tuple[int, Broadcasts]]
    weight_type: str
    activation_bits: int

    @property
    def n_broadcasts(self) -> int:
        """Broadcasts of all passes."""
        return sum(work.n_broadcasts for _, work in self.passes)

    @property
    def n_batches(self) -> int:
        """Batches of all passes."""
        return sum(work.n_batches for _, work in self.passes)

    @property
    def is_network(self) -> bool:
        """Whether the array is small enough work for a component a PE, and may have that form."""
        if self.builder.one_form:
            return False
        return self.n_broadcasts * self.array.n_pes <= NETWORK_SERVICES

    @cached_property
    def walked(self) -> tuple[IntSeq, IntSeq]:
        """Return the entries and the kept weights that each PE walks through."""
        stored = np.zeros(self.array.n_pes, dtype=np.int64)
        kept = np.zeros(self.array.n_pes, dtype=np.int64)
        for band, work in self.passes:
            stored += entries_by_pe(self.bands[band].stored, work)
            kept += entries_by_pe(self.bands[band].kept, work)
        return stored, kept

    def actions(self, stored: int, kept: int, n_columns: int) -> dict[str, int]:
        """Return what PEs do that walk `stored` entries of `n_columns` column slices."""
        return {
            f"mac_{self.weight_type}": stored,
            "index_decode": stored + n_columns,
            "register_byte": stored * (self.activation_bits // 8 + SUM_BYTES),
            # A column's entries are of different rows: each reads and writes its sum.
            "accumulator_read_byte": stored * SUM_BYTES,
            "accumulator_write_byte": stored * SUM_BYTES,
            "fifo_byte": n_columns * self.activation_bits // 8,
        }


def add_network(job: BroadcastJob, inputs: Sequence[InPort], outputs: Sequence[OutPort]) -> None:
    """Add broadcaster, PEs and output unit as components.

    `inputs` are ports of the broadcaster (an item a broadcast), `outputs` of the output unit (an
    item a batch).
    """
    builder, n_pes, n = job.builder, job.array.n_pes, job.n_broadcasts
    ends = _batch_ends(job)
    swapped = builder.channel("swap", 1)
    queues = [builder.channel(f"queue {p}", job.array.fifo_depth) for p in range(n_pes)]
    starts = np.zeros(n, dtype=np.int64)
    starts[ends[:-1] + 1] = 1
    builder.component(
        "broadcaster",
        "broadcaster",
        ONE,
        n,
        [InPort(swapped, starts, "batch not swapped"), *inputs],
        [OutPort(queue, ONE, "queue full") for queue in queues],
        {"sram_read_byte": n * job.activation_bits // 8},
    )
    # A column is two items: all cycles but the last, and the last, whose start frees its place.
    need = np.tile([1, 0], n).astype(np.int64)
    release = np.tile([0, 1], n).astype(np.int64)
    done = np.zeros(2 * n, dtype=np.int64)
    done[2 * ends + 1] = 1
    service = _services(job)
    stored, kept = job.walked
    finished = []
    for p in range(n_pes):
        finished.append(builder.channel(f"done {p}", 1))
        cycles = np.ones(2 * n, dtype=np.int64)
        cycles[::2] = service[:, p] - 1
        builder.component(
            f"pe {p}",
            "pe",
            cycles,
            2 * n,
            [InPort(queues[p], need, "queue empty", release)],
            [OutPort(finished[p], done, "swap pending")],
            job.actions(int(stored[p]), int(kept[p]), n),
        )
    told = np.ones(job.n_batches, dtype=np.int64)
    told[-1] = 0
    builder.component(
        "output unit",
        "output_unit",
        ONE,
        job.n_batches,
        [InPort(channel, ONE, "pe not done") for channel in finished],
        [OutPort(swapped, told, "swap pending"), *outputs],
        _output_actions(job, outputs),
    )


def add_folded(job: BroadcastJob, inputs: Sequence[InPort], outputs: Sequence[OutPort]) -> None:
    """Add the array as one component, an item a batch; ports count batches."""
    cycles = [
        batch_cycles(job.bands[band], work, job.array.fifo_depth) + SWAP_CYCLES
        for band, work in job.passes
    ]
    service = np.concatenate(cycles)
    service[-1] -= 1  # nobody waits to be told after the last batch
    stored, kept = job.walked
    n = job.n_broadcasts
    actions = job.actions(int(stored.sum()), int(kept.sum()), n * job.array.n_pes)
    actions |= _output_actions(job, outputs)
    actions["sram_read_byte"] += n * job.activation_bits // 8
    job.builder.component("pe array", "broadcast", service, job.n_batches, inputs, outputs, actions)


def _output_actions(job: BroadcastJob, outputs: Sequence[OutPort]) -> dict[str, int]:
    """Outputs go to the scratchpad, and from there to the memory."""
    n_bytes = sum(total(port.emit, job.n_batches) for port in outputs) // 8
    return {"sram_read_byte": n_bytes, "sram_write_byte": n_bytes}


def item_of_batch(job: BroadcastJob) -> tuple[IntSeq, IntSeq]:
    """Return the first and the last item of each batch, for ports of broadcaster or array."""
    if not job.is_network:
        batches = seq(np.arange(job.n_batches))
        return batches, batches
    ends = _batch_ends(job)
    return seq(np.concatenate([[0], ends[:-1] + 1])), ends


def _batch_ends(job: BroadcastJob) -> IntSeq:
    """Return the last broadcast of each batch, over all passes."""
    offsets = np.cumsum([0, *(int(work.first[-1]) for _, work in job.passes)])
    ends = [
        work.first[1:] + offset - 1
        for (_, work), offset in zip(job.passes, offsets[:-1], strict=True)
    ]
    return seq(np.concatenate(ends))


def _services(job: BroadcastJob) -> IntSeq:
    """Return the cycles of each broadcast on each PE: its entries, and one where it has none."""
    rows = []
    for band, work in job.passes:
        counts = job.bands[band].stored
        table = np.concatenate([counts, np.zeros((1, counts.shape[1]), dtype=np.int64)])
        rows.append(table[work.columns])
    return seq(np.maximum(np.concatenate(rows), 1))
