"""A front end and an array of one's own: defined here, registered, and used by every job.

No other file knows them: what runs below is all that a new kind needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import pytest

import f2fsim
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.front_end import FrontEnd
from f2fsim.config.pe_array import PeArray
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import ARRAYS, register_array
from f2fsim.hw.arrays.contract import ArrayKind
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.description import InPort, seq
from f2fsim.hw.front_ends import FRONT_ENDS, register_front_end
from f2fsim.hw.front_ends.contract import ONE, FrontEndJob, FrontEndKind, Rates, total_work
from f2fsim.hw.layer_machine import BandWork
from f2fsim.mapping.steps import LayerSteps

ARCH = """\
name: toy
clock: 800 MHz
memory: {preset: ddr4_2400}
front_end: {kind: toy_front, slowness: 3}
pe_array: {kind: toy_array, n_multipliers: 16}
scratchpad: {capacity: 64 KiB, n_banks: 16}
streams: {prefetch: 4 KiB}
"""
WORKLOAD = """\
name: small
synthetic: {distribution: normal}
pruning: {method: magnitude, sparsity: 0.8}
layers:
  - {name: a, op: linear, in_features: 96, out_features: 64}
  - {name: b, op: linear, in_features: 64, out_features: 32}
"""
SPEC = """\
name: toys
archs: [arch.yaml]
workloads: [workload.yaml]
axes:
  front_end.slowness: [1, 3]
"""


class ToyFrontEnd(FrontEnd):
    """Bitmap blocks of 16, each of which takes ``slowness`` cycles."""

    feeds: ClassVar[tuple[str, ...]] = ("toy_array", "lanes")
    kind: Literal["toy_front"]
    slowness: int = 1


class ToyArray(PeArray):
    """Takes a kept weight a multiplier."""

    kind: Literal["toy_array"]
    n_multipliers: int = 16


class ToyFrontEndKind(FrontEndKind[ToyFrontEnd]):
    model = ToyFrontEnd
    title = "toy"
    streams = ("mask", "weights")
    format_name = "bitmap"
    unpriced: ClassVar[dict[str, str]] = {"toy unit": "a toy"}

    def format_params(self, front_end: ToyFrontEnd, arch: ArchConfig) -> dict[str, object]:
        return {"block": 16}

    def build(self, job: FrontEndJob, front_end: ToyFrontEnd) -> list[InPort]:
        out = job.unit(
            "toy unit",
            "toy",
            seq(front_end.slowness),
            job.stream("mask") + job.stream("weights"),
            {"fifo_byte": job.n_weight_bytes()},
        )
        return [InPort(out, ONE, "toy unit empty")]

    def fifo_bits(self, front_end: ToyFrontEnd, arch: ArchConfig, bits: int) -> dict[str, int]:
        return {"toy unit out": front_end.fifo_units * 16 * bits}

    def rates(self, front_end: ToyFrontEnd, steps: LayerSteps) -> Rates:
        return {"toy unit": (steps.n_steps * front_end.slowness, 1)}


class ToyArrayKind(ArrayKind[ToyArray]):
    model = ToyArray

    def build(self, job: ArrayJob, array: ToyArray) -> int:
        steps = job.steps
        kept = [band.n_kept for band in steps.bands]
        work = steps.over_tiles(kept, steps.tile_columns)
        job.add(-(-work // array.n_multipliers), int(work.sum()), 0, int(work.sum()))
        return int(work.sum())

    def rates(self, array: ToyArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        return {"kept": (total_work(steps, lambda band: band.n_kept), array.n_multipliers)}


@pytest.fixture
def toys() -> Iterator[None]:
    # A class, once accepted by the configuration, stays: only the dicts are put back.
    before = dict(FRONT_ENDS), dict(ARRAYS)
    if "toy_front" not in FRONT_ENDS:
        register_front_end(ToyFrontEndKind())
        register_array(ToyArrayKind())
    yield
    FRONT_ENDS.clear(), ARRAYS.clear()
    FRONT_ENDS.update(before[0]), ARRAYS.update(before[1])


def test_toys_run_through_every_job(toys: None, tmp_path: Path) -> None:
    for name, text in (("arch", ARCH), ("workload", WORKLOAD), ("spec", SPEC)):
        (tmp_path / f"{name}.yaml").write_text(text)
    arch, workload = load_arch(tmp_path / "arch.yaml"), tmp_path / "workload.yaml"
    one = f2fsim.simulate(arch, workload, cache=None, functional=True, isolated=True)
    assert one.format == "toy_front"
    assert [layer.outputs_checked for layer in one.layers] == [64, 32]
    # 96·64/16 blocks, three cycles each: the unit binds and the bound says so.
    layer = one.layers[0]
    assert layer.bound_cycles["toy unit"] == 3 * 384
    assert 3 * 384 <= layer.n_cycles <= 1.25 * 3 * 384
    both = f2fsim.compare(workload, [arch, "dense_edge"], cache=None)
    report = f2fsim.make_report([both], tmp_path / "report")
    assert report
    page = (tmp_path / "report" / "report.md").read_text()
    assert "toy (toy)" in page or "| toy |" in page
    result = f2fsim.sweep(tmp_path / "spec.yaml", workers=1)
    cycles = {row["front_end.slowness"]: row["n_cycles"] for row in result.rows()}
    assert cycles[1] < cycles[3]
    with pytest.raises(ConfigError, match="must be toy_array or lanes for a toy_front front end"):
        arch.with_values({"pe_array": {"kind": "systolic", "rows": 4, "columns": 4}})


def test_a_name_is_registered_once(toys: None) -> None:
    with pytest.raises(ValueError, match="registered already"):
        register_front_end(ToyFrontEndKind())
    with pytest.raises(ValueError, match="registered already"):
        register_array(ToyArrayKind())
