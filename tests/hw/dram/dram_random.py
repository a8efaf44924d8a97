"""Random valid memories and short random traces."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from dram_traces import Trace

from f2fsim.config.dram import DramSpec


def random_spec(rng: random.Random) -> DramSpec:
    """Return a small memory with random geometry, timings and rules; always valid."""
    few = [1, 1, 2, 4]
    organisation = {
        "channels": rng.choice(few),
        "bus_width_bits": rng.choice([16, 32, 64]),
        "device_width_bits": rng.choice([8, 16]),
        "ranks": rng.choice([1, 1, 2]),
        "bank_groups": rng.choice(few),
        "banks_per_group": rng.choice(few),
        "rows": 4 * rng.choice([2, 4, 64]),
        "columns": 64,
        "burst_length": 8,
    }
    small = lambda low, high: rng.randint(low, high)  # noqa: E731
    rcd = small(1, 20)
    ras, rp = small(rcd, 45), small(1, 20)
    short, long = small(1, 8), small(0, 6)
    timing: dict[str, Any] = {
        "clock": "1200 MHz",
        "transfers_per_clock": rng.choice([2, 4, 8]),
        "AL": small(0, 3) if rcd > 3 else 0,
        "CL": small(1, 24),
        "CWL": small(1, 24),
        "tRCD": rcd,
        "tRP": rp,
        "tRAS": ras,
        "tRC": ras + rp + small(0, 5) if rng.random() < 0.3 else None,
        "tRRD_S": short,
        "tRRD_L": short + long,
        "tFAW": small(0, 40),
        "t32AW": rng.choice([0, 0, 300]),
        "tCCD_S": small(1, 5),
        "tCCD_L": 5 + small(0, 4),
        "tRTP": small(1, 12),
        "tWR": small(0, 20),
        "tWTR_S": small(0, 6),
        "tWTR_L": 6 + small(0, 6),
        "tRTRS": small(0, 3),
        "tPPD": rng.choice([0, 0, 4]),
        "tREFI": small(150, 1200),
        "tRFC": small(1, 100),
    }
    fields = ["row", "channel", "rank", "bank", "bank_group", "column"]
    rng.shuffle(fields)
    queue = {"size": small(1, 12), "high_percent": small(50, 100), "low_percent": small(0, 49)}
    controller = {
        "mapping": " ".join(fields),
        "window": small(1, 40),
        "write_queue": rng.choice([None, queue]),
        "hit_limit": rng.choice([0, 0, 1, 4]),
        "opened_row": rng.choice(["reserved", "shared"]),
        "page_policy": rng.choice(["open", "open", "closed"]),
        "refresh": rng.choice(["all_bank", "all_bank", "off"]),
        "refresh_precharge": rng.choice(["all", "single"]),
        "dual_command": rng.random() < 0.3,
    }
    return DramSpec.model_validate(
        {
            "name": "random",
            "standard": "none",
            "organisation": organisation,
            "timing": timing,
            "controller": controller,
        }
    )


def random_trace(rng: random.Random, spec: DramSpec, n: int) -> tuple[Trace, list[int]]:
    """Return requests (with locality, repeats, bursts and pauses) and their streams."""
    n_lines = spec.capacity_bytes // spec.organisation.burst_bytes
    span = min(n_lines, rng.choice([4, 64, 4096, n_lines]))
    clock, line = 0, 0
    p_write = rng.choice([0.0, 0.2, 0.5, 1.0])
    p_next = rng.choice([0.0, 0.5, 0.9])
    pause = rng.choice([0, 0, 3, 20, 400])
    n_streams = rng.choice([1, 1, 3])
    rows = []
    for _ in range(n):
        line = (line + 1) % n_lines if rng.random() < p_next else rng.randrange(span)
        clock += rng.randint(0, pause) if rng.random() < 0.7 else 0
        address = line * spec.organisation.burst_bytes
        rows.append((address, int(rng.random() < p_write), clock))
    return np.array(rows, np.int64), [rng.randrange(n_streams) for _ in range(n)]
