"""Clusters (HiSparse): packed streams of rows, a vector buffer a cluster behind two shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import ClusterArray
from f2fsim.cost import GateCount
from f2fsim.cost.network_units import crossbar, grants
from f2fsim.cost.unit_spec import Units
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays.clusters.layer import RunWork, cluster_layer
from f2fsim.hw.arrays.contract import ArrayKind, IntArray, LayerWork
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.sums import SUM_BYTES, AccumulatorMemory
from f2fsim.hw.front_ends.contract import Rates, UnitParts
from f2fsim.hw.layer_machine import BandWork, LayerMachine
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.geometry import split_evenly
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import LayerSteps

#: Bits of a value, of an index or row, and so of an entry of a queue.
WORD_BITS = 32
ENTRY_BITS = 2 * WORD_BITS
#: Sums in flight of a PE: cycles that an output buffer takes to be read and written.
FORWARDED = 5
#: Cells that compare a bit, and that choose one of two.
COMPARE, CHOOSE = GateCount(xor2=1, nand2=1), GateCount(nand2=3)


class ClusterKind(ArrayKind[ClusterArray]):
    """HiSparse: built as a whole, since vectors run one by one and clusters by themselves."""

    model = ClusterArray
    keeps_maps = False

    def own_plans(
        self, arch: ArchConfig, array: ClusterArray, layer: Layer, tensor: PrunedTensor
    ) -> list[Plan]:
        """As many rows a band as the output buffers hold; groups are bands of their own."""
        most = array.accumulator_bytes // SUM_BYTES
        if most < 1:
            raise ConfigError(
                f"{arch.place('pe_array.accumulators.capacity')}: output buffers need at least "
                f"{SUM_BYTES} bytes, got {array.accumulator_bytes}"
            )
        bands = tuple(split_evenly(layer.n_outputs, -(-layer.n_outputs // most))) * layer.n_groups
        held = {"activations": 8 * arch.scratchpad.capacity}  # the vector buffers are all of it
        return [Plan("weight_stationary", bands, (layer.n_columns,), max(bands), held)]

    def accumulators(self, arch: ArchConfig, array: ClusterArray) -> AccumulatorMemory:
        """A bank a PE."""
        return AccumulatorMemory(array.n_multipliers, 1, array.accumulator_bytes)

    def build_layer(
        self, work: LayerWork, array: ClusterArray, builder: MachineBuilder
    ) -> LayerMachine:
        """Add vector loader, clusters and result drain."""
        return cluster_layer(builder, array, work, self.accumulators(work.arch, array))

    def build(self, job: ArrayJob, array: ClusterArray) -> int:
        """Never called: `build_layer` builds the whole layer."""
        raise AssertionError("clusters have no steps of a front end")

    def sequence(
        self,
        arch: ArchConfig,
        array: ClusterArray,
        encoded: EncodedTensor,
        tensor: PrunedTensor,
        work: BandWork,
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return the order of the streams, cluster after cluster, an item a step."""
        assert isinstance(work, RunWork)
        n_rows, n_cols = tensor.shape
        cluster = np.arange(n_rows) // array.n_lanes % array.n_clusters
        places = work.runs.rows * n_cols + work.runs.columns
        return places, work.runs.item, np.argsort(cluster, kind="stable")

    def rates(self, array: ClusterArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """Those of a layer come with its machine."""
        return {}

    def units(self, arch: ArchConfig, array: ClusterArray) -> dict[str, Units]:
        """Arbiter and crossbar of the two shuffles of every cluster."""
        n = array.n_lanes
        if n == 1:
            return {}
        shuffle = (*grants(n, n), *crossbar(n, n, ENTRY_BITS + WORD_BITS))
        n_shuffles = 2 * array.n_clusters
        return {"cluster": tuple(replace(one, count=one.count * n_shuffles) for one in shuffle)}

    def parts(self, arch: ArchConfig, array: ClusterArray) -> UnitParts:
        """The shuffles, what waits in their arbiters, forwarding of sums; queues and buffers."""
        found, n = super().parts(arch, array), array.n_lanes
        waiting = GateCount(dff=2 * n * array.arbiter_cycles * (ENTRY_BITS + WORD_BITS))
        row_bits = max((self.accumulators(arch, array).bank_bytes // SUM_BYTES).bit_length(), 1)
        sums = GateCount(dff=FORWARDED * (WORD_BITS + row_bits))
        sums = sums + COMPARE.times(FORWARDED * row_bits) + CHOOSE.times(FORWARDED * WORD_BITS)
        marker = COMPARE.times(WORD_BITS) + GateCount(dff=WORD_BITS, nand2=5 * WORD_BITS)
        own = waiting + (sums + marker).times(n)
        known = found.gates.get("cluster", GateCount())
        found.gates["cluster"] = known + own.times(array.n_clusters)
        found.gates["vector loader"] = GateCount(dff=WORD_BITS * n, nand2=WORD_BITS * n)
        found.gates["result drain"] = GateCount(dff=WORD_BITS * n, nand2=WORD_BITS * n)
        entries = 4 * array.n_clusters * n * array.fifo_depth
        found.fifo_bits["cluster queues"] = entries * ENTRY_BITS
        return found
