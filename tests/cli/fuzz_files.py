"""Odd files by the hundred, in a process of its own: good ones of every kind, spoiled at random.

    python fuzz_files.py FOLDER SEED N [KIND …]

prints a line of JSON for each file that the program answered wrongly (a fault, another exit status
than 0 or 2, more than a second for what is refused or five for what is read, more than 200 MB, an
answer that is no line), and last how many were tried and refused.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workloads"))

from pickle_maker import dict_of, pickle_of, tensor, text, write_legacy, write_zip

MOST_SECONDS, REFUSED_SECONDS, MOST_BYTES = 5.0, 1.0, 200 * 10**6
RNG = np.random.default_rng(5)
W = RNG.normal(size=(16, 16)).astype(np.float32)

ARCH = "f2f_edge"
WORKLOAD = """\
name: t
synthetic: {distribution: normal}
pruning: {method: magnitude, sparsity: 0.5, layers: [{match: b, pruning: {method: nm, n: 1, m: 4}}]}
layers:
  - {name: a, op: linear, in_features: 16, out_features: 8}
  - {name: b, op: conv2d, in_channels: 2, out_channels: 8, kernel: [3, 3], input_size: [5, 5]}
  - {name: c, op: lstm, input_size: 8, hidden_size: 4, repeat: 3}
"""
SWEEP = """\
name: s
archs: [f2f_edge]
workloads: [w.yaml]
axes:
  front_end.n_out: "16:64:16"
  front_end.n_s: [0, 1, 3]
  sparsity: {low: 0.5, high: 0.9}
define: {ratio: front_end.n_out / front_end.n_in}
derive: {front_end.fifo_units: "max(1, round(ratio * 2))"}
constraints: [ratio <= 12 and front_end.n_out % 8 == 0]
sample: {n_points: 5, seed: 3}
objectives: [seconds, bits_per_weight]
"""
TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides, Sparsity,
Conv1, 16, 16, 3, 3, 8, 8, 1, 2:4,
Conv2, 14, 14, 3, 3, 8, 8, 2, 1:4,
"""
TRACE = "".join(f"{64 * i:#x} {'RW'[i % 2]} {3 * i}\n" for i in range(40))

Make = Callable[[Path], object]
Command = Callable[[Path], list[str]]


def workload_from(path: Path) -> list[str]:
    return ["workload", "from", str(path), "-q"]


def encode(path: Path) -> list[str]:
    return ["encode", str(path), "-f", "bitmap", "-q"]


def save_onnx(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["a"], name="fc"),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("LSTM", ["b", "k", "r"], ["y"], name="rnn", hidden_size=4),
    ]
    init = {
        "q": (W * 9).astype(np.int8), "s": np.float32(0.1), "z": np.int8(1),
        "shape": np.array([3, 1, 16]), "k": W[None, :16], "r": W[None, :16, :4],
    }  # fmt: skip
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 16])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in init.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


def save_sparse(path: Path) -> None:
    from scipy import sparse

    sparse.save_npz(path, sparse.csr_matrix(W * (W > 0.5)))


def save_gguf(path: Path) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_tensor("blk.0.ffn_up.weight", np.tile(W, (1, 2)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def save_safetensors(path: Path) -> None:
    from safetensors.numpy import save_file

    half = W.astype(np.float16)
    save_file({"a.weight": W, "a.bias": W[0], "b_orig": half, "b_mask": (half > 0)}, path)


def save_container(path: Path) -> None:
    from f2fsim.pipeline.encode_file import encode as encode_file

    np.save(path.parent / "seed.npy", W)
    encode_file(path.parent / "seed.npy", format="f2f", sparsity=0.5, out=path)


def save_legacy(path: Path) -> None:
    tail = struct.pack("<Q", 16) + W.tobytes()[:64]
    write_legacy(path, dict_of(w=tensor()), b"]" + text("0") + b"a", tail)


def words(content: str) -> Make:
    return lambda path: path.write_text(content, encoding="utf-8")


def results(path: Path) -> None:
    code = ["simulate", ARCH, str(path.parent / "w.yaml"), "-q", "-o"]
    run([*code, str(path.parent / "results")])
    path.write_bytes((path.parent / "results" / "results.json").read_bytes())


MTX = "%%MatrixMarket matrix coordinate real general\n3 4 3\n1 1 0.5\n2 3 -1e3\n3 4 7\n"
INDEX = json.dumps({"metadata": {}, "weight_map": {"a.weight": "m.safetensors"}})

#: Each kind: the file's name, how a good one is made, and the commands that read it.
KINDS: dict[str, tuple[str, Make, list[Command]]] = {
    "pytorch": ("m.pth", lambda p: write_zip(p, pickle_of(dict_of(w=tensor()))),
                [workload_from, encode]),
    "legacy": ("m.pt", save_legacy, [workload_from, encode]),
    "safetensors": ("m.safetensors", save_safetensors, [workload_from, encode]),
    "index": ("x.safetensors.index.json", words(INDEX), [workload_from, encode]),
    "npz": ("m.npz", lambda p: np.savez_compressed(p, w=W, b=W[0]), [workload_from, encode]),
    "sparse": ("s.npz", save_sparse, [workload_from, encode]),
    "npy": ("m.npy", lambda p: np.save(p, W), [workload_from, encode]),
    "onnx": ("m.onnx", save_onnx, [workload_from, encode]),
    "gguf": ("m.gguf", save_gguf, [workload_from, encode]),
    "smtx": ("m.smtx", words("3, 4, 4\n0 1 2 4\n0 2 1 3\n"), [workload_from]),
    "mtx": ("m.mtx", words(MTX), [workload_from, encode]),
    "topology": ("t.csv", words(TOPOLOGY), [lambda p: ["workload", "import", str(p), "-q"]]),
    "trace": ("t.trace", words(TRACE), [lambda p: ["dram", "run", "ddr4_2400", str(p), "-q"]]),
    "packed trace": ("t.gz", lambda p: p.write_bytes(gzip.compress(TRACE.encode())),
                     [lambda p: ["dram", "run", "ddr4_2400", str(p), "-q", "--align", "--wrap"]]),
    "workload": ("v.yaml", words(WORKLOAD),
                 [lambda p: ["workload", "show", str(p)], lambda p: ["workload", "stats", str(p)]]),
    "sweep": ("s.yaml", words(SWEEP), [lambda p: ["f2fsim-expand", str(p)]]),
    "container": ("c.f2f.safetensors", save_container,
                  [lambda p: ["inspect", str(p)], lambda p: ["verify", str(p)]]),
    "results": ("results.json", results,
                [lambda p: ["report", str(p), "-o", str(p.parent / "page")]]),
    "dram": ("d.ini", lambda p: run(["dram", "export", "ddr4_2400", "-o", str(p)]),
             [lambda p: ["dram", "import", str(p), "-q"]]),
}  # fmt: skip

EXTREMES = [
    b"0", b"-1", b"1e999", b"nan", b"inf", b"9" * 40, b"9" * 5000, b"2147483648", b"1e-320",
    b"18446744073709551616", b"9223372036854775807", b"0x7fffffffffffffff", b"[]", b"{}", b"null",
    b"\xff", b"\xed\xa0\x80", b"", b"'", b'"', b"1" * 700 + b":", b"-" * 900 + b"1", b"*a", b"&a ",
]  # fmt: skip


def spoil(data: bytes, rng: random.Random) -> bytes:
    """Return the file with something wrong: bytes, numbers, lengths or whole parts."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        way = rng.randrange(12)
        if way == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif way == 1 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif way == 2:
            del data[at:]
        elif way == 3:
            data[at:at] = rng.randbytes(rng.choice((1, 4, 64)))
        elif way == 4:
            end = at + rng.choice((1, 4, 40))
            data[at:end] = data[at:end] * rng.choice((0, 2, 3, 200))
        elif way == 5:
            data[at : at + 8] = struct.pack(
                rng.choice(("<Q", ">Q")), rng.choice((2**64 - 1, 2**63, 2**48, 2**31, 2**20, 0))
            )
        elif way < 9:
            digits = list(re.finditer(rb"[0-9]+", bytes(data)))
            if digits:
                one = rng.choice(digits)
                data[one.start() : one.end()] = str(rng.choice((0, 1, 2, 3, 7, 16, 100))).encode()
        else:
            numbers = list(re.finditer(rb"[0-9.]+|[A-Za-z_]+", bytes(data)))
            if numbers:
                one = rng.choice(numbers)
                data[one.start() : one.end()] = rng.choice(EXTREMES)
    return bytes(data)


def run(arguments: list[str]) -> tuple[int, str]:
    """Run the command line in this process; return exit status and what stood on stderr."""
    from f2fsim.cli.main import main

    if arguments[0] == "f2fsim-expand":
        return expand(Path(arguments[1]))
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", ["f2fsim", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            return 1, traceback.format_exc()
    return code if isinstance(code, int) else int(code is not None), err.getvalue()


def expand(path: Path) -> tuple[int, str]:
    """Read a sweep and make its first points, without running them."""
    from f2fsim.config.sweep import load_sweep
    from f2fsim.errors import F2fsimError
    from f2fsim.explore.combinations import combinations
    from f2fsim.explore.expand import Expander
    from f2fsim.explore.inputs import load_inputs

    try:
        spec = load_sweep(path)
        inputs = load_inputs(spec)
        expander = Expander(spec, inputs)
        for i, values in zip(range(5), combinations(spec), strict=False):
            expander.point(i, next(iter(inputs.archs)), next(iter(inputs.workloads)), values)
    except F2fsimError as error:
        return error.exit_code, f"f2fsim: {error}"
    except BaseException:
        return 1, traceback.format_exc()
    return 0, ""


def resident_bytes() -> int:
    """Return the peak of this process; on Linux the peak can be reset."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def problem(code: int, said: str, seconds: float, n_bytes: int) -> str:
    """Return what is wrong with an answer, "" if nothing is."""
    if code not in (0, 2) or "fault of the program" in said or "Traceback" in said:
        return "fault"
    if code == 2 and not said.startswith(("f2fsim: ", "Usage: ")):
        return "no answer"
    if any(len(line) > 1300 for line in said.splitlines()):
        return "echo"
    if seconds > (MOST_SECONDS if code == 0 else REFUSED_SECONDS):
        return "slow"
    return "memory" if n_bytes > MOST_BYTES else ""


def main_loop(folder: Path, seed: int, n: int, kinds: list[str]) -> None:
    os.environ["F2FSIM_CACHE_DIR"] = "off"
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    (folder / "w.yaml").write_text(WORKLOAD, encoding="utf-8")
    save_safetensors(folder / "m.safetensors")
    tried = refused = 0
    for kind in kinds or KINDS:
        name, make, commands = KINDS[kind]
        path = folder / name
        make(path)
        good = path.read_bytes()
        for command in commands:
            code, said = run(command(path))
            assert code == 0, (kind, said)
        for i in range(n):
            rng = random.Random(f"{seed} {kind} {i}")
            bad = spoil(good, rng)
            path.write_bytes(bad)
            for command in commands:
                Path("/proc/self/clear_refs").write_text("5")
                before = resident_bytes()
                start = time.process_time()  # other programs run beside
                code, said = run(command(path))
                seconds = time.process_time() - start
                wrong = problem(code, said, seconds, resident_bytes() - before)
                tried += 1
                refused += code == 2
                if wrong:
                    kept = folder / f"{wrong}-{kind.replace(' ', '_')}-{seed}-{i}{path.suffix}"
                    kept.write_bytes(bad)
                    row = {"wrong": wrong, "kind": kind, "file": str(kept), "seconds": seconds}
                    say({**row, "code": code, "said": said[-1500:]})
        path.write_bytes(good)
    say({"tried": tried, "refused": refused})


def say(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main_loop(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
