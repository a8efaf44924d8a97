"""ONNX: initializers and Constant nodes, of subgraphs too, with data inside or beside the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.whole_file import require_regular
from f2fsim.workloads.readers.base import ModelFile, TensorInfo, check_stored
from f2fsim.workloads.readers.onnx_derived import DerivedValues
from f2fsim.workloads.readers.onnx_standard_form import rewrite


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
    try:
        _densify(model.graph)
    except (ValueError, IndexError, TypeError, MemoryError) as error:
        raise DataError(f"{path}: damaged sparse initializer: {error}") from None
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
    """The tensors of an ONNX model: stored ones, and values computed from these alone.

    Computed values (`derived`) can be read by name but are not listed.  The parsed message stays in
    memory (at most 2 GiB by protobuf's limit); data kept beside the file is read tensor by tensor.
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
        try:
            self.rewritten = rewrite(self.proto, self._tensors)
            self.derived = DerivedValues(
                subgraphs(self.proto.graph), self._tensors, self.proto.opset_import, self._inline
            )
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            # Nodes without outputs or sizes, names that are no text: what no exporter writes.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: damaged ONNX graph: {reason}") from None

    def _info(self, name: str) -> TensorInfo:
        if name in self.infos or name not in self.derived:
            return super()._info(name)
        value = self._compute(name)
        return TensorInfo(value.shape, str(value.dtype))

    def _compute(self, name: str) -> NDArray[Any]:
        try:
            value = self.derived.read(name)
        except DataError as error:
            text = str(error)
            raise DataError(text if str(self.path) in text else f"{self.path}: {text}") from None
        return value if value.dtype.kind in "biuf" else value.astype(np.float32)

    def _load(self, name: str) -> NDArray[Any]:
        from onnx import numpy_helper

        if name not in self._tensors:
            return self._compute(name)

        tensor = self._tensors[name]
        if min(tensor.dims, default=0) < 0:
            raise DataError(
                f"{self.path}: tensor {name!r} has a negative size {tuple(tensor.dims)}"
            )
        try:
            array: NDArray[Any] = numpy_helper.to_array(self._inline(name))
        except (ValueError, TypeError, RuntimeError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else "it cannot be read"
            raise DataError(f"{self.path}: tensor {name!r} is damaged: {reason}") from None
        return array if array.dtype.kind in "biuf" else array.astype(np.float32)

    def _inline(self, name: str) -> Any:
        """Return a stored tensor as a TensorProto that holds its data."""
        from onnx import TensorProto

        tensor = self._tensors[name]
        external = tensor.data_location == TensorProto.EXTERNAL
        if not external and tensor.name == name:
            return tensor
        inline = type(tensor)()
        inline.CopyFrom(tensor)
        inline.name = name
        if not external:
            return inline
        inline.ClearField("external_data")
        inline.ClearField("data_location")
        inline.raw_data = self._external_bytes(name, tensor)
        return inline

    def _external_bytes(self, name: str, tensor: Any) -> bytes:
        fields = {entry.key: entry.value for entry in tensor.external_data}
        location = PurePosixPath(fields.get("location", ""))
        if not location.name or location.is_absolute() or ".." in location.parts:
            raise DataError(
                f"{self.path}: tensor {name!r} lies in {str(location)!r}, outside the folder"
            )
        file = self.path.parent / location
        n_bytes = -(-math.prod(tensor.dims) * _n_bits(tensor.data_type) // 8)
        length = int(fields.get("length", n_bytes))
        try:
            require_regular(file)
            with file.open("rb") as stream:
                stream.seek(int(fields.get("offset", 0)))
                raw = stream.read(min(length, n_bytes))
        except OSError as error:
            raise DataError(
                f"{file}: data of tensor {name!r} cannot be read: {error.strerror}"
            ) from None
        if len(raw) != n_bytes:
            raise DataError(f"{file}: tensor {name!r} is cut short: {len(raw)} of {n_bytes} bytes")
        return raw


def _n_bits(data_type: int) -> int:
    """Return the stored bits of an element: NumPy has no type below a byte."""
    from onnx import TensorProto, helper

    word = TensorProto.DataType.Name(data_type)
    narrow = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}
    return narrow.get(word) or np.dtype(helper.tensor_dtype_to_np_dtype(data_type)).itemsize * 8


def _densify(graph: Any) -> None:
    """Turn sparse initializers and sparse Constant nodes into dense ones, in place."""
    for part in subgraphs(graph):
        part.initializer.extend(_dense(sparse) for sparse in part.sparse_initializer)
        del part.sparse_initializer[:]
        for node in part.node:
            for attribute in node.attribute if node.op_type == "Constant" else ():
                if attribute.name == "sparse_value":
                    dense = _dense(attribute.sparse_tensor)
                    attribute.Clear()
                    attribute.name, attribute.type = "value", attribute.TENSOR
                    attribute.t.CopyFrom(dense)


def _dense(sparse: Any) -> Any:
    from onnx import numpy_helper

    values = numpy_helper.to_array(sparse.values)
    indices = numpy_helper.to_array(sparse.indices)
    problem = check_stored(tuple(sparse.dims), values.size)
    if problem:
        raise ValueError(problem)
    dense = np.zeros(tuple(sparse.dims), dtype=values.dtype)
    if indices.ndim == 2:
        dense[tuple(indices.T)] = values
    else:
        dense.reshape(-1)[indices] = values
    return numpy_helper.from_array(dense, sparse.values.name)
