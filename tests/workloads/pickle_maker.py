"""PyTorch files opcode by opcode, so that they can say what PyTorch never would."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

MAGIC = 0x1950A86A20F9469CFC6C


def pickle_of(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


def text(word: str) -> bytes:
    raw = word.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def whole(number: int) -> bytes:
    raw = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(raw)) + raw


def tuple_of(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def dict_of(**parts: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + part for key, part in parts.items()) + b"u"


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return named(module, name) + tuple_of(*arguments) + b"R"


def storage(count: int = 16, key: bytes | None = None, kind: str = "FloatStorage") -> bytes:
    parts = (text("storage"), named("torch", kind), key or text("0"), text("cpu"), whole(count))
    return tuple_of(*parts) + b"Q"


def tensor(
    shape: tuple[int, ...] = (4, 4),
    strides: tuple[int, ...] = (4, 1),
    offset: int = 0,
    count: int = 16,
    key: bytes | None = None,
) -> bytes:
    sizes = tuple_of(*map(whole, shape)), tuple_of(*map(whole, strides))
    stored = storage(count, key)
    return call("torch._utils", "_rebuild_tensor_v2", stored, whole(offset), *sizes, b"\x89", b"}")


def doubled(n: int, open_: bytes = b"", close: bytes = b"\x86") -> bytes:
    """A tuple of twice a tuple of twice …: few opcodes, 2^n values; it stays on the stack."""
    steps = [open_ + bytes([0x68, i, 0x68, i]) + close + bytes([0x71, i + 1]) for i in range(n)]
    return b")q\x00" + b"".join(steps)


def write_zip(
    path: Path, pickle: bytes, data: bytes = bytes(64), packing: int = zipfile.ZIP_STORED
) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/data/0", data)
    return path


def write_legacy(path: Path, content: bytes, keys: bytes, tail: bytes) -> Path:
    head = [whole(MAGIC), whole(1001), dict_of(little_endian=b"\x88"), content, keys]
    path.write_bytes(b"".join(map(pickle_of, head)) + tail)
    return path
