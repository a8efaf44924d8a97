"""Shipped workloads against published figures, each with its source."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from peak_memory import run_measured

from f2fsim import shipped
from f2fsim.config import Workload, load_workload
from f2fsim.config.workload_yaml import workload_text
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.sources import open_weights, tensor_shape


def excluded(workload: Workload) -> int:
    return sum(entry.macs for entry in workload.excluded)


def test_resnet50() -> None:
    """torchvision: 25 557 032 parameters, 4.09 GMAC; 53 120 are in batch norms, 1000 biases."""
    workload = load_workload("resnet50")
    assert workload.n_weights == 25_557_032 - 53_120 - 1000
    assert workload.macs / 1e9 == pytest.approx(4.09, abs=0.005)
    assert len(workload.layers) == 54


def test_mobilenet_v2() -> None:
    """torchvision: 3 504 872 parameters (34 112 in batch norms, 1000 biases); paper: 300 M MACs."""
    workload = load_workload("mobilenet_v2")
    assert workload.n_weights == 3_504_872 - 34_112 - 1000
    assert workload.macs / 1e6 == pytest.approx(300, rel=0.005)


def test_bert_base() -> None:
    """Devlin et al.: 110 M parameters; MobileBERT (Sun et al. 2020): 22.5 GFLOP at 128 tokens."""
    workload = load_workload("bert_base")
    # Biases and norms: 12 layers of (4·768 + 3072 + 768 + 4·768), embeddings' norm, pooler's bias.
    vectors = 12 * (4 * 768 + 3072 + 768 + 4 * 768) + 2 * 768 + 768
    tables = sum(entry.n_weights for entry in workload.excluded)
    assert workload.n_weights + tables + vectors == 109_482_240  # as published with the model
    assert 2 * (workload.macs + excluded(workload)) / 1e9 == pytest.approx(22.5, rel=0.01)


#: Vaswani et al. 2017, table 3: layers, width, feed-forward and key sizes (all heads together) of
#: the base model and of its rows (B) and (C), with the millions of parameters printed there.
TRANSFORMERS = [
    (6, 512, 2048, 512, 65), (2, 512, 2048, 512, 36), (4, 512, 2048, 512, 50),
    (8, 512, 2048, 512, 80), (6, 256, 2048, 256, 28), (6, 1024, 2048, 1024, 168),
    (6, 512, 1024, 512, 53), (6, 512, 4096, 512, 90), (6, 512, 2048, 128, 58),
    (6, 512, 2048, 256, 60),
]  # fmt: skip


def transformer_weights(n: int, width: int, inner: int, keys: int, rows: int) -> int:
    """Weights of n encoder layers, n decoder layers (two attentions each) and the shared table."""
    attention = 2 * width * keys + 2 * width * width
    return n * (3 * attention + 2 * 2 * width * inner) + rows * width


def test_transformer_base() -> None:
    """The ten models of the paper's table fix the rows of the shared table: 41 099 to 41 288."""
    workload = load_workload("transformer_base")
    rows = workload.layer("output").n_outputs
    assert workload.n_weights == transformer_weights(6, 512, 2048, 512, rows)
    assert round(workload.n_weights / 1e6) == 65
    for *sizes, millions in TRANSFORMERS:
        assert round(transformer_weights(*sizes, rows) / 1e6) == millions
    for other in (41_000, 41_400, 37_000):
        misses = [m for *s, m in TRANSFORMERS if round(transformer_weights(*s, other) / 1e6) != m]
        assert misses
    assert workload.macs == 30 * workload.n_weights
    step = load_workload("transformer_base_decode")
    # A step runs all of the decoder but the keys and values of the source.
    assert step.macs == 6 * (4_194_304 - 2 * 512 * 512) + rows * 512


def test_llama_7b() -> None:
    """LLaMA-7B has 6 738 415 616 parameters: layers, two vocabularies of 32 000, 65 norms."""
    workload = load_workload("llama7b_decode")
    tables = sum(entry.n_weights for entry in workload.excluded)
    assert workload.n_weights + tables + 65 * 4096 == 6_738_415_616
    layer = load_workload("llama7b_layer_decode")
    assert 32 * layer.n_weights + 32_000 * 4096 == workload.n_weights
    prefill = load_workload("llama7b_layer_prefill")
    assert prefill.macs == 512 * layer.macs


def test_lstm_ptb_large() -> None:
    """Zaremba et al. 2014: the large model has 66 million parameters."""
    workload = load_workload("lstm_ptb_large")
    tables = sum(entry.n_weights for entry in workload.excluded)
    assert (workload.n_weights + tables) / 1e6 == pytest.approx(66, abs=0.5)
    assert [layer.repeat for layer in workload.layers] == [35, 35, 1]


@pytest.mark.weights
def test_efficientnet_lite0() -> None:
    """TensorFlow's table of the Lite models: 4.7 M parameters."""
    model = open_weights(load_workload("efficientnet_lite0"))
    assert model is not None
    statistics = re.compile(r"running_|num_batches")
    sizes = {n: math.prod(model.shape(n)) for n in model.names() if not statistics.search(n)}
    assert sum(sizes.values()) / 1e6 == pytest.approx(4.7, abs=0.05)
    matrices = sum(size for name, size in sizes.items() if len(model.shape(name)) > 1)
    assert load_workload("efficientnet_lite0").n_weights == matrices


@pytest.mark.parametrize("name", sorted(shipped.names("workloads")))
def test_text_reads_back_and_a_layer_runs(name: str, tmp_path: Path) -> None:
    workload = load_workload(name)
    path = tmp_path / "copy.yaml"
    path.write_text(workload_text(workload))
    assert load_workload(path).model_dump() == workload.model_dump()
    assert load_workload(path).digest() == workload.digest()
    small = min(workload.layers, key=lambda layer: layer.n_weights)
    if small.n_weights < 2**25:
        data = next(iterate_layers(workload, [small.name]))
        assert data.tensor.shape == small.shape


@pytest.mark.weights
@pytest.mark.parametrize("name", ["minilm", "efficientnet_lite0", "smollm2"])
def test_all_tensors_of_trained_workloads_fit(name: str) -> None:
    workload = load_workload(name)
    model = open_weights(workload)
    assert model is not None
    for layer in workload.layers:
        assert model.shape(str(layer.tensor)) == tensor_shape(layer)


STREAM = """
from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.sources import open_weights, tensor_shape
names = ["layer.0.gate", "layer.31.down"]
n = sum(d.tensor.n_kept for d in iterate_layers(load_workload("llama7b_decode"), names))
print(n)
"""


@pytest.mark.slow
def test_seven_billion_weights_come_one_layer_at_a_time() -> None:
    words, peak_kib = run_measured(STREAM)
    assert words == [str(2 * math.ceil(4096 * 11008 / 2))]
    assert peak_kib < 2 * 2**20


def test_synthetic_layers_are_the_same_whatever_else_is_drawn() -> None:
    workload = load_workload("resnet50").with_overrides(sparsity=0.5)
    alone = next(iterate_layers(workload, ["layer1.0.conv2"]))
    both = list(iterate_layers(workload, ["conv1", "layer1.0.conv2"]))[1]
    np.testing.assert_array_equal(alone.tensor.patterns, both.tensor.patterns)
