"""Files of mixed and of broken conventions: right, or refused in one line that names the tensor."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from f2fsim.errors import DataError
from f2fsim.pipeline.encode_file import encode
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.conventions.checkpoint import Checkpoint, open_checkpoint
from f2fsim.workloads.import_model import import_model
from f2fsim.workloads.statistics import iterate_statistics

Tensors = dict[str, np.ndarray]


def floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def plain(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    weight = floats(rng, 8, 16)
    return {f"{p}.weight": weight, f"{p}.bias": floats(rng, 8)}, weight


def pruned(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    weight, mask = floats(rng, 8, 16), (rng.random((8, 16)) < 0.5).astype(np.float32)
    return {f"{p}.weight_orig": weight, f"{p}.weight_mask": mask}, weight * mask


def masked(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    weight, mask = floats(rng, 8, 16), rng.random((8, 16)) < 0.5
    return {f"{p}.weight": weight, f"{p}.mask": mask}, weight * mask


def channel(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    codes, scales = rng.integers(-127, 128, (8, 16), dtype=np.int8), floats(rng, 8, 1)
    return {f"{p}.weight": codes, f"{p}.weight_scale": scales}, codes * scales


def gptq(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    words = rng.integers(-(2**31), 2**31, (4, 8), dtype=np.int32)
    zeros = np.full((2, 1), 0x77777777, np.int32)
    scales = rng.random((2, 8)).astype(np.float16)
    codes = (words.astype(np.int64)[:, None, :] >> (4 * np.arange(8))[None, :, None] & 15) - 8
    exact = codes.reshape(32, 8) * scales.astype(np.float32).repeat(16, axis=0)
    group_of = np.arange(32, dtype=np.int32) // 16
    return {f"{p}.qweight": words, f"{p}.qzeros": zeros, f"{p}.scales": scales,
            f"{p}.g_idx": group_of}, exact.T  # fmt: skip


def bitmask(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    dense = floats(rng, 8, 16) * (rng.random((8, 16)) < 0.4)
    counts = np.count_nonzero(dense, axis=1)
    return {
        f"{p}.weight.compressed": dense[dense != 0],
        f"{p}.weight.bitmask": np.packbits(dense != 0, axis=1, bitorder="little"),
        f"{p}.weight.shape": np.array([8, 16]),
        f"{p}.weight.row_offsets": np.cumsum(counts) - counts,
    }, dense


def packed(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    words, scales = rng.integers(-(2**31), 2**31, (8, 4), dtype=np.int32), floats(rng, 8, 2)
    codes = (words.astype(np.int64)[..., None] >> (4 * np.arange(8)) & 15) - 8
    exact = codes.reshape(8, 32) * scales.repeat(16, axis=1)
    return {f"{p}.weight_packed": words, f"{p}.weight_scale": scales,
            f"{p}.weight_shape": np.array([8, 32])}, exact  # fmt: skip


def bits8(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    codes, maxima = rng.integers(-127, 128, (8, 16), dtype=np.int8), rng.random(8) + 0.5
    scale = maxima.astype(np.float32) / np.float32(127)
    return {f"{p}.weight": codes, f"{p}.SCB": maxima.astype(np.float32)}, codes * scale[:, None]


def norm(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    g, v = floats(rng, 8, 1), floats(rng, 8, 16)
    return {f"{p}.weight_g": g, f"{p}.weight_v": v}, g * v / np.linalg.norm(v, axis=1)[:, None]


def nf4(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    code, maxima = np.sort(floats(rng, 16)), rng.random(2).astype(np.float32)
    fields = rng.integers(0, 16, (8, 16), dtype=np.uint8)
    state = {"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [8, 16]}
    raw = np.frombuffer(json.dumps(state).encode(), np.uint8)
    flat = fields.ravel()
    return {
        f"{p}.weight": (flat[::2] << 4 | flat[1::2])[:, None],
        f"{p}.weight.absmax": maxima,
        f"{p}.weight.quant_map": code,
        f"{p}.weight.quant_state.bitsandbytes__nf4": raw,
    }, (code[flat] * maxima.repeat(64)).reshape(8, 16)


def blocks(p: str, rng: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    raw = rng.integers(0, 256, (8, 1, 16), dtype=np.uint8)
    powers = rng.integers(120, 130, (8, 1), dtype=np.uint8)
    half = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    fields = np.stack([raw & 15, raw >> 4], axis=-1).reshape(8, 32)
    exact = np.concatenate([half, -half])[fields] * 2.0 ** (powers.astype(int) - 127)
    return {f"{p}.proj_blocks": raw, f"{p}.proj_scales": powers}, exact


MAKERS: dict[str, Callable[[str, np.random.Generator], tuple[Tensors, np.ndarray]]] = {
    m.__name__: m
    for m in (plain, pruned, masked, channel, gptq, bitmask, packed, bits8, norm, nf4, blocks)
}
MIXED = [*list(itertools.combinations(MAKERS, 3))[::5], tuple(MAKERS)]


@pytest.mark.parametrize("kinds", MIXED, ids="-".join)
def test_mixed_conventions_are_right_in_every_command(
    tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(len(kinds))
    tensors: Tensors = {"optimizer.state.0.exp_avg": floats(rng, 8, 16)}
    exact: Tensors = {}
    for i, kind in enumerate(kinds):
        made, weight = MAKERS[kind](f"layers.{i}", rng)
        tensors |= made
        exact[f"layers.{i}"] = weight
    path = tmp_path / "m.safetensors"
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path)
    workload = import_model(str(path), folder=tmp_path)
    assert len(workload.layers) == len(kinds)
    whole = {d.layer.name: d for d in iterate_layers(workload.with_overrides(weight_type="fp32"))}
    for name, data in whole.items():
        prefix = ".".join(name.split(".")[:2])
        values = data.tensor.patterns.view(np.float32)
        np.testing.assert_allclose(values, exact[prefix], rtol=1e-6)
    rows = encode(path, format="dense").rows
    assert [row.tensor for row in rows] == [layer.tensor for layer in workload.layers]
    statistics = list(iterate_statistics(workload))
    assert [s.layer for s in statistics] == [layer.name for layer in workload.layers]
    assert [s.n_kept for s in statistics] == [row.n_kept for row in rows]
    checkpoint = open_checkpoint(path)
    assert isinstance(checkpoint, Checkpoint)
    account = checkpoint.account({str(layer.tensor) for layer in workload.layers})
    assert account.data_bytes == account.layer_bytes + account.listed_bytes
    assert account.data_bytes == sum(array.nbytes for array in tensors.values())


def broken_files() -> list[tuple[str, str, str]]:
    """Convention, its tensor, and what is done to it: every part lost, cut short or widened."""
    rng = np.random.default_rng(0)
    found = []
    for kind, make in MAKERS.items():
        for name in make("fc", rng)[0] if kind != "plain" else ():
            found += [(kind, name, what) for what in ("lost", "cut", "doubled")]
    return found


#: What a change leaves meaningful: the file then says something else, not nothing.
OTHER_MEANING = {
    ("pruned", "fc.weight_mask", "doubled"), ("masked", "fc.mask", "lost"),
    ("channel", "fc.weight_scale", "lost"),
    ("bits8", "fc.SCB", "lost"), ("gptq", "fc.g_idx", "lost"),
    ("bitmask", "fc.weight.row_offsets", "cut"), ("bitmask", "fc.weight.row_offsets", "doubled"),
    ("masked", "fc.weight", "lost"), ("channel", "fc.weight_scale", "cut"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "what"), broken_files())
def test_broken_conventions_are_refused_in_one_line(
    tmp_path: Path, kind: str, name: str, what: str
) -> None:
    tensors, _ = MAKERS[kind]("fc", np.random.default_rng(3))
    array = tensors.pop(name)
    if what == "cut":
        tensors[name] = array[:-1]
    elif what == "doubled":
        tensors[name] = np.concatenate([array, array])
    tensors["other.weight"] = np.ones((4, 4), np.float32)
    path = tmp_path / "b.safetensors"
    save_file({n: np.ascontiguousarray(a) for n, a in tensors.items()}, path)
    said = []
    for use in (lambda: import_model(str(path), folder=tmp_path),
                lambda: encode(path, format="dense")):  # fmt: skip
        try:
            use()
        except DataError as error:
            said.append(str(error))
    if (kind, name, what) in OTHER_MEANING:
        return
    assert len(said) == 2, f"{len(said)} of two commands refuse it: {said}"
    for text in said:
        assert "\n" not in text
        assert str(path) in text
        assert any(repr(other) in text for other in [*tensors, name])
