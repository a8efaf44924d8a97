"""What the calls in a PyTorch pickle describe: strided, sparse and quantised tensors.

Nothing is called: a `Call` record is matched by the name of its function.  What is not known is
described as `Unread` with its reason, so that nothing of a file vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from f2fsim.errors import DataError, in_a_line
from f2fsim.workloads.readers.base import Unread
from f2fsim.workloads.readers.pickle_ops import Call, Reference, Symbol

#: Element type by storage class, and by the type named beside an untyped storage.
STORAGES = {
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "DoubleStorage": "F64",
    "BFloat16Storage": "BF16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "ShortStorage": "I16",
    "IntStorage": "I32",
    "LongStorage": "I64",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
    "QInt8Storage": "I8",
    "QUInt8Storage": "U8",
    "QInt32Storage": "I32",
}
TYPES = {
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float64": "F64",
    "int8": "I8",
    "uint8": "U8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "bool": "BOOL",
}
_MAX_DEPTH = 20
#: Containers and calls of a file, shared ones counted each time, and how often one is shared.
_MAX_VALUES, _MAX_VISITS = 1_000_000, 10_000
_MAX_NAME = 10_000


@dataclass(frozen=True)
class Strided:
    """A strided view of a storage, counted in elements; ``negated``: each value stands negated."""

    storage: str
    word: str
    n_elements: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    negated: bool = False

    @property
    def parts(self) -> tuple[Strided, ...]:
        """The stored arrays of this tensor."""
        return (self,)


@dataclass(frozen=True)
class Sparse:
    """A sparse tensor: ``coo`` (indices, values) or compressed (pointers, indices, values)."""

    layout: str
    parts: tuple[Strided, ...]
    shape: tuple[int, ...]

    @property
    def word(self) -> str:
        """Element type of the values."""
        return self.parts[-1].word


@dataclass(frozen=True)
class Quantised:
    """Integer codes with one scale and zero point, or one a slice along ``axis``."""

    codes: Strided
    scale: float | Strided
    zero: int | Strided
    axis: int = 0

    @property
    def parts(self) -> tuple[Strided, ...]:
        """The stored arrays of this tensor."""
        own = (self.scale, self.zero)
        return (self.codes, *(part for part in own if isinstance(part, Strided)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the codes."""
        return self.codes.shape

    @property
    def word(self) -> str:
        """Element type of the codes."""
        return self.codes.word


Described = Strided | Sparse | Quantised


class _Walk:
    """One pass over what a pickle made: values may be shared, so that few unfold to very many."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self._n_left = _MAX_VALUES
        self._visits: dict[int, int] = {}

    def step(self, value: Any, name: str) -> None:
        """Count a container or call; `DataError` if there were too many or its name is too long."""
        self._n_left -= 1
        n_visits = self._visits.get(id(value), 0)
        self._visits[id(value)] = n_visits + 1
        if self._n_left < 0 or n_visits > _MAX_VISITS:
            raise DataError("damaged PyTorch file: shared lists unfold to very many values")
        if len(name) > _MAX_NAME:
            raise DataError(f"damaged PyTorch file: a name of {len(name)} characters")


def tensors(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and `Described` or `Unread` of all tensors in nested dictionaries and lists.

    Raises
    ------
    DataError
        If a container holds itself, or shared containers unfold to more than can be meant.
    """
    yield from _tensors(value, "", _Walk())


def _tensors(value: Any, prefix: str, walk: _Walk) -> Iterator[tuple[str, Any]]:
    walk.step(value, prefix)
    if isinstance(value, Call):
        found = describe(value, prefix or "tensor")
        if found is not None:
            yield prefix or "tensor", found
    if not isinstance(value, dict | list | tuple):
        return
    if id(value) in walk.open:
        raise DataError(f"damaged PyTorch file: {in_a_line(prefix)} contains itself")
    if len(walk.open) > _MAX_DEPTH:
        yield prefix, Unread(prefix, f"nested deeper than {_MAX_DEPTH} dictionaries")
        return
    walk.open.add(id(value))
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, Call | dict | list | tuple):
            yield from _tensors(item, f"{prefix}.{key}" if prefix else str(key), walk)
    walk.open.discard(id(value))


def describe(call: Call, name: str) -> Described | Unread | None:
    """Read a call that would rebuild a tensor; None for a call that holds none."""
    function, arguments = call.function, call.arguments
    if not isinstance(function, Symbol) or not isinstance(arguments, tuple | list):
        return None
    known = _FUNCTIONS.get((function.module, function.name))
    if known is None:
        return _unknown(function, arguments, name)
    try:
        return known(arguments, name)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError):
        raise DataError(
            f"damaged PyTorch file: the description of tensor {in_a_line(name)} is not valid"
        ) from None


def _unknown(function: Symbol, arguments: Any, name: str) -> Unread | None:
    """Say why a call is passed over, if it holds tensors or would be one."""
    what = f"{function.module}.{function.name}"
    if function.name.startswith("_rebuild") and "torch" in function.module:
        return Unread(name, f"{what}: a kind of tensor that is not read")
    if function.name == "_reconstruct" and function.module.startswith("numpy"):
        return Unread(name, "a NumPy array inside the pickle, which is not unpickled")
    if _holds_storage(arguments):
        return Unread(name, f"an object of {what}: never unpickled")
    return None


def _holds_storage(value: Any) -> bool:
    """Whether a storage is anywhere inside; each shared container is looked into once."""
    left, seen = [value], set[int]()
    while left:
        item = left.pop()
        if isinstance(item, Reference):
            return True
        if id(item) in seen or not isinstance(item, Call | dict | list | tuple):
            continue
        seen.add(id(item))
        if isinstance(item, Call):
            left.append(item.arguments)
        else:
            left.extend(item.values() if isinstance(item, dict) else item)
    return False


def storage_of(reference: Any) -> tuple[str, str, int]:
    """Return key, storage class and number of elements (bytes if untyped) of a persistent id.

    Raises
    ------
    TypeError, ValueError
        If it describes no storage.
    """
    _, kind, key, _, count = reference.content[:5]
    if not isinstance(kind, Symbol) or not isinstance(key, str | int) or not _is_size(count):
        raise TypeError
    return str(key), kind.name, count


def _strided(arguments: Any, word: str | None = None) -> Strided:
    reference, offset, shape, strides = arguments[:4]
    key, kind, count = storage_of(reference)
    if word is None:
        word = STORAGES.get(kind, kind)
    numbers = (count, offset, *shape, *strides)
    if len(shape) != len(strides) or not all(_is_size(n) for n in numbers):
        raise ValueError
    flags = arguments[6] if len(arguments) > 6 else None
    negated = isinstance(flags, dict) and bool(flags.get("neg"))
    return Strided(key, word, count, offset, tuple(shape), tuple(strides), negated)


def _is_size(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**48


def _tensor_v2(arguments: Any, name: str) -> Described | Unread:
    return _strided(arguments)


def _tensor_v3(arguments: Any, name: str) -> Described | Unread:
    word = TYPES.get(arguments[6].name)
    flags = arguments[7:8]
    return _strided((*arguments[:6], *flags), word or f"torch.{arguments[6].name}")


def _parameter(arguments: Any, name: str) -> Described | Unread | None:
    inner = arguments[0]
    if not isinstance(inner, Call):
        raise TypeError
    return describe(inner, name)


def _from_type(arguments: Any, name: str) -> Described | Unread | None:
    """Read a tensor of a subclass as the tensor that it extends."""
    return describe(Call(arguments[0], arguments[2]), name)


def _part(call: Any, name: str) -> Strided:
    found = describe(call, name)
    if not isinstance(found, Strided):
        raise TypeError
    return found


def _sparse(arguments: Any, name: str) -> Described | Unread:
    layout, data = arguments
    word = layout.arguments[0] if isinstance(layout, Call) else layout.name
    if not isinstance(word, str):
        raise TypeError
    layout_name = word.removeprefix("torch.").removeprefix("sparse_")
    *arrays, size = data[: 3 if layout_name == "coo" else 4]
    shape = tuple(size.arguments[0]) if isinstance(size, Call) else tuple(size)
    if not all(_is_size(n) for n in shape):
        raise ValueError
    return Sparse(layout_name, tuple(_part(item, name) for item in arrays), shape)


def _qtensor(arguments: Any, name: str) -> Described | Unread:
    codes = _strided(arguments)
    scheme = arguments[4]
    if scheme[0].name == "per_tensor_affine":
        return Quantised(codes, float(scheme[1]), int(scheme[2]))
    if scheme[0].name not in ("per_channel_affine", "per_channel_affine_float_qparams"):
        return Unread(name, f"torch.{scheme[0].name}: a quantised tensor that is not read")
    axis = scheme[3]
    if not _is_size(axis) or axis >= len(codes.shape):
        raise ValueError
    return Quantised(codes, _part(scheme[1], name), _part(scheme[2], name), axis)


def _meta(arguments: Any, name: str) -> Described | Unread:
    return Unread(name, "a tensor without data (meta device)")


_FUNCTIONS: dict[tuple[str, str], Callable[[Any, str], Described | Unread | None]] = {
    ("torch._utils", "_rebuild_tensor"): _tensor_v2,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch._utils", "_rebuild_sparse_tensor"): _sparse,
    ("torch._utils", "_rebuild_qtensor"): _qtensor,
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): _meta,
    ("torch._tensor", "_rebuild_from_type_v2"): _from_type,
}
