"""The contract of front ends and arrays: every registered kind passes by being registered."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from f2fsim.codec import SCALES
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.engine import run
from f2fsim.hw.arrays import ARRAYS, array_kind
from f2fsim.hw.front_ends import FRONT_ENDS, fetched, front_end_kind, stream_engines
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import LayerJob, chosen_plan, prepare_layer, run_layer, run_plan
from f2fsim.pipeline.run import layer_jobs
from f2fsim.results import common_name
from f2fsim.shipped import names

PACKAGE = Path(__file__).parents[2] / "f2fsim"

#: A configuration of each kind, beside its defaults, and further ones that have other units.
FRONT_END_KEYS: dict[str, dict[str, Any]] = {
    "f2f": {"n_in": 8, "n_out": 40, "n_s": 7, "groups": 2},
    "f2f, value code": {
        "kind": "f2f",
        "n_in": 8,
        "n_out": 40,
        "n_s": 7,
        "groups": 2,
        "value_code": "classes",
    },
    "dense": {"weights_per_cycle": 32},
    "csr": {},
    "cpsr": {},
    "csc_relative": {},
    "bitmap": {"block": 64, "aligner_weights": 8},
    "huffman": {"block": 64, "n_decoders": 8},
    "nm": {"n": 2, "m": 4, "groups_per_cycle": 8},
    "rle": {"entries_per_cycle": 8},
}
PAIRS = [
    (name, array)
    for name, keys in FRONT_END_KEYS.items()
    for array in FRONT_ENDS[keys.get("kind", name)].model.feeds
]
ARRAY_KEYS: dict[str, dict[str, Any]] = {
    "lanes": {"weights_per_cycle": 32, "columns": 2, "zeros": "skip"},
    "row_parallel": {"n_pes": 8, "columns": 2, "window": 8},
    "broadcast": {"n_pes": 4},
    "clusters": {"n_clusters": 2, "n_lanes": 4, "fifo_depth": 8},
    "flexible": {"n_multipliers": 128, "load_weights": 8, "chunk": 32},
    "systolic": {"rows": 8, "columns": 8},
}
#: Keys that make a unit faster, and by how much.
FASTER = {
    "f2f": {"groups": 4},
    "f2f, value code": {"groups": 4},
    "dense": {"weights_per_cycle": 64},
    "bitmap": {"block": 64, "aligner_weights": 16},
    "huffman": {"n_decoders": 16},
    "nm": {"groups_per_cycle": 16},
    "rle": {"entries_per_cycle": 16},
}
WORKLOAD = {
    "name": "one",
    "synthetic": {"distribution": "normal"},
    "pruning": {"method": "magnitude", "sparsity": 0.7},
    "activations": {"density": 0.5},
    "layers": [
        {"name": "linear", "op": "linear", "in_features": 96, "out_features": 64, "n_tokens": 4}
    ],
}


def machine(front_end: str, array: str, **keys: Any) -> ArchConfig:
    data = load_arch("dense_edge").model_dump(mode="json") | {
        "name": "kind",
        "clock": "800 MHz",
        "memory": {"preset": "hbm2_stack", "refresh": False},
        "front_end": {"kind": front_end} | FRONT_END_KEYS[front_end] | keys,
        "pe_array": {"kind": array} | ARRAY_KEYS[array],
        "scratchpad": {"capacity": "256 KiB"},
        "streams": {"prefetch": "64 KiB"},
    }
    return ArchConfig.model_validate(data)


def job_of(arch: ArchConfig) -> LayerJob:
    workload = build_workload(WORKLOAD, Path(), "one")
    return next(layer_jobs(workload, arch))


@pytest.mark.parametrize(("front_end", "array"), PAIRS)
def test_conserved_bounded_and_equal_in_both_engines(front_end: str, array: str) -> None:
    """`run_layer` checks bytes, multiplications, cycles and bounds; values come out as NumPy's."""
    job = job_of(machine(front_end, array))
    result = run_layer(replace(job, functional=True))
    assert result.outputs_checked == 64 * 4
    assert max(result.bound_cycles.values()) <= result.n_cycles
    built, _ = prepare_layer(job)
    assert run(built.machine, job.dram, "event") == run(built.machine, job.dram, "compiled")


@pytest.mark.parametrize(("front_end", "array"), PAIRS)
def test_streams_are_those_it_says(front_end: str, array: str) -> None:
    arch = machine(front_end, array)
    built, encoded = prepare_layer(job_of(arch))
    names_of = [reader.name for reader in built.machine.readers if reader.name != "activations"]
    kind = front_end_kind(arch)
    said = set(kind.fetched(arch.front_end)) | {SCALES}
    assert said == set(fetched(arch))
    engines = set(stream_engines(arch))
    made = {name for name, stream in encoded[0].streams.items() if stream.n_bits} | {SCALES}
    if engines == said:  # an engine a stream, or several with numbers
        assert made & said == {common_name(name) for name in names_of}
    else:
        bits = {name: stream.n_bits for name, stream in encoded[0].streams.items() if name in said}
        moved = sum(built.payload_bits[name] for name in names_of if name != SCALES)
        assert moved == sum(bits.values()) * job_of(arch).data.layer.n_columns
        assert set(names_of) == engines


@pytest.mark.parametrize(("front_end", "array"), PAIRS)
@pytest.mark.parametrize("engine", ["event", "compiled"])
def test_scales_are_fetched_and_paid_whatever_the_format(
    front_end: str, array: str, engine: str
) -> None:
    arch = machine(front_end, array)
    job = replace(job_of(arch), engine=engine)
    result = run_layer(job)
    n_rows = job.data.tensor.shape[0]
    assert job.data.tensor.scale_bits == 32 * n_rows
    assert result.encoded_bits[SCALES] == 32 * n_rows
    moved = {stream.name: stream for stream in result.streams}[SCALES]
    assert moved.payload_bits % (32 * n_rows) == 0
    bare = replace(job.data.tensor, scale_bits=0)
    free = run_layer(replace(job, data=replace(job.data, tensor=bare)))
    assert SCALES not in free.encoded_bits
    assert result.n_bytes > free.n_bytes
    assert result.energy_pj["dram"] > free.energy_pj["dram"]


@pytest.mark.parametrize(("front_end", "array"), PAIRS)
def test_every_unit_has_energy_and_area(front_end: str, array: str) -> None:
    """Every action has an energy; every component has a part of its name or says why not."""
    arch = machine(front_end, array)
    job = job_of(arch)
    built, _ = prepare_layer(job)
    cost = CostModel.of(arch)
    outcome = run(built.machine, job.dram, "compiled")
    for part in outcome.components:
        for action, n in part.actions.items():
            assert n
            assert cost.terms([replace(part, actions={action: n})], None, []), action
    kind, array_of = front_end_kind(arch), array_kind(arch)
    with_area = set(cost.area_um2("int8")) | set(kind.unpriced) | set(array_of.unpriced)
    common = {"pe", "pe array", "scratchpad fill", "weight memory", "broadcaster", "output unit"}
    for part in built.machine.components:
        name = common_name(part.name)
        if name.endswith(" store") or name in common:
            continue  # memories and multipliers, which every machine has
        assert name in with_area, f"{name} has neither area nor a reason"
    for name in kind.unpriced:
        assert name in {part.name for part in built.machine.components}, f"{name}: no such unit"


@pytest.mark.parametrize("front_end", sorted(FASTER))
def test_a_faster_unit_never_costs(front_end: str) -> None:
    arrays = [array for name, array in PAIRS if name == front_end]
    for array in arrays:
        job = job_of(machine(front_end, array))
        plan = chosen_plan(job)  # a plan of its own may suit a machine better or worse
        slow = run_plan(job, plan)
        fast = run_plan(job_of(machine(front_end, array, **FASTER[front_end])), plan)
        # A wider step fills the FIFOs a little later, and more groups end with more padding.
        assert fast.n_cycles <= slow.n_cycles + 4 + (fast.n_bytes - slow.n_bytes) // 8


def test_every_kind_is_tried_here_and_shipped_machines_name_known_kinds() -> None:
    assert {keys.get("kind", name) for name, keys in FRONT_END_KEYS.items()} == set(FRONT_ENDS)
    assert set(ARRAY_KEYS) == set(ARRAYS)
    for name in names("arch_configs"):
        arch = load_arch(name)
        assert arch.front_end.kind in FRONT_ENDS
        assert arch.pe_array.kind in ARRAYS


MATCHES = re.compile(
    r"isinstance\([^)]*(FrontEnd|Array)\b|\.format [!=]= \"|front_end\.kind [!=]=|pe_array\.kind [!=]="
    r"|case (F2f|Dense|Csr|Cpsr|CscRelative|Bitmap|Nm|Rle)FrontEnd"
    r"|case (Lanes|RowParallel|Broadcast|Cluster|Flexible|Systolic)Array"
)


@pytest.mark.parametrize(
    "folder", ["mapping", "scheduling", "pipeline", "report", "explore", "engine"]
)
def test_nothing_above_the_kinds_matches_on_them(folder: str) -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if MATCHES.search(line)
    ]
    assert found == []


def test_the_grep_finds_what_it_is_for() -> None:
    assert MATCHES.search("if isinstance(front_end, F2fFrontEnd):")
    assert MATCHES.search("        case LanesArray():")
    assert MATCHES.search('if result.format != "nm":')
    assert not MATCHES.search("isinstance(array, np.ndarray)")
