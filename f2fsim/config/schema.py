"""JSON Schemas of every kind of file: configurations, and results as they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter

from f2fsim.config.arch import ArchConfig
from f2fsim.config.described import key_descriptions, summary
from f2fsim.config.dram import DramSpec
from f2fsim.config.duel import DuelSpec
from f2fsim.config.quantity import ConfigModel
from f2fsim.config.sweep import SearchSpec, SweepSpec
from f2fsim.config.workload import Workload
from f2fsim.results import (
    ComponentStats,
    LayerResult,
    MemoryStats,
    NetworkRun,
    PlanStats,
    SimResult,
    StageStats,
    StreamStats,
    TensorStats,
)
from f2fsim.results.stats import TOTALS

#: Models of the files that people write, by kind.
MODELS: Mapping[str, type[ConfigModel]] = {
    "arch": ArchConfig,
    "workload": Workload,
    "dram": DramSpec,
    "sweep": SweepSpec,
    "search": SearchSpec,
    "duel": DuelSpec,
}

#: What results.json is made of.
RESULTS = (
    SimResult, LayerResult, PlanStats, NetworkRun, StageStats, TensorStats, ComponentStats,
    StreamStats, MemoryStats,
)  # fmt: skip


def file_schemas() -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what makes the JSON Schema of each kind of file."""
    return {**{kind: model.model_json_schema for kind, model in MODELS.items()}, "results": results}


def results() -> dict[str, Any]:
    """Return the JSON Schema of ``results.json``: a list of results, each with its totals."""
    schema = TypeAdapter(list[SimResult]).json_schema()
    totals = {name: {"type": "number", "description": TOTALS[name]} for name in TOTALS}
    for one in RESULTS:
        described = schema["$defs"][one.__name__]
        described["description"] = summary(one)
        words = key_descriptions(one)
        for key, value in described["properties"].items():
            value["description"] = words[key]
    schema["$defs"]["SimResult"]["properties"]["totals"] = {
        "type": "object",
        "properties": totals,
        "description": "Sums over all layers and their runs; they follow from the rest.",
    }
    schema["$defs"]["SimResult"]["properties"]["run"] = {
        "enum": ["network", "isolated"],
        "description": "Whether the network was one run, or each layer by itself.",
    }
    schema["title"] = "results.json of f2fsim"
    return schema
