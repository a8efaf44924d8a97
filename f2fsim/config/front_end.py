"""Weight front ends: one model a format, each with the rates of its units."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from f2fsim.config.quantity import ConfigModel

Count = Annotated[int, Field(ge=1, le=65536)]
Rate = Annotated[int, Field(ge=1, le=4096)]
#: Codes that a mask unit is built for: one of them, whose gates it pays for.
MaskCode = Literal["raw", "zero_runs", "block"]


class FrontEnd(ConfigModel):
    """What all front ends share.

    Attributes
    ----------
    brings_neighbours : bool
        Whether lanes get weights of neighbouring columns even where they take none of the others.
    fifo_units : int
        Depth of the FIFO between two units of the front end, and between it and the PE array.
    pipeline_cycles : int
        Latency of the decoding step in cycles.
    """

    feeds: ClassVar[tuple[str, ...]] = ("lanes",)
    brings_neighbours: ClassVar[bool] = False
    kind: str

    fifo_units: Count = 8
    pipeline_cycles: Annotated[int, Field(ge=1, le=64)] = 2


class F2fFrontEnd(FrontEnd):
    """XOR decoders: ``groups`` groups of ``n_w`` decoders, each ``n_in`` bits to ``n_out`` a cycle.

    Attributes
    ----------
    n_in, n_out, n_s : int
        Encoded bits and decoded weights a step, and shift registers.
    taps : "dense" or int
        Random dense matrix, or this number of taps a row.
    seed : int
        Of the matrix.
    encoder : str
        ``elimination`` or ``viterbi``.
    groups : int
        Decoder groups; block b goes to group b mod groups.
    outputs : str
        ``all``: every layer uses all `n_out` outputs; ``matched``: a row band of a layer uses the
        first ``n_in / density`` of them (at least `n_in`), at the same rate of encoded bits.
    order : str
        Block order: ``row``, ``column`` or ``diagonal``.
    shuffle_seed : int or None
        Rows shuffled with this seed before the order is applied.
    patch_rate : int
        Patches that the patch unit of a group applies a cycle.
    mask_code, mask_rate
        Code of the mask stream; code words a mask unit of a group decodes a cycle.
    invert : bool
        Whether planes of mostly ones are stored inverted.
    value_code : str
        ``none``: the bits of the patterns; ``classes``: a value code chosen for each row band,
        with a value decoder at every output; ``auto``: for each band the one of fewer bits.
    spare_planes : int
        With value codes: XOR decoders of a group beyond ``n_w``, for codewords longer than that.
    """

    kind: Literal["f2f"]
    n_in: Annotated[int, Field(ge=1, le=16)]
    n_out: Annotated[int, Field(ge=1, le=512)]
    n_s: Annotated[int, Field(ge=0, le=63)]
    taps: Annotated[int, Field(ge=1, le=1024)] | Literal["dense"] = "dense"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    encoder: Literal["elimination", "viterbi"] = "elimination"
    groups: Annotated[int, Field(ge=1, le=256)] = 1
    outputs: Literal["all", "matched"] = "matched"
    order: Literal["row", "column", "diagonal"] = "diagonal"
    shuffle_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    patch_rate: Rate = 1
    mask_code: MaskCode = "raw"
    mask_rate: Rate = 8
    invert: bool = True
    value_code: Literal["none", "classes", "auto"] = "none"
    spare_planes: Annotated[int, Field(ge=0, le=16)] = 2

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n_out < self.n_in:
            raise ValueError(f"n_out must be ≥ n_in ({self.n_in}), got {self.n_out}")
        register = self.n_in * (self.n_s + 1)
        if isinstance(self.taps, int) and self.taps > register:
            raise ValueError(f"taps must be ≤ n_in·(n_s+1) = {register}, got {self.taps}")
        if self.encoder == "viterbi" and self.n_in * self.n_s > 16:
            raise ValueError(
                f"encoder: viterbi needs n_in·n_s ≤ 16, got {self.n_in * self.n_s}; use elimination"
            )
        return self


class DenseFrontEnd(FrontEnd):
    """Weights as they are, ``weights_per_cycle`` a cycle.

    Attributes
    ----------
    weights_per_cycle : int
        Weights that it delivers a cycle.
    """

    feeds: ClassVar[tuple[str, ...]] = ("lanes", "systolic")
    brings_neighbours: ClassVar[bool] = True
    kind: Literal["dense"]
    weights_per_cycle: Count


class CsrFrontEnd(FrontEnd):
    """Row pointers and index decode; the stream is interleaved for the PEs of the array.

    Attributes
    ----------
    index_bits, pointer_bits : int or "auto"
        Bits of a column index and of a row pointer; ``auto``: as few as the layer needs.
    """

    feeds: ClassVar[tuple[str, ...]] = ("row_parallel",)
    kind: Literal["csr"]
    index_bits: Annotated[int, Field(ge=1, le=32)] | Literal["auto"] = "auto"
    pointer_bits: Annotated[int, Field(ge=1, le=32)] | Literal["auto"] = "auto"


class CpsrFrontEnd(FrontEnd):
    """HiSparse: cyclic packed streams of rows, one a PE, with a marker behind each row.

    Attributes
    ----------
    index_bits, value_bits : int or "auto"
        Bits of an element's column and of its value; ``auto``: as few as the layer needs.
    pointer_bits : int
        Bits of a pointer to a part and of a stream's length.
    """

    feeds: ClassVar[tuple[str, ...]] = ("clusters",)
    kind: Literal["cpsr"]
    index_bits: Annotated[int, Field(ge=1, le=32)] | Literal["auto"] = "auto"
    value_bits: Annotated[int, Field(ge=1, le=32)] | Literal["auto"] = "auto"
    pointer_bits: Annotated[int, Field(ge=1, le=32)] = 32


class CscRelativeFrontEnd(FrontEnd):
    """EIE: column-major, a zero run of ``run_bits`` and a value, padding zeros.

    Attributes
    ----------
    run_bits : int
        Bits of a zero run; a longer run takes a padding zero.
    """

    feeds: ClassVar[tuple[str, ...]] = ("broadcast",)
    kind: Literal["csc_relative"]
    run_bits: Annotated[int, Field(ge=1, le=16)] = 4


class BitmapFrontEnd(FrontEnd):
    """Prefix sum over ``block`` mask bits; an aligner of ``aligner_weights`` kept ones a cycle.

    Attributes
    ----------
    block : int
        Mask bits of a step.
    aligner_weights : int
        Kept weights that the aligner moves a cycle.
    mask_code, mask_rate
        Code of the mask stream; code words that the mask unit decodes a cycle.
    """

    feeds: ClassVar[tuple[str, ...]] = ("lanes", "flexible")
    kind: Literal["bitmap"]
    block: Count
    aligner_weights: Count
    mask_code: MaskCode = "raw"
    mask_rate: Rate = 8


class HuffmanFrontEnd(FrontEnd):
    """``n_decoders`` Huffman decoders of one symbol a cycle, and an aligner as wide.

    Attributes
    ----------
    block : int
        Mask bits of a step.
    n_decoders : int
        Decoders; kept weight i belongs to decoder i mod `n_decoders`.
    max_length : int
        Longest codeword, bits: what the decoders are built for.
    buffer_bytes : int
        Memory of each decoder for the bits of its stream that have come.
    mask_code, mask_rate
        Code of the mask stream; code words that the mask unit decodes a cycle.
    """

    kind: Literal["huffman"]
    block: Count
    n_decoders: Annotated[int, Field(ge=1, le=256)]
    max_length: Annotated[int, Field(ge=8, le=16)] = 12
    buffer_bytes: Count = 256
    mask_code: MaskCode = "raw"
    mask_rate: Rate = 8


class NmFrontEnd(FrontEnd):
    """N:M: ``groups_per_cycle`` groups of m positions with n kept a cycle.

    Attributes
    ----------
    n, m : int
        Kept weights of a group, and weights of a group.
    groups_per_cycle : int
        Groups that it delivers a cycle.
    """

    brings_neighbours: ClassVar[bool] = True
    kind: Literal["nm"]
    n: Annotated[int, Field(ge=1, le=64)]
    m: Annotated[int, Field(ge=1, le=256)]
    groups_per_cycle: Count

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n > self.m:
            raise ValueError(f"n must be ≤ m ({self.m}), got {self.n}")
        return self


class RleFrontEnd(FrontEnd):
    """Run lengths of ``run_bits``; ``entries_per_cycle`` run-value pairs a cycle.

    Attributes
    ----------
    run_bits : int
        Bits of a zero run; a longer run takes a padding zero.
    entries_per_cycle : int
        Run-value pairs that it decodes a cycle.
    """

    kind: Literal["rle"]
    run_bits: Annotated[int, Field(ge=1, le=16)] = 4
    entries_per_cycle: Count


AnyFrontEnd = Annotated[
    F2fFrontEnd
    | DenseFrontEnd
    | CsrFrontEnd
    | CpsrFrontEnd
    | CscRelativeFrontEnd
    | BitmapFrontEnd
    | HuffmanFrontEnd
    | NmFrontEnd
    | RleFrontEnd,
    Field(discriminator="kind"),
]
