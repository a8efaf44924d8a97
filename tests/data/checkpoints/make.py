"""Makes the checkpoints beside this file with the libraries whose conventions they follow.

Needs torch, compressed-tensors and bitsandbytes, which the tests do not: the files are small and
kept.  ``python make.py`` writes each file and ``expected.npz``, the weights as the library itself
reads them (``FILE/TENSOR``) and, where it has one, the mask (``FILE/TENSOR/mask``).  The sparse
formats of compressed-tensors need a version before 0.13: ``python make.py sparse``.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

HERE = Path(__file__).parent
EXPECTED: dict[str, np.ndarray] = {}


def expect(file: str, name: str, weight: torch.Tensor, mask: torch.Tensor | None = None) -> None:
    EXPECTED[f"{file}/{name}"] = weight.detach().resolve_neg().to(torch.float32).numpy().copy()
    if mask is not None:
        EXPECTED[f"{file}/{name}/mask"] = mask.to(torch.bool).numpy().copy()


def save(file: str, state: dict[str, torch.Tensor], config: dict | None = None) -> None:
    """Write a safetensors file; its quantisation goes into its own metadata."""
    metadata = {} if config is None else {"quantization_config": json.dumps(config)}
    tensors = {name: tensor.detach().contiguous() for name, tensor in state.items()}
    save_file(tensors, HERE / f"{file}.safetensors", metadata=metadata)


def pruned_models() -> None:
    model = nn.Sequential(nn.Linear(12, 8), nn.LSTM(8, 6))
    prune.random_unstructured(model[0], "weight", 0.5)
    prune.ln_structured(model[1], "weight_hh_l0", 0.5, n=2, dim=0)
    save("torch_prune", model.state_dict())
    expect("torch_prune", "0.weight", model[0].weight, model[0].weight_mask)
    hidden = model[1]
    expect("torch_prune", "1.weight_hh_l0", hidden.weight_hh_l0, hidden.weight_hh_l0_mask)
    from torch.ao.pruning import WeightNormSparsifier

    sparse = nn.Sequential(nn.Linear(16, 8))
    sparsifier = WeightNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 4))
    sparsifier.prepare(sparse, [{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    save("torch_sparsifier", sparse.state_dict())
    # Its state leaves out the masks: the file does not say which weights are pruned.


def normed_models() -> None:
    for file, wrap in (("torch_weight_norm_old", weight_norm),
                       ("torch_weight_norm_new", parametrizations.weight_norm),
                       ("torch_spectral_norm_old", spectral_norm),
                       ("torch_spectral_norm_new", parametrizations.spectral_norm)):  # fmt: skip
        layer = wrap(nn.Conv1d(4, 6, 3))
        for _ in range(3):
            layer(torch.randn(1, 4, 9))
        layer.eval()
        layer(torch.randn(1, 4, 9))
        save(file, {f"conv.{name}": t for name, t in layer.state_dict().items()})
        expect(file, "conv.weight", layer.weight)
    both = parametrizations.weight_norm(nn.Linear(5, 4), dim=None)
    parametrize.register_parametrization(both, "bias", nn.Identity())
    save("torch_weight_norm_whole", both.state_dict())
    expect("torch_weight_norm_whole", "weight", both.weight)


def torch_files() -> None:
    dense = torch.randn(8, 12) * (torch.rand(8, 12) < 0.4)
    blocks = torch.randn(8, 12) * torch.kron(torch.rand(4, 4) < 0.5, torch.ones(2, 3))
    weights = torch.randn(8, 12)
    per_channel = torch.quantize_per_channel(
        weights, torch.rand(8) / 40 + 0.01, torch.randint(-9, 9, (8,)), 0, torch.qint8
    )
    per_tensor = torch.quantize_per_tensor(weights, 0.037, 121, torch.quint8)
    state = {
        "coo.weight": dense.to_sparse_coo(),
        "csr.weight": dense.to_sparse_csr(),
        "csc.weight": dense.to_sparse_csc(),
        "bsr.weight": blocks.to_sparse_bsr((2, 3)),
        "bsc.weight": blocks.to_sparse_bsc((2, 3)),
        "rows.weight": dense.to_sparse_coo().coalesce(),
        "hybrid.weight": dense.to_sparse(1),
        "e4m3.weight": weights.to(torch.float8_e4m3fn),
        "e5m2.weight": weights.to(torch.float8_e5m2),
        "e4m3z.weight": weights.to(torch.float8_e4m3fnuz),
        "bf16.weight": weights.to(torch.bfloat16),
        "channel.weight": per_channel,
        "tensor.weight": per_tensor,
        "parameter.weight": nn.Parameter(weights.T),
        "negative.weight": torch._neg_view(weights),
        "fft.weight": weights.to(torch.complex64),
        "u16": torch.zeros(3, dtype=torch.uint16),
    }
    torch.save(state, HERE / "torch_tensors.pth")
    for name, tensor in state.items():
        if name not in ("fft.weight", "u16"):
            plain = tensor.dequantize() if tensor.is_quantized else tensor
            plain = plain if plain.layout == torch.strided else plain.to_dense()
            mask = None
            if tensor.layout != torch.strided:
                mask = plain != 0
                if name in ("bsr.weight", "bsc.weight"):
                    mask = torch.kron(blocks.reshape(4, 2, 4, 3).abs().amax((1, 3)) > 0,
                                      torch.ones(2, 3))  # fmt: skip
                if name == "hybrid.weight":
                    mask = (plain != 0).any(1, keepdim=True).expand_as(plain)
            expect("torch_tensors", name, plain, mask)


def training_run() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.LSTM(8, 10, proj_size=4))
    optimiser = torch.optim.Adam(model.parameters())
    model[0](torch.randn(2, 6)).sum().backward()
    optimiser.step()
    average = torch.optim.swa_utils.AveragedModel(model)
    content = {"epoch": 1, "model": model.state_dict(), "optimizer": optimiser.state_dict(),
               "ema": average.module.state_dict(), "rng_state": torch.get_rng_state()}  # fmt: skip
    for file, zipped in (("torch_run", True), ("torch_run_legacy", False)):
        torch.save(content, HERE / f"{file}.pth", _use_new_zipfile_serialization=zipped)
        expect(file, "model.0.weight", model[0].weight)
        expect(file, "model.1.weight_hr_l0", model[1].weight_hr_l0)


def compressed() -> None:
    import compressed_tensors
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    cases = {
        "int4_group": ("pack-quantized", {"num_bits": 4, "strategy": "group", "group_size": 16}),
        "int4_asym": ("pack-quantized", {"num_bits": 4, "strategy": "group", "group_size": 16,
                                         "symmetric": False}),
        "int8_channel_packed": ("pack-quantized", {"num_bits": 8, "strategy": "channel"}),
        "int3_group": ("pack-quantized", {"num_bits": 3, "strategy": "group", "group_size": 24}),
        "int8_channel": ("int-quantized", {"num_bits": 8, "strategy": "channel"}),
        "int8_asym": ("int-quantized", {"num_bits": 8, "strategy": "channel", "symmetric": False}),
        "int8_tensor": ("int-quantized", {"num_bits": 8, "strategy": "tensor"}),
        "fp8_channel": ("float-quantized", {"num_bits": 8, "type": "float",
                                            "strategy": "channel"}),
        "fp8_block": ("float-quantized", {"num_bits": 8, "type": "float", "strategy": "block",
                                          "block_structure": [4, 16]}),
        "nvfp4": ("nvfp4-pack-quantized", {"num_bits": 4, "type": "float",
                                           "strategy": "tensor_group", "group_size": 16}),
        "mxfp4": ("mxfp4-pack-quantized", {"num_bits": 4, "type": "float", "strategy": "group",
                                           "group_size": 32}),
        "mxfp6": ("mxfp6-pack-quantized", {"num_bits": 6, "type": "float", "strategy": "group",
                                           "group_size": 32}),
        "mxfp8": ("mxfp8-quantized", {"num_bits": 8, "type": "float", "strategy": "group",
                                      "group_size": 32}),
    }  # fmt: skip
    for name, (form, arguments) in cases.items():
        columns = 48 if name == "int3_group" else 64
        weight = torch.randn(16, columns) + (0.5 if "asym" in name else 0.0)
        args = QuantizationArgs(**arguments)
        scheme = QuantizationScheme(targets=["Linear"], weights=args)
        state = {"weight": weight, **_parameters(weight, args, form)}
        compressor = BaseCompressor.get_value_from_registry(form)
        stored = compressor.compress(state, scheme)
        back = compressor.decompress(dict(stored), scheme)["weight"]
        if form.startswith("nvfp4"):
            # The library multiplies in bfloat16; the codes and scales mean this.
            codes = unpack_fp4_from_uint8(stored["weight_packed"], 16, 64, torch.float32)
            scale = stored["weight_scale"].float() / stored["weight_global_scale"]
            back = codes * scale.repeat_interleave(16, dim=1)
        groups = {"group_0": {"weights": json.loads(args.model_dump_json())}}
        config = {"quant_method": "compressed-tensors", "format": form, "config_groups": groups,
                  "version": compressed_tensors.__version__}  # fmt: skip
        save(f"ct_{name}", {f"fc.{key}": t for key, t in stored.items()}, config)
        expect(f"ct_{name}", "fc.weight", back)


def _parameters(weight: torch.Tensor, args, form: str) -> dict[str, torch.Tensor]:
    """Scales, zero points and global scale as an observer of the absolute maximum finds them."""
    n = weight.shape[1]
    size = {"channel": n, "tensor": n}.get(args.strategy, args.group_size or n)
    if args.strategy == "block":
        rows, columns = args.block_structure
        blocks = weight.reshape(-1, rows, n // columns, columns)
        return {"weight_scale": blocks.abs().amax((1, 3)) / 448}
    groups = weight.reshape(weight.shape[0], -1, size)
    high = {"int": 2 ** (args.num_bits - 1) - 1, "float": {4: 6.0, 6: 7.5, 8: 448.0}.get(
        args.num_bits)}[args.type]  # fmt: skip
    if not args.symmetric:
        low, top = groups.amin(2), groups.amax(2)
        scale = (top - low) / (2**args.num_bits - 1)
        zero = torch.round(-(2 ** (args.num_bits - 1)) - low / scale)
        limit = 2 ** (args.num_bits - 1)
        return {"weight_scale": scale,
                "weight_zero_point": zero.clamp(-limit, limit - 1).to(torch.int8)}  # fmt: skip
    scale = groups.abs().amax(2) / high
    if args.strategy == "tensor":
        return {"weight_scale": scale.amax().reshape(1)}
    if form.startswith("mxfp"):
        return {"weight_scale": 2.0 ** torch.ceil(torch.log2(scale))}
    if form.startswith("nvfp4"):
        whole = 448.0 * 6.0 / weight.abs().amax().reshape(1)
        return {"weight_scale": (scale * whole).to(torch.float8_e4m3fn).to(torch.float32),
                "weight_global_scale": whole}  # fmt: skip
    return {"weight_scale": scale}


def compressed_sparse() -> None:
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.config import BitmaskConfig, Sparse24BitMaskConfig

    weight = torch.randn(8, 20) * (torch.rand(8, 20) < 0.3)
    two_four = torch.randn(8, 24).to(torch.bfloat16)
    for name, config, dense in (("sparse-bitmask", BitmaskConfig(), weight),
                                ("sparse-24-bitmask", Sparse24BitMaskConfig(), two_four)):  # fmt: skip
        compressor = BaseCompressor.load_from_registry(name, config=config)
        file = "ct_" + name.replace("-", "_")
        stored = dict(compressor.compress_weight("fc.weight", dense))
        save(
            file,
            stored,
            {"quant_method": "compressed-tensors", "sparsity_config": {"format": name}},
        )
        parts = {key.rsplit(".", 1)[1]: tensor for key, tensor in stored.items()}
        back = compressor.decompress_weight(parts)
        expect(file, "fc.weight", back, back != 0)


def bits_and_bytes() -> None:
    from bitsandbytes.functional import (
        dequantize_4bit,
        int8_vectorwise_dequant,
        int8_vectorwise_quant,
        quantize_4bit,
    )

    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            weight = torch.randn(16, 40).to(torch.bfloat16 if nested else torch.float16)
            codes, state = quantize_4bit(weight, blocksize=64, quant_type=kind,
                                         compress_statistics=nested)  # fmt: skip
            file = f"bnb_{kind}{'_nested' if nested else ''}"
            parts = {f"fc.weight.{k}": v for k, v in state.as_dict(packed=True).items()}
            save(file, {"fc.weight": codes, **parts})
            expect(file, "fc.weight", dequantize_4bit(codes, state))
    weight = torch.randn(6, 20).to(torch.float16)
    codes, maxima, _ = int8_vectorwise_quant(weight)
    save("bnb_int8", {"fc.weight": codes, "fc.SCB": maxima,
                      "fc.weight_format": torch.tensor(0, dtype=torch.uint8)})  # fmt: skip
    expect("bnb_int8", "fc.weight", int8_vectorwise_dequant(codes, maxima))


def main() -> None:
    sparse = sys.argv[1:] == ["sparse"]
    torch.manual_seed(7)
    if sparse:
        compressed_sparse()
    else:
        for make in (pruned_models, normed_models, torch_files, training_run, compressed,
                     bits_and_bytes):  # fmt: skip
            make()
    target = HERE / ("expected_sparse.npz" if sparse else "expected.npz")
    np.savez_compressed(target, **EXPECTED)


if __name__ == "__main__":
    main()
