"""Files of weights, read tensor by tensor; nothing is ever unpickled.

`open_model` chooses the reader by the file's name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from f2fsim.errors import DataError, near_miss
from f2fsim.whole_file import require_regular
from f2fsim.workloads.readers.base import ModelFile
from f2fsim.workloads.readers.gguf_file import GgufFile
from f2fsim.workloads.readers.matrix_files import MATRIX_READERS, MatrixFolder, matrix_files
from f2fsim.workloads.readers.numpy_file import open_npy, open_npz
from f2fsim.workloads.readers.onnx_file import OnnxFile
from f2fsim.workloads.readers.safetensors_file import SafetensorsFile
from f2fsim.workloads.readers.sharded import open_index
from f2fsim.workloads.readers.torch_file import open_torch

__all__ = ["READERS", "ModelFile", "open_model"]

#: Reader by ending of the file's name; the longest that fits is taken.
READERS: dict[str, Callable[[Path], ModelFile]] = {
    ".onnx": OnnxFile,
    ".safetensors": SafetensorsFile,
    ".safetensors.index.json": lambda path: open_index(path, SafetensorsFile),
    ".bin.index.json": lambda path: open_index(path, open_torch),
    ".gguf": GgufFile,
    ".npz": open_npz,
    ".npy": open_npy,
    ".pth": open_torch,
    ".pt": open_torch,
    ".bin": open_torch,
    ".ckpt": open_torch,
    **MATRIX_READERS,
}


def open_model(path: Path) -> ModelFile:
    """Open a file of weights, or a folder of matrices; only its table of contents is read.

    Raises
    ------
    DataError
        If the file is missing, a folder, damaged or of an unknown kind.
    """
    if path.is_dir():
        if matrix_files(path):
            return MatrixFolder(path)
        raise DataError(f"{path}: is a folder, a file of weights is needed")
    name = path.name.lower()
    endings = [ending for ending in READERS if name.endswith(ending)]
    if not endings:
        raise DataError(f"{path}: not a known kind of weight file; known: {', '.join(READERS)}")
    if not path.is_file():
        require_regular(path)
        near = ""
        if path.parent.is_dir():
            near = near_miss(path.name, [p.name for p in path.parent.iterdir()])
        raise DataError(f"{path}: no such file{near}")
    return READERS[max(endings, key=len)](path)
