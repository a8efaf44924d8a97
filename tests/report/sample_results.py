"""Hand-made results: small, with every part that a report shows."""

from __future__ import annotations

from f2fsim.config.cost import load_cost_table
from f2fsim.results import ComponentStats, LayerResult, MemoryStats, SimResult, StreamStats

TABLE = load_cost_table("nangate45")


def layer(
    name: str, fmt: str, cycles: int, bits: dict[str, int], *, kept: int, repeat: int = 1
) -> LayerResult:
    busy = cycles // 2
    array = ComponentStats(
        "pe array", "pe_array", 800_000_000, cycles, busy, 7,
        {"weights empty": cycles - busy - 7}, 10, {"mac_int8": 5},
    )  # fmt: skip
    streams = tuple(
        StreamStats(stream, False, n, -(-n // 512), 64, 3, 1, 0, 99) for stream, n in bits.items()
    )
    out = StreamStats("outputs", True, 8000, 16, 64, 4, 1, 2, 50)
    memory = MemoryStats(
        "lpddr4_3200", 1, 1_600_000_000, 12.8e9, 2 * cycles, cycles, cycles, {}, {"RD": 5}, {}
    )
    return LayerResult(
        name=name, op="linear", n_outputs=100, n_reduction=100, n_columns=4, weight_type="int8",
        format=fmt, n_weights=10_000, n_kept=kept, macs_dense=40_000, macs_effectual=4 * kept,
        macs_issued=40_000 if fmt in ("f2f", "dense") else 4 * kept, n_ticks=2 * cycles,
        ticks_per_second=1_600_000_000, clock_hz=800_000_000, encoded_bits=bits,
        bound_cycles={"memory": cycles // 3, "multipliers": 40}, components=(array,),
        streams=(*streams, out), memory=memory,
        codec_stats={"n_entropy_bits": 7.25 * kept}
        | ({"n_care_bits": 8 * kept, "n_unmatched_bits": 11} if fmt == "f2f" else {}),
        energy_pj={"pe array": 0.3e6 * cycles, "dram": 40e6 * cycles},
        energy_amounts={
            "mac_int8": 1e6 * cycles,
            "dram:LPDDR4": 40e6 * cycles / TABLE.dram("LPDDR4").typical,
        },
        origins={"weights": "measured", "sparsity": "given", "activations": "assumed"},
        n_multipliers=256, repeat=repeat,
    )  # fmt: skip


def result(arch: str, fmt: str, scale: float, *, batch: int = 1, kept: int = 1000) -> SimResult:
    parts = {
        "f2f": {"weights": 8100, "mask": 10_000, "patches": 450},
        "csr": {"weights": 8000, "indices": 8000, "pointers": 1600},
        "bitmap": {"weights": 8000, "mask": 10_000},
        "nm": {"weights": 40_000, "indices": 10_000},
        "dense": {"weights": 80_000},
    }[fmt]
    pruning = {"method": "nm", "n": 2, "m": 4} if fmt == "nm" else {"sparsity": 0.9}
    layers = (
        layer("first <conv> & more", fmt, round(1000 * scale), parts, kept=kept),
        layer("second", fmt, round(3000 * scale**0.5), parts, kept=kept, repeat=3),
        layer("third", fmt, round(500 / scale), parts, kept=kept),
    )
    manifest = {
        "f2fsim": "0.1.0", "engine": "compiled", "seed": 1, "arch_digest": f"{arch}0123456789abcdef",
        "workload_digest": "feedfacefeedface", "packages": {"numpy": "2.0"},
        "arch": {"name": arch, "cost_table": "nangate45", "clock": 800_000_000, "front_end": {"kind": fmt, "n_out": 80}},
        "workload": {"batch": batch, "pruning": pruning},
    }  # fmt: skip
    return SimResult(arch, "tiny", fmt, layers, {"pe array": 1.5e6}, manifest)


def comparison(batch: int = 1) -> list[SimResult]:
    slow = 1 + 0.5 / batch
    return [
        result("f2f_edge", "f2f", 1.0, batch=batch),
        result("csr_edge", "csr", 1.6 * slow, batch=batch),
        result("bitmap_edge", "bitmap", 0.9 * slow, batch=batch),
        result("nm_edge", "nm", 2.0, batch=batch, kept=5000),
        result("dense_edge", "dense", 4.0, batch=batch, kept=1000),
    ]


def sweep_rows(n: int) -> list[dict[str, object]]:
    """Return points of a decoder-width sweep as a store exports them."""
    rows: list[dict[str, object]] = []
    for i in range(n):
        n_out, n_s = 40 + i % 100, (1, 3, 7, 15)[i // 100 % 4]
        clock = 400 + 50 * (i // 400)
        error = 0.002 * (n_out / 40) ** 3 / n_s
        rows.append(
            {
                "index": i, "status": "done", "digest": f"{i:064x}",
                "front_end.n_out": n_out, "front_end.n_s": n_s, "clock": clock,
                "time_us": 1e6 / (n_out * clock) + 40 * error + i % 7,
                "area_mm2": 0.001 * n_out * (1 + n_s) + i % 3 * 1e-4,
                "efficiency": 1 - error, "bits_per_weight": 1.27 + 10 * error,
                "energy_uj": 10 + n_out * 0.01,
            }
        )  # fmt: skip
    return rows
