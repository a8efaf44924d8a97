"""Masks (.smtx) and MatrixMarket files: what is read, networks of them, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy import io, sparse

from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.config import load_workload
from f2fsim.config.workload_yaml import workload_text
from f2fsim.errors import ConfigError, DataError, InputError
from f2fsim.explore.points import weights_digest
from f2fsim.pipeline.encode_file import encode
from f2fsim.workloads import iterate_layers, open_model
from f2fsim.workloads.import_model import import_model

SHAPES = {"conv_1": (8, 27), "conv_2": (6, 8), "conv_10": (10, 6)}


def smtx(mask: np.ndarray) -> str:
    """Write a mask as DLMC does."""
    offsets = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    indices = np.nonzero(mask)[1]
    head = f"{mask.shape[0]}, {mask.shape[1]}, {int(mask.sum())}"
    return "\n".join([head, " ".join(map(str, offsets)), " ".join(map(str, indices))]) + "\n"


@pytest.fixture
def masks(tmp_path: Path) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    made = {name: rng.random(shape) < 0.3 for name, shape in SHAPES.items()}
    folder = tmp_path / "rn50" / "magnitude_pruning" / "0.7"
    folder.mkdir(parents=True)
    for name, mask in made.items():
        (folder / f"{name}.smtx").write_text(smtx(mask))
    return made


def folder_of(tmp_path: Path) -> Path:
    return tmp_path / "rn50" / "magnitude_pruning" / "0.7"


def test_a_network_of_masks_has_synthetic_values_and_the_masks_exactly(
    tmp_path: Path, masks: dict[str, np.ndarray]
) -> None:
    files = [str(folder_of(tmp_path) / f"{name}.smtx") for name in ("conv_2", "conv_10")]
    out = tmp_path / "net.yaml"
    with pytest.raises(SystemExit) as end:
        console.run(lambda: app(["workload", "from", *files, "-o", str(out), "--tokens", "5"]))
    assert end.value.code == 0
    workload = load_workload(out)
    assert workload.name == "rn50-magnitude_pruning-0.7"
    assert "values synthetic" in workload.description
    assert workload.masks is not None
    assert workload.masks.file == "rn50/magnitude_pruning/0.7"
    loaded = list(iterate_layers(workload))
    assert [d.layer.name for d in loaded] == ["conv_2", "conv_10"]
    for data in loaded:
        np.testing.assert_array_equal(data.tensor.mask, masks[data.layer.name])
        assert data.layer.n_columns == 5
        assert data.origins["weights"] == "synthetic"
        assert data.origins["sparsity"] == "measured"


def test_a_folder_is_a_network_in_the_order_of_its_numbers(
    tmp_path: Path, masks: dict[str, np.ndarray]
) -> None:
    workload = import_model(str(folder_of(tmp_path)), folder=tmp_path)
    assert [layer.name for layer in workload.layers] == list(SHAPES)
    assert [layer.shape for layer in workload.layers] == list(SHAPES.values())


def test_output_positions_come_from_the_collection_s_root(
    tmp_path: Path, masks: dict[str, np.ndarray]
) -> None:
    table = tmp_path / "rn50_batchsizes.txt"
    table.write_text("conv_10,49\nother,3\nconv_1,3136\nconv_2,784\n")
    workload = import_model(str(folder_of(tmp_path)), folder=tmp_path)
    assert [layer.n_columns for layer in workload.layers] == [3136, 784, 49]
    assert "rn50_batchsizes.txt" in workload.description
    with pytest.raises(InputError, match="--tokens has no effect"):
        import_model(str(folder_of(tmp_path)), folder=tmp_path, tokens=4)
    table.write_text("conv_10,49\nconv_1,3136\n")
    with pytest.raises(InputError, match="no output positions of 'conv_2'"):
        import_model(str(folder_of(tmp_path)), folder=tmp_path)
    table.write_text("other,49\n")
    workload = import_model(str(folder_of(tmp_path)), folder=tmp_path, tokens=4)
    assert [layer.n_columns for layer in workload.layers] == [4, 4, 4]
    table.write_text("conv_10,49\nconv_1,0\n")
    with pytest.raises(DataError, match=r"rn50_batchsizes.txt:2: must be 'name,output positions'"):
        import_model(str(folder_of(tmp_path)), folder=tmp_path)


def test_matrix_market_values_and_patterns(tmp_path: Path) -> None:
    dense = np.array([[0.0, -1.5, 0.0], [2.0, 0.0, 0.25]])
    io.mmwrite(tmp_path / "values.mtx", sparse.coo_matrix(dense))
    io.mmwrite(tmp_path / "array.mtx", dense)
    io.mmwrite(tmp_path / "mask.mtx", sparse.coo_matrix(dense != 0), field="pattern")
    for name in ("values", "array"):
        np.testing.assert_array_equal(open_model(tmp_path / f"{name}.mtx").read(name), dense)
    workload = import_model(
        [str(tmp_path / "values.mtx"), str(tmp_path / "array.mtx")], folder=tmp_path
    )
    assert workload.synthetic is None
    assert [d.tensor.n_kept for d in iterate_layers(workload)] == [3, 3]
    alone = import_model(str(tmp_path / "mask.mtx"), folder=tmp_path)
    assert alone.synthetic is not None
    np.testing.assert_array_equal(next(iterate_layers(alone)).tensor.mask, dense != 0)
    with pytest.raises(InputError, match="cannot be mixed"):
        import_model(str(tmp_path), folder=tmp_path)


@pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric"])
@pytest.mark.parametrize("field", ["real", "integer"])
def test_matrix_market_as_scipy_writes_it(tmp_path: Path, symmetry: str, field: str) -> None:
    rng = np.random.default_rng(4)
    dense = np.round(rng.normal(size=(6, 6)) * 9) * (rng.random((6, 6)) < 0.5)
    lower = np.tril(dense, -1)
    made = {
        "general": dense, "symmetric": lower + lower.T + np.diag(np.diag(dense)),
        "skew-symmetric": lower - lower.T,
    }[symmetry]  # fmt: skip
    for form in (sparse.coo_matrix(made), made):
        io.mmwrite(tmp_path / "a.mtx", form, comment="a\nb", field=field, symmetry=symmetry)
        np.testing.assert_array_equal(open_model(tmp_path / "a.mtx").read("a"), made)
    twice = "%%MatrixMarket matrix coordinate real general\n%\n\n2 2 2\n2 1 1.5\n2 1 1\n"
    (tmp_path / "a.mtx").write_text(twice)
    assert open_model(tmp_path / "a.mtx").read("a").tolist() == [[0, 0], [2.5, 0]]


def test_masks_hold_for_every_override_and_every_record(
    tmp_path: Path, masks: dict[str, np.ndarray]
) -> None:
    workload = import_model(str(folder_of(tmp_path)), folder=tmp_path)
    with pytest.raises(ConfigError, match=r"the masks of .* say what is pruned"):
        workload.with_overrides(sparsity=0.9)
    one = workload.with_overrides(layers=["conv_2"], weight_type="bf16")
    np.testing.assert_array_equal(next(iterate_layers(one)).tensor.mask, masks["conv_2"])
    before = weights_digest(workload)
    other = masks["conv_2"].copy()
    other[0, 0] ^= True
    (folder_of(tmp_path) / "conv_2.smtx").write_text(smtx(other) + " ")
    assert weights_digest(workload) != before
    # What is written loads as the same workload.
    (tmp_path / "w.yaml").write_text(workload_text(workload))
    assert load_workload(tmp_path / "w.yaml") == workload


def test_a_mask_of_another_shape_names_layer_and_line(
    tmp_path: Path, masks: dict[str, np.ndarray]
) -> None:
    text = workload_text(import_model(str(folder_of(tmp_path)), folder=tmp_path))
    (tmp_path / "w.yaml").write_text(text.replace("in_features: 27", "in_features: 26"))
    with pytest.raises(DataError, match=r"w\.yaml:\d+: layers\.0: .*has shape \(8, 27\)"):
        list(iterate_layers(load_workload(tmp_path / "w.yaml")))
    (tmp_path / "w.yaml").write_text(text.replace("mask: conv_2,", ""))
    assert len(list(iterate_layers(load_workload(tmp_path / "w.yaml")))) == 3
    (tmp_path / "w.yaml").write_text(text.replace("mask: conv_2,", "mask: conv_3,"))
    with pytest.raises(DataError, match=r"has no tensor 'conv_3' \(did you mean 'conv_2'"):
        list(iterate_layers(load_workload(tmp_path / "w.yaml")))


GOOD = "2, 3, 3\n0 2 3\n0 2 1\n"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "a.smtx:1: must be 'rows, columns, nnz'"),
        ("2 3 3\n0 2 3\n0 2 1\n", "a.smtx:1: must be"),
        ("9" * 500 + "\n", "a.smtx:1: must be"),
        ("0, 3, 0\n0\n\n", "is not that of an array in memory"),
        ("9999999999, 9999999999, 0\n0\n", "is not that of an array in memory"),
        ("100000, 100000, 1\n0\n", "fewer than one in 4096 is stored"),
        ("2, 3, 7\n0 2 7\n0 2 1\n", "stores 7 values in 6 cells"),
        ("200, 300, 3000\n0 2 3\n0 2 1\n", "cut short"),
        ("2, 3, 3\n0 2\n0 2 1\n", "a.smtx:2: needs 3 numbers, got 2"),
        ("2, 3, 3\n0 2 3\n0 2\n\n", "a.smtx:3: needs 3 numbers, got 2"),
        ("2, 3, 3\n0 2 3\n0 2 3\n", "a.smtx:3: must be 0 to 2, got 3"),
        ("2, 3, 3\n0 2 3\n0 -2 1\n", "a.smtx:3: must be 0 to 2, got -2"),
        ("2, 3, 3\n0 2 2\n0 2 1\n", "a.smtx:2: row offsets must rise from 0 to 3"),
        ("2, 3, 3\n3 2 3\n0 2 1\n", "a.smtx:2: row offsets must rise"),
        ("2, 3, 3\n0 2 3\n0 0 1\n", "a.smtx:3: a column index stands twice"),
        ("2, 3, 3\n0 2 3\n0 x 1\n", "a.smtx:3: must be whole numbers"),
        ("2, 3, 3\n0 2 3\n0 1.5 1\n", "a.smtx:3: must be whole numbers"),
        (GOOD + "1 2\n", "a.smtx:4: a mask has three lines"),
    ],
)
def test_broken_masks_name_line_and_rule(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "a.smtx"
    path.write_text(GOOD)
    assert open_model(path).read("a").tolist() == [[True, False, True], [False, True, False]]
    path.write_text(text)
    with pytest.raises(DataError, match=rule):
        open_model(path).read("a")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("hello\n", "not a MatrixMarket file"),
        ("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 0\n", "'complex'"),
        ("%%MatrixMarket matrix coordinate real general\n90000 90000 1\n1 1 1\n", "fewer than"),
        ("%%MatrixMarket matrix coordinate real general\n900 900 90000\n1 1 1\n", "cut short"),
        ("%%MatrixMarket matrix array real general\n900 900\n1\n", "cut short"),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1\n", "outside 1 to 2"),
        ("%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 1 \n\n\n\n", "got 3 numbers"),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1.5 1 1\n", "lies at 1.5, outside"),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 x\n", "got other words"),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2\n1 1 1\n",
            "a.mtx:2: must be rows, col",
        ),
        ("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n", "must be square"),
        ("%%MatrixMarket matrix array real hermitian\n2 2\n1\n1\n1\n", "'array hermitian' is not"),
        ("%%MatrixMarket tensor coordinate real general\n2 2 1\n1 1 1\n", "not a MatrixMarket"),
    ],
)
def test_broken_matrix_market_files(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "a.mtx"
    path.write_text(text)
    with pytest.raises(DataError, match=rule):
        open_model(path).read("a")


def test_encode_refuses_a_mask(tmp_path: Path) -> None:
    (tmp_path / "a.smtx").write_text(GOOD)
    with pytest.raises(DataError, match="masks without values"):
        encode(tmp_path / "a.smtx")


def test_sets_that_are_no_network(tmp_path: Path, masks: dict[str, np.ndarray]) -> None:
    first = folder_of(tmp_path) / "conv_1.smtx"
    elsewhere = tmp_path / "conv_2.smtx"
    elsewhere.write_text(GOOD)
    with pytest.raises(InputError, match="one network, one folder"):
        import_model([str(first), str(elsewhere)])
    with pytest.raises(InputError, match="each must be a matrix"):
        import_model([str(first), str(tmp_path / "net.onnx")])
    with pytest.raises(InputError, match="has no tensor 'conv_3'"):
        import_model([str(first), str(first.with_name("conv_3.smtx"))])
    with pytest.raises(InputError, match="matrices take no option"):
        import_model(str(first), spatial=(3,))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        import_model(str(tmp_path / "empty"))
    (first.parent / "conv_1.mtx").write_text("%%MatrixMarket matrix array real general\n1 1\n1\n")
    with pytest.raises(DataError, match="two files are called 'conv_1'"):
        import_model(str(first.parent))


def test_a_machine_s_pattern_holds_for_what_a_mask_leaves(
    tmp_path: Path, masks: dict[str, np.ndarray]
) -> None:
    workload = import_model(str(folder_of(tmp_path)), folder=tmp_path).in_pattern(1, 2)
    for data in iterate_layers(workload):
        columns = data.layer.n_reduction // 2 * 2
        both = masks[data.layer.name][:, :columns].reshape(-1, 2)
        kept = data.tensor.mask[:, :columns].reshape(-1, 2)
        assert (kept.sum(axis=1) == 1).all()
        one = both.sum(axis=1) == 1
        np.testing.assert_array_equal(kept[one], both[one])
