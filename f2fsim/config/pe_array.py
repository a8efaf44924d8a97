"""PE arrays: how many multipliers there are and how they are fed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from f2fsim.config.quantity import ConfigModel

Count = Annotated[int, Field(ge=1, le=65536)]


class LanesArray(ConfigModel):
    """``weights_per_cycle`` weights times ``columns`` activation columns a cycle.

    Attributes
    ----------
    zeros : str
        What a pruned weight does: ``multiply`` and ``gate`` take a multiplier's slot (gated: no
        energy), ``skip`` takes none.
    """

    kind: Literal["lanes"]
    weights_per_cycle: Count
    columns: Count = 1
    zeros: Literal["multiply", "gate", "skip"]

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.weights_per_cycle * self.columns


class RowParallelArray(ConfigModel):
    """CSR: ``n_pes`` PEs own rows and gather activations from banked memory.

    Attributes
    ----------
    columns : int
        Activation columns that a PE multiplies a weight with at once.
    n_banks : int
        Banks of activation memory that the gathers of all PEs share; a bank serves one a cycle.
    window : int
        Entries of each PE that are arbitrated together (depth of its request queue).
    """

    kind: Literal["row_parallel"]
    n_pes: Count
    columns: Count = 1
    n_banks: Count
    window: Annotated[int, Field(ge=1, le=256)] = 8

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.n_pes * self.columns


class BroadcastArray(ConfigModel):
    """EIE: non-zero activations are broadcast to ``n_pes`` PEs with a queue of ``fifo_depth``.

    ``weights_on_chip``: whether the encoded weights lie in the PEs' own memory (as published) and
    are loaded once; otherwise they are streamed.
    """

    kind: Literal["broadcast"]
    n_pes: Count
    fifo_depth: Count = 8
    weights_on_chip: bool = True

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.n_pes


class SystolicArray(ConfigModel):
    """``rows`` × ``columns`` PEs; ``dataflow`` weight- or output-stationary."""

    kind: Literal["systolic"]
    rows: Count
    columns: Count
    dataflow: Literal["weight_stationary", "output_stationary"] = "weight_stationary"

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.rows * self.columns


AnyPeArray = Annotated[
    LanesArray | RowParallelArray | BroadcastArray | SystolicArray, Field(discriminator="kind")
]
