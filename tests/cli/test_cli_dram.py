"""The commands of ``f2fsim dram``: what they print, and that bad input is one line and exit 2."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pytest

from f2fsim.cli import console
from f2fsim.cli.main import app

GOOD = "# three requests\n0x0 R 0\n0x40 READ 0\n\n0x20000 WRITE 5\n"


def call(*arguments: str) -> int:
    """Run the command line in this process and return its exit status."""
    try:
        return console.run(lambda: app(list(arguments), standalone_mode=True))
    except SystemExit as end:
        return int(end.code or 0)


def test_run_prints_all_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace, commands = tmp_path / "t.txt", tmp_path / "commands.txt"
    trace.write_text(GOOD, encoding="ascii")
    arguments = ("dram", "run", "ddr4_2400", str(trace), "--json")
    assert call(*arguments, "--command-trace", str(commands)) == 0
    figures = json.loads(capsys.readouterr().out)
    # ACT 1, RD 18 and 24, then the write: PRE 40 (tRAS), ACT 57, WR 74; its data end at 90.
    assert figures["cycles"] == 74 + 12 + 4
    assert figures["read_latency_cycles"]["min"] == 39
    assert figures["rows"] == {"hits": 1, "misses": 1, "conflicts": 1, "forwarded_reads": 0}
    assert figures["energy_pj"]["total"] > 0
    listed = [line.split() for line in commands.read_text(encoding="utf-8").splitlines()[1:]]
    assert [(line[0], line[-1]) for line in listed] == [
        *(("1", "ACT"), ("18", "RD"), ("24", "RD")),
        *(("40", "PRE"), ("57", "ACT"), ("74", "WR")),
    ]


def test_text_and_binary_are_the_same_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, binary = tmp_path / "t.txt", tmp_path / "t.bin"
    text.write_text(GOOD, encoding="ascii")
    binary.write_bytes(struct.pack("<6Q", 0, 0, 0x40, 0, 0x20000, 5 << 1 | 1))
    assert call("dram", "run", "ddr4_2400", str(text), "--csv") == 0
    first = capsys.readouterr().out
    assert call("dram", "run", "ddr4_2400", str(binary), "--csv") == 0
    assert capsys.readouterr().out == first
    assert "cycles,90" in first


def test_streams_of_a_trace_are_counted_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "t.txt"
    trace.write_text(
        "\ufeff0x0 R 0 weights # first\r\n0x40 R 0 mask\r\n0x80 R 0 weights\r\n", "utf-8"
    )
    assert call("dram", "run", "ddr4_2400", str(trace), "--json") == 0
    streams = json.loads(capsys.readouterr().out)["streams"]
    assert set(streams) == {"weights", "mask"}
    assert streams["weights"]["requests"] == 2
    assert (streams["weights"]["misses"], streams["mask"]["hits"]) == (1, 1)


def test_a_packed_trace_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "t.txt.gz"
    packed = gzip.compress(GOOD.encode("ascii"))
    trace.write_bytes(packed)
    assert call("dram", "run", "ddr4_2400", str(trace), "--json") == 0
    assert json.loads(capsys.readouterr().out)["cycles"] == 90
    for damaged in (packed[:-6], packed[:12], packed[:20] + b"\xff\xff" + packed[22:]):
        trace.write_bytes(damaged)
        assert call("dram", "run", "ddr4_2400", str(trace)) == 2
        assert "damaged gzip" in capsys.readouterr().err


def test_requests_years_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace, commands = tmp_path / "t.txt", tmp_path / "c.txt"
    trace.write_text(f"0x0 R 0\n0x40 R {2**60}\n", encoding="ascii")
    arguments = ("dram", "run", "ddr4_2400", str(trace), "--json")
    assert call(*arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["cycles"] >= 2**60 + 39
    assert figures["commands"]["REF"] == 2**60 // 9360
    assert call(*arguments, "--command-trace", str(commands)) == 2
    assert "refreshes, at most 1000000 are written" in capsys.readouterr().err
    assert not commands.exists()


def test_channels_take_a_trace_in_order_or_each_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "t.txt"
    lines = [f"{64 * i:#x} R 0" for i in range(4096)]
    trace.write_text("\n".join(lines), encoding="ascii")
    cycles = []
    for more in ((), ("--in-order",)):
        assert call("dram", "run", "hbm2_stack", str(trace), "--json", *more) == 0
        cycles.append(json.loads(capsys.readouterr().out)["cycles"])
    # Eight channels of two clocks a burst need 1024 clocks; one entry a clock needs 4096.
    assert 1024 <= cycles[0] < 2048
    assert cycles[1] >= 4096


def test_traces_of_other_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "t.trace"
    trace.write_text("LD 0x41\nST 0x900000040\n", encoding="ascii")
    arguments = ("dram", "run", "ddr4_2400", str(trace), "--json")
    assert call(*arguments) == 2
    assert "or be aligned" in capsys.readouterr().err
    assert call(*arguments, "--align", "--wrap") == 0
    figures = json.loads(capsys.readouterr().out)
    moved = (figures["aligned_requests"], figures["wrapped_requests"])
    assert (figures["reads"], figures["writes"], *moved) == (1, 1, 1, 1)
    trace.write_text("3 64\n5 128 192\n", encoding="ascii")
    assert call(*arguments) == 2
    assert "instructions the core runs" in capsys.readouterr().err
    assert call(*arguments, "--instructions-per-clock", "4") == 0
    assert json.loads(capsys.readouterr().out)["requests"] == 3
    assert call(*arguments, "--instructions-per-clock", "0") == 2
    assert call(*arguments, "--format", "ramulator3") == 2
    assert "did you mean 'ramulator'" in capsys.readouterr().err


def test_list_names_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("dram", "list", "--json") == 0
    listed = {row["preset"] for row in json.loads(capsys.readouterr().out)}
    assert {"ddr4_2400", "ddr4_3200", "lpddr4_3200", "lpddr5_6400", "hbm3", "gddr6"} <= listed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0x40 R", "t.txt:2: a line must read"),
        ("0x40 R 2 weights", "t.txt:2: either all lines or none must name a stream"),
        ("0x40 R 2 a b", "t.txt:2: a line must read"),
        ("40 R 0", "t.txt:2: address must be hexadecimal"),
        (
            "0x41 R 0",
            "t.txt:2: address must be a multiple of the burst (64 bytes), or be aligned, got 0x41",
        ),
        ("0x200000000 R 0", "t.txt:2: address must be below the capacity"),
        ("0x40 X 0", "t.txt:2: operation must be R, W, READ or WRITE"),
        ("0x40 R -1", "t.txt:2: cycle must be a whole number"),
        ("0x40 R 99999999999999999999", "t.txt:2: cycle must be a whole number"),
        ("0x40 R 1", "t.txt:2: cycles must not decrease, got 1 after 2"),
    ],
)
def test_bad_lines_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    trace = tmp_path / "t.txt"
    trace.write_text(f"0x0 R 2\n{line}\n", encoding="ascii")
    assert call("dram", "run", "ddr4_2400", str(trace)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "holds no request"),
        (b"\0" * 15, "16 bytes a request"),
        (struct.pack("<2Q", 33, 0), "request 0: address must be a multiple"),
        (struct.pack("<2Q", 1 << 63, 0), "request 0: address must be below"),
        (struct.pack("<4Q", 0, 8, 0, 2), "request 1: cycles must not decrease, got 1"),
        (struct.pack("<2Q", 0, 2**64 - 1), "request 0: cycle must be at most"),
        (b"\xff\xfe text", "neither ASCII text nor a binary trace"),
    ],
)
def test_bad_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, message: str
) -> None:
    trace = tmp_path / "t"
    trace.write_bytes(data)
    assert call("dram", "run", "ddr4_2400", str(trace)) == 2
    assert message in capsys.readouterr().err


def test_missing_files_and_presets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("dram", "run", "ddr4_2400", str(tmp_path / "no")) == 2
    assert call("dram", "run", "ddr9", str(tmp_path)) == 2
    assert call("dram", "run", "ddr4_2400", str(tmp_path)) == 2
    assert call("dram", "import", str(tmp_path / "no.ini")) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_import_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ini, preset = tmp_path / "m.ini", tmp_path / "m.yaml"
    assert call("dram", "export", "ddr4_2400", "--out", str(ini)) == 0
    assert call("dram", "import", str(ini), "--out", str(preset)) == 0
    trace = tmp_path / "t.txt"
    trace.write_text(GOOD, encoding="ascii")
    for memory in ("ddr4_2400", str(preset), str(ini)):
        capsys.readouterr()
        assert call("dram", "run", memory, str(trace), "--json") == 0
        assert json.loads(capsys.readouterr().out)["cycles"] == 90
