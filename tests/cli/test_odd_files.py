"""Hundreds of spoiled files of every kind: one answer each, at once, and little memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz_files import KINDS, WORKLOAD, run, save_safetensors

PROGRAM = Path(__file__).with_name("fuzz_files.py")


def fuzz(folder: Path, seed: int, n: int, kinds: list[str]) -> int:
    """Spoil `n` files of each kind; return how many answers were looked at."""
    command = [sys.executable, str(PROGRAM), str(folder), str(seed), str(n), *kinds]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *wrong, last = map(json.loads, done.stdout.splitlines())
    assert wrong == []
    assert 0 < last["refused"] <= last["tried"]
    return int(last["tried"])


def test_a_sample_of_spoiled_files(tmp_path: Path) -> None:
    kinds = [kind for kind in KINDS if kind != "results"]  # a page takes seconds
    assert fuzz(tmp_path, 1, 3, kinds) >= 3 * len(kinds)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_files(tmp_path: Path, kind: str, seed: int) -> None:
    assert fuzz(tmp_path, seed, 10 if kind == "results" else 60, [kind]) >= 10


@pytest.fixture
def alarm() -> Iterator[None]:
    """End what waits for ever."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError("still waiting after 10 seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "arguments",
    [
        "simulate p.yaml w.yaml",
        "simulate f2f_edge p.yaml",
        "compare w.yaml p.yaml",
        "workload show p.yaml",
        "workload import p.csv",
        "workload from p.npz",
        "workload from m.safetensors --mask p.npz",
        "sweep p.yaml -o out",
        "search p.yaml -o out",
        "report p.json -o page",
        "dram run ddr4_2400 p.trace",
        "dram run p.yaml t.trace",
        "dram import p.ini",
        "encode p.pth",
        "decode p.f2f.safetensors -o x.safetensors",
        "inspect p.f2f.safetensors",
        "verify p.f2f.safetensors",
        "rtl p.yaml -o verilog",
        "store info folder",
    ],
)
def test_a_pipe_in_place_of_a_file_is_refused(
    tmp_path: Path, arguments: str, alarm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.yaml").write_text(WORKLOAD, encoding="utf-8")
    (tmp_path / "t.trace").write_text("0x0 R 0\n", encoding="utf-8")
    save_safetensors(tmp_path / "m.safetensors")
    (tmp_path / "folder").mkdir()
    for name in arguments.split():
        if name.startswith("p."):
            os.mkfifo(tmp_path / name)
    os.mkfifo(tmp_path / "folder" / "store.sqlite")
    code, said = run(arguments.split())
    assert code == 2, said
    assert said.startswith("f2fsim: ")
    assert "still waiting" not in said


@pytest.mark.parametrize("name", ["p.trace", "p.npz", "p.json", "p.yaml"])
def test_a_device_without_an_end_is_refused(
    tmp_path: Path, name: str, alarm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).symlink_to("/dev/zero")
    command = {
        "p.trace": "dram run ddr4_2400 p.trace", "p.npz": "workload from p.npz",
        "p.json": "report p.json -o page", "p.yaml": "workload show p.yaml",
    }[name]  # fmt: skip
    code, said = run(command.split())
    assert (code, said.count("\n")) == (2, 1)
    assert "is a device" in said or "is longer than" in said
