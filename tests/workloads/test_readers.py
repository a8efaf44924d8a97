"""Every reader against a file that the format's own library wrote, and against damage."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save, save_file

from f2fsim.errors import DataError
from f2fsim.workloads import open_model

RNG = np.random.default_rng(3)
ARRAYS = {
    "f32": RNG.standard_normal((3, 5)).astype(np.float32),
    "f16": RNG.standard_normal((2, 3, 4)).astype(np.float16),
    "f64": RNG.standard_normal((7,)),
    "i8": RNG.integers(-128, 128, (4, 4), dtype=np.int8),
    "u8": RNG.integers(0, 256, (4, 1), dtype=np.uint8),
    "i64": np.arange(6).reshape(2, 3),
    "flag": np.array([True, False]),
    "scalar": np.array(2.5, dtype=np.float32),
}


def check(path: Path, arrays: dict[str, np.ndarray]) -> None:
    model = open_model(path)
    assert set(model.names()) == set(arrays)
    for name, array in arrays.items():
        assert model.shape(name) == array.shape
        read = model.read(name)
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


def test_safetensors(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "m.safetensors", metadata={"format": "np"})
    check(tmp_path / "m.safetensors", ARRAYS)


def test_safetensors_bfloat16(tmp_path: Path) -> None:
    import ml_dtypes

    exact = ARRAYS["f32"].astype(ml_dtypes.bfloat16)
    (tmp_path / "m.safetensors").write_bytes(save({"w": exact}))
    model = open_model(tmp_path / "m.safetensors")
    assert model.dtype("w") == "BF16"
    np.testing.assert_array_equal(model.read("w"), exact.astype(np.float32))


@pytest.mark.parametrize(
    ("word", "kind"), [("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2")]
)
def test_safetensors_8_bit_floats(tmp_path: Path, word: str, kind: str) -> None:
    import ml_dtypes

    exact = np.arange(256, dtype=np.uint8).view(getattr(ml_dtypes, kind)).reshape(16, 16)
    (tmp_path / "m.safetensors").write_bytes(save({"w": exact}))
    model = open_model(tmp_path / "m.safetensors")
    assert model.dtype("w") == word
    np.testing.assert_array_equal(model.read("w"), exact.astype(np.float32))


def test_sharded_safetensors(tmp_path: Path) -> None:
    names = list(ARRAYS)
    parts = {"a-1.safetensors": names[:4], "a-2.safetensors": names[4:]}
    table = {}
    for file, members in parts.items():
        save_file({name: ARRAYS[name] for name in members}, tmp_path / file)
        table |= dict.fromkeys(members, file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": table}))
    check(index, ARRAYS)
    (tmp_path / "a-2.safetensors").unlink()
    with pytest.raises(DataError, match=r"the shard 'a-2.safetensors' is missing"):
        open_model(index)


@pytest.mark.parametrize("table", ["x", {"w": "../m.safetensors"}, {"w": "/etc/m.safetensors"}])
def test_sharded_index_is_checked(tmp_path: Path, table: object) -> None:
    save_file({"w": np.zeros(3)}, tmp_path / "m.safetensors")
    (tmp_path / "sub").mkdir()
    index = tmp_path / "sub" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": table}))
    with pytest.raises(DataError, match=r"not an index of shards|not a file beside"):
        open_model(index)


def test_npz_and_npy(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    np.savez_compressed(tmp_path / "b.npz", **ARRAYS)
    check(tmp_path / "a.npz", ARRAYS)
    check(tmp_path / "b.npz", ARRAYS)
    np.save(tmp_path / "weights.npy", np.asfortranarray(ARRAYS["f32"]))
    check(tmp_path / "weights.npy", {"weights": ARRAYS["f32"]})


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
def test_scipy_sparse(tmp_path: Path, kind: str) -> None:
    dense = ARRAYS["f32"] * (RNG.random((3, 5)) < 0.4)
    scipy.sparse.save_npz(tmp_path / "s.npz", scipy.sparse.csr_matrix(dense).asformat(kind))
    check(tmp_path / "s.npz", {"s": dense})


def test_sparse_with_index_outside_is_refused(tmp_path: Path) -> None:
    matrix = scipy.sparse.csr_matrix(np.eye(4))
    matrix.indices[2] = 77
    scipy.sparse.save_npz(tmp_path / "s.npz", matrix)
    with pytest.raises(DataError, match="damaged sparse matrix"):
        open_model(tmp_path / "s.npz").read("s")


def test_object_arrays_are_never_unpickled(tmp_path: Path) -> None:
    for name in ("a.npz", "a.npy"):
        saver = np.savez if name.endswith("z") else np.save
        saver(tmp_path / name, np.array([print, {}], dtype=object))
        with pytest.raises(DataError, match="never unpickled"):
            open_model(tmp_path / name)


def onnx_model(external: bool = False) -> onnx.ModelProto:
    """A model with an initializer of each kind, a Constant node and a subgraph's Constant."""
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["deep"], value=numpy_helper.from_array(ARRAYS["i8"]))],
        "inner",
        [],
        [helper.make_tensor_value_info("deep", TensorProto.INT8, [4, 4])],
    )
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(ARRAYS["f16"])),
        helper.make_node("If", ["flag"], ["out"], then_branch=inner, else_branch=inner),
    ]
    initializers = [numpy_helper.from_array(a, n) for n, a in ARRAYS.items()]
    packed = helper.make_tensor("listed", TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0])
    graph = helper.make_graph(nodes, "g", [], [], [*initializers, packed])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def onnx_arrays() -> dict[str, np.ndarray]:
    listed = np.array([[1, 2], [3, 4]], dtype=np.float32)
    return {**ARRAYS, "c": ARRAYS["f16"], "deep": ARRAYS["i8"], "listed": listed}


def test_onnx(tmp_path: Path) -> None:
    onnx.save(onnx_model(), tmp_path / "m.onnx")
    check(tmp_path / "m.onnx", onnx_arrays())


def test_onnx_external_data(tmp_path: Path) -> None:
    onnx.save(
        onnx_model(),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="m.bin",
        size_threshold=0,
    )
    check(tmp_path / "m.onnx", onnx_arrays())
    (tmp_path / "m.bin").write_bytes((tmp_path / "m.bin").read_bytes()[:10])
    with pytest.raises(DataError, match=r"m\.bin: tensor 'i64' is cut short"):
        open_model(tmp_path / "m.onnx").read("i64")


def test_onnx_external_data_stays_in_the_folder(tmp_path: Path) -> None:
    model = onnx_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret.bin"
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="outside the folder"):
        open_model(tmp_path / "m.onnx").read("f32")


def test_missing_tensor_names_the_nearest(tmp_path: Path) -> None:
    save_file({"conv1.weight": np.zeros(2)}, tmp_path / "m.safetensors")
    with pytest.raises(DataError, match=r"no tensor 'conv1.wieght' \(did you mean 'conv1.weight'"):
        open_model(tmp_path / "m.safetensors").read("conv1.wieght")


def test_wrong_paths(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    (tmp_path / "weights.npz").write_bytes(b"")
    for path, rule in (
        ("model.onnx", "is a folder"),
        ("weight.npz", r"no such file \(did you mean 'weights.npz'"),
        ("model.xyz", "not a known kind"),
        ("weights.npz", "damaged npz"),
    ):
        with pytest.raises(DataError, match=rule):
            open_model(tmp_path / path)


def whole_files(folder: Path) -> list[Path]:
    save_file(ARRAYS, folder / "m.safetensors")
    np.savez(folder / "m.npz", **ARRAYS)
    np.savez_compressed(folder / "c.npz", **ARRAYS)
    np.save(folder / "m.npy", ARRAYS["f32"])
    scipy.sparse.save_npz(folder / "s.npz", scipy.sparse.csr_matrix(np.eye(9)))
    onnx.save(onnx_model(), folder / "m.onnx")
    return sorted(folder.iterdir())


def read_all(path: Path) -> None:
    model = open_model(path)
    for name in model.names():
        model.read(name)


def problem(path: Path) -> str | None:
    """Read everything; any error but a DataError of one line fails the test.

    Damage may go unseen: no format but npz has a checksum.
    """
    try:
        read_all(path)
    except DataError as error:
        return str(error)
    return None


def test_every_truncation_is_one_clear_line(tmp_path: Path) -> None:
    for whole in whole_files(tmp_path):
        data = whole.read_bytes()
        short = tmp_path / f"short{whole.suffix}"
        for length in {*range(0, len(data), 37), len(data) - 1}:
            short.write_bytes(data[:length])
            found = problem(short)
            assert found is None or "\n" not in found
        short.write_bytes(data[: len(data) // 2])
        assert problem(short) is not None


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_bytes_never_escape_as_other_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damage"
    if not folder.exists():
        folder.mkdir()
        whole_files(folder)
    whole = data.draw(st.sampled_from(sorted(folder.iterdir())))
    raw = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    broken = folder.parent / f"broken{whole.suffix}"
    broken.write_bytes(bytes(raw))
    found = problem(broken)
    assert found is None or "\n" not in found


@pytest.mark.parametrize("place", range(8, 128))
def test_damaged_npy_headers_are_refused_or_read(tmp_path: Path, place: int) -> None:
    np.save(tmp_path / "m.npy", ARRAYS["f32"])
    raw = bytearray((tmp_path / "m.npy").read_bytes())
    for value in (0, *b"\n'(){}[]\\9"):
        raw[place] = value
        (tmp_path / "m.npy").write_bytes(bytes(raw))
        found = problem(tmp_path / "m.npy")
        assert found is None or "m.npy" in found
