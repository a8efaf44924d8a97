"""Workload files: defaults, overrides, schema, and each mistake in one line with its place."""

from pathlib import Path

import pytest

from f2fsim.codec import WEIGHT_TYPES
from f2fsim.config import Workload, load_workload
from f2fsim.errors import ConfigError, InputError

GOOD = """\
name: tiny
synthetic: {distribution: normal}
layers:
  - {name: fc, op: linear, in_features: 8, out_features: 4}
  - {name: conv, op: conv2d, in_channels: 3, out_channels: 4, kernel: [3, 3], input_size: [8, 8]}
"""


def load(folder: Path, text: str) -> Workload:
    path = folder / "w.yaml"
    path.write_text(text)
    return load_workload(path)


def test_defaults_and_totals(tmp_path: Path) -> None:
    workload = load(tmp_path, GOOD)
    assert workload.folder == tmp_path
    assert (workload.weight_type, workload.batch, workload.pruning.method) == ("int8", 1, "none")
    assert workload.n_weights == 32 + 108
    assert workload.macs == 32 + 108 * 36
    assert workload.layer("conv").n_columns == 36


def test_overrides(tmp_path: Path) -> None:
    workload = load(tmp_path, GOOD)
    other = workload.with_overrides(sparsity=0.75, weight_type="bf16", batch=4, seed=9)
    assert (other.pruning.method, other.pruning.sparsity) == ("magnitude", 0.75)
    assert (other.weight_type, other.batch, other.seed, other.folder) == ("bf16", 4, 9, tmp_path)
    assert other.layer("conv").n_columns == 4 * 36
    assert other.with_overrides(batch=1).macs == workload.macs
    assert workload.with_overrides().digest() == workload.digest() != other.digest()
    nm = workload.with_overrides(pruning={"method": "nm", "n": 2, "m": 4})
    assert nm.with_overrides(sparsity=0.5).pruning == nm.pruning
    with pytest.raises(ConfigError, match=r"2:4 pruning fixes it to 0.5, got 0.9"):
        nm.with_overrides(sparsity=0.9)
    assert [la.name for la in workload.with_overrides(layers=["conv"]).layers] == ["conv"]
    exclude = {"method": "magnitude", "sparsity": 0.5, "exclude": ["fc", "c*"]}
    left = workload.with_overrides(pruning=exclude).with_overrides(layers=["conv"])
    assert left.pruning.exclude == ("c*",)
    with pytest.raises(InputError, match=r"has no layer 'cnv' \(did you mean 'conv'\?\)"):
        workload.with_overrides(layers=["cnv"])
    for changes, rule in (
        ({"sparsity": 1.5}, "sparsity: .*less than or equal to 1, got 1.5"),
        ({"weight_type": "int9"}, "weight_type: .*'int8'.*got 'int9'"),
        ({"batch": 0}, "batch: .*got 0"),
        ({"seed": -1}, "seed: .*got -1"),
    ):
        with pytest.raises(ConfigError, match=rule):
            workload.with_overrides(**changes)


def test_own_batch_of_a_layer(tmp_path: Path) -> None:
    text = GOOD.replace("in_features: 8", "in_features: 8, batch: 5") + "batch: 2\n"
    workload = load(tmp_path, text)
    assert [layer.batch for layer in workload.layers] == [5, 2]


def test_names_of_types_and_schema() -> None:
    schema = Workload.model_json_schema()
    names = schema["properties"]["weight_type"]["enum"]
    assert set(names) == set(WEIGHT_TYPES)
    layer = schema["properties"]["layers"]["items"]
    assert set(layer["discriminator"]["mapping"]) == {
        "linear", "lstm", "conv1d", "conv2d", "conv3d", "conv_transpose",
    }  # fmt: skip
    assert "description" in schema["$defs"]["MagnitudePruning"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("in_features: 8", "in_featurs: 8", r"w.yaml:4: layers.0.*did you mean 'in_features'"),
        ("in_features: 8", "in_features: 0", r"w.yaml:4: layers.0.in_features: .*got 0"),
        ("in_features: 8", "in_features: 8.5", r"w.yaml:4: layers.0.in_features: .*got 8.5"),
        ("op: linear", "op: liner", r"w.yaml:4: layers.0.*'linear'"),
        ("name: conv", "name: fc", r"layer name 'fc' is used twice"),
        ("kernel: [3, 3]", "kernel: [3]", r"w.yaml:5: .*kernel: must have 2 numbers"),
        ("synthetic: {distribution: normal}", "batch: 2", "exactly one of weights and synthetic"),
        ("distribution: normal", "distribution: norm", r"w.yaml:2: synthetic.distribution"),
        ("name: fc", "name: fc, tensor: w", r"layer 'fc' cannot have a tensor"),
        ("name: tiny", "name: ''", r"w.yaml:1: name"),
        ("synthetic:", "pruning: {method: magnitude}\nsynthetic:", r"w.yaml:2: pruning.sparsity"),
        ("synthetic:", "pruning: {method: nm, n: 5, m: 4}\nsynthetic:", r"n: must be ≤ m"),
        (
            "synthetic:",
            "pruning: {method: row_uneven, sparsity: 0.5, row_cv: 2.0}\nsynthetic:",
            r"row_cv: must be < 1 at sparsity 0.5",
        ),
        (
            "synthetic:",
            "pruning: {method: magnitude, sparsity: 0.5, exclude: [fcc*]}\nsynthetic:",
            r"the pattern 'fcc\*' matches no layer",
        ),
        (
            "synthetic: {distribution: normal}\nlayers:\n  - {name: fc,",
            "synthetic: {distribution: normal}\npruning: {method: nm, n: 2, m: 4}\n"
            "layers:\n  - {name: fc, sparsity: 0.5,",
            r"layer 'fc' cannot have a sparsity: n:m fixes it",
        ),
        (
            "synthetic:",
            "pruning: {method: magic}\nsynthetic:",
            r"w.yaml:2: pruning.method: must be one of none, magnitude, .*got 'magic'",
        ),
        (
            "name: fc,",
            "name: fc, pruning: {method: nm, n: 5, m: 4},",
            r"w.yaml:4: layers.0.pruning.n: must be ≤ m \(4\), got 5",
        ),
        (
            "name: fc,",
            "name: fc, sparsity: 0.5, pruning: {method: none},",
            r"w.yaml:4: layers.0.sparsity: .*sparsity and pruning cannot be given together",
        ),
        (
            "synthetic:",
            "pruning: {method: none, layers: [{match: fc, sparsity: 0.5}]}\nsynthetic:",
            "method none prunes nothing",
        ),
        (
            "synthetic:",
            "pruning: {method: none, layers: [{match: fc}]}\nsynthetic:",
            "exactly one of sparsity and pruning must be given",
        ),
        ("name: fc,", "name: fc, mask: fc,", r"w.yaml:4: layers.0.mask: .* needs a file of masks"),
        ("synthetic:", "masks: {file: a.npz}\nsynthetic:", "no layer names a mask of it"),
        ("synthetic:", "weight_type: int7\nsynthetic:", r"w.yaml:2: weight_type: .*got 'int7'"),
    ],
)
def test_mistakes_name_file_line_and_rule(tmp_path: Path, old: str, new: str, rule: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=rule):
        load(tmp_path, GOOD.replace(old, new, 1))


def test_no_layers_and_wrong_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="layers"):
        load(tmp_path, "name: a\nsynthetic: {distribution: normal}\nlayers: []\n")
    with pytest.raises(ConfigError, match="layers: key is required"):
        load(tmp_path, "name: a\nsynthetic: {distribution: normal}\n")
    with pytest.raises(ConfigError, match=r"did you mean 'resnet50'\?"):
        load_workload("resnet5")
    with pytest.raises(ConfigError, match="is a folder"):
        load_workload(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_workload(tmp_path / "none.yaml")
    package = "weights: {file: ../x.onnx, package: a}"
    with pytest.raises(ConfigError, match="must be a path inside package 'a'"):
        load(tmp_path, GOOD.replace("synthetic: {distribution: normal}", package))
