"""One point from configuration to figures: what a worker does, wherever it runs.

A worker keeps the pruned, quantised layers of the last workloads in memory, and what follows from
them and is not the machine's alone (`f2fsim.sharing`), so that points which differ in the machine
only do not read, prune and encode them again.
"""

from __future__ import annotations

import gc
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from f2fsim.codec import WEIGHT_TYPES
from f2fsim.config.arch import ArchConfig
from f2fsim.config.workload import Workload
from f2fsim.errors import F2fsimError, InputError
from f2fsim.explore.points import Point, code_digest, workload_digest
from f2fsim.explore.store import Outcome
from f2fsim.pipeline import simulate
from f2fsim.results import SimResult
from f2fsim.sharing import Shared, sharing
from f2fsim.workloads import LayerData, iterate_layers

#: Layers that a worker keeps, bytes; a workload that is larger is read for every point.
MAX_KEPT_BYTES = 512 * 2**20

#: Encodings, and what follows from them, that a worker keeps for the next points, bytes.
MAX_SHARED_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Task:
    """A point on its way to a worker; ``code`` is the digest of the sender's sources."""

    digest: str
    arch: ArchConfig
    workload: Workload
    engine: str
    code: str

    @classmethod
    def of(cls, point: Point, engine: str) -> Task:
        """Return the task of a point that is ready to run."""
        assert point.arch is not None
        assert point.workload is not None
        return cls(point.digest, point.arch, point.workload, engine, code_digest())


#: What runs a task; a runner takes another one in tests.
Work = Callable[[Task], Outcome]


class KeptLayers:
    """Layers of the workloads used last, bounded in bytes; safe under threads."""

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, tuple[int, tuple[LayerData, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def keeps(self, workload: Workload) -> bool:
        """Whether the layers of a workload are few enough to be kept."""
        # A byte of the mask beside the pattern.
        n_bits = WEIGHT_TYPES[workload.widest_weight_type].n_bits
        return (1 - (-n_bits // 8)) * workload.n_weights <= self._max_bytes

    def layers(self, workload: Workload) -> Iterator[LayerData]:
        """Yield the layers of a workload, from memory where they are there."""
        key = workload_digest(workload)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return iter(self._kept[key][1])
            if not self.keeps(workload):
                return iterate_layers(workload)
            loaded = tuple(iterate_layers(workload))
            self._kept[key] = (sum(_n_bytes(data) for data in loaded), loaded)
            while sum(size for size, _ in self._kept.values()) > self._max_bytes:
                self._kept.popitem(last=False)
            return iter(loaded)


def _n_bytes(data: LayerData) -> int:
    scale = 0 if data.scales is None else data.scales.values.nbytes
    return data.tensor.patterns.nbytes + data.tensor.mask.nbytes + scale


#: Layers that this process keeps.
KEPT = KeptLayers()
_SHARED = Shared(MAX_SHARED_BYTES)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Let the garbage collector rest meanwhile: it would go through all that is kept, in vain.

    What is new by then counts as old, unseen; collections of all objects find garbage in it too.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def run_task(task: Task) -> Outcome:
    """Run one point; whatever goes wrong becomes part of the outcome."""
    wall, cpu = time.perf_counter(), time.process_time()

    def outcome(status: str, metrics: dict[str, Any], error: str) -> Outcome:
        took = time.perf_counter() - wall, time.process_time() - cpu
        return Outcome(task.digest, status, metrics, error, *took)

    if task.code != code_digest():
        message = "the worker runs another version of f2fsim than the sweep: install the same one"
        return outcome("failed", {}, message)
    try:
        # Layers that are read again are new ones each time: nothing of them can be shared.
        keeps = KEPT.keeps(task.workload)
        with _no_collections(), sharing(_SHARED) if keeps else nullcontext():
            result = simulate(
                task.arch,
                task.workload,
                isolated=True,
                engine=task.engine,
                read_layers=KEPT.layers,
            )
        return outcome("ok", metrics_of(result), "")
    except InputError as error:
        return outcome("invalid", {}, str(error))
    except F2fsimError as error:
        return outcome("failed", {}, str(error))
    except Exception as error:  # a fault of the program must not end the other points
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('f2fsim/')[2]}:{place.lineno}"
        return outcome("failed", {}, f"{type(error).__name__}: {error} (in {where})")


def metrics_of(result: SimResult) -> dict[str, Any]:
    """Return the figures of a result as flat plain data.

    Energy and area are None where the architecture has no cost model; ``energy_pj.<part>`` and
    ``area_um2.<part>`` hold their shares.  Bounds and stalls are sums over layers, repeats counted.
    """
    stats: dict[str, float] = {}
    for layer in result.layers:
        for key, value in layer.codec_stats.items():
            if key.startswith("n_"):
                stats[key] = stats.get(key, 0) + value
    care, unmatched = stats.get("n_care_bits", 0), stats.get("n_unmatched_bits", 0)
    energy, area = result.energy_pj, dict(result.area_um2)
    metrics: dict[str, Any] = {
        "seconds": result.seconds,
        "n_cycles": result.n_cycles,
        "energy_pj": sum(energy.values()) if energy else None,
        "area_um2": sum(area.values()) if area else None,
        "bits_per_weight": result.bits_per_weight,
        "bits_per_weight_without_mask": result.bits_per_weight_without_mask,
        "dram_bytes": result.n_bytes,
        "effective_gmacs_per_second": result.effective_gmacs_per_second,
        "pe_utilisation": result.pe_utilisation,
        "encoding_efficiency": 1 - unmatched / care if care else None,
        "bound_cycles": sum(layer.bound * layer.repeat for layer in result.layers),
        "measured_sparsity": _sparsity(result),
        "n_unmatched_bits": unmatched if care else None,
    }
    metrics |= {f"energy_pj.{part}": value for part, value in sorted(energy.items())}
    return metrics | {f"area_um2.{part}": value for part, value in sorted(area.items())}


def _sparsity(result: SimResult) -> float:
    n_weights = sum(layer.n_weights for layer in result.layers)
    return 1 - sum(layer.n_kept for layer in result.layers) / n_weights if n_weights else 0.0
