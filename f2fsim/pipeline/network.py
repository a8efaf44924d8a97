"""A workload as one run on an architecture: stages, residents, one machine in time, the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from f2fsim.config.arch import ArchConfig
from f2fsim.config.graph import network_nodes
from f2fsim.config.layer import Layer
from f2fsim.engine import run
from f2fsim.engine.trace import Trace
from f2fsim.errors import ConfigError, InputError, SimulationError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.network.assemble import join_stages
from f2fsim.network.context import Network
from f2fsim.network.cores import dealt_stage, join_cores
from f2fsim.network.pieces import cut_stages, needed_later
from f2fsim.network.residency import choose_residents, tensors_of
from f2fsim.network.stages import build_stages
from f2fsim.pipeline.estimate import stage_cost
from f2fsim.pipeline.network_check import check_network
from f2fsim.pipeline.network_result import PieceResult, piece_result, whole_result
from f2fsim.pipeline.network_stages import add_stage
from f2fsim.pipeline.network_values import check_values
from f2fsim.pipeline.prepared import PreparedNetwork, Residency
from f2fsim.pipeline.target import Target
from f2fsim.results import SimResult
from f2fsim.workloads import LayerData


@dataclass(frozen=True)
class NetworkOptions:
    """How networks are run: tensors that stay on the chip, the engine, values flowing or not."""

    residency: Residency = "auto"
    engine: str = "compiled"
    functional: bool = False


class NetworkJob:
    """One workload on one target as one run, cut into pieces if it has many weights.

    Attributes
    ----------
    pieces : list of range
        Numbers of the stages of each piece; every job of a comparison has the same.

    Raises
    ------
    InputError
        If the options do not go with the machine.
    """

    def __init__(self, target: Target, options: NetworkOptions, trace: Trace | None = None) -> None:
        self.target, self.options, self.trace = target, options, trace
        workload = target.workload
        self.stages = build_stages(
            network_nodes(workload.layers, workload.operations, workload.batch)
        )
        self.pieces = cut_stages(self.stages)
        self.done: list[PieceResult] = []
        _check_options(target.arch, options, len(self.pieces))

    def layers_of(self, piece: range) -> list[Layer]:
        """Return the layers of a piece, in order, each once."""
        found = [self.stages[i].work for i in piece]
        return list({work.name: work for work in found if isinstance(work, Layer)}.values())

    def run_piece(self, piece: range, layers: Sequence[LayerData]) -> None:
        """Plan, encode, build and run the stages of a piece; `layers` are those of `layers_of`."""
        target, options = self.target, self.options
        cores = self.prepare(piece, layers)
        machine = join_cores([join_stages(one.network, one.machines) for one in cores])
        seen = self.trace.observer(target.workload.name) if self.trace else None
        outcome = run(machine, target.dram, options.engine, seen, target.cost.dram)
        found = piece_result(cores, machine, outcome, options.residency)
        check_network(target.workload.name, found.run, machine, cores[0].residents)
        if options.functional:
            checked = replace(found.run, outputs_checked=check_values(cores[0]))
            found = replace(found, run=checked)
        self.done.append(found)

    def prepare(self, piece: range, layers: Sequence[LayerData]) -> list[PreparedNetwork]:
        """Choose residents, then plan, encode and build every stage, for each core its part."""
        n_cores, dram = self.target.arch.cores, self.target.dram
        builder = MachineBuilder(
            self.target.arch, dram.burst_bytes, dram.capacity_bytes, n_regions=dram.n_regions
        )
        cores = [self._core(piece, core, builder) for core in range(n_cores)]
        by_name = {data.layer.name: data for data in layers}
        for number, stage in enumerate(self.stages[piece.start : piece.stop]):
            data = None
            if isinstance(stage.work, Layer):
                if stage.work.name not in by_name:
                    raise SimulationError(f"layer {stage.work.name!r} is not among those read")
                data = by_name[stage.work.name]
            for core, prepared in enumerate(cores):
                add_stage(prepared, number, data, core)
        return cores

    def _core(self, piece: range, core: int, builder: MachineBuilder) -> PreparedNetwork:
        """Return a core's part of a piece, with its residents chosen.

        Maps of a network on several cores go through the memory, since every core takes all.
        """
        workload, arch = self.target.workload, self.target.arch
        whole = self.stages
        if arch.cores > 1:
            whole = tuple(dealt_stage(stage, core, arch.cores) for stage in whole)
        stages = whole[piece.start : piece.stop]
        activation_bits = ACTIVATION_BITS[workload.weight_type]
        tensors = tensors_of(stages, activation_bits, needed_later(self.stages, piece))
        keeps = arch.cores == 1 and array_kind(arch).keeps_maps
        policy = self.options.residency if keeps else "none"
        cost = stage_cost(arch, workload, stages, activation_bits)
        try:
            residents = choose_residents(
                stages, tensors, 8 * arch.scratchpad.capacity, policy, cost
            )
        except InputError as error:
            raise InputError(f"workload {workload.name!r} on {arch.name}: {error}") from None
        sizes = {stage.output: stage.n_values for stage in whole}
        network = Network(arch, builder, stages, tensors, residents, activation_bits, sizes)
        prepared = PreparedNetwork(
            self.target, stages, tensors, residents, activation_bits, network
        )
        prepared.jobs = {} if self.options.functional else None
        return prepared

    def result(self) -> SimResult:
        """Return the result of all pieces."""
        options = self.options
        return whole_result(self.target, self.stages, self.pieces, self.done, options.engine)


def _check_options(arch: ArchConfig, options: NetworkOptions, n_pieces: int) -> None:
    if arch.schedule == "exhaustive":
        rule = "exhaustive is for layers by themselves (isolated), not for a network as one run"
        raise ConfigError(f"{arch.place('schedule')}: {rule}")
    if options.functional and arch.cores > 1:
        raise InputError("values flow through networks on one core only")
    if arch.cores > 1 and options.residency not in ("auto", "none"):
        raise InputError("residency: named tensors stay on machines of one core only")
    if not array_kind(arch).keeps_maps and options.residency not in ("auto", "none"):
        raise InputError(f"residency: {arch.pe_array.kind} keep no tensors on the chip")
    if n_pieces > 1 and (options.functional or options.residency not in ("auto", "none")):
        raise InputError(
            f"the network has so many weights that it is run in {n_pieces} pieces: values do not "
            "flow across them, and no tensors can be named to stay"
        )
