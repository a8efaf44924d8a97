"""Where the streams of a band lie: hand-worked shares, and nothing lost, added or laid twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from f2fsim.config.arch import load_arch
from f2fsim.hw.layout import band_segments
from f2fsim.hw.machine_builder import MachineBuilder


def segments(sizes: list[dict[str, int]], burst_bytes: int = 64) -> dict:
    parts = MachineBuilder(load_arch("f2f_edge"), burst_bytes, 2**30)
    return band_segments(parts, {name: [band[name] for band in sizes] for name in sizes[0]})


def test_streams_share_a_page_by_their_sizes() -> None:
    """A page is 64 bursts: 96 + 48 bursts need three turns of 32 + 16."""
    found = segments([{"mask": 96 * 512, "weights": 48 * 512 - 7}])
    mask, weights = found["mask"][0], found["weights"][0]
    assert mask.addresses.tolist() == [0, 48 * 64, 96 * 64]
    assert mask.n_bits.tolist() == [32 * 512] * 3
    assert weights.addresses.tolist() == [32 * 64, 80 * 64, 128 * 64]
    assert weights.n_bits.tolist() == [16 * 512, 16 * 512, 16 * 512 - 7]


def test_a_stream_alone_is_one_piece() -> None:
    found = segments([{"weights": 10**6}, {"weights": 999}])
    assert [s.addresses.tolist() for s in found["weights"]] == [[0], [125056]]
    assert [s.n_bits.tolist() for s in found["weights"]] == [[10**6], [999]]


SIZES = st.fixed_dictionaries(
    {name: st.integers(0, 200_000) for name in ("mask", "weights", "patches")}
)


@given(bands=st.lists(SIZES, min_size=1, max_size=3), burst_bytes=st.sampled_from([32, 64, 8192]))
def test_every_burst_has_one_place(bands: list[dict[str, int]], burst_bytes: int) -> None:
    found = segments(bands, burst_bytes)
    places: list[int] = []
    for band, sizes in enumerate(bands):
        for name, bits in sizes.items():
            piece = found[name][band]
            assert int(piece.n_bits.sum()) == bits
            counts = -(-piece.n_bits // (8 * burst_bytes))
            assert int(counts.sum()) == -(-bits // (8 * burst_bytes))
            for first, count in zip(piece.addresses, counts, strict=True):
                assert first % burst_bytes == 0
                places += range(int(first), int(first + count * burst_bytes), burst_bytes)
    assert len(set(places)) == len(places)
