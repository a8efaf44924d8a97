"""From a layer's plan and encoded bands to its machine: where parts are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import F2fFrontEnd
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import LanesArray, RowParallelArray
from f2fsim.hw.description import IntSeq, Machine
from f2fsim.hw.dram import DramParams
from f2fsim.hw.front_ends import FrontEndJob, add_front_end
from f2fsim.hw.gather import gather_windows, rows_done
from f2fsim.hw.parts import Parts
from f2fsim.hw.pe_arrays import ArrayJob, lanes_array, row_parallel_array
from f2fsim.hw.streams import activation_stream, output_stream
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.plan import ALL_ROWS_ORDERS, Plan
from f2fsim.mapping.steps import BandSteps, LayerSteps, band_steps, layer_steps


@dataclass(frozen=True, eq=False)
class BuiltLayer:
    """A machine ready to run, and the static facts of its layer.

    ``macs_issued`` counts multiplier slots; ``payload_bits`` maps a stream to the bits that its
    reader or writer moves.
    """

    machine: Machine
    steps: LayerSteps
    macs_issued: int
    payload_bits: dict[str, int]


def build_layer(
    arch: ArchConfig,
    dram: DramParams,
    layer: Layer,
    plan: Plan,
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]],
) -> BuiltLayer:
    """Build the machine that runs one layer.

    Parameters
    ----------
    arch, dram, layer, plan
        What runs, on what, and how.
    bands : sequence of (PrunedTensor, EncodedTensor)
        The row bands of the plan, pruned and encoded.

    Raises
    ------
    ConfigError
        If a buffer or the memory is too small; names the key and the least value.
    SimulationError
        If the machine is not wired correctly.
    """
    weight_type = bands[0][0].weight_type
    activation_bits = ACTIVATION_BITS[weight_type.name]
    gathered: list[IntSeq] = []
    by_band: list[BandSteps] = []
    for tensor, encoded in bands:
        band = _steps_of(arch, encoded)
        if isinstance(arch.pe_array, RowParallelArray):
            band, cycles = _windows(arch.pe_array, tensor, encoded)
            gathered.append(cycles)
        by_band.append(band)
    steps = layer_steps(layer, plan, by_band, activation_bits)
    parts = Parts(arch, dram.burst_bytes, dram.capacity_bytes)
    n_planes = len(bands[0][1].params.get("stored_planes", range(weight_type.n_bits)))
    inputs = add_front_end(FrontEndJob(parts, plan, steps, n_planes, weight_type.n_bits))
    inputs.append(activation_stream(parts, steps))
    out = output_stream(parts, steps, activation_bits)
    job = ArrayJob(
        parts, steps, weight_type.name, activation_bits, inputs, [out] if out else [], gathered
    )
    issued = _add_array(job, arch)
    payload = {one.name: int(one.n_bits.sum()) for one in parts.readers}
    payload |= {one.name: int(one.n_bits.sum()) for one in parts.writers}
    return BuiltLayer(parts.build(), steps, issued, payload)


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


def _add_array(job: ArrayJob, arch: ArchConfig) -> int:
    array = arch.pe_array
    match array:
        case LanesArray():
            return lanes_array(job, array)
        case RowParallelArray():
            return row_parallel_array(job, array)
        case _:
            raise AssertionError(f"no builder for PE array {array!r}")
