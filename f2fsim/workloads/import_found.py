"""What an importer finds in a model file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Found:
    """Layers, operations between them and left-out ones of a model, as plain data for `Workload`.

    ``inputs`` maps a layer's name to the graph value that holds its input activations;
    ``notes`` says how sizes were found; ``quantised``: the graph has quantised operators.
    """

    layers: list[dict[str, Any]] = field(default_factory=list)
    operations: list[dict[str, Any]] = field(default_factory=list)
    excluded: list[dict[str, Any]] = field(default_factory=list)
    batch: int = 1
    inputs: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    quantised: bool = False
