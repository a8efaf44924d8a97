"""ONNX: initializers and Constant nodes, of subgraphs too, with data inside or beside the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import ModelFile, TensorInfo


def load_proto(path: Path) -> Any:
    """Parse an ONNX file without its external data; `DataError` if it is none."""
    import onnx
    import onnx.inliner
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError, RuntimeError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it cannot be parsed"
        raise DataError(f"{path}: damaged or not an ONNX file: {reason}") from None
    if not model.ir_version or (not model.graph.node and not model.graph.initializer):
        raise DataError(f"{path}: damaged or not an ONNX file: it holds no graph")
    if model.functions:
        try:
            model = onnx.inliner.inline_local_functions(model)
        except Exception as error:  # onnx raises C++ exceptions without a common Python base
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: its local functions cannot be inlined: {reason}") from None
    return model


def subgraphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and the graphs inside its nodes (branches of If, bodies of Loop)."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from subgraphs(attribute.g)
            for inner in attribute.graphs:
                yield from subgraphs(inner)


def constants(graph: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and tensors (``TensorProto``) of one graph's initializers and Constant nodes."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield node.output[0], attribute.t


class OnnxFile(ModelFile):
    """The tensors of an ONNX model.

    The parsed message stays in memory (at most 2 GiB by protobuf's limit); data kept beside the
    file is read tensor by tensor.
    """

    def __init__(self, path: Path) -> None:
        import onnx

        self.proto = load_proto(path)
        self._tensors: dict[str, Any] = {}
        infos: dict[str, TensorInfo] = {}
        for graph in subgraphs(self.proto.graph):
            for name, tensor in constants(graph):
                if name and name not in infos:
                    word = onnx.TensorProto.DataType.Name(tensor.data_type)
                    infos[name] = TensorInfo(tuple(tensor.dims), word)
                    self._tensors[name] = tensor
        super().__init__(path, infos)

    def _load(self, name: str) -> NDArray[Any]:
        from onnx import TensorProto, numpy_helper

        tensor = self._tensors[name]
        if min(tensor.dims, default=0) < 0:
            raise DataError(
                f"{self.path}: tensor {name!r} has a negative size {tuple(tensor.dims)}"
            )
        try:
            if tensor.data_location == TensorProto.EXTERNAL:
                return self._external(name, tensor)
            array: NDArray[Any] = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, RuntimeError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else "it cannot be read"
            raise DataError(f"{self.path}: tensor {name!r} is damaged: {reason}") from None
        return array if array.dtype.kind in "biuf" else array.astype(np.float32)

    def _external(self, name: str, tensor: Any) -> NDArray[Any]:
        from onnx import helper, numpy_helper

        fields = {entry.key: entry.value for entry in tensor.external_data}
        location = PurePosixPath(fields.get("location", ""))
        if not location.name or location.is_absolute() or ".." in location.parts:
            raise DataError(
                f"{self.path}: tensor {name!r} lies in {str(location)!r}, outside the folder"
            )
        file = self.path.parent / location
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
        n_bytes = math.prod(tensor.dims) * dtype.itemsize
        length = int(fields.get("length", n_bytes))
        try:
            with file.open("rb") as stream:
                stream.seek(int(fields.get("offset", 0)))
                raw = stream.read(min(length, n_bytes))
        except OSError as error:
            raise DataError(
                f"{file}: data of tensor {name!r} cannot be read: {error.strerror}"
            ) from None
        if len(raw) != n_bytes:
            raise DataError(f"{file}: tensor {name!r} is cut short: {len(raw)} of {n_bytes} bytes")
        inline = type(tensor)()
        inline.CopyFrom(tensor)
        inline.ClearField("external_data")
        inline.ClearField("data_location")
        inline.raw_data = raw
        array: NDArray[Any] = numpy_helper.to_array(inline)
        return array if array.dtype.kind in "biuf" else array.astype(np.float32)
