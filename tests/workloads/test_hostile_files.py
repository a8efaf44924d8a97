"""Files that lie: each is refused in a line, at once, whichever command reads it."""

from __future__ import annotations

import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from pickle_maker import (
    call,
    dict_of,
    doubled,
    named,
    pickle_of,
    storage,
    tensor,
    text,
    tuple_of,
    whole,
    write_legacy,
    write_zip,
)
from scipy import sparse

from f2fsim.errors import DataError, InputError
from f2fsim.pipeline.encode_file import encode
from f2fsim.workloads import open_model
from f2fsim.workloads.import_model import import_model
from f2fsim.workloads.readers.onnx_file import OnnxFile

Make = Callable[[Path], Path]


def refusal(path: Path) -> str:
    """Return what `workload from` and `encode` say of a file: the same, at once, in a line."""
    said = []
    for command in (import_model, encode):
        start = time.perf_counter()
        with pytest.raises(InputError) as caught:
            command(str(path))
        assert time.perf_counter() - start < 1
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600
        said.append(str(caught.value).replace(os.path.relpath(path), str(path)))
    assert said[0] == said[1]
    return said[0]


def pickled(content: bytes) -> Make:
    return lambda path: write_zip(path, pickle_of(content))


def deep_calls(n: int) -> bytes:
    return named("torch._utils", "_rebuild_parameter") * n + tensor() + b"\x85R" * n


QTENSOR = call(
    "torch._utils", "_rebuild_qtensor", storage(16, None, "QInt8Storage"), whole(0),
    tuple_of(whole(16)), tuple_of(whole(1)),
    tuple_of(named("torch", "per_tensor_affine"), whole(10**400), whole(0)), b"\x89", b"}",
)  # fmt: skip
STRIDED = "the description of tensor 'w' is not valid"

PYTORCH: dict[str, tuple[Make, str]] = {
    "list in itself": (pickled(b"]q\x00h\x00a"), "contains itself"),
    "dictionary in itself": (pickled(b"}q\x00" + text("a") + b"h\x00s"), "'a' contains itself"),
    "list that unfolds": (
        pickled(doubled(60, b"](", b"e")), "shared lists unfold to very many values",
    ),
    "name that unfolds": (pickled(doubled(60) + text("x") + b"\x93"), "a name that is no text"),
    "key of a storage that unfolds": (
        pickled(doubled(60) + dict_of(w=tensor(key=b"h\x3c"))), STRIDED,
    ),
    "deep calls": (pickled(deep_calls(3000)), "calls nest too deeply"),
    "parameter that is a number": (
        pickled(dict_of(w=call("torch._utils", "_rebuild_parameter", whole(5)))), STRIDED,
    ),
    "count of 70 bits": (pickled(dict_of(w=tensor(count=2**70))), STRIDED),
    "shape of 70 bits": (pickled(dict_of(w=tensor(shape=(2**70, 4)))), STRIDED),
    "negative shape": (pickled(dict_of(w=tensor(shape=(-4, 4)))), STRIDED),
    "scale of 400 digits": (pickled(dict_of(w=QTENSOR)), STRIDED),
    "70 dimensions": (
        pickled(dict_of(w=tensor((1,) * 70, (1,) * 70))), "has 70 dimensions, at most 64 are read",
    ),
    "view larger than memory": (
        pickled(dict_of(w=tensor((2**20, 2**20), (0, 0)))),
        "a view of 1099511627776 elements of a storage of 16",
    ),
    "indices of a sparse tensor larger than memory": (
        pickled(dict_of(w=call(
            "torch._utils", "_rebuild_sparse_tensor", named("torch", "sparse_coo"),
            tuple_of(tensor((2**20, 2**20), (0, 0)), tensor((4,), (1,)), tuple_of(whole(4))),
        ))),
        "a view of 1099511627776 elements",
    ),
    "sparse tensor of nothing": (
        pickled(dict_of(w=call(
            "torch._utils", "_rebuild_sparse_tensor", named("torch", "sparse_coo"),
            tuple_of(tensor((2, 4), (4, 1)), tensor((4,), (1,)), tuple_of(*[whole(2**17)] * 2)),
        ))),
        "fewer than one in 4096 is stored",
    ),
    "lone surrogate": (pickled(dict_of(**{"a\ud800": tensor()})), "it holds a lone surrogate"),
    "long key": (pickled(dict_of(**{"k" * 100_000: tensor()})), "a name of 100000 characters"),
    "long nested key": (
        pickled(dict_of(**{"k" * 9000: dict_of(**{"j" * 9000: tensor()})})),
        "a name of 18001 characters",
    ),
    "bomb of a storage": (
        lambda path: write_zip(
            path, pickle_of(dict_of(w=tensor((2**26,), (1,), 0, 2**26))), bytes(2**28),
            zipfile.ZIP_DEFLATED,
        ),
        "is taken for a zip bomb",
    ),
    "bomb of a pickle": (
        lambda path: write_zip(path, pickle_of(b"N0" * 5_000_000), packing=zipfile.ZIP_DEFLATED),
        "is a zip bomb",
    ),
    "legacy without a name": (
        lambda path: write_legacy(path, dict_of(w=tensor()), b"]}a", bytes(72)),
        "a storage without a name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PYTORCH)
def test_pytorch_files_that_lie(tmp_path: Path, kind: str) -> None:
    make, rule = PYTORCH[kind]
    assert rule in refusal(make(tmp_path / "m.pth"))


def test_the_makers_make_files_that_are_read(tmp_path: Path) -> None:
    values = np.arange(16, dtype=np.float32)
    zipped = write_zip(tmp_path / "z.pth", pickle_of(dict_of(w=tensor())), values.tobytes())
    tail = struct.pack("<Q", 16) + values.tobytes()
    legacy = write_legacy(tmp_path / "l.pth", dict_of(w=tensor()), b"]" + text("0") + b"a", tail)
    for path in (zipped, legacy):
        np.testing.assert_array_equal(open_model(path).read("w"), values.reshape(4, 4))


def test_a_count_of_64_bits_is_a_cut_file(tmp_path: Path) -> None:
    tail = struct.pack("<Q", 2**64 - 1) + bytes(64)
    path = write_legacy(tmp_path / "l.pth", dict_of(w=tensor()), b"]" + text("0") + b"a", tail[:40])
    with pytest.raises(DataError, match="cut short"):
        open_model(path).read("w")


def test_marks_and_ordered_dictionaries(tmp_path: Path) -> None:
    ordered = named("collections", "OrderedDict")
    pairs = tuple_of(b"](" + text("w") + tensor() + b"\x86" + b"e")
    for content in (
        ordered + b")R(" + text("w") + tensor() + b"u",
        ordered + pairs + b"R",
        b"(0" + dict_of(w=tensor()),
    ):
        assert open_model(write_zip(tmp_path / "m.pth", pickle_of(content))).names() == ["w"]
    with pytest.raises(DataError, match="a mark is missing"):
        open_model(write_zip(tmp_path / "m.pth", pickle_of(b"N(0" + b"N(00t")))


def test_many_marks_take_no_longer_than_they_are(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "m.pth", pickle_of(b"N" * 50_000 + b"(t" * 50_000))
    assert "holds no dictionary of tensors" in refusal(path)


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "m.pth", pickle_of(dict_of(w=tensor())))
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    assert "is encrypted" in refusal(path)


def matrix() -> dict[str, Any]:
    made = sparse.random(64, 64, 0.2, format="csr", random_state=1)
    return {
        "data": made.data, "indices": made.indices, "indptr": made.indptr,
        "format": np.array(b"csr"), "shape": np.array(made.shape),
    }  # fmt: skip


def changed(name: str, place: int, value: int) -> dict[str, Any]:
    array = matrix()[name].copy()
    array[place] = value
    return {name: array}


DIA = {
    "data": np.ones((2, 64)), "offsets": np.array([0, 1]), "format": np.array(b"dia"),
    "shape": np.array([64, 64]), "indices": None, "indptr": None,
}  # fmt: skip
COO = {
    "data": np.ones(3), "row": np.array([0, 1, 2]), "col": np.array([0, 1, 2]),
    "format": np.array(b"coo"), "indices": None, "indptr": None,
}  # fmt: skip
BSR = {"format": np.array(b"bsr"), "data": np.ones((3, 5, 2)), "indices": np.zeros(3, int)}

SPARSE: dict[str, tuple[dict[str, Any], str]] = {
    "index beyond": (changed("indices", 3, 1000), "its indices must be 0 to 63, got 1000"),
    "index below": (changed("indices", 3, -1), "its indices must be 0 to 63, got -1"),
    "pointer beyond": (changed("indptr", 5, 10**6), "its indptr must be 0 to 819, got 1000000"),
    "pointer that falls": (changed("indptr", 5, 0), "its indptr must rise from 0 to 819"),
    "first pointer": (changed("indptr", 0, 1), "its indptr must rise"),
    "pointers cut": ({"indptr": matrix()["indptr"][:9]}, "its indptr must rise"),
    "pointers of floats": ({"indptr": np.ones(65)}, "its indptr are no whole numbers"),
    "more indices": ({"data": np.ones(5)}, "its indptr must rise from 0 to 819"),
    "format": ({"format": np.array(b"xyz")}, "its format 'xyz' is none of csr"),
    "format that is a number": ({"format": np.array(3.5)}, "is none of csr"),
    "part missing": ({"indices": None}, "it has no array 'indices', which the format csr needs"),
    "huge shape": ({"shape": np.array([2**40, 2**40])}, "is not that of an array in memory"),
    "nearly empty": ({"shape": np.array([2**16, 2**16])}, "fewer than one in 4096 is stored"),
    "negative shape": ({"shape": np.array([-64, 64])}, "is not that of a matrix"),
    "shape of one": ({"shape": np.array([64])}, "its shape is not that of a matrix"),
    "offset beyond": ({**DIA, "offsets": np.array([0, 10**9])}, "an offset lies outside"),
    "offset twice": ({**DIA, "offsets": np.array([1, 1])}, "different whole numbers"),
    "offset of a half": ({**DIA, "offsets": np.array([0.5, 1])}, "different whole numbers"),
    "offset missing": ({**DIA, "offsets": np.array([0])}, "has not one row an offset"),
    "row beyond": ({**COO, "row": np.array([0, 1, 64])}, "its row must be 0 to 63, got 64"),
    "column missing": ({**COO, "col": np.array([0, 1])}, "have different lengths"),
    "blocks that do not fill": (BSR, "blocks of (5, 2) do not fill its shape (64, 64)"),
}


@pytest.mark.parametrize("kind", SPARSE)
def test_sparse_matrices_that_contradict_themselves(tmp_path: Path, kind: str) -> None:
    change, rule = SPARSE[kind]
    arrays = {name: a for name, a in (matrix() | change).items() if a is not None}
    np.savez(tmp_path / "s.npz", **arrays)
    assert rule in refusal(tmp_path / "s.npz")


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo", "dia"])
def test_every_sparse_format_is_read(tmp_path: Path, form: str) -> None:
    made = sparse.random(24, 36, 0.3, format="csr", random_state=2).asformat(form)
    sparse.save_npz(tmp_path / "s.npz", made)
    np.testing.assert_array_equal(open_model(tmp_path / "s.npz").read("s"), made.toarray())


def npy(path: Path, header: str) -> Path:
    raw = header.encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + bytes(64))
    return path


def zipped_zeros(path: Path) -> Path:
    np.savez_compressed(path, w=np.zeros((2**13, 2**13), np.float32))
    return path


def moved(path: Path) -> Path:
    np.savez(path, w=np.ones((4, 4)))
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02") + 42
    data[at : at + 4] = struct.pack("<I", 12345)
    path.write_bytes(bytes(data))
    return path


NUMPY: dict[str, tuple[str, Make, str]] = {
    "bomb": ("a.npz", zipped_zeros, "is taken for a zip bomb"),
    "offset": ("a.npz", moved, "damaged npz file"),
    "negative": (
        "a.npy",
        lambda p: npy(p, "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -4)}"),
        "has a negative size",
    ),
    "huge": (
        "a.npy",
        lambda p: npy(
            p, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000)}"
        ),
        "damaged npy file",
    ),
    "70 dimensions": (
        "a.npy",
        lambda p: npy(p, f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'1,' * 70})}}"),
        "has 70 dimensions",
    ),
}


@pytest.mark.parametrize("kind", NUMPY)
def test_numpy_files_that_lie(tmp_path: Path, kind: str) -> None:
    name, make, rule = NUMPY[kind]
    assert rule in refusal(make(tmp_path / name))


ENTRY = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}
TWIN = json.dumps({"w": ENTRY})[:-1] + "," + json.dumps({"w": ENTRY})[1:]

SAFETENSORS: dict[str, tuple[str | dict[str, Any], str]] = {
    "200 dimensions": ({"w": {**ENTRY, "shape": [1] * 199 + [16]}}, "has 200 dimensions"),
    "300 000 dimensions": ({"w": {**ENTRY, "shape": [2**62] * 300_000}}, "has 300000 dimensions"),
    "lone surrogate": ({"a\ud800": ENTRY}, "it holds a lone surrogate"),
    "name twice": (TWIN, "the key 'w' is there twice"),
    "key twice": ('{"w":{"dtype":"F32","dtype":"F32"}}', "the key 'dtype' is there twice"),
    "long key": ({"k" * 100_000: ENTRY}, "has a name of 100000 characters"),
    "long key of nothing": ({"k" * 100_000: {}}, "(100,002 characters) is not valid"),
    "no name": ({"": ENTRY}, "has a name of 0 characters"),
    "number of 5000 digits": ('{"w":{"data_offsets":[0,' + "9" * 5000 + "]}}", "not valid JSON"),
    "deep": ("[" * 100_000, "not valid JSON"),
}


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_safetensors_that_lie(tmp_path: Path, kind: str) -> None:
    header, rule = SAFETENSORS[kind]
    raw = (header if isinstance(header, str) else json.dumps(header)).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(64))
    assert rule in refusal(path)


def onnx_file(path: Path, nodes: list[Any], init: dict[str, Any], n: int, **more: Any) -> Path:
    graph = helper.make_graph(
        [*nodes, helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, n])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in init.items()],
        **more,
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


LARGE = np.array([2**15, 2**15])
GROWING = {
    "ConstantOfShape": ([helper.make_node("ConstantOfShape", ["s"], ["w"])], {"s": LARGE}),
    "Expand": (
        [helper.make_node("Expand", ["a", "s"], ["w"])],
        {"a": np.ones((1, 1), np.float32), "s": LARGE},
    ),
    "Tile": (
        [helper.make_node("Tile", ["a", "s"], ["w"])],
        {"a": np.ones((32, 32), np.float32), "s": LARGE // 32},
    ),
    "outer product": (
        [helper.make_node("MatMul", ["a", "b"], ["w"])],
        {"a": np.ones((2**15, 1), np.float32), "b": np.ones((1, 2**15), np.float32)},
    ),
    "sum of two axes": (
        [helper.make_node("Add", ["a", "b"], ["w"])],
        {"a": np.ones((2**15, 1), np.float32), "b": np.ones((1, 2**15), np.float32)},
    ),
}


@pytest.mark.parametrize("kind", GROWING)
def test_onnx_weights_that_grow_out_of_nothing(tmp_path: Path, kind: str) -> None:
    nodes, init = GROWING[kind]
    path = onnx_file(tmp_path / "m.onnx", nodes, init, 2**15)
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"value 'w' would have 1073741824 elements"):
        OnnxFile(path).read("w")
    with pytest.raises(DataError, match="has no convolution"):
        import_model(str(path))
    assert time.perf_counter() - start < 1


def test_an_onnx_sparse_initializer_and_an_input_of_any_size(tmp_path: Path) -> None:
    value = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    index = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    stored = helper.make_sparse_tensor(value, index, [2**17, 2**17])
    path = onnx_file(tmp_path / "m.onnx", [], {}, 2**17, sparse_initializer=[stored])
    assert "fewer than one in 4096 is stored" in refusal(path)
    nodes = [
        helper.make_node("NonZero", ["x"], ["z"]),
        helper.make_node("Cast", ["z"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["f", "v"], ["w"]),
    ]
    path = onnx_file(tmp_path / "m.onnx", nodes, {"v": np.ones((4, 4), np.float32)}, 2**31 - 1)
    with pytest.raises(DataError, match="too large to run the model on"):
        import_model(str(path))


@pytest.mark.parametrize("name", ["m.npz", "m.onnx", "m.safetensors", "m.pth", "m.gguf", "m.smtx"])
def test_a_pipe_is_no_file(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert "is a pipe or socket, a file is needed" in refusal(tmp_path / name)
