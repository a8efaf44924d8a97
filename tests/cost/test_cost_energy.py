"""Energy: a hand-computed two-layer case to the digit, rules of the terms, ranges."""

import pytest

from f2fsim.config.cost import load_cost_table
from f2fsim.cost import (
    CostShape,
    GateCount,
    amounts,
    energy_terms,
    layer_energy_pj,
    ratio_range,
    static_bound_pj,
    sum_terms,
)
from f2fsim.cost.energy import EnergyTerm
from f2fsim.errors import InputError
from f2fsim.results import ComponentStats, MemoryStats, StreamStats

TABLE = load_cost_table()


def component(name, **actions):
    return ComponentStats(name, name, 10**9, 10, 10, 0, {}, 10, actions)


def memory(preset="LPDDR4-3200", **energy_pj):
    return MemoryStats(preset, 1, 10**9, 1e9, 10, 10, 0, {}, {}, energy_pj)


def stream(n_bursts):
    return StreamStats("weights", False, 0, n_bursts, 32, 0, 0, 0, 0)


def test_two_layers_by_hand():
    # Layer 1: 1000 int8 MACs x 0.3 = 300 pJ; 256 B from a 32 KiB bank x 1.25 = 320 pJ;
    # 10 bursts x 32 B x 8 = 2560 bits x 8 pJ (LPDDR4) = 20 480 pJ.
    first = layer_energy_pj(
        [component("pe", mac_int8=1000), component("scratchpad", sram_read_byte=256)],
        memory(),
        TABLE,
        shape=CostShape(sram_bank_bytes={"scratchpad": 32768}),
        streams=[stream(7), stream(3)],
    )
    assert first == {"pe": 300.0, "scratchpad": 320.0, "dram": 20480.0}
    # Layer 2: 50 blocks of a decoder of 100 XOR2, 20 DFF, 30 NAND2, 10 INV:
    # 50 x (100 x 0.003 + 20 x 0.008 + 40 x 0.001) = 50 x 0.5 = 25 pJ; 7 patches x 0.06 = 0.42 pJ;
    # 64 B written to an 8 KiB bank at half the energy = 64 x 0.625 = 40 pJ;
    # 500 gated fp16 x 0.2 = 100 pJ and 200 done x 2.0 = 400 pJ; DRAM as the model says 123.5 pJ.
    second = layer_energy_pj(
        [
            component("decoder", xor_decode=50),
            component("patches", patch=7),
            component("scratchpad", sram_write_byte=64),
            component("pe", mac_fp16=200, mac_fp16_gated=500),
        ],
        memory("HBM2", activate=100.0, read=23.5),
        TABLE,
        shape=CostShape({"scratchpad": 8192}, GateCount(xor2=100, dff=20, nand2=30, inv=10)),
    )
    hand = {"decoder": 25.0, "patches": 0.42, "scratchpad": 40.0, "pe": 500.0, "dram": 123.5}
    assert second == pytest.approx(hand, rel=1e-12)
    assert list(second) == list(hand)


def test_levels_are_ordered_and_linear():
    components = [component("pe", mac_int8=3, accumulate=5), component("f", fifo_byte=11)]
    low, typical, high = (
        layer_energy_pj(components, None, TABLE, level=level)
        for level in ("low", "typical", "high")
    )
    assert all(low[name] < typical[name] < high[name] for name in typical)
    doubled = [component("pe", mac_int8=6, accumulate=10), component("f", fifo_byte=22)]
    assert layer_energy_pj(doubled, None, TABLE) == {n: 2 * v for n, v in typical.items()}


def test_unsigned_types_cost_as_signed():
    signed = layer_energy_pj([component("pe", mac_int8=9, mac_int8_gated=2)], None, TABLE)
    unsigned = layer_energy_pj([component("pe", mac_uint8=9, mac_uint8_gated=2)], None, TABLE)
    assert signed == unsigned


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"mac_int7": 1}, r"no 'mac_int7' \(did you mean"),
        ({"xor_decode": 1}, "no decoder cells"),
        ({"sram_read_byte": 1}, "no bank size"),
    ],
)
def test_what_cannot_be_priced_is_refused(actions, message):
    with pytest.raises(InputError, match=message):
        layer_energy_pj([component("pe", **actions)], None, TABLE)


def test_dram_standard_is_found_by_prefix():
    assert TABLE.dram("hbm2_2000x8").typical == 5.1
    assert TABLE.dram("LPDDR4X").typical == 8
    with pytest.raises(InputError, match="dram_pj_per_bit has no 'SDR'"):
        TABLE.dram("SDR")


def test_static_bound_is_eie_s_power():
    # One EIE element for a second: 9.157 mJ.
    assert static_bound_pj(638_024, 1.0) == pytest.approx(9.157e9, rel=1e-12)


def test_ratio_range_is_exact_on_corners():
    from itertools import product

    a = [
        EnergyTerm("pe", "mac_int8", 900),
        EnergyTerm("d", "xor2", 5e4),
        EnergyTerm("m", "dram:DDR4", 40),
    ]
    b = [
        EnergyTerm("pe", "mac_int8", 1000),
        EnergyTerm("i", "index_decode", 700),
        EnergyTerm("m", "dram:DDR4", 60),
    ]
    keys = ["mac_int8", "xor2", "index_decode"]
    ratios = []
    for corner in product(("low", "high"), repeat=4):
        value = {k: TABLE.energy(k, level) for k, level in zip(keys, corner, strict=False)}
        dram = TABLE.dram("DDR4").at(corner[3])
        ratios.append(
            (900 * value["mac_int8"] + 5e4 * value["xor2"] + 40 * dram)
            / (1000 * value["mac_int8"] + 700 * value["index_decode"] + 60 * dram)
        )
    found = ratio_range(amounts(a), amounts(b), TABLE)
    assert found.low == pytest.approx(min(ratios), rel=1e-12)
    assert found.high == pytest.approx(max(ratios), rel=1e-12)
    typical = sum(sum_terms(a, TABLE).values()) / sum(sum_terms(b, TABLE).values())
    assert found.typical == pytest.approx(typical, rel=1e-12)
    assert not found.is_firm
    assert found.effects[0].swing >= found.effects[-1].swing
    assert {effect.key for effect in found.effects} == {*keys, "dram:DDR4"}


def test_a_shared_constant_cancels():
    # Both spend only MACs: whatever a MAC costs, A needs 90 % of B.
    terms = [energy_terms([component("pe", mac_int8=n)], None, CostShape(), TABLE) for n in (9, 10)]
    found = ratio_range(amounts(terms[0]), amounts(terms[1]), TABLE)
    assert found.low == pytest.approx(0.9)
    assert found.high == pytest.approx(0.9)
    assert found.is_firm
