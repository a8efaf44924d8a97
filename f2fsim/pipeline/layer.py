"""One layer from pruned tensor to checked result."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from f2fsim.codec import EncodedTensor, PrunedTensor, WeightFormat
from f2fsim.config.arch import ArchConfig
from f2fsim.engine import Outcome, run
from f2fsim.errors import ConfigError
from f2fsim.hw.dram import DramParams
from f2fsim.hw.elaborate import build_layer
from f2fsim.hw.front_ends import band_formats, front_end_kind
from f2fsim.hw.functional import FunctionalJob, check_outputs
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.hw.machine_builder import sequence_bytes
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.check import check_layer
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.deciding import decided_by_arch
from f2fsim.pipeline.layer_result import layer_result
from f2fsim.pipeline.trials import ALL_ENCODED, FEW_TRIALS, MOST_TRIALS, Trial, tried_plan
from f2fsim.results import LayerResult
from f2fsim.scheduling import every_plan, likely_plans, plan_layer
from f2fsim.sharing import shared, sharing_meanwhile
from f2fsim.workloads import LayerData

if TYPE_CHECKING:
    from f2fsim.engine.observer import Observer

#: Bytes of encodings, and of what follows from them, that trials of a layer's plans share.
SHARED_BYTES = 32 << 20

#: Bytes of the counters of a run, about.
COUNTERS_BYTES = 8 << 10

#: Components whose items are not steps of the front end or of the array.
BESIDE_THE_STEPS = ("scratchpad", "weight_buffer", "code_table", "value_table")

Encode = Callable[[WeightFormat, PrunedTensor], EncodedTensor]


@dataclass(frozen=True)
class LayerJob:
    """Everything that the run of one layer needs; `functional` lets values flow too."""

    arch: ArchConfig
    dram: DramParams
    data: LayerData
    encode: Encode
    engine: str
    cost: CostModel
    observer: Observer | None = None
    functional: bool = False

    @cached_property
    def decided_by(self) -> str:
        """What of the architecture decides a planned layer's machine."""
        return shared(self.arch, "decided by", lambda: decided_by_arch(self.arch))

    @cached_property
    def memory(self) -> Hashable:
        """What of the memory decides times and the memory's own energy."""
        spec = self.cost.dram
        return self.dram, shared(spec, "digest", spec.digest)


def band_tensors(tensor: PrunedTensor, plan: Plan) -> list[PrunedTensor]:
    """Cut a tensor into the row bands of a plan (views, no copies)."""
    if len(plan.band_rows) == 1:
        return [tensor]
    rows = plan.band_rows
    return shared(tensor, ("bands", rows), lambda: _cut_bands(tensor, rows))


def _cut_bands(tensor: PrunedTensor, band_rows: Sequence[int]) -> list[PrunedTensor]:
    bands, first, n_all = [], 0, tensor.shape[0]
    for i, n_rows in enumerate(band_rows):
        last = first + n_rows
        name = f"{tensor.name}[band {i}]"
        n_side = last * tensor.scale_bits // n_all - first * tensor.scale_bits // n_all
        patterns, mask = tensor.patterns[first:last], tensor.mask[first:last]
        bands.append(PrunedTensor(name, patterns, mask, tensor.weight_type, n_side))
        first = last
    return bands


def encoded_bands(
    encode: Encode, arch: ArchConfig, tensor: PrunedTensor, plan: Plan
) -> list[tuple[PrunedTensor, EncodedTensor]]:
    """Encode the row bands of a plan as a machine reads them, each with its scales beside it."""
    bands = band_tensors(tensor, plan)
    formats = tuple(band_formats(arch, tensor, bands, is_dense=plan.is_dense))

    def encoded() -> list[tuple[PrunedTensor, EncodedTensor]]:
        return [
            (band, encode(by, band).with_scales(band.scale_bits))
            for band, by in zip(bands, formats, strict=True)
        ]

    return shared(bands[0], ("encoded", formats), encoded)


def prepare_layer(
    job: LayerJob, plan: Plan | None = None
) -> tuple[LayerMachine, list[EncodedTensor]]:
    """Plan, encode and build one layer: everything but the run.

    Parameters
    ----------
    job : LayerJob
    plan : Plan, optional
        In place of the one that is chosen.

    Returns
    -------
    built : LayerMachine
        The machine, ready for either engine.
    encoded : list of EncodedTensor
        The row bands of the plan.

    Raises
    ------
    ConfigError
        If the layer does not fit the architecture.
    """
    plan = plan or chosen_plan(job)
    layer, tensor = job.data.layer, job.data.tensor
    try:
        bands = encoded_bands(job.encode, job.arch, tensor, plan)
    except ConfigError as error:
        raise job.arch.located(error) from None
    built = build_layer(job.arch, job.dram, layer, plan, bands, job.data.activation_density)
    return built, [encoded for _, encoded in bands]


@dataclass(frozen=True, eq=False)
class Runnable:
    """What is kept of a prepared layer: the machine without its steps, and the encodings."""

    built: LayerMachine
    encoded: list[EncodedTensor]

    def n_bytes(self) -> int:
        """Return the bytes of the machine; encodings count where they are kept themselves."""
        return sequence_bytes(self.built.machine)


def _runnable(job: LayerJob, plan: Plan) -> Runnable:
    """Return a layer ready to run; machines that differ in the memory's timing share it."""

    def make() -> Runnable:
        built, encoded = prepare_layer(job, plan)
        return Runnable(replace(built, steps=None, work=()), encoded)

    # Addresses follow from the capacity only where the memory is in regions.
    dram = job.dram
    memory = dram.burst_bytes, dram.n_regions, dram.n_regions > 1 and dram.capacity_bytes
    key = "runnable", job.decided_by, memory, plan.key
    found = shared(job.data, key, make, Runnable.n_bytes)
    # A machine of a larger memory may not fit this one: making it says so.
    return found if found.built.memory_bytes <= dram.capacity_bytes else make()


def run_layer(job: LayerJob) -> LayerResult:
    """Plan, encode, build, run and check one layer.

    With ``schedule: exhaustive`` every plan is run, and the one with the fewest cycles kept; of
    equal ones that with the least energy.

    Raises
    ------
    ConfigError
        If the layer does not fit the architecture.
    SimulationError
        If the run breaks a conservation law or a bound, or a functional run's outputs differ from
        NumPy's.
    """
    with sharing_meanwhile(SHARED_BYTES):
        if job.arch.schedule != "exhaustive":
            return run_plan(job, chosen_plan(job))
        quiet = replace(job, observer=None, functional=False)
        plans = every_plan(job.arch, job.dram, job.data.layer, job.data.tensor)
        results = [run_plan(quiet, plan) for plan in plans]
    cost = [(result.n_cycles, sum(result.energy_pj.values())) for result in results]
    best = min(range(len(plans)), key=cost.__getitem__)
    return run_plan(job, plans[best]) if job.observer or job.functional else results[best]


def run_plan(job: LayerJob, plan: Plan) -> LayerResult:
    """Encode, build, run and check one layer by a plan; errors as of `run_layer`."""
    if job.engine != "compiled" or job.observer or job.functional:
        return job.cost.priced(_watched(job, plan))

    def make() -> LayerResult:
        return _checked(job, plan, _runnable(job, plan), _outcome(job, plan))

    key = "result", job.decided_by, job.memory, plan.key
    return job.cost.priced(shared(job.data, key, make, lambda _: COUNTERS_BYTES))


def _checked(job: LayerJob, plan: Plan, ready: Runnable, outcome: Outcome) -> LayerResult:
    """Return the result of a run that kept the rules, without its energy."""
    built, on = ready.built, (job.arch, job.dram)
    result = layer_result(on, job.data, plan, built, outcome, ready.encoded)
    check_layer(result, built.machine, built.payload_bits)
    return result


def _watched(job: LayerJob, plan: Plan) -> LayerResult:
    """Return the result of a run that is observed, or whose values flow: nothing is shared."""
    data = job.data
    built, encoded = prepare_layer(job, plan)
    outcome = run(built.machine, job.dram, job.engine, job.observer, job.cost.dram)
    result = _checked(job, plan, Runnable(built, encoded), outcome)
    if not job.functional:
        return result
    bands = list(zip(band_tensors(data.tensor, plan), encoded, strict=True))
    found = check_outputs(
        FunctionalJob(job.arch, data.layer, plan, bands, built, data.activation_density)
    )
    return replace(result, outputs_checked=found.n_outputs, output_error=found.max_error)


def _outcome(job: LayerJob, plan: Plan) -> Outcome:
    """Return what the compiled engine makes of a plan: trials and the run itself share it."""

    def make() -> Outcome:
        machine = _runnable(job, plan).built.machine
        ran = partial(run, machine, job.dram, "compiled", None, job.cost.dram)
        if machine.timing is None:
            return ran()
        found = shared(machine.timing, ("outcome", job.memory), ran, lambda _: COUNTERS_BYTES)
        return found.of(machine)

    key = "outcome", job.decided_by, job.memory, plan.key
    return shared(job.data, key, make, lambda _: COUNTERS_BYTES)


def chosen_plan(job: LayerJob) -> Plan:
    """Return the plan of a layer: predicted, and for a small layer tried (``schedule: auto``)."""
    layer, tensor = job.data.layer, job.data.tensor
    if job.arch.schedule == "predicted":
        return plan_layer(job.arch, job.dram, layer, tensor)
    with sharing_meanwhile(SHARED_BYTES):
        predict = partial(likely_plans, job.arch, job.dram, layer, tensor)
        is_slow = front_end_kind(job.arch).is_fixed_to_fixed
        affordable = max(ALL_ENCODED // tensor.n_weights, FEW_TRIALS) if is_slow else MOST_TRIALS
        return tried_plan(predict, partial(trial, job), affordable)


def trial(job: LayerJob, plan: Plan) -> Trial:
    """Run a layer by a plan for its cycles alone."""
    outcome = _outcome(job, plan)
    array, front_end = [0], [0]
    for part in outcome.components:
        if part.kind not in BESIDE_THE_STEPS:
            (array if part.kind == "pe_array" else front_end).append(part.busy_cycles)
    cycles = outcome.n_ticks * job.arch.clock / outcome.ticks_per_second
    return Trial(cycles, (max(front_end), max(array)))
