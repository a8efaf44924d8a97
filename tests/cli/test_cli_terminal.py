"""The program in a terminal, a pipe, and where its output cannot go."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import f2fsim

COMMAND = [sys.executable, "-c", "from f2fsim.cli.main import main; main()"]


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        text=True,
        timeout=120,
        check=False,
        stderr=subprocess.PIPE,
        **options,
    )  # type: ignore[call-overload]


def in_terminal(*arguments: str, **variables: str) -> str:
    """Return what a command writes to a terminal, standard error included."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", **variables},
    )  # fmt: skip
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    process.wait(timeout=60)
    os.close(ours)
    return text.decode()


def test_the_version() -> None:
    assert run("--version", stdout=subprocess.PIPE).stdout == f"f2fsim {f2fsim.__version__}\n"


def test_a_reader_that_goes_away_is_no_failure() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = run("schema", "arch", stdout=theirs)
    os.close(theirs)
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("dram", "list", "--csv")])
def test_a_full_disk_behind_the_output_is_one_message(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "f2fsim: output: No space left on device\n"


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "link.ini").symlink_to("/dev/full")
    done = run("dram", "export", "ddr4_2400", "-o", str(tmp_path / "link.ini"), cwd=tmp_path)
    assert done.returncode == 1
    assert "link.ini: No space left on device" in done.stderr
    assert (tmp_path / "link.ini").is_symlink()
    assert Path("/dev/full").is_char_device()


def test_a_closed_output_is_no_failure() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *COMMAND, "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_colours_in_a_terminal_and_not_where_they_are_unwanted() -> None:
    assert "\x1b[31mf2fsim: workload" in in_terminal("simulate", "nope", "nope", NO_COLOR="")
    assert "\x1b[31m" not in in_terminal("simulate", "nope", "nope", NO_COLOR="1")


def test_interrupted(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "simulate", "f2f_edge", "resnet50", "--trace", "t.json", "--out", "out"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".t*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "f2fsim: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed(tmp_path: Path, shell: str) -> None:
    environment = {
        **os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }  # fmt: skip
    program = Path(sys.executable).parent / "f2fsim"
    command = [str(program), "--install-completion", shell]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("f2fsim" in path.name for path in written)
