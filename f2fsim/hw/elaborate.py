"""From a layer's plan and encoded bands to its machine: the array kind puts the parts together."""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.arrays.contract import LayerWork
from f2fsim.hw.dram import DramParams
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.plan import Plan


def build_layer(
    arch: ArchConfig,
    dram: DramParams,
    layer: Layer,
    plan: Plan,
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]],
    activation_density: float = 1.0,
) -> LayerMachine:
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
    work = LayerWork(arch, layer, plan, bands, activation_density)
    builder = MachineBuilder(arch, dram.burst_bytes, dram.capacity_bytes, n_regions=dram.n_regions)
    return array_kind(arch).build_layer(work, arch.pe_array, builder)
