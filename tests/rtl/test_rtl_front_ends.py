"""Verilog of every front end on real encoded streams: bits, cycles, lint."""

import numpy as np
import pytest

from f2fsim.codec.tensor import PrunedTensor, weight_type
from f2fsim.config.arch import load_arch
from f2fsim.errors import InputError
from f2fsim.hw.arrays.bank_gather import gather_windows
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.csr import CsrDevice
from f2fsim.rtl.csr_rounds import rounds_of
from f2fsim.rtl.cycles import random_gaps
from f2fsim.rtl.device import Unit
from f2fsim.rtl.front_ends import DEVICES, device_for_layer
from f2fsim.rtl.gathers import serve
from f2fsim.rtl.nm import NmDevice
from f2fsim.rtl.run_length import RunLengthDevice
from f2fsim.rtl.synthesis import synthesise

#: Machine, changes of its front end, changes of its array: small enough for a few seconds.
SMALL = {
    "f2f": ("f2f_edge", {"groups": 1, "n_s": 3}, {}),
    "bitmap": ("bitmap_edge", {"block": 32, "aligner_weights": 8}, {"weights_per_cycle": 8}),
    "huffman": ("huffman_edge", {"block": 32, "n_decoders": 4}, {"weights_per_cycle": 4}),
    "csr": ("csr_edge", {}, {"n_pes": 4, "n_banks": 8, "window": 6, "columns": 1}),
    "csr, own reads": (
        "csr_edge",
        {},
        {"n_pes": 5, "n_banks": 2, "window": 4, "columns": 1, "shared_reads": False},
    ),
    "csc_relative": ("eie", {}, {"n_pes": 3, "fifo_depth": 2}),
    "nm": ("nm_edge", {"groups_per_cycle": 4}, {"weights_per_cycle": 8}),
    "rle": ("scnn_like", {"entries_per_cycle": 6}, {"weights_per_cycle": 6}),
}


def arch_of(kind):
    name, of_front_end, of_array = SMALL[kind]
    arch = load_arch(name)
    if "n_banks" in of_array:
        of_array = dict(of_array)
        arch = arch.with_values({"scratchpad.n_banks": of_array.pop("n_banks")})
    front_end = arch.front_end.model_copy(update=of_front_end)
    return arch.model_copy(
        update={"front_end": front_end, "pe_array": arch.pe_array.model_copy(update=of_array)}
    )


def layer(kind, shape=(26, 90), seed=4):
    """Weights with dense, empty and very uneven rows; 2:4 for N:M."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.2 * rng.exponential(1.0, (shape[0], 1))
    mask[3] = False
    if kind == "nm":
        mask = np.argsort(rng.random((shape[0], -(-shape[1] // 4), 4)), axis=2) < 2
        mask = mask.reshape(shape[0], -1)[:, : shape[1]]
    patterns = np.where(mask, rng.integers(0, 256, shape), 0).astype(np.uint8)
    return PrunedTensor("layer", patterns, mask, weight_type("int8"))


def test_every_front_end_with_verilog_is_here():
    assert set(DEVICES) <= set(SMALL)


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("kind", SMALL)
def test_bits_and_cycles_of_real_streams(kind):
    job = device_for_layer(arch_of(kind), layer(kind))
    outcome = cosimulate(job.bench(random_gaps(1, 4)))
    assert outcome.message.startswith(f"PASS {outcome.n_items} ")
    assert outcome.n_items > 50


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize("kind", SMALL)
def test_verilog_is_clean(kind):
    device = device_for_layer(arch_of(kind), layer(kind)).device
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator", device.top) == ""


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize(("n_pes", "n_banks", "window"), [(4, 8, 4), (5, 2, 3), (8, 16, 16)])
def test_gathers_take_the_cycles_of_the_machine(n_pes, n_banks, window, shares):
    tensor = layer("csr")
    counts = tensor.mask.sum(axis=1)
    rounds = rounds_of(counts, n_pes)
    columns = np.zeros(rounds.active.shape, dtype=np.int64)
    for p in range(n_pes):
        own = np.nonzero(tensor.mask[p::n_pes])[1]
        columns[: own.size, p] = own
    served = serve(rounds.active, columns, n_banks, window, shares=shares)
    cycles = gather_windows(tensor, n_pes, n_banks, window, shares=shares).cycles
    ends = np.flatnonzero(served.last) + 1
    np.testing.assert_array_equal(np.diff(ends, prepend=0), cycles)


def test_what_has_no_verilog_is_refused():
    with pytest.raises(InputError, match="no Verilog for front end 'dense'"):
        device_for_layer(load_arch("dense_edge"), layer("dense"))
    with pytest.raises(InputError, match="not through its nm front end"):
        device_for_layer(load_arch("nm_edge"), layer("bitmap"))
    with pytest.raises(InputError, match="banks must be a power of two from 2, got 6"):
        CsrDevice(4, 6, 4, 8, 4, 4)
    with pytest.raises(InputError, match=r"entry_fifo must be at least 7"):
        RunLengthDevice(4, 4, 20, entry_fifo=6)
    with pytest.raises(InputError, match="got 5:4"):
        NmDevice(5, 4, 2)


@pytest.mark.needs("yosys")
def test_units_are_synthesised_with_their_levels():
    device = NmDevice(2, 4, 2)
    (unit,) = device.units()
    found = synthesise(device, unit)
    # 4 slots of {place in the group, value} (the group is a constant), and the handshake's flag.
    assert found.cells.dff == 4 * (2 + 8) + 1
    assert 1 <= found.levels <= 10
    assert isinstance(unit, Unit)
