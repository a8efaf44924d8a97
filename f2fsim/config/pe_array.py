"""PE arrays: how many multipliers there are and how they are fed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from f2fsim.config.quantity import Bytes, ConfigModel

Count = Annotated[int, Field(ge=1, le=65536)]


#: Bytes of accumulators a multiplier where a file does not say: 64 sums.
ACCUMULATOR_BYTES = 256
#: Bytes of a strip's weights for each column of PEs where a file does not say.
STRIP_BYTES = 8192


class Accumulators(ConfigModel):
    """Memory of the sums of rows in work, beside the scratchpad.

    Attributes
    ----------
    capacity : bytes or None
        All of it; 256 bytes a multiplier if left out.
    """

    capacity: Bytes | None = None


class BankedAccumulators(Accumulators):
    """Accumulators that many rows are added to at once.

    Attributes
    ----------
    n_banks : int or None
        Row r lies in bank r mod n_banks; a bank reads a word (the sums of a row for a wave of
        columns) and writes one a cycle.  As many as the array can give sums to at once if left out.
    """

    n_banks: Count | None = None


class PeArray(ConfigModel):
    """What all PE arrays share: a kind, and ``n_multipliers``, a key or a property.

    Attributes
    ----------
    accumulators : Accumulators
        Where sums of rows in work are kept.
    """

    kind: str
    accumulators: Accumulators = Accumulators()

    @property
    def accumulator_bytes(self) -> int:
        """Capacity of the accumulators."""
        given = self.accumulators.capacity
        return given or ACCUMULATOR_BYTES * int(getattr(self, "n_multipliers", 1))


class LanesArray(PeArray):
    """``weights_per_cycle`` weights times ``columns`` activation columns a cycle.

    Attributes
    ----------
    weights_per_cycle : int
        Weights that are multiplied a cycle.
    columns : int
        Activation columns that each weight is multiplied with at once.
    zeros : str
        What a pruned weight does: ``multiply`` and ``gate`` take a multiplier's slot (gated: no
        energy), ``skip`` takes none.
    window : int
        Groups of ``weights_per_cycle`` weights whose activations are gathered together from the
        banks of the scratchpad (depth of a lane's request queue).
    shared_reads : bool
        Whether a word that a bank gives goes to every lane whose oldest request wants that word in
        that cycle; for lanes that gather, those that read neighbouring columns have no requests.
    """

    kind: Literal["lanes"]
    weights_per_cycle: Count
    columns: Count = 1
    window: Annotated[int, Field(ge=1, le=256)] = 8
    zeros: Literal["multiply", "gate", "skip"]
    shared_reads: bool = False
    accumulators: BankedAccumulators = BankedAccumulators()

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.weights_per_cycle * self.columns


class RowParallelArray(PeArray):
    """CSR: ``n_pes`` PEs own rows and gather activations from banked memory.

    Attributes
    ----------
    n_pes : int
        PEs; row r belongs to PE r mod n_pes.
    columns : int
        Activation columns that a PE multiplies a weight with at once.
    window : int
        Entries of each PE that are arbitrated together (depth of its request queue).
    shared_reads : bool
        Whether a word that a bank gives goes to every PE whose oldest request wants that word in
        that cycle.

    The gathers of all PEs share the banks of the scratchpad; a bank reads one word a cycle.
    """

    kind: Literal["row_parallel"]
    n_pes: Count
    columns: Count = 1
    window: Annotated[int, Field(ge=1, le=256)] = 8
    shared_reads: bool = False

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.n_pes * self.columns


class BroadcastArray(PeArray):
    """EIE: non-zero activations are broadcast to ``n_pes`` PEs with a queue of ``fifo_depth``.

    Attributes
    ----------
    n_pes, fifo_depth : int
        PEs, each with the rows ``r mod n_pes``, and places of each one's activation queue.
    batch_inputs : int
        Input activations that the register files hold: longer vectors are cut.
    weights_on_chip : bool
        Whether the encoded weights lie in the PEs' own memory (as published) and are loaded once;
        otherwise they are streamed for every input vector.
    activation_seed : int
        Which input activations are zero is drawn with it, at the layer's activation density.
    """

    kind: Literal["broadcast"]
    n_pes: Count
    fifo_depth: Count = 8
    batch_inputs: Count = 4096
    weights_on_chip: bool = True
    activation_seed: Annotated[int, Field(ge=0, lt=2**63)] = 1

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.n_pes


class ClusterArray(PeArray):
    """HiSparse: clusters with a stream of packets, a vector buffer and two shuffles each.

    Attributes
    ----------
    n_clusters : int
        Clusters, each with a memory channel of its own where the memory has channels of their own.
    n_lanes : int
        PEs of a cluster, and banks of its vector buffer.
    fifo_depth : int
        Places of each queue in front of a shuffle and behind it.
    arbiter_cycles : int
        Cycles after which a lane of a shuffle learns that it was not granted, and asks again.
    accumulate_cycles : int
        Cycles after which a PE can add to the same row again; 1: sums are forwarded.

    The scratchpad is the vector buffers: two for each cluster, a word (``bank_bytes_per_cycle``) an
    activation; longer vectors are cut.  The accumulators are the output buffers, a bank a PE.
    """

    kind: Literal["clusters"]
    n_clusters: Annotated[int, Field(ge=1, le=64)]
    n_lanes: Annotated[int, Field(ge=1, le=64)]
    fifo_depth: Count = 64
    arbiter_cycles: Annotated[int, Field(ge=1, le=64)] = 9
    accumulate_cycles: Annotated[int, Field(ge=1, le=64)] = 1

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.n_clusters * self.n_lanes


class FlexibleArray(PeArray):
    """SIGMA: kept weights of any position stay in the multipliers while activations stream by.

    Attributes
    ----------
    n_multipliers : int
        Kept weights that are held at once.
    load_weights : int
        Kept weights that are loaded a cycle; nothing streams meanwhile.
    chunk : int
        Columns of the weight matrix (of the reduction) whose kept weights are held together.
    """

    kind: Literal["flexible"]
    n_multipliers: Annotated[int, Field(ge=1, le=2**20)]
    load_weights: Count
    chunk: Count
    accumulators: BankedAccumulators = BankedAccumulators()


class SystolicArray(PeArray):
    """``rows`` × ``columns`` PEs; ``dataflow`` weight- or output-stationary.

    Attributes
    ----------
    rows, columns : int
        PEs along the reduction and along the outputs.
    dataflow : str
        ``weight_stationary`` or ``output_stationary``.
    strip_buffer : bytes or None
        ``output_stationary`` only: memory that keeps the weights of a strip of outputs while the
        columns pass, a bank a column of PEs; 8 KiB a column if left out.  A strip that does not fit
        has fewer columns.
    """

    kind: Literal["systolic"]
    rows: Count
    columns: Count
    dataflow: Literal["weight_stationary", "output_stationary"] = "weight_stationary"
    strip_buffer: Bytes | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.dataflow == "weight_stationary" and self.strip_buffer is not None:
            raise ValueError(
                "strip_buffer must be left out for weight_stationary: weights stay in the PEs, "
                f"got {self.strip_buffer}"
            )
        if self.dataflow == "output_stationary" and self.accumulators.capacity is not None:
            raise ValueError(
                "accumulators.capacity must be left out for output_stationary: sums stay in the "
                f"PEs, got {self.accumulators.capacity}"
            )
        return self

    @property
    def n_multipliers(self) -> int:
        """Multipliers of the array."""
        return self.rows * self.columns

    @property
    def strip_bytes(self) -> int:
        """Capacity of the memory of a strip's weights, 0 if there is none."""
        if self.dataflow == "weight_stationary":
            return 0
        return self.strip_buffer or STRIP_BYTES * self.columns


AnyPeArray = Annotated[
    LanesArray | RowParallelArray | BroadcastArray | ClusterArray | FlexibleArray | SystolicArray,
    Field(discriminator="kind"),
]
