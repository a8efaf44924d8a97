"""Sets of pruning masks as the Deep Learning Matrix Collection has them, and their table.

A set is a folder ``NETWORK/METHOD/SPARSITY`` of ``.smtx`` files, one a layer, anywhere below the
folder that was given, or in a tar archive that lies there.
"""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import math
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, InputError
from f2fsim.workloads.readers import open_model

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_SPARSITY = re.compile(r"0?\.\d+|0|1|1\.0")


@dataclass(frozen=True, order=True)
class MaskSet:
    """A network pruned by one method to one nominal sparsity."""

    network: str
    method: str
    sparsity: float

    def __str__(self) -> str:
        return f"{self.network} {self.method} {self.sparsity:g}"


@dataclass(frozen=True)
class MaskFile:
    """One layer's mask of a set; nothing is read before `mask`."""

    set: MaskSet
    path: Path

    @property
    def layer(self) -> str:
        """Name of the layer: the file's stem."""
        return self.path.stem

    @property
    def digest(self) -> str:
        """What the content is known by."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def shape(self) -> tuple[int, int]:
        """Return rows (outputs) and columns (reduction)."""
        rows, columns = open_model(self.path).shape(self.layer)
        return rows, columns

    def mask(self) -> NDArray[np.bool_]:
        """Return the mask, True where a weight is kept."""
        return open_model(self.path).read(self.layer).astype(np.bool_)


@contextmanager
def mask_files(folder: Path) -> Iterator[list[MaskFile]]:
    """Give all masks below a folder, by set and layer; archives are unpacked as long as it lasts.

    Raises
    ------
    InputError
        If there is no mask, a mask lies in no ``NETWORK/METHOD/SPARSITY``, or two are of one layer.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    with TemporaryDirectory(prefix="f2fsim-masks-") as unpacked:
        for archive in sorted(p for p in folder.rglob("*") if p.name.endswith(_ARCHIVES)):
            _unpack(archive, Path(unpacked))
        files: dict[tuple[MaskSet, str], MaskFile] = {}
        for root in (folder, Path(unpacked)):
            for path in sorted(root.rglob("*.smtx")):
                file = MaskFile(_set_of(path, root), path)
                if (file.set, file.layer) in files:
                    raise InputError(f"{folder}: {file.set}: two masks of layer {file.layer!r}")
                files[file.set, file.layer] = file
        if not files:
            raise InputError(f"{folder}: has no .smtx file and no tar archive with one")
        yield [files[key] for key in sorted(files)]


def _set_of(path: Path, root: Path) -> MaskSet:
    parts = path.resolve().parts[-4:-1]
    if len(parts) < 3 or not _SPARSITY.fullmatch(parts[2]):
        raise InputError(
            f"{path.relative_to(root)}: a mask must lie in NETWORK/METHOD/SPARSITY, such as "
            "rn50/magnitude_pruning/0.9"
        )
    return MaskSet(parts[0], parts[1], float(parts[2]))


def _unpack(archive: Path, into: Path) -> None:
    """Unpack the masks of an archive, and nothing else of it."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if path.suffix != ".smtx" or not member.isfile():
                    continue
                # Not `extract`: its filters came with 3.11.4 only.
                if path.is_absolute() or ".." in path.parts:
                    raise DataError(f"{archive}: {member.name!r} lies outside of the archive")
                source, target = tar.extractfile(member), into / path
                assert source is not None
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}") from None


@dataclass(frozen=True)
class TableLine:
    """What the collection's table says of one layer."""

    n_rows: int
    n_columns: int
    nnz: int


@dataclass(frozen=True)
class MaskTable:
    """The collection's table: sizes of every layer, and the quality of every set.

    Attributes
    ----------
    layers : dict
        By set and layer.
    quality : dict of MaskSet to float
        BLEU or top-1 in %.
    refused : dict of MaskSet to str
        Sets whose quality cannot be theirs, and why.
    """

    layers: dict[MaskSet, dict[str, TableLine]]
    quality: dict[MaskSet, float]
    refused: dict[MaskSet, str]


def read_table(path: Path) -> MaskTable:
    """Read a table with the columns of ``dlmc.csv``; ``.xz`` is unpacked.

    Raises
    ------
    DataError
        If a column is missing or a cell is not what it must be, with its line.
    """
    layers: dict[MaskSet, dict[str, TableLine]] = {}
    quality: dict[MaskSet, float] = {}
    for number, row in _lines(path):
        try:
            network, method, sparsity, name = PurePosixPath(row["path"]).parts[-4:]
            mask_set = MaskSet(network, method, float(sparsity))
            line = TableLine(int(row["nrows"]), int(row["ncols"]), int(float(row["nnz"])))
            value = float(row["quality"])
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}:{number}: {error}") from None
        if not math.isfinite(value) or quality.setdefault(mask_set, value) != value:
            raise DataError(f"{path}:{number}: quality of {mask_set} must be one finite number")
        layers.setdefault(mask_set, {})[PurePosixPath(name).stem] = line
    refused = {}
    for mask_set in quality:
        reason = _foreign(mask_set, quality)
        if reason:
            refused[mask_set] = reason
    kept = {s: value for s, value in quality.items() if s not in refused}
    return MaskTable(layers, kept, refused)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        data = path.read_bytes()
        text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode("utf-8")
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    reader = csv.DictReader(io.StringIO(text))
    needed = ("path", "quality", "nrows", "ncols", "nnz")
    missing = [key for key in needed if key not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f"{path}:1: has no column {missing[0]!r}; needed: {', '.join(needed)}")
    for row in reader:
        yield reader.line_num, row


def _foreign(mask_set: MaskSet, quality: dict[MaskSet, float]) -> str:
    """Return why a set's quality is another network's, "" if it is not.

    It is if another network has the very same figure for the same method and sparsity, and the
    figures of that network's other methods are nearer to it.
    """
    own = quality[mask_set]
    for other, value in quality.items():
        same = (other.method, other.sparsity) == (mask_set.method, mask_set.sparsity)
        if same and value == own and other.network != mask_set.network:
            mine = _from_others(mask_set, quality)
            if mine > _from_others(other, quality):
                return f"{own:g} is the figure of {other}, {mine:g} from all other methods"
    return ""


def _from_others(mask_set: MaskSet, quality: dict[MaskSet, float]) -> float:
    """Return how far a set's quality is from the range of its network's other methods."""
    own = quality[mask_set]
    others = [
        value
        for other, value in quality.items()
        if other.network == mask_set.network and other.method != mask_set.method
    ]
    return max(min(others) - own, own - max(others), 0.0) if others else 0.0
