"""PE arrays as components: they take steps of weights, loaded tiles, and put finished outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.config.pe_array import FlexibleArray, LanesArray, RowParallelArray, SystolicArray
from f2fsim.hw import flexible, systolic
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.parts import Parts
from f2fsim.hw.systolic import Folds
from f2fsim.mapping.steps import BandSteps, LayerSteps

PeArray = LanesArray | RowParallelArray | SystolicArray | FlexibleArray


@dataclass(frozen=True, eq=False)
class BandWork:
    """The steps of a band, and what some arrays need beside: gathers, or folds."""

    steps: BandSteps
    gather_cycles: IntSeq | None = None
    folds: Folds | None = None


@dataclass(frozen=True)
class ArrayJob:
    """What a builder needs."""

    parts: Parts
    steps: LayerSteps
    weight_type: str
    activation_bits: int
    inputs: list[InPort]
    outputs: list[OutPort]
    work: Sequence[BandWork]


def lanes_array(job: ArrayJob, array: LanesArray) -> int:
    """Add the array; return the multiplications that took a multiplier's slot.

    A step holds its weights until every group of ``columns`` activation columns has passed:
    ``ceil(weights / weights_per_cycle) · ceil(columns of the tile / columns)`` cycles.
    """
    steps = job.steps
    skip = array.zeros == "skip"
    counts = [band.n_kept if skip else band.n_weights for band in steps.bands]
    slots = [-(-n // array.weights_per_cycle) for n in counts]
    waves = [-(-n // array.columns) for n in steps.tile_columns]
    service = steps.over_tiles([seq(s) for s in slots], waves)
    kept = int(steps.over_tiles([band.n_kept for band in steps.bands], steps.tile_columns).sum())
    taken = int(steps.over_tiles(counts, steps.tile_columns).sum())
    useful = taken if array.zeros == "multiply" else kept
    weight_reads = int(steps.over_tiles(counts, waves).sum())
    _add(job, service, useful, taken - useful, weight_reads)
    return taken


def row_parallel_array(job: ArrayJob, array: RowParallelArray) -> int:
    """Add the array; return the multiplications done.

    A step is a window of rounds; its gathers were arbitrated among the banks
    (`f2fsim.hw.gather`), and are repeated for every group of ``columns`` activation columns.
    """
    steps = job.steps
    waves = [-(-n // array.columns) for n in steps.tile_columns]
    gathers = [work.gather_cycles for work in job.work if work.gather_cycles is not None]
    service = steps.over_tiles(gathers, waves)
    kept = [band.n_kept for band in steps.bands]
    done = int(steps.over_tiles(kept, steps.tile_columns).sum())
    _add(job, service, done, 0, int(steps.over_tiles(kept, waves).sum()))
    return done


def systolic_array(job: ArrayJob, array: SystolicArray) -> int:
    """Add the array, an item a fold; return the multiplications: zeros are multiplied too."""
    steps = job.steps
    folds = [work.folds for work in job.work if work.folds is not None]
    service = np.concatenate(
        [
            systolic.fold_cycles(folds[band], steps.tile_columns[tile], array)
            for band, tile in steps.passes
        ]
    )
    counts = [band.n_weights for band in steps.bands]
    done = int(steps.over_tiles(counts, steps.tile_columns).sum())
    _add(job, service, done, 0, done)
    return done


def flexible_array(job: ArrayJob, array: FlexibleArray) -> int:
    """Add the array, an item a fold; return the multiplications: those of kept weights."""
    steps = job.steps
    kept = [band.n_kept for band in steps.bands]
    service = np.concatenate(
        [
            flexible.fold_cycles(kept[band], steps.tile_columns[tile], array)
            for band, tile in steps.passes
        ]
    )
    done = int(steps.over_tiles(kept, steps.tile_columns).sum())
    _add(job, service, done, 0, int(steps.over_passes(kept).sum()))
    return done


def add_array(job: ArrayJob, array: PeArray) -> int:
    """Add the PE array of the architecture; return the multiplier slots that it takes."""
    match array:
        case LanesArray():
            return lanes_array(job, array)
        case RowParallelArray():
            return row_parallel_array(job, array)
        case SystolicArray():
            return systolic_array(job, array)
        case FlexibleArray():
            return flexible_array(job, array)


def _add(job: ArrayJob, service: IntSeq, macs: int, gated: int, reads: int) -> None:
    act_bytes = job.activation_bits // 8
    mac = f"mac_{job.weight_type}"
    actions = {
        mac: macs,
        f"{mac}_gated": gated,
        "accumulate": macs,
        # Each multiplication reads its activation; outputs are written once when they are done.
        "sram_read_byte": macs * act_bytes,
        "register_byte": reads,
    }
    job.parts.component(
        "pe array",
        "pe_array",
        np.maximum(service, 1),
        job.steps.n_steps,
        job.inputs,
        job.outputs,
        actions,
    )
