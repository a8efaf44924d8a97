"""Several files that an index joins, as ``model.safetensors.index.json`` does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import ModelFile, TensorInfo, Unread
from f2fsim.workloads.readers.stored import Stored


class ShardedFile(ModelFile):
    """Tensors of several files; the index says which file holds each.

    What a shard holds and the index does not name is `unread`.
    """

    def __init__(self, path: Path, shards: dict[str, ModelFile]) -> None:
        files = {shard.path: shard for shard in shards.values()}
        infos: dict[str, TensorInfo] = {name: shard.infos[name] for name, shard in shards.items()}
        unread: list[Unread] = []
        for shard in files.values():
            unread += shard.unread
            unread += [
                Unread(f"{shard.path.name}:{name}", "in no line of the index", info.n_bytes)
                for name, info in shard.infos.items()
                if shards.get(name) is not shard
            ]
        sizes = [shard.data_bytes for shard in files.values()]
        known = None if None in sizes else sum(size or 0 for size in sizes)
        super().__init__(path, infos, unread, known)
        self._shards = shards
        for shard in files.values():
            self.metadata |= shard.metadata

    def files(self) -> list[Path]:
        """Return the index and its shards."""
        return [self.path, *dict.fromkeys(shard.path for shard in self._shards.values())]

    def _load(self, name: str) -> Stored:
        return self._shards[name].read_stored(name)


def open_index(path: Path, open_one: Callable[[Path], ModelFile]) -> ModelFile:
    """Open an index with the files it names beside it.

    Parameters
    ----------
    path : Path
        JSON with a ``weight_map`` from tensor to file.
    open_one : callable
        Opens a shard.
    """
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        table = index["weight_map"]
        pairs = [(str(name), str(file)) for name, file in table.items()]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: not an index of shards (JSON with a weight_map)") from None
    files: dict[str, ModelFile] = {}
    shards: dict[str, ModelFile] = {}
    for name, file in pairs:
        if file not in files:
            if PurePosixPath(file).name != file:
                raise DataError(f"{path}: weight_map names {file!r}, not a file beside the index")
            shard = path.parent / file
            if not shard.is_file():
                raise DataError(f"{path}: the shard {file!r} is missing in {path.parent}")
            files[file] = open_one(shard)
        if name not in files[file].infos:
            raise DataError(f"{path}: {file!r} has no tensor {name!r} that the index says it has")
        shards[name] = files[file]
    return ShardedFile(path, shards)
