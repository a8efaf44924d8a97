"""Functional mode: what the machine multiplies from its streams equals NumPy, and can differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import f2fsim
from f2fsim import shipped
from f2fsim.codec.base import BitStream
from f2fsim.config import Workload
from f2fsim.config.arch import load_arch
from f2fsim.errors import DataError, SimulationError
from f2fsim.hw.dram import dram_params
from f2fsim.hw.elaborate import build_layer
from f2fsim.hw.front_ends import layer_format
from f2fsim.hw.functional import FunctionalJob, check_outputs
from f2fsim.hw.functional.inputs import draw_maps
from f2fsim.hw.functional.reference import reference_outputs
from f2fsim.hw.layer_machine import BandWork
from f2fsim.pipeline.layer import band_tensors
from f2fsim.scheduling import plan_layer
from f2fsim.workloads import iterate_layers

ARCHS = sorted(shipped.names("arch_configs"))

CONV = {"in_channels": 6, "out_channels": 8, "kernel": [3, 2], "input_size": [7, 9]}
LAYERS = [
    {"name": "gemv", "op": "linear", "in_features": 70, "out_features": 45},
    {"name": "gemm", "op": "linear", "in_features": 33, "out_features": 50, "n_tokens": 5},
    {"name": "conv1d", "op": "conv1d", "in_channels": 5, "out_channels": 7, "kernel": [4],
     "input_size": [19], "stride": [3], "padding": [2, 1]},
    {"name": "conv2d", "op": "conv2d", **CONV, "stride": [2, 1], "padding": [1, 0, 2, 1]},
    {"name": "dilated", "op": "conv2d", **CONV, "dilation": [2, 3]},
    {"name": "grouped", "op": "conv2d", **CONV, "groups": 2, "padding": [1, 1]},
    {"name": "depthwise", "op": "conv2d", **CONV | {"out_channels": 6}, "groups": 6},
    {"name": "conv3d", "op": "conv3d", "in_channels": 2, "out_channels": 3,
     "kernel": [2, 1, 3], "input_size": [4, 3, 5]},
    {"name": "lstm", "op": "lstm", "input_size": 11, "hidden_size": 13},
    {"name": "transposed", "op": "conv_transpose", **CONV, "stride": [2, 2], "groups": 2},
]  # fmt: skip


def small(dtype: str = "int8", **changes: object) -> Workload:
    given = {
        "name": "small",
        "description": "every operator",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": 0.7},
        "weight_type": dtype,
        "layers": LAYERS,
        **changes,
    }
    return Workload.model_validate(given)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("arch", ARCHS)
def test_every_operator_on_every_shipped_architecture(arch: str, batch: int) -> None:
    result = f2fsim.simulate(arch, small(), batch=batch, functional=True, isolated=True, cache=None)
    for layer, given in zip(result.layers, small().with_overrides(batch=batch).layers, strict=True):
        assert layer.outputs_checked == given.shape[0] * given.n_columns
        assert layer.output_error == 0.0


@pytest.mark.parametrize("dtype", ["int4", "fp16", "bf16", "fp32", "fp8_e4m3", "fp8_e5m2"])
@pytest.mark.parametrize("arch", ["f2f_edge", "csr_edge", "eie", "sigma", "scnn_like", "nm_edge"])
def test_weight_types(arch: str, dtype: str) -> None:
    chosen = ["gemm", "grouped", "lstm"]
    result = f2fsim.simulate(
        arch, small(dtype), layers=chosen, batch=2, functional=True, isolated=True, cache=None
    )
    for layer in result.layers:
        assert layer.outputs_checked > 0
        assert layer.output_error < 1e-6
        if not dtype.startswith("fp8"):  # short sums of 8-bit floats may be exact
            assert (layer.output_error == 0.0) == (dtype == "int4")


@pytest.mark.parametrize("arch", ["f2f_edge", "csr_edge", "bitmap_edge", "nm_edge", "dense_edge"])
@pytest.mark.parametrize("schedule", ["input_stationary", "weight_stationary"])
def test_bands_and_tiles(arch: str, schedule: str) -> None:
    """A scratchpad that holds a part of the layer: several bands or tiles, each output once."""
    values = {"scratchpad.capacity": "3 KiB", "schedule": schedule}
    machine = load_arch(arch).with_values(values)
    workload = small()
    chosen = ["gemm", "conv2d", "grouped"]
    n_passes = [
        len(plan_layer(machine, dram_params(machine.dram()), data.layer, data.tensor).passes())
        for data in iterate_layers(workload.with_overrides(batch=16), chosen)
    ]
    assert max(n_passes) > 2
    result = f2fsim.simulate(
        machine, workload, layers=chosen, batch=16, functional=True, isolated=True, cache=None
    )
    assert all(layer.outputs_checked for layer in result.layers)


def test_values_change_no_counter() -> None:
    plain = f2fsim.simulate("csr_edge", small(), isolated=True, cache=None)
    checked = f2fsim.simulate("csr_edge", small(), isolated=True, cache=None, functional=True)
    assert plain.layers[0].outputs_checked == 0
    without = [replace(one, outputs_checked=0, output_error=0.0) for one in checked.layers]
    assert list(plain.layers) == without


class Flipped:
    """Encodes, then flips one bit of one stream: a damaged memory behind a good encoder."""

    def __init__(self, stream: str, share: float) -> None:
        self.stream, self.share = stream, share
        self.flipped = 0

    def encode(self, weight_format, tensor):
        encoded = weight_format.encode(tensor)
        stream = encoded.streams.get(self.stream)
        if stream is None or not stream.n_bits:
            return encoded
        bit = int(self.share * stream.n_bits)
        data = stream.data.copy()
        data[bit // 8] ^= 1 << bit % 8
        self.flipped += 1
        streams = {**encoded.streams, self.stream: BitStream(data, stream.n_bits)}
        return replace(encoded, streams=streams)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
@pytest.mark.parametrize(
    ("arch", "stream"),
    [
        ("f2f_edge", "weights"),
        ("f2f_edge", "mask"),
        ("f2f_edge", "patches"),
        ("csr_edge", "weights"),
        ("csr_edge", "indices"),
        ("csr_edge", "pointers"),
        ("bitmap_edge", "weights"),
        ("bitmap_edge", "mask"),
        ("nm_edge", "weights"),
        ("nm_edge", "indices"),
        ("dense_edge", "weights"),
        ("systolic_32x32", "weights"),
        ("scnn_like", "indices"),
        ("eie", "weights"),
        ("eie", "indices"),
        ("eie", "pointers"),
        ("sigma", "mask"),
    ],
)
def test_one_flipped_bit_is_found(arch: str, stream: str, share: float) -> None:
    # Wide blocks of F2F leave care bits unmatched, so that there are patches to damage.
    machine = load_arch(arch)
    if arch == "f2f_edge":
        machine = machine.with_values({"front_end.outputs": "all", "front_end.n_out": 40})
    damage = Flipped(stream, share)
    with pytest.raises((SimulationError, DataError)):
        f2fsim.simulate(
            machine, small(), layers=["gemm"], batch=4, functional=True, isolated=True, cache=damage
        )
    assert damage.flipped >= 1


def test_a_timing_model_that_lets_rows_leave_early_is_found() -> None:
    arch = load_arch("bitmap_edge")
    data = next(iterate_layers(small(), ["gemv"]))
    plan = plan_layer(arch, dram_params(arch.dram()), data.layer, data.tensor)
    coder = layer_format(arch, data.tensor)
    bands = [(band, coder.encode(band)) for band in band_tensors(data.tensor, plan)]
    built = build_layer(arch, dram_params(arch.dram()), data.layer, plan, bands)
    job = FunctionalJob(arch, data.layer, plan, bands, built)
    assert check_outputs(job).n_outputs == 45
    bands_steps = [one.steps for one in built.work]
    hasty = [replace(band, rows_done=np.roll(band.rows_done, -1)) for band in bands_steps]
    wrong = replace(built, work=tuple(BandWork(band) for band in hasty))
    with pytest.raises(SimulationError, match="differ from NumPy; the first is row"):
        check_outputs(replace(job, built=wrong))
    fewer = [replace(b, n_kept=b.n_kept + np.eye(1, b.n_steps, 1, dtype=int)[0])
             for b in bands_steps]  # fmt: skip
    wrong = replace(built, work=tuple(BandWork(band) for band in fewer))
    with pytest.raises(SimulationError, match=r"step 1 decodes \d+ kept weights"):
        check_outputs(replace(job, built=wrong))


def test_reference_convolution_by_definition() -> None:
    """One output of a padded, strided, dilated, grouped convolution, summed in plain loops."""
    conv = {**CONV, "groups": 2, "stride": [2, 1], "dilation": [1, 2], "padding": [1, 0, 2, 1]}
    layers = [{"name": "c", "op": "conv2d", **conv, "batch": 2}]
    data = next(iterate_layers(small(layers=layers)))
    maps = draw_maps(data.layer, data.tensor.weight_type, 0.6, 5)
    n_columns = data.layer.n_columns
    got, _ = reference_outputs(data.tensor, maps, 0, 0, n_columns)
    weights = data.tensor.patterns.view(np.int8).reshape(8, 3, 3, 2).astype(int)
    height, width = data.layer.output_size
    for channel in range(8):
        for column in range(n_columns):
            sample, place = divmod(column, height * width)
            y, x = divmod(place, width)
            total = 0
            for c, i, j in np.ndindex(3, 3, 2):
                value = maps.maps[sample, channel // 4 * 3 + c, 2 * y + i, x + 2 * j]
                total += weights[channel, c, i, j] * int(value)
            assert got[channel, column] == total
