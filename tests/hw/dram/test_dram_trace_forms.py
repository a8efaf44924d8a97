"""Request traces as other tools write them: each form's lines, addresses that do not fit."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from f2fsim.config.dram_preset import load_dram
from f2fsim.errors import DataError
from f2fsim.hw.dram import dram_params
from f2fsim.hw.dram.mapping import address_of, locate
from f2fsim.hw.dram.trace import KINDS, TraceOptions, read_trace
from f2fsim.hw.dram.trace_forms import FORMS

PARAMS = dram_params(load_dram("ddr4_2400"))
BURST = PARAMS.burst_bytes


def read(tmp_path: Path, text: str | bytes, **options):
    path = tmp_path / "t.trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, PARAMS, TraceOptions(**options))


def vector(channel: int, rank: int, group: int, bank: int, row: int, column: int) -> int:
    return address_of(PARAMS, (channel, rank, group, bank, row, column))


#: Form, text, byte addresses, writes, clocks.
TRACES = {
    "text": ("0x40 READ 3\n0x80 WRITE 9\n", [0x40, 0x80], [0, 1], [3, 9]),
    "ramulator": ("0x1040 R\n0x2080 W\n", [0x1040, 0x2080], [0, 1], [0, 0]),
    "ramulator2": ("LD 0x40\nST 128\n", [0x40, 128], [0, 1], [0, 0]),
    "ramulator2_vector": (
        "R 0,0,1,2,7,5\nW 0,0,3,0,1,2\n",
        [vector(0, 0, 1, 2, 7, 5), vector(0, 0, 3, 0, 1, 2)], [0, 1], [0, 0],
    ),
    "ramulator_cpu": (
        "8 64\n4 0x80 192\n", [64, 128, 192], [0, 0, 1], [4, 6, 6],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_is_told_by_its_first_line(tmp_path: Path, form: str, packed: bool) -> None:
    text, addresses, writes, clocks = TRACES[form]
    data = gzip.compress(text.encode()) if packed else text.encode()
    for name in ("auto", form):
        trace = read(tmp_path, data, form=name, instructions_per_clock=2.0)
        assert trace.addresses.tolist() == addresses
        assert trace.is_write.tolist() == [bool(w) for w in writes]
        assert trace.clocks.tolist() == clocks
    assert set(KINDS) == {"auto", "binary", *TRACES}


def test_vectors_are_the_inverse_of_the_mapping(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for preset in ("ddr4_2400", "hbm2_stack", "lpddr4_3200"):
        params = dram_params(load_dram(preset))
        for line in rng.integers(0, params.capacity_bytes // params.burst_bytes, 50).tolist():
            address = line * params.burst_bytes
            at = locate(params, address)
            fields = (at.channel, at.rank, at.bank_group, at.bank, at.row, at.column)
            in_group = at.bank - at.bank_group * params.n_banks_per_group
            assert address_of(params, (*fields[:3], in_group, *fields[4:])) == address


def test_align_and_wrap_move_what_is_refused_without(tmp_path: Path) -> None:
    capacity = PARAMS.capacity_bytes
    text = f"0x41 R 0\n{capacity + 0x80:#x} R 0\n{2**64 - 1:#x} R 0\n0x40 R 0\n"
    with pytest.raises(DataError, match=r"t.trace:1: .* or be aligned, got 0x41"):
        read(tmp_path, text)
    with pytest.raises(DataError, match=r"t.trace:2: .* or be wrapped, got 0x"):
        read(tmp_path, text, align=True)
    with pytest.raises(DataError, match=r"t.trace:1: .* or be aligned, got 0x41"):
        read(tmp_path, text, wrap=True)
    moved = read(tmp_path, text, align=True, wrap=True)
    assert moved.addresses.tolist() == [0x40, 0x80, capacity - BURST, 0x40]
    assert (moved.n_aligned, moved.n_wrapped) == (2, 2)
    words = struct.pack("<8Q", 0x41, 0, capacity + 0x80, 0, 2**64 - 1, 0, 0x40, 0)
    binary = read(tmp_path, words, align=True, wrap=True)
    assert binary.addresses.tolist() == moved.addresses.tolist()
    assert (binary.n_aligned, binary.n_wrapped) == (2, 2)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0x40 R\n0x40 R 3\n", "t.trace:2: a line must read '0xADDRESS R|W'"),
        ("0x40 R\n0x40 X\n", "t.trace:2: operation must be R, W"),
        ("0x40 R\nfoo W\n", "t.trace:2: address must be a whole number"),
        ("LD 0x40\nLDX 0x40\n", "t.trace:2: a line must read 'LD|ST ADDRESS'"),
        ("LD 0x40\nST 0x40 0x80\n", "t.trace:2: a line must read 'LD|ST ADDRESS'"),
        ("R 0,0,1\n", "t.trace:1: a line must read 'R|W CHANNEL,RANK"),
        ("R 0,0,9,0,0,0\n", "t.trace:1: bank group must be below 4"),
        ("R 1,0,0,0,0,0\n", "t.trace:1: channel must be below 1"),
        ("R 0,0,0,0,99999999,0\n", "t.trace:1: row must be below"),
        ("3 64\n", "t.trace:1: is a line of a core's trace"),
        ("3 64 128 192\n", "t.trace:1: address must be hexadecimal with 0x, got '3'"),
        ("LD " + "9" * 21 + "\n", "t.trace:1: address must be a whole number"),
    ],
)
def test_lines_that_break_their_form(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert rule in str(caught.value)


def test_a_core_s_instructions_are_clocks(tmp_path: Path) -> None:
    trace = read(tmp_path, "1 0\n1 64\n1 128\n7 192\n", instructions_per_clock=4.0)
    assert trace.clocks.tolist() == [0, 0, 0, 2]
    with pytest.raises(DataError, match=r"t.trace:2: a line must read 'N ADDRESS"):
        read(tmp_path, "1 0\nLD 64\n", instructions_per_clock=4.0)
    with pytest.raises(DataError, match="cycle must be at most"):
        read(tmp_path, "9999999999999999999 64\n", instructions_per_clock=1.0)
