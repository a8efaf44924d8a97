"""Bad inputs: each gives one clear message and exit status 2, never a traceback or half a file."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from odd_files import ARCH, ODD, WORKLOAD, Spoil
from safetensors.numpy import save_file

from f2fsim.cli.main import main


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, *arguments: str) -> Done:
    """Run the command line in this process: as fast as it gets for so many cases."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.object(sys, "argv", ["f2fsim", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    save_file({"w": rng.normal(size=(8, 16)).astype(np.float32)}, tmp_path / "m.safetensors")
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    (tmp_path / "a.yaml").write_text(ARCH)
    return tmp_path


def swap(name: str, old: str, new: str):
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def non_finite(folder: Path) -> None:
    save_file({"w": np.full((8, 16), np.nan, dtype=np.float32)}, folder / "m.safetensors")


def cut(folder: Path) -> None:
    path = folder / "m.safetensors"
    path.write_bytes(path.read_bytes()[:-40])


def cut_onnx(folder: Path) -> None:
    (folder / "m.onnx").write_bytes(b"\x08\x07\x12\x05trunc")
    swap("w.yaml", "m.safetensors", "m.onnx")(folder)


def folder_for_file(folder: Path) -> None:
    (folder / "m.safetensors").unlink()
    (folder / "m.safetensors").mkdir()


def bomb(folder: Path) -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    (folder / "a.yaml").write_text("\n".join(lines))


CASES = {
    "wrong key": (swap("a.yaml", "n_out:", "n_oot:"), "did you mean 'n_out'"),
    "wrong unit": (swap("a.yaml", "800 MHz", "800 MB"), "clock: must be a frequency"),
    "no unit": (swap("a.yaml", "800 MHz", "800"), "clock: must be a frequency"),
    "negative": (swap("a.yaml", "n_in: 8", "n_in: -8"), "front_end.n_in: must be"),
    "zero": (swap("a.yaml", "n_in: 8", "n_in: 0"), "front_end.n_in: must be"),
    "huge": (swap("a.yaml", "n_in: 8", "n_in: 99999999999999"), "front_end.n_in: must be"),
    "text for number": (swap("a.yaml", "n_in: 8", "n_in: eight"), "front_end.n_in: must be"),
    "inconsistent": (
        swap("a.yaml", "n_out: 80", "n_out: 4"),
        "a.yaml:11: front_end.n_out: must be ≥ n_in (8), got 4",
    ),
    "wrong kind": (swap("a.yaml", "kind: f2f", "kind: f3f"), "'f3f'"),
    "kinds that do not fit": (
        swap("a.yaml", "kind: lanes", "kind: systolic"),
        "pe_array",
    ),
    "unknown preset": (swap("a.yaml", "lpddr4_3200", "lpddr9"), "lpddr9"),
    "duplicate key": (swap("a.yaml", "name: f2f_edge", "name: x\nname: y"), "is given twice"),
    "alias bomb": (bomb, "aliases"),
    "folder for arch": (lambda f: ((f / "a.yaml").unlink(), (f / "a.yaml").mkdir()), "is a folder"),
    "empty arch": (lambda f: (f / "a.yaml").write_text(""), "must hold a mapping"),
    "binary arch": (lambda f: (f / "a.yaml").write_bytes(b"\xff\x00\xfe"), "UTF-8"),
    "missing arch": (lambda f: (f / "a.yaml").unlink(), "a.yaml"),
    "missing workload": (lambda f: (f / "w.yaml").unlink(), "w.yaml"),
    "missing weights": (lambda f: (f / "m.safetensors").unlink(), "m.safetensors"),
    "folder for weights": (folder_for_file, "m.safetensors"),
    "cut safetensors": (cut, "m.safetensors"),
    "cut onnx": (cut_onnx, "m.onnx"),
    "wrong tensor": (swap("w.yaml", "tensor: w", "tensor: ww"), "'ww'"),
    "wrong shape": (swap("w.yaml", "in_features: 16", "in_features: 17"), "17"),
    "not finite": (non_finite, "finite"),
    "empty layer": (swap("w.yaml", "in_features: 16", "in_features: 0"), "in_features"),
    "no layers": (
        lambda f: (f / "w.yaml").write_text(WORKLOAD.split("layers:")[0] + "layers: []\n"),
        "layers",
    ),
    "missing package": (
        swap("w.yaml", "{file: m.safetensors}", "{file: x.onnx, package: no-such-package}"),
        "pip install",
    ),
}


def check_refused(folder: Path, spoil: Spoil, expected: str) -> None:
    """Spoil a file; the message says it, with exit status 2, and nothing is written."""
    spoil(folder)
    done = run(folder, "simulate", "a.yaml", "w.yaml", "--sparsity", "0.5", "--out", "out")
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused(folder: Path, case: str) -> None:
    check_refused(folder, *CASES[case])


@pytest.mark.parametrize("case", ODD)
def test_odd_files_are_refused_at_the_right_place(folder: Path, case: str) -> None:
    check_refused(folder, *ODD[case])
    assert not (folder / "pwned").exists()


@pytest.mark.parametrize(
    "change", [lambda b: b"\xef\xbb\xbf" + b, lambda b: b.replace(b"\n", b"\r\n")]
)
def test_marks_and_line_ends_of_other_systems_do_work(folder: Path, change) -> None:
    path = folder / "a.yaml"
    path.write_bytes(change(path.read_bytes()))
    assert run(folder, "simulate", "a.yaml", "w.yaml", "--quiet").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sparsity", "1.5"),
        ("--sparsity", "nan"),
        ("--sparsity", "1e400"),
        ("--sparsity", "90%"),
        ("--batch", "1.5"),
        ("--batch", "99999999999999999999"),
        ("--seed", "99999999999999999999"),
        ("--dtype", ""),
        ("--out", "w.yaml/x"),
        ("--out", "/dev/null/x"),
        ("--out", "/proc/none"),
        ("--out", "long" * 100),
        ("--trace", "."),
        ("--trace-window", "1:2"),
        ("--trace", "t.json", "--trace-window", "5:1"),
        ("--trace", "t.json", "--trace-layer", "nowhere"),
        ("--sparsity", "much"),
        ("--dtype", "int9"),
        ("--batch", "0"),
        ("--engine", "evnt"),
        ("--layer", "nowhere"),
        ("--json", "--csv"),
        ("--no-such-option",),
        ("--out", "w.yaml"),
    ],
    ids=" ".join,
)
def test_bad_options_are_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run(folder, "simulate", "a.yaml", "w.yaml", *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "{}", "w.yaml"),
        ("simulate", "a.yaml", "{}"),
        ("inspect", "{}"),
        ("workload", "show", "{}"),
        ("report", "{}", "-o", "out"),
        ("encode", "m.safetensors", "-o", "{}.f2f.safetensors"),
    ],
    ids=" ".join,
)
def test_a_name_too_long_for_the_system_is_bad_input(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    done = run(folder, *(word.format("é" * 300) for word in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith(": File name too long\n")


@pytest.mark.parametrize("sparsity", ["0", "1"])
def test_extremes_that_do_work(folder: Path, sparsity: str) -> None:
    done = run(folder, "simulate", "a.yaml", "w.yaml", "--sparsity", sparsity, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "results.json").is_file()


def test_the_same_command_writes_the_same_bytes(folder: Path) -> None:
    for out in ("one", "two"):
        assert run(folder, "compare", "w.yaml", "a.yaml", "--out", out).returncode == 0
    names = sorted(path.name for path in (folder / "one").iterdir() if path.is_file())
    assert "results.json" in names
    for name in names:
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes(), name


def test_a_process_of_its_own_exits_with_the_same_status(folder: Path) -> None:
    swap("a.yaml", "n_in: 8", "n_in: 0")(folder)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from f2fsim.cli.main import main; main()",
            "simulate",
            "a.yaml",
            "w.yaml",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("f2fsim: a.yaml:")
    assert "Traceback" not in done.stderr
