"""Containers whose checksums are right and whose tables say what they like."""

import hashlib
import json
import zlib
from pathlib import Path

from f2fsim.codec.container_table import DICTIONARY


def take_apart(path):
    """Return the JSON of a container's table, the CRC-32s of its tensors and its streams."""
    raw = Path(path).read_bytes()
    n = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + n]), raw[8 + n :]
    begin, end = header["table"]["data_offsets"]
    m = int.from_bytes(data[begin + 16 : begin + 20], "little")
    text = json.loads(
        zlib.decompressobj(zdict=DICTIONARY).decompress(data[begin + 20 : begin + 20 + m])
    )
    checks = data[end - 4 * len(text["names"]) : end]
    begin, end = header["streams"]["data_offsets"]
    return text, checks, data[begin:end]


def forge(path, text, checks, streams, sizes=None):
    """Write a container of any JSON, text or Python value; `sizes` are bytes of its tensors."""
    text = text if isinstance(text, str) else json.dumps(text)
    folded = fold(text)
    write(path, len(folded).to_bytes(4, "little") + folded + sums(streams, sizes) + checks, streams)


def fold(text):
    folding = zlib.compressobj(9, zdict=DICTIONARY)
    return folding.compress(text.encode("utf-8", "surrogatepass")) + folding.flush()


def sums(streams, sizes):
    out, pack = b"", b""
    at = 0
    sizes = [len(streams)] if sizes is None else sizes
    for i, size in enumerate(sizes):
        pack += streams[at : at + size]
        at += size
        if len(pack) >= 4096 or i == len(sizes) - 1:
            out, pack = out + hashlib.sha256(pack).digest()[:16], b""
    return out


def write(path, body, streams):
    """Write the frame around a table, its checksum made here, and streams."""
    table = hashlib.sha256(body).digest()[:16] + body
    ends = [0, len(table), len(table) + len(streams)]
    header = {"__metadata__": {"f2fsim.version": "2"}}
    for i, key in enumerate(("table", "streams")):
        header[key] = {
            "dtype": "U8",
            "shape": [ends[i + 1] - ends[i]],
            "data_offsets": ends[i : i + 2],
        }
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    Path(path).write_bytes(len(head).to_bytes(8, "little") + head + table + streams)


def table(fields, names=("a",), columns=None):
    """Return the JSON of a table of tensors that share `fields`."""
    return {"columns": columns or {}, "made_by": "a forger", "names": list(names), "shared": fields}
