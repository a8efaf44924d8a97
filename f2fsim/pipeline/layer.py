"""One layer from pruned tensor to checked result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from f2fsim.analytic import LayerTraffic, Refresh, bound_cycles
from f2fsim.codec import SCALES, EncodedTensor, PrunedTensor, WeightFormat
from f2fsim.codec.entropy import n_varying_bits
from f2fsim.codec.kept_zeros import PARAM as KEPT_ZEROS
from f2fsim.config.arch import ArchConfig
from f2fsim.cost import amounts, sum_terms
from f2fsim.engine import Outcome, run
from f2fsim.errors import ConfigError
from f2fsim.hw.dram import DramParams
from f2fsim.hw.elaborate import build_layer
from f2fsim.hw.front_ends import front_end_kind, layer_format
from f2fsim.hw.functional import FunctionalJob, check_outputs
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.check import check_layer
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.trials import Trial, tried_plan
from f2fsim.results import LayerResult, PlanStats, StreamStats
from f2fsim.scheduling import every_plan, likely_plans, plan_layer
from f2fsim.sharing import shared, sharing_meanwhile
from f2fsim.workloads import LayerData

if TYPE_CHECKING:
    from f2fsim.engine.observer import Observer

#: Bytes of encodings, and of what follows from them, that trials of a layer's plans share.
SHARED_BYTES = 32 << 20

#: Components whose items are not steps of the front end or of the array.
BESIDE_THE_STEPS = ("scratchpad", "weight_buffer")

#: Name of the flags of a machine's dense way, a bit a band.
DENSE_FLAGS = "dense flags"

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
    encode: Encode, weight_format: WeightFormat, tensor: PrunedTensor, plan: Plan
) -> list[tuple[PrunedTensor, EncodedTensor]]:
    """Encode the row bands of a plan, each with its scales beside it."""
    found = []
    for band in band_tensors(tensor, plan):

        def encoded(band: PrunedTensor = band) -> EncodedTensor:
            return encode(weight_format, band).with_scales(band.scale_bits)

        found.append((band, shared(band, ("encoded", weight_format), encoded)))
    return found


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
    layer, tensor = job.data.layer, job.data.tensor
    plan = plan or chosen_plan(job)
    try:
        weight_format = layer_format(job.arch, tensor, is_dense=plan.is_dense)
        bands = encoded_bands(job.encode, weight_format, tensor, plan)
    except ConfigError as error:
        raise job.arch.located(error) from None
    built = build_layer(job.arch, job.dram, layer, plan, bands, job.data.activation_density)
    return built, [encoded for _, encoded in bands]


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
    built, encoded = prepare_layer(job, plan)
    outcome = run(built.machine, job.dram, job.engine, job.observer, job.cost.dram)
    result = _result(job, plan, built, outcome, encoded)
    check_layer(result, built.machine, built.payload_bits)
    if not job.functional:
        return result
    data = job.data
    bands = list(zip(band_tensors(data.tensor, plan), encoded, strict=True))
    found = check_outputs(
        FunctionalJob(job.arch, data.layer, plan, bands, built, data.activation_density)
    )
    return replace(result, outputs_checked=found.n_outputs, output_error=found.max_error)


def chosen_plan(job: LayerJob) -> Plan:
    """Return the plan of a layer: predicted, and for a small layer tried (``schedule: auto``)."""
    layer, tensor = job.data.layer, job.data.tensor
    if job.arch.schedule == "predicted":
        return plan_layer(job.arch, job.dram, layer, tensor)

    with sharing_meanwhile(SHARED_BYTES):
        predict = partial(likely_plans, job.arch, job.dram, layer, tensor)
        return tried_plan(predict, partial(trial, job))


def trial(job: LayerJob, plan: Plan) -> Trial:
    """Run a layer by a plan for its cycles alone."""
    built, _ = prepare_layer(job, plan)
    outcome = run(built.machine, job.dram, "compiled", None, job.cost.dram)
    parts = built.machine.components
    steps = {part.name for part in parts if part.kind not in BESIDE_THE_STEPS}
    busy = [part.busy_cycles for part in outcome.components if part.name in steps]
    cycles = outcome.n_ticks * job.arch.clock / outcome.ticks_per_second
    return Trial(cycles, max(busy, default=0))


def _requests(built: LayerMachine, burst_bytes: int) -> dict[str, tuple[int, int]]:
    """Return the bursts that each stream engine requests, and the most in a cycle."""
    size = 8 * burst_bytes
    return {
        f"{engine.name} requests": (
            int((-(-engine.n_bits // size)).sum()),
            engine.requests_per_cycle,
        )
        for engine in built.machine.engines
    }


def _refresh(dram: DramParams) -> Refresh | None:
    """Return how refresh holds up the memory; None if it is off or other ranks go on meanwhile."""
    if not dram.refresh or dram.n_ranks > 1:
        return None
    return Refresh(dram.ref_act / dram.clock_hz, dram.ref_interval / dram.clock_hz)


def _result(
    job: LayerJob,
    plan: Plan,
    built: LayerMachine,
    outcome: Outcome,
    encoded: list[EncodedTensor],
) -> LayerResult:
    layer, tensor, arch = job.data.layer, job.data.tensor, job.arch
    streams = _streams(job, built, outcome)
    traffic = LayerTraffic(
        built.payload_bits,
        job.dram.peak_bytes_per_second,
        arch.clock,
        built.macs_issued,
        arch.pe_array.n_multipliers,
        {**built.unit_rates, **_requests(built, job.dram.burst_bytes)},
        _refresh(job.dram),
    )
    terms = job.cost.terms(outcome.components, outcome.memory, streams)
    return LayerResult(
        name=layer.name,
        op=layer.kind,
        n_outputs=layer.n_outputs,
        n_reduction=layer.n_reduction,
        n_columns=layer.n_columns,
        weight_type=tensor.weight_type.name,
        format=encoded[0].format,
        n_weights=tensor.n_weights,
        n_kept=tensor.n_kept,
        macs_dense=layer.macs,
        macs_effectual=built.macs_effectual,
        macs_issued=built.macs_issued,
        n_ticks=outcome.n_ticks,
        ticks_per_second=outcome.ticks_per_second,
        clock_hz=arch.clock,
        encoded_bits=encoded_bits(arch, encoded),
        bound_cycles=bound_cycles(traffic),
        components=outcome.components,
        streams=streams,
        memory=outcome.memory,
        codec_stats=codec_stats(encoded) | shared_bits(tensor),
        energy_pj=sum_terms(terms, job.cost.table),
        energy_amounts=amounts(terms),
        origins={**job.data.origins, **built.origins},
        n_multipliers=arch.pe_array.n_multipliers,
        repeat=layer.repeat,
        plan=plan_stats(arch, job.data, plan, built, encoded),
    )


def plan_stats(
    arch: ArchConfig, data: LayerData, plan: Plan, built: LayerMachine, encoded: list[EncodedTensor]
) -> PlanStats:
    """Return the plan and how often it fetched weights and activations, from the real streams."""
    layer, once = data.layer, encoded_bits(arch, encoded)
    once.pop(DENSE_FLAGS, None)  # come with the addresses
    others = {"activations", *(writer.name for writer in built.machine.writers)}
    fetched = sum(n for name, n in built.payload_bits.items() if name not in others)
    inputs = layer.n_input_values * ACTIVATION_BITS[data.tensor.weight_type.name]
    return PlanStats(
        schedule=plan.schedule,
        n_bands=len(plan.band_rows),
        band_rows=max(plan.band_rows),
        n_tiles=len(plan.tile_columns),
        tile_columns=max(plan.tile_columns),
        weight_fetches=fetched / sum(once.values()) if sum(once.values()) else 0.0,
        activation_fetches=built.payload_bits.get("activations", 0) / inputs if inputs else 0.0,
        scratchpad_bits=dict(plan.scratchpad_bits),
    )


def _streams(job: LayerJob, built: LayerMachine, outcome: Outcome) -> tuple[StreamStats, ...]:
    """Return what each stream moved."""
    written = {writer.name for writer in built.machine.writers}
    return tuple(
        StreamStats(
            name=name,
            is_write=name in written,
            payload_bits=built.payload_bits[name],
            n_bursts=counters.n_bursts,
            burst_bytes=job.dram.burst_bytes,
            row_hits=counters.row_hits,
            row_misses=counters.row_misses,
            row_conflicts=counters.row_conflicts,
            latency_sum_clocks=counters.latency_sum_clocks,
        )
        for name, counters in outcome.streams.items()
    )


def encoded_bits(arch: ArchConfig, encoded: list[EncodedTensor]) -> dict[str, int]:
    """Return the bits of each stream in all bands, those that a machine fetches.

    Machines with a dense way store a flag a band beside, which comes with the band's addresses.
    """
    bits: dict[str, int] = {}
    if front_end_kind(arch).dense_block(arch.front_end, arch) is not None:
        bits[DENSE_FLAGS] = len(encoded)
    for band in encoded:
        for name, stream in band.streams.items():
            if name == "mask" and KEPT_ZEROS in band.params:
                continue  # only tells a kept 0 from a pruned one: no machine fetches it
            bits[name] = bits.get(name, 0) + stream.n_bits
        if band.scale_bits:
            bits[SCALES] = bits.get(SCALES, 0) + band.scale_bits
    return bits


def shared_bits(tensor: PrunedTensor) -> dict[str, float]:
    """Return the bits of all kept weights that vary, where some are the same in all of them."""
    n_bits = shared(tensor, "varying bits", lambda: n_varying_bits(tensor))
    return {"n_varying_bits": tensor.n_kept * n_bits} if n_bits < tensor.weight_type.n_bits else {}


def codec_stats(encoded: list[EncodedTensor]) -> dict[str, float]:
    """Add the counts of all bands; efficiency is matched over all care bits."""
    totals: dict[str, float] = {}
    for band in encoded:
        for key, value in band.stats.items():
            if key.startswith("n_"):
                totals[key] = totals.get(key, 0) + value
    if totals.get("n_care_bits"):
        totals["efficiency"] = 1 - totals.get("n_unmatched_bits", 0) / totals["n_care_bits"]
    return totals
