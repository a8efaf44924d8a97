"""The stored runs of DRAMsim3 and Ramulator 2, and the memory they were made on."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from f2fsim.config.dram import DramSpec
from f2fsim.config.dram_map import ADDRESS_FIELDS

DATA = Path(__file__).parents[2] / "data" / "dram"
STANDARDS = ("ddr4", "hbm2")
#: Bytes of a DRAM page in the address map, for the trace `h_bankrr`.
PAGE_BYTES = {"ddr4": 8192, "hbm2": 2048}

TIMINGS = (
    *("AL", "CL", "CWL", "tRP", "tRAS", "tRRD_S", "tRRD_L", "tFAW", "tCCD_S", "tCCD_L"),
    *("tRTP", "tWR", "tWTR_S", "tWTR_L", "tRTRS", "tREFI", "tRFC"),
)


@cache
def reference(standard: str) -> dict[str, Any]:
    """Return the stored figures of ``ddr4`` or ``hbm2``."""
    data: dict[str, Any] = json.loads((DATA / f"{standard}.json").read_text(encoding="utf-8"))
    return data


def reference_spec(standard: str, *, refresh: bool, **controller: Any) -> DramSpec:
    """Return the memory of the reference runs."""
    config = reference(standard)["configs"][f"{standard}_win32"]["effective"]
    words = {short: name for name, short in ADDRESS_FIELDS.items()}
    text = config["address_mapping"]
    timing = {name: config[name] for name in TIMINGS}
    timing["clock"] = f"{round(1e9 / config['tCK_ns'])} Hz"
    names = ("tRCDRD", "tRCDWR") if standard == "hbm2" else ("tRCD",)
    timing |= {name: config[name] for name in names}
    return DramSpec.model_validate(
        {
            "name": standard,
            "standard": standard.upper(),
            "organisation": {
                "bus_width_bits": config["bus_width"],
                "device_width_bits": config["device_width"],
                "ranks": config["ranks"],
                "bank_groups": config["bankgroups"],
                "banks_per_group": config["banks_per_group"],
                "rows": config["rows"],
                "columns": config["columns"],
                "burst_length": config["BL"],
            },
            "timing": timing,
            "controller": {
                "mapping": " ".join(words[text[i : i + 2]] for i in range(0, 12, 2)),
                "dual_command": bool(config["hbm_dual_cmd"]),
                "refresh": "all_bank" if refresh else "off",
                **controller,
            },
        }
    )
