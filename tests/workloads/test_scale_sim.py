"""SCALE-Sim topologies: both forms, its rounding, its depthwise mark, its errors."""

import math
from pathlib import Path

import pytest

from f2fsim.config import load_workload
from f2fsim.config.workload_yaml import workload_text
from f2fsim.errors import DataError
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.scale_sim import import_scale_sim

HEADER = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
    "Strides,\n"
)
TWO = HEADER.replace("Strides", "Stride height, Stride width")
CONV = (
    TWO
    + "Conv1, 230, 231, 7, 7, 3, 64, 2,2,\n\nDP1,114,114,3,3,32,1,1,1,\nlast, 9,9,2,2,4,5,2,3,\n"
)
GEMM = "Layer, M, N, K,\nqkv, 64, 1536, 512,\nqkv, 64, 512, 512,\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "net.csv"
    path.write_text(text)
    return path


def test_convolutions_have_the_sizes_that_scale_sim_computes(tmp_path: Path) -> None:
    workload = import_scale_sim(write(tmp_path, CONV))
    assert [la.name for la in workload.layers] == ["Conv1", "DP1", "last"]
    stem, depthwise, last = workload.layers
    # ceil((IFMAP - filter + stride) / stride), as in its documentation of hyper-parameters.
    rows, columns = math.ceil((230 - 7 + 2) / 2), math.ceil((231 - 7 + 2) / 2)
    assert (stem.n_outputs, stem.n_reduction, stem.n_columns) == (64, 147, rows * columns)
    assert (depthwise.n_groups, depthwise.n_outputs, depthwise.n_columns) == (32, 1, 112 * 112)
    assert last.n_columns == math.ceil((9 - 2 + 2) / 2) * math.ceil((9 - 2 + 3) / 3)
    assert all(d.origins["weights"] == "synthetic" for d in iterate_layers(workload))


def test_products(tmp_path: Path) -> None:
    workload = import_scale_sim(write(tmp_path, GEMM), name="attention")
    first, second = workload.layers
    assert (first.n_outputs, first.n_reduction, first.n_columns) == (1536, 512, 64)
    assert second.name == "qkv#2"
    assert workload.macs == 64 * 512 * 2048


def test_sparsity_column(tmp_path: Path) -> None:
    workload = import_scale_sim(write(tmp_path, GEMM.replace("512,\n", "512, 1:4,\n")))
    assert {d.tensor.sparsity for d in iterate_layers(workload)} == {0.75}
    dense = import_scale_sim(write(tmp_path, GEMM.replace("512,\n", "512, 4:4,\n")))
    assert dense.pruning.method == "none"


def test_headings_comments_and_tabs(tmp_path: Path) -> None:
    text = HEADER + "\nZero,\nConv, 19, 19, 3, 3, 17, 256, 1,\nOther,,,\nConv,9,9,3,3,1,1,2,#dw\n"
    workload = import_scale_sim(write(tmp_path, text))
    assert [(la.name, la.shape) for la in workload.layers] == [
        ("Zero/Conv", (256, 153)),
        ("Other/Conv", (1, 9)),
    ]
    commented = import_scale_sim(write(tmp_path, HEADER + "#a, 9,\nC, 9,9,3,3,1,1,2, # 4, 5\n"))
    assert commented.layers[0].shape == (1, 9)
    tabs = import_scale_sim(write(tmp_path, CONV.replace(",", "\t")))
    assert tabs.layers == import_scale_sim(write(tmp_path, CONV)).layers


def test_one_row_without_a_ratio_is_dense(tmp_path: Path) -> None:
    text = HEADER.replace("Strides", "Strides, Sparsity") + (
        "C1,16,16,3,3,8,8,1,2:4,\nC2,14,14,3,3,8,8,1,,\nC3,14,14,3,3,8,8,1\n"
    )
    workload = import_scale_sim(write(tmp_path, text))
    assert workload.pruning.method == "none"
    kept = {d.layer.name: d.tensor.sparsity for d in iterate_layers(workload)}
    assert kept == {"C1": 0.5, "C2": 0.0, "C3": 0.0}


def test_each_layer_has_its_own_ratio(tmp_path: Path) -> None:
    text = HEADER.replace("Strides", "Strides, Sparsity") + (
        "C1,16,16,3,3,8,8,1,2:4,\nC2,14,14,3,3,8,8,1,1:4,\nC3,14,14,3,3,8,8,1,4:4,\n"
    )
    workload = import_scale_sim(write(tmp_path, text))
    (tmp_path / "w.yaml").write_text(workload_text(workload))
    loaded = load_workload(tmp_path / "w.yaml")
    assert loaded.digest() == workload.digest()
    kept = {d.layer.name: d.tensor.sparsity for d in iterate_layers(loaded)}
    assert kept == {"C1": 0.5, "C2": 0.75, "C3": 0.0}


def test_blank_and_note_columns_move_no_value(tmp_path: Path) -> None:
    text = HEADER.replace("Strides,", "Strides,,,Eh,Ew,e2") + (
        ",,,,,,,,,,,,\nStem,32,32,5,5,3,8,2,,,15,15,225\nNext,14,14,1,1,8,8,1,,,,,\n"
    )
    workload = import_scale_sim(write(tmp_path, text))
    assert workload.macs == 15 * 15 * 75 * 8 + 14 * 14 * 8 * 8 == 147_544
    assert workload.layers[0].strides == (2, 2)
    assert "not read: Eh, Ew, e2" in workload.description


def test_a_file_without_a_header_loses_no_layer(tmp_path: Path) -> None:
    conv = import_scale_sim(write(tmp_path, "A,56,56,3,3,16,64,2,\nB,56,56,3,3,16,64,2,2:4\n"))
    assert [(la.name, la.shape, la.n_columns) for la in conv.layers] == [
        ("A", (64, 144), 28 * 28),
        ("B", (64, 144), 28 * 28),
    ]
    assert [la.pruning is None for la in conv.layers] == [True, False]
    products = import_scale_sim(write(tmp_path, "A,2,3,4,\n"))
    assert products.macs == 24
    with pytest.raises(DataError, match=r"net.csv:1: is no header, and 8 numbers do not tell"):
        import_scale_sim(write(tmp_path, "A,56,56,3,3,16,64,2,1\n"))


def test_batch_and_columns_without_effect(tmp_path: Path) -> None:
    head = HEADER.replace("Strides", "Strides, Padding, Batch Size, Groups")
    workload = import_scale_sim(write(tmp_path, head + "C,9,9,3,3,4,5,1,0,7,1,\nD,9,9,3,3,4,5,1\n"))
    assert [layer.n_columns for layer in workload.layers] == [7 * 49, 49]
    for cells in ("1,1,1", "0,1,4"):
        with pytest.raises(DataError, match="is no column of SCALE-Sim and must be"):
            import_scale_sim(write(tmp_path, head + f"C,9,9,3,3,4,5,1,{cells},\n"))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (HEADER + "AlphaGoZero,\n\n", "headings and no layer"),
        (HEADER + "Conv#2, 5, 5,\n", r"net.csv:2: column 4 \(Filter Height\): .* it is blank"),
        ("", "is no topology"),
        (HEADER, "is no topology"),
        ("hello\n", "net.csv:1: is no topology: column 2 must be IFMAP Height, the header has no"),
        (HEADER + ", 230, 230, 7, 7, 3, 64, 2,\n", "net.csv:2: column 1: a layer needs a name"),
        (
            HEADER + "C, 230, 230, 7, 7, 3, 64, 2, 110\n",
            "column 9: the header has no name for '110'",
        ),
        (
            HEADER + "FC, 1, 1, 1, , 1 2, 2, 1\n",
            r"net.csv:2: column 5 \(Filter Width\): .* is blank",
        ),
        (
            HEADER.replace("Channels, ", ""),
            "column 6 must be Channels, the header says 'Num Filter'",
        ),
        (HEADER.replace("Strides", "Strides, Stride, Stride"), "a second column of stride"),
        (TWO + "C, 9, 9, 3, 3, 1, 1, 2,\n", "net.csv:2: the second stride is blank"),
        (TWO.replace(",\n", ",Sparsity\n") + "C,9,9,3,3,1,1,2,2,5:4\n", "must have N ≤ M"),
        (TWO.replace(",\n", ",Sparsity\n") + "C,9,9,3,3,1,1,2,2,0.5\n", "must be N:M, got '0.5'"),
        ("Layer,M,N,K,Stride\na,1,2,3,4\n", "net.csv:2: a product has no stride"),
        (
            HEADER + "Conv1, 230, 230, 7, x7, 3, 64, 2,\n",
            r"net.csv:2: column 5 \(Filter Width\): .* got 'x7'",
        ),
        (
            HEADER + "Conv1, 230, 230, 7, 0, 3, 64, 2,\n",
            r"net.csv:2: column 5 \(.*\): must be a positive",
        ),
        (HEADER + "Conv1, 5, 230, 7, 7, 3, 64, 2,\n", "net.csv:2: the filter 7x7 is larger"),
        (GEMM + "a, 64, 1e3, 3,\n", r"net.csv:4: column 3 \(N\): .* got '1e3'"),
    ],
)
def test_wrong_files_name_line_and_column(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        import_scale_sim(write(tmp_path, text))
