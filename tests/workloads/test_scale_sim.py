"""SCALE-Sim topologies: both forms, its rounding, its depthwise mark, its errors."""

import math
from pathlib import Path

import pytest

from f2fsim.errors import DataError
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.scale_sim import import_scale_sim

HEADER = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
    "Strides,\n"
)
CONV = (
    HEADER + "Conv1, 230, 231, 7, 7, 3, 64, 2,\n\nDP1,114,114,3,3,32,1,1,\nlast, 9,9,2,2,4,5,2,3,\n"
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
    tabs = import_scale_sim(write(tmp_path, CONV.replace(",", "\t")))
    assert tabs.layers == import_scale_sim(write(tmp_path, CONV)).layers


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (HEADER + "AlphaGoZero,\n\n", "headings and no layer"),
        (HEADER + "Conv#2, 5, 5,\n", "net.csv:2: a layer needs a name and 7 numbers"),
        ("", "is no topology"),
        (HEADER, "is no topology"),
        (HEADER + "Conv1, 230, 230, 7, 7, 3,\n", "net.csv:2: a layer needs a name and 7 numbers"),
        (HEADER + "Conv1, 230, 230, 7, x7, 3, 64, 2,\n", "net.csv:2: column 5: .* got 'x7'"),
        (HEADER + "Conv1, 230, 230, 7, 0, 3, 64, 2,\n", "net.csv:2: column 5: must be a positive"),
        (HEADER + "Conv1, 5, 230, 7, 7, 3, 64, 2,\n", "net.csv:2: the filter 7x7 is larger"),
        (GEMM + "a, 64, 1e3, 3,\n", "net.csv:4: column 3: .* got '1e3'"),
        (GEMM.replace("512,\n", "512, 2:4,\n", 1) + "b,1,2,3,1:4,\n", "different N:M sparsities"),
    ],
)
def test_wrong_files_name_line_and_column(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        import_scale_sim(write(tmp_path, text))
