"""The sizes of a CSR front end with its gathers, and the text of its generated top module."""

from __future__ import annotations

from dataclasses import dataclass

from f2fsim.cost.front_end_units import WALK_CYCLES
from f2fsim.rtl.device import check_sizes
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.text import bits_for, instance, pipe

#: Latency of the banks' answers; rounds between walk and decoder.
ANSWER_CYCLES, WALK_FIFO = 2, WALK_CYCLES + 1


@dataclass(frozen=True)
class CsrSizes:
    """A CSR front end with the gathers of its PEs.

    Attributes
    ----------
    n_pes, n_banks, window : int
        PEs; banks (a power of two); rounds that are arbitrated together.
    index_bits, weight_bits, length_bits, wave_bits : int
        Widths of a column, a value, a row's length, and of a row's number on its PE.
    activation_bits : int
        Bits of a word of a bank: all activation columns of one address.
    row_fifo, entry_fifo, round_fifo, answer_fifo : int
        Rows that wait at a PE, entries at the decoder, rounds behind it (pipeline included),
        gathers' answers.
    pipeline_cycles : int
        Latency of rounds.
    shared_reads : bool
        Whether a word that a bank gives goes to every PE whose oldest entry wants it.
    """

    n_pes: int
    n_banks: int
    window: int
    index_bits: int
    length_bits: int
    wave_bits: int
    weight_bits: int = 8
    activation_bits: int = 8
    row_fifo: int = 4
    entry_fifo: int = 64
    round_fifo: int = 9
    answer_fifo: int = 2
    pipeline_cycles: int = 2
    shared_reads: bool = False

    def __post_init__(self) -> None:
        problems = []
        if self.n_banks < 2 or self.n_banks & (self.n_banks - 1):
            problems.append(f"banks must be a power of two from 2, got {self.n_banks}")
        if self.n_pes < 2 or self.window < 2:
            problems.append("PEs and window must be at least 2")
        if self.entry_fifo < 2 * self.n_pes - 1:
            problems.append(f"entry_fifo must be at least {2 * self.n_pes - 1}")
        if self.index_bits <= bits_for(self.n_banks - 1):
            problems.append("an index must be wider than a bank's number")
        check_sizes("csr", problems)

    @property
    def payload_bits(self) -> int:
        """Bits that stay with an entry: last of its row, row, value."""
        return 1 + self.wave_bits + self.weight_bits

    def walk_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_csr_walk."""
        return {
            "P": self.n_pes,
            "LENGTH": self.length_bits,
            "WAVE": self.wave_bits,
            "ROW_FIFO": self.row_fifo,
            "ROW_POINTER": bits_for(self.row_fifo - 1),
            "ROW_HELD": bits_for(self.row_fifo),
        }

    def decoder_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_csr_decoder."""
        return {
            "P": self.n_pes,
            "COUNT": self.fields("index").count_bits,
            "ACTIVE": bits_for(self.n_pes),
            "INDEX": self.index_bits,
            "WEIGHT": self.weight_bits,
            "WAVE": self.wave_bits,
        }

    def fields(self, name: str) -> FieldBuffer:
        """Return the buffer of the stream `name`."""
        width = self.index_bits if name == "index" else self.weight_bits
        return FieldBuffer(width, self.entry_fifo, self.n_pes, self.n_pes)

    def gather_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_gather."""
        log_banks = bits_for(self.n_banks - 1)
        return {
            "P": self.n_pes,
            "BANKS": self.n_banks,
            "LOG_B": log_banks,
            "WINDOW": self.window,
            "SLOT": bits_for(self.window),
            "SLOTS": bits_for(2 * self.window - 1),
            "ADDRESS": self.index_bits - log_banks,
            "PAYLOAD": self.payload_bits,
            "ACT": self.activation_bits,
            "ROUNDS": self.wave_bits + self.length_bits,
            "SHARED": int(self.shared_reads),
        }

    @property
    def _walk_bits(self) -> int:
        return bits_for(self.n_pes) + self.n_pes * (2 + self.wave_bits)

    def ports(self) -> list[str]:
        """Return the ports of the top module."""
        p = self.n_pes
        ports = [
            f"input  wire [{self.wave_bits}:0] n_waves",
            f"input  wire [{self.gather_parameters()['ROUNDS'] - 1}:0] n_rounds",
            *("input  wire in_pointer_valid", "output wire in_pointer_ready"),
            f"input  wire [{p * self.length_bits - 1}:0] in_pointer",
            *self.fields("index").ports("in_index"),
            *self.fields("weight").ports("in_weight"),
        ]
        item = p * (1 + self.payload_bits + self.activation_bits)
        return [
            *ports,
            *("output wire out_valid", "input  wire out_ready", f"output wire [{item - 1}:0] out"),
        ]

    def body(self) -> str:
        """Return what is in it."""
        return self._decode() + self._gather()

    def _decode(self) -> str:
        p, active, handshake = self.n_pes, bits_for(self.n_pes), ("valid", "ready")
        rows, ends = p * (1 + self.wave_bits), ("visible", "window")
        item = p * (1 + self.payload_bits + self.index_bits)
        text = "".join(
            self.fields(name).wires(name) + self.fields(name).text(f"in_{name}", name)
            for name in ("index", "weight")
        )
        text += (
            "    wire walked_valid, walked_ready, walk_valid, walk_ready;\n"
            "    wire made_valid, made_ready, round_valid, round_ready;\n"
            f"    wire [{rows - 1}:0] walked;\n    wire [{p - 1}:0] active, counted;\n"
            f"    wire [{active - 1}:0] n_active;\n    reg [{rows - 1}:0] walked_late;\n"
            "    always @(posedge clk) walked_late <= walked;\n"
            f"    wire [{self._walk_bits - 1}:0] walk;\n"
            f"    wire [{item - 1}:0] made, round;\n"
            "    assign weight_take = index_take;\n    assign weight_fire = index_fire;\n"
            "    f2f_count count (.clk(clk), .bits(active), .total(n_active), .late(counted));\n"
        )
        text += instance(
            "f2f_csr_walk",
            "walker",
            self.walk_parameters(),
            [
                *("clk", "rst", "n_waves", "in_pointer_valid", "in_pointer_ready", "in_pointer"),
                *(f"out_{end}=walked_{end}" for end in handshake),
                *("out_data=walked", "out_active=active"),
            ],
        )
        late = "{n_active, walked_late, counted}"
        text += pipe("walks", self._walk_bits, WALK_FIFO, WALK_CYCLES, "walked", late, "walk")
        text += instance(
            "f2f_csr_decoder",
            "decoder",
            self.decoder_parameters(),
            [
                *("clk", "rst", "round_data=walk", "late_data=made"),
                *(f"round_{end}=walk_{end}" for end in handshake),
                *(f"{name}_{end}" for name in ("index", "weight") for end in ends),
                *("take=index_take", "fire=index_fire"),
                *(f"out_{end}=made_{end}" for end in handshake),
            ],
        )
        return text + pipe(
            "rounds", item, self.round_fifo, self.pipeline_cycles, "made", "made", "round"
        )

    def _gather(self) -> str:
        gather, banks, handshake = self.gather_parameters(), self.n_banks, ("valid", "ready")
        answer = self.n_pes * (1 + self.payload_bits + self.activation_bits)
        text = (
            "    wire got_valid, got_ready;\n"
            f"    wire [{answer - 1}:0] got;\n"
            f"    wire [{banks - 1}:0] bank_read;\n"
            f"    wire [{banks * gather['ADDRESS'] - 1}:0] bank_address;\n"
            f"    wire [{banks * self.activation_bits - 1}:0] bank_data;\n"
        )
        text += instance(
            "f2f_gather",
            "gather",
            gather,
            [
                *("clk", "rst", "n_rounds", "in_data=round", "late_data=got"),
                *("bank_read", "bank_address", "bank_data"),
                *(f"in_{end}=round_{end}" for end in handshake),
                *(f"out_{end}=got_{end}" for end in handshake),
            ],
        )
        text += pipe("answers", answer, self.answer_fifo, ANSWER_CYCLES, "got", "got", "out")
        for b in range(banks):
            text += instance(
                "f2f_bank",
                f"bank_{b}",
                {
                    "BANKS": banks,
                    "NUMBER": b,
                    "ADDRESS": gather["ADDRESS"],
                    "ACT": self.activation_bits,
                },
                [
                    *("clk", f"read=bank_read[{b}]"),
                    f"address=bank_address[{b}*{gather['ADDRESS']} +: {gather['ADDRESS']}]",
                    f"word=bank_data[{b}*{self.activation_bits} +: {self.activation_bits}]",
                ],
            )
        return text
