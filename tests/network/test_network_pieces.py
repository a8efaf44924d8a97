"""Networks of many weights: where they are cut, and that pieces are runs of their own."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from small_llama import small_llama

from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch
from f2fsim.config.graph import network_nodes
from f2fsim.config.workload import Workload
from f2fsim.errors import InputError
from f2fsim.network import pieces
from f2fsim.network.pieces import cut_stages, needed_later
from f2fsim.network.stages import build_stages
from f2fsim.pipeline import simulate
from f2fsim.results.parse import parse_result
from f2fsim.workloads import LayerData, iterate_layers


def stages_of(workload: Workload) -> Any:
    return build_stages(network_nodes(workload.layers, workload.operations, workload.batch))


def test_a_piece_of_llama_is_a_block() -> None:
    stages = stages_of(load_workload("llama7b_decode"))
    found = cut_stages(stages)
    assert [piece.start for piece in found] == [0, *(piece.stop for piece in found[:-1])]
    assert found[-1].stop == len(stages)
    assert len(found) == 33  # 32 blocks, then the output projection
    for number, piece in enumerate(found[:-1]):
        names = {stages[i].name.split(".")[1] for i in piece if stages[i].name[:6] == "layer."}
        assert names == {str(number)}
    # What the next block takes, and nothing else.
    assert all(len(needed_later(stages, piece)) == 1 for piece in found[:-1])


def test_small_networks_are_one_piece() -> None:
    for name in ("opennsfw", "resnet50", "bert_base", "smollm2"):
        stages = stages_of(load_workload(name))
        assert cut_stages(stages) == [range(len(stages))]


def test_cuts_keep_attention_and_its_cache_and_the_runs_of_a_layer_together() -> None:
    stages = stages_of(small_llama(n_blocks=2))
    largest = max(getattr(stage.work, "n_weights", 0) for stage in stages)
    for most in (1, largest, 3 * largest):
        for piece in cut_stages(stages, most):
            assert not stages[piece.start].name.endswith("attention")
    repeated = Workload.model_validate(
        {
            "name": "w",
            "synthetic": {"distribution": "normal"},
            "layers": [
                {"name": n, "op": "linear", "in_features": 8, "out_features": 8, "repeat": 3}
                for n in "ab"
            ],
        }
    )
    assert cut_stages(stages_of(repeated), 64) == [range(3), range(3, 6)]


@pytest.mark.parametrize("name", ["f2f_edge", "csr_edge", "dense_edge"])
def test_pieces_are_as_if_blocks_were_run_one_after_another(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without refresh: it begins anew in each piece, and 224 cycles are much of so short a run.
    arch = load_arch(name).with_values({"memory.refresh": False})
    workload = small_llama(n_blocks=2, context=20)
    whole = simulate(arch, workload, cache=None)
    of_block = sum(layer.n_weights for layer in workload.layers) // 2
    monkeypatch.setattr(pieces, "MOST_WEIGHTS", of_block)
    monkeypatch.setattr(pieces.cut_stages, "__defaults__", (of_block,))
    cut, event = (
        simulate(arch, workload, engine=engine, cache=None) for engine in ("compiled", "event")
    )
    assert cut.network == event.network
    assert cut.network.n_pieces == 2
    assert any("2 pieces" in note for note in cut.network.notes)
    # Nothing is fetched ahead across the cut, and one map goes through memory there.
    names = {one.name for one in whole.network.tensors if one.place == "scratchpad"}
    across = names - {one.name for one in cut.network.tensors if one.place == "scratchpad"}
    assert len(across) == 1
    # Weights that are fetched ahead keep the bus from the write of the new tokens' keys and values,
    # which attention waits for: so short a run may lose by it (7 % on csr_edge).
    assert 0.9 * whole.n_cycles <= cut.n_cycles <= 1.3 * whole.n_cycles
    n_bits = next(one.n_bits for one in whole.network.tensors if one.name in across)
    moved = [sum(s.payload_bits for s in one.network.streams if s.is_write) for one in (whole, cut)]
    assert moved[1] == moved[0] + n_bits
    assert [stage.name for stage in cut.network.stages] == [s.name for s in whole.network.stages]
    assert cut.network.cache_bits == whole.network.cache_bits
    for part in cut.network.components:
        assert part.busy_cycles + part.stalled_cycles + part.idle_cycles == part.total_cycles
        assert part.total_cycles <= cut.n_cycles + 1
    assert parse_result(cut.to_dict()) == cut
    with pytest.raises(InputError, match="run in 2 pieces"):
        simulate(arch, workload, functional=True, cache=None)


def test_weights_of_a_piece_are_gone_when_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seven billion weights pass through: no more than one piece is held at any time."""
    workload = small_llama(n_blocks=4, context=20)
    of_block = sum(layer.n_weights for layer in workload.layers) // 4
    monkeypatch.setattr(pieces.cut_stages, "__defaults__", (of_block,))
    read: list[weakref.ref[Any]] = []
    alive = []

    def watched(workload: Workload) -> Iterator[LayerData]:
        for data in iterate_layers(workload):
            gc.collect()
            alive.append(sum(one() is not None for one in read))
            read.append(weakref.ref(data.tensor))
            yield data

    gc.freeze()  # all that other tests left would be gone through each time
    try:
        found = simulate("dense_edge", workload, cache=None, read_layers=watched)
    finally:
        gc.unfreeze()
    assert found.network.n_pieces == 4
    # The layers of the piece that is being read, and one that a generator holds.
    assert max(alive) <= len(workload.layers) // 4 + 1


def test_exhaustive_schedules_are_of_layers_by_themselves() -> None:
    arch = load_arch("dense_edge").with_values({"schedule": "exhaustive"})
    with pytest.raises(InputError, match="isolated"):
        simulate(arch, small_llama(), cache=None)
