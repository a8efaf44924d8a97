"""From a layer's plan and encoded bands to its machine: where parts are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import F2fFrontEnd
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import (
    BroadcastArray,
    FlexibleArray,
    RowParallelArray,
    SystolicArray,
)
from f2fsim.hw.broadcast_layer import broadcast_layer
from f2fsim.hw.built import BuiltLayer, payload_bits
from f2fsim.hw.description import IntSeq
from f2fsim.hw.dram import DramParams
from f2fsim.hw.flexible import flexible_steps
from f2fsim.hw.front_ends import FrontEndJob, add_front_end
from f2fsim.hw.gather import gather_windows, rows_done
from f2fsim.hw.parts import Parts
from f2fsim.hw.pe_arrays import ArrayJob, BandWork, add_array
from f2fsim.hw.streams import activation_stream, output_stream
from f2fsim.hw.systolic import fold, fold_steps
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.plan import ALL_ROWS_ORDERS, Plan
from f2fsim.mapping.steps import BandSteps, band_steps, layer_steps


def build_layer(
    arch: ArchConfig,
    dram: DramParams,
    layer: Layer,
    plan: Plan,
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]],
    activation_density: float = 1.0,
) -> BuiltLayer:
    """Build the machine that runs one layer.

    Parameters
    ----------
    arch, dram, layer, plan
        What runs, on what, and how.
    bands : sequence of (PrunedTensor, EncodedTensor)
        The row bands of the plan, pruned and encoded.
    activation_density : float
        Share of non-zero input activations, for machines that skip the others.

    Raises
    ------
    ConfigError
        If a buffer or the memory is too small; names the key and the least value.
    SimulationError
        If the machine is not wired correctly.
    """
    weight_type = bands[0][0].weight_type
    activation_bits = ACTIVATION_BITS[weight_type.name]
    parts = Parts(arch, dram.burst_bytes, dram.capacity_bytes)
    if isinstance(arch.pe_array, BroadcastArray):
        return broadcast_layer(
            parts, arch.pe_array, layer, plan, bands, activation_bits, activation_density
        )
    work = _band_work(arch, layer, bands)
    steps = layer_steps(layer, plan, [one.steps for one in work], activation_bits)
    n_planes = len(bands[0][1].params.get("stored_planes", range(weight_type.n_bits)))
    inputs = add_front_end(FrontEndJob(parts, plan, steps, n_planes, weight_type.n_bits))
    inputs.append(activation_stream(parts, steps))
    out = output_stream(parts, steps, activation_bits)
    outputs = [out] if out else []
    job = ArrayJob(parts, steps, weight_type.name, activation_bits, inputs, outputs, work)
    issued = add_array(job, arch.pe_array)
    kept = [band.n_kept for band in steps.bands]
    effectual = int(steps.over_tiles(kept, steps.tile_columns).sum())
    machine = parts.build()
    folds = tuple(one.folds for one in work if one.folds is not None)
    return BuiltLayer(
        machine, issued, effectual, payload_bits(machine), steps=steps, folds=folds or None
    )


def _band_work(
    arch: ArchConfig, layer: Layer, bands: Sequence[tuple[PrunedTensor, EncodedTensor]]
) -> list[BandWork]:
    """Return the steps of each band, and what its PE array needs beside."""
    array = arch.pe_array
    work, row = [], 0
    for tensor, encoded in bands:
        match array:
            case RowParallelArray():
                steps, cycles = _windows(array, tensor, encoded)
                work.append(BandWork(steps, gather_cycles=cycles))
            case SystolicArray():
                group_rows = layer.n_outputs if layer.n_groups > 1 else 0
                folds = fold(*tensor.shape, array, group_rows, row)
                work.append(BandWork(fold_steps(tensor, encoded, folds), folds=folds))
            case FlexibleArray():
                work.append(BandWork(flexible_steps(tensor, encoded, array)))
            case _:
                work.append(BandWork(_steps_of(arch, encoded)))
        row += tensor.shape[0]
    return work


def _steps_of(arch: ArchConfig, encoded: EncodedTensor) -> BandSteps:
    front_end = arch.front_end
    units = front_end.groups if isinstance(front_end, F2fFrontEnd) else 1
    all_rows = getattr(front_end, "order", "row") in ALL_ROWS_ORDERS
    return band_steps(encoded, units, all_rows)


def _windows(
    array: RowParallelArray, tensor: PrunedTensor, encoded: EncodedTensor
) -> tuple[BandSteps, IntSeq]:
    """Return windows of CSR rounds as steps, and the cycles of their gathers."""
    cycles, rounds = gather_windows(tensor, array.n_pes, array.n_banks, array.window)
    steps = band_steps(encoded, array.window, all_rows=False)
    done = rows_done(tensor, array.n_pes, array.window, steps.n_steps)
    return replace(steps, rows_done=done, n_symbols=rounds), cycles
