"""Verilog of a decoder group: XOR decoders, mask unit, position decoder of the patches, patch unit.

A group decodes one block of all bit planes at a time::

    words ─▶ decoder ─▶ blocks ──────────────────────────────────────────┐
    mask stream ─▶ mask unit ─▶ masks and where their care bits end ─┐    ├─▶ patch unit ─▶ blocks
    patch stream ─▶ fields ─▶ gaps, summed up to places ─────────────┴▶ placer ─▶ places
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f.patches import CLASS_BITS
from f2fsim.cost.front_end_units import GAP_CYCLES, MASK_CYCLES, PLACED_CYCLES
from f2fsim.errors import InputError
from f2fsim.rtl.bench import Bench, Sink, Source
from f2fsim.rtl.compaction import emit_count
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes, fifo_unit
from f2fsim.rtl.f2f_text import GroupWiring
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.mask_path import MaskPath
from f2fsim.rtl.patch_fields import WORD_BITS
from f2fsim.rtl.rank_hot import base_bits, emit_rank_base, emit_rank_hot
from f2fsim.rtl.text import bits_for, library_files, module
from f2fsim.rtl.vectors import GroupVectors
from f2fsim.rtl.xor_network import emit_xor

MODULES = (
    *("f2f_decoder", "f2f_patch_bits", "f2f_gap_sum", "f2f_care", "f2f_patch_place"),
    "f2f_patch_unit",
)
#: Largest sizes that the generator accepts.
MAX_N_IN, MAX_N_OUT, MAX_PLANES, MAX_DEPTH, MAX_RATE, MAX_FIFO = 16, 512, 32, 16, 16, 4096
#: Bits of a gap; of the widest field of a patch, class included; of a field's length.
GAP_BITS, FIELD_BITS, LENGTH_BITS = 20, 20, 5
#: Places of patches that are placed.
PLACED_FIFO = PLACED_CYCLES

_COMMENT = """\
f2f_front_end: one F2F decoder group; generated, do not edit.

N_IN {n_in}, N_OUT {n_out}, N_S {n_s}, {planes} planes, {rate} patches a cycle, mask code {code}.
out is {{mask, plane {top} .. plane 0}}, pruned weights zero. invert (planes stored inverted),
n_used (outputs that the layer uses; the mask is zero from there on), plane_stored, plane_number,
n_stored (which planes have care bits) and patch_* (the gap code: lengths of its fields with the
class, offsets of classes 1 to 3) are constant while a layer is decoded."""


@dataclass(frozen=True, eq=False)
class F2fDevice(Device[GroupVectors]):
    """One decoder group.

    Attributes
    ----------
    matrix : ndarray of bool, shape (n_out, (n_s + 1) * n_in)
        Column ``j * n_in + i`` multiplies bit i of the word j steps back.
    n_in : int
        Bits of an encoded word of one plane.
    mask_path : MaskPath
        Mask unit, for blocks of n_out.
    n_planes : int
        Bit planes decoded in lock step, ``n_w``.
    pipeline_depth : int
        Cycles from a block's entering the channel of blocks until the patch unit can take it.
    word_fifo, block_fifo, mask_fifo, patched_fifo : int
        Capacity of the channels of words, of decoded blocks and of masks (those in the pipeline
        included), and of patched blocks.
    patch_rate : int
        Patches a cycle.
    patch_fifo : int
        Gaps that wait at the placer, at least ``2 * patch_rate + 1``.
    """

    top: ClassVar[str] = "f2f_front_end"
    matrix: NDArray[np.bool_]
    n_in: int
    mask_path: MaskPath
    n_planes: int = 8
    pipeline_depth: int = 1
    word_fifo: int = 2
    block_fifo: int = 2
    mask_fifo: int = 8
    patched_fifo: int = 2
    patch_rate: int = 1
    patch_fifo: int = 8

    def __post_init__(self) -> None:
        if self.matrix.dtype != np.bool_ or self.matrix.ndim != 2:
            raise InputError(
                f"decoder group: matrix must be a two-dimensional bool array, "
                f"got {self.matrix.dtype}"
            )
        check_sizes("decoder group", [*self._problems(), *self.mask_path.problems()])

    @property
    def n_out(self) -> int:
        """Weights of a block."""
        return int(self.matrix.shape[0])

    @property
    def n_s(self) -> int:
        """Words remembered beside the newest."""
        return int(self.matrix.shape[1]) // self.n_in - 1

    def _problems(self) -> list[str]:
        limits = {
            "n_in": (self.n_in, 1, MAX_N_IN),
            "n_out": (self.matrix.shape[0], 2, MAX_N_OUT),
            "n_planes": (self.n_planes, 1, MAX_PLANES),
            "pipeline_depth": (self.pipeline_depth, 1, MAX_DEPTH),
            "word_fifo": (self.word_fifo, 1, MAX_FIFO),
            "block_fifo": (self.block_fifo, 1, MAX_FIFO),
            "mask_fifo": (self.mask_fifo, 1, MAX_FIFO),
            "patched_fifo": (self.patched_fifo, 1, MAX_FIFO),
            "patch_rate": (self.patch_rate, 1, MAX_RATE),
            "patch_fifo": (self.patch_fifo, 2 * self.patch_rate + 1, MAX_FIFO),
        }
        found = [
            f"{name} must be {low} to {high}, got {value}"
            for name, (value, low, high) in limits.items()
            if not low <= value <= high
        ]
        if self.n_in > 0 and (self.matrix.shape[1] == 0 or self.matrix.shape[1] % self.n_in):
            columns = self.matrix.shape[1]
            found.append(f"matrix has {columns} columns, no multiple of n_in = {self.n_in}")
        if self.mask_path.n != self.matrix.shape[0]:
            found.append(f"the mask unit makes {self.mask_path.n} bits for {self.matrix.shape[0]}")
        return found

    @property
    def mask_cycles(self) -> int:
        """Latency of masks: until they are made, counted, and their care bits added up."""
        return MASK_CYCLES + self.mask_path.late_cycles

    @property
    def bit_fifo(self) -> int:
        """Bits of the patch stream at the gap decoder, those of fields that leave included."""
        return self.patch_rate * FIELD_BITS + 2 * WORD_BITS

    def sizes(self) -> dict[str, int]:
        """Return the widths that modules share, by their parameters' names."""
        return {
            "N_IN": self.n_in,
            "N_OUT": self.n_out,
            "N_S": self.n_s,
            "PLANES": self.n_planes,
            "RATE": self.patch_rate,
            "PLANE": bits_for(self.n_planes - 1),
            "KEPT": bits_for(self.n_out),
            "CARE": bits_for(self.n_out * self.n_planes),
            "GAP": GAP_BITS,
            "WIDE": FIELD_BITS,
            "LONG": LENGTH_BITS,
            # No field that waits lies half of this away from any block that waits.
            "W": GAP_BITS + bits_for(self.patch_fifo) + 2,
            "WORD": WORD_BITS,
            "DEPTH": self.bit_fifo,
            "BITS": bits_for(self.bit_fifo),
            "TAKE": bits_for(self.patch_rate * FIELD_BITS),
            "GAPS": self.gaps.count_bits,
            "N": bits_for(self.patch_rate),
            "BASES": base_bits(self.n_out),
        }

    @property
    def gaps(self) -> FieldBuffer:
        """The buffer of gaps, summed up to places."""
        width = 3 + GAP_BITS + bits_for(self.patch_fifo)
        rate = self.patch_rate
        return FieldBuffer(width, self.patch_fifo, rate, rate + 1, GAP_CYCLES, shifts=True)

    def parameters_of(self, name: str) -> dict[str, int]:
        """Return the parameters of one of its modules."""
        of_module: dict[str, dict[str, str]] = {
            "f2f_decoder": {key: key for key in ("N_IN", "N_OUT", "N_S", "PLANES")},
            "f2f_patch_bits": {
                **{k: k for k in ("RATE", "WIDE", "LONG", "WORD", "DEPTH", "TAKE", "N")},
                "COUNT": "BITS",
            },
            "f2f_gap_sum": {key: key for key in ("RATE", "WIDE", "LONG", "GAP", "W", "N")},
            "f2f_care": {key: key for key in ("N_OUT", "KEPT", "PLANE", "W")},
            "f2f_patch_place": {
                **{
                    k: k for k in ("N_OUT", "RATE", "W", "KEPT", "PLANES", "PLANE", "CARE", "BASES")
                },
                "COUNT": "GAPS",
            },
            "f2f_patch_unit": {
                key: key for key in ("N_OUT", "PLANES", "RATE", "PLANE", "KEPT", "BASES")
            },
        }
        sizes = self.sizes()
        return {key: sizes[source] for key, source in of_module.get(name, {}).items()}

    def files(self) -> dict[str, str]:
        """Return all Verilog files of the group, by file name, the top module first."""
        comment = _COMMENT.format(
            n_in=self.n_in,
            n_out=self.n_out,
            n_s=self.n_s,
            planes=self.n_planes,
            top=self.n_planes - 1,
            rate=self.patch_rate,
            code=self.mask_path.code,
        )
        wiring = GroupWiring(
            self.sizes(),
            {name: self.parameters_of(name) for name in MODULES},
            self.mask_path,
            self.gaps,
            {
                "words": (self.word_fifo, 1),
                "blocks": (self.block_fifo, self.pipeline_depth),
                "masks": (self.mask_fifo, self.mask_cycles),
                "mask_places": (self.mask_fifo, 1),
                "placed": (PLACED_FIFO, PLACED_CYCLES),
                "patched": (self.patched_fifo, 1),
            },
        )
        buffers = ("f2f_shift_fields", "f2f_select", "f2f_prefix")
        return {
            f"{self.top}.v": module(self.top, comment, wiring.ports(), wiring.body()),
            "f2f_xor.v": emit_xor(self.matrix, self.n_in),
            "f2f_count.v": emit_count(self.n_out),
            "f2f_rank_base.v": emit_rank_base(self.n_out),
            "f2f_rank_hot.v": emit_rank_hot(self.n_out, self.patch_rate),
            **self.mask_path.generated(),
            **library_files(("f2f_channel", *buffers, *MODULES, *self.mask_path.modules)),
        }

    def machine(self, vectors: GroupVectors, gaps: Gaps) -> DeviceMachine:
        """Return its machine between its sources and its consumer."""
        n, moves = vectors.n_blocks, vectors.patch_moves(self.patch_rate)
        machine = DeviceMachine(gaps)
        machine.channel("words", self.word_fifo)
        machine.source("word", {"words": ONE}, n)
        machine.channel("masks", self.mask_fifo, self.mask_cycles)
        # A place is given back when the patch unit takes the block.
        machine.channel("mask places", self.mask_fifo)
        self.mask_path.add(machine, vectors.mask, vectors.n_used, ("masks", "mask places"))
        machine.channel("patch bits", self.bit_fifo)
        # Places are given back in the cycle after fields have left.
        machine.channel("patch places", self.bit_fifo)
        machine.channel("places given", 2 * self.patch_rate * FIELD_BITS)
        both = {"patch bits": moves.word_bits, "patch places": moves.word_bits}
        machine.source("patch", both, moves.word_bits.size)
        machine.channel("blocks", self.block_fifo, self.pipeline_depth)
        machine.unit("xor decoder", n, {"words": ONE}, {"blocks": ONE})
        machine.channel("gaps", self.patch_fifo, GAP_CYCLES)
        n_cuts = moves.cut_fields.size
        cut = moves.cut_bits
        made = {"gaps": moves.cut_fields, "places given": cut}
        machine.unit("gap decoder", n_cuts, {"patch bits": cut}, made)
        machine.unit("patch places", n_cuts, {"places given": cut, "patch places": cut}, {})
        machine.channel("placed", PLACED_FIFO, PLACED_CYCLES)
        cycles = moves.by_block
        machine.unit(
            "placer",
            cycles.first.size,
            {"masks": (cycles.first, cycles.last), "gaps": (moves.needed, cycles.per_cycle)},
            {"placed": ONE},
        )
        machine.channel("patched", self.patched_fifo)
        machine.unit(
            "patch unit",
            cycles.first.size,
            {"blocks": cycles.first, "mask places": cycles.first, "placed": ONE},
            {"patched": cycles.last},
        )
        machine.sink("out", {"patched": ONE}, n)
        return machine

    def bench(self, vectors: GroupVectors, gaps: Gaps) -> Bench:
        """Return the bench: every block's bits and mask.

        Raises
        ------
        InputError
            If the patches' fields are wider than the hardware's.
        """
        moves, n = vectors.patch_moves(self.patch_rate), vectors.n_blocks
        code = moves.fields.code
        if int(code.widths[3]) + 2 > FIELD_BITS or code.escape >> GAP_BITS:
            raise InputError(f"patch fields of {int(code.widths[3]) + 2} bits have no Verilog")
        words = ((vectors.words[..., None] >> np.arange(self.n_in)) & 1).reshape(n, -1)
        outputs = np.hstack([vectors.expected.reshape(n, -1), vectors.mask])
        sizes = self.sizes()
        return Bench(
            self.top,
            self.files(),
            {},
            (
                Source("word", words.astype(np.bool_)),
                self.mask_path.source(vectors.mask, vectors.n_used),
                Source("patch", moves.rows, moves.word_bits, sizes["BITS"], has_end=True),
            ),
            (Sink("out", outputs),),
            self.machine(vectors, gaps).build(),
            self._constants(vectors),
            items="blocks",
        )

    def _constants(self, vectors: GroupVectors) -> dict[str, tuple[int, int]]:
        sizes, code = self.sizes(), vectors.patch_moves(self.patch_rate).fields.code
        stored = vectors.stored.tolist()
        numbers = sum(i << (plane * sizes["PLANE"]) for i, plane in enumerate(stored))
        widths = (CLASS_BITS + code.widths).tolist()
        lengths = sum(int(w) << (i * LENGTH_BITS) for i, w in enumerate(widths))
        offsets = sum(int(o) << (i * GAP_BITS) for i, o in enumerate(code.offsets[1:].tolist()))
        return {
            "invert": (self.n_planes, sum(1 << p for p in np.flatnonzero(vectors.inverted))),
            "n_used": (self.mask_path.place_bits, vectors.n_used),
            "n_stored": (sizes["PLANE"] + 1, len(stored)),
            "plane_stored": (self.n_planes, sum(1 << plane for plane in stored)),
            "plane_number": (self.n_planes * sizes["PLANE"], numbers),
            "patch_lengths": (4 * LENGTH_BITS, lengths),
            "patch_offsets": (3 * GAP_BITS, offsets),
        }

    def unit(self, name: str, module_name: str) -> Unit:
        """Return one of its modules as a unit."""
        return Unit(name, module_name, tuple(self.parameters_of(module_name).items()))

    def units(self) -> tuple[Unit, ...]:
        """Return decoders, mask unit, position decoder and patch unit."""
        sizes = self.sizes()
        item = 1 + sizes["PLANE"] + sizes["KEPT"]
        placed = sizes["RATE"] * item + 1 + sizes["N_OUT"] + sizes["BASES"]
        return (
            self.unit("xor decoder", "f2f_decoder"),
            *self.mask_path.units(),
            self.unit("position decoder", "f2f_patch_bits"),
            self.unit("position decoder", "f2f_gap_sum"),
            self.gaps.unit("position decoder"),
            self.unit("position decoder", "f2f_care"),
            self.unit("position decoder", "f2f_patch_place"),
            fifo_unit("position decoder", placed, PLACED_FIFO, PLACED_CYCLES),
            fifo_unit(
                "position decoder", sizes["W"] + sizes["KEPT"], self.mask_fifo, self.mask_cycles
            ),
            self.unit("patch unit", "f2f_patch_unit"),
        )
