"""Predicted cycles of small plans, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from f2fsim.scheduling import _forecast
from f2fsim.scheduling.forecast import _joined

#: A memory of 100 bits a cycle, 10 cycles away, writes 5; bursts of 100 bits; no refresh.
RATE, LATENCY, WRITE = 100.0, 10.0, 5.0


def predict(
    bands: list[float],
    tiles: list[float],
    cycles: float,
    streams: tuple[float, ...] = (500.0,),
    holds: bool = False,
    table: tuple[float, float] = (0, 0),
    **changed: float,
) -> float:
    """Return the cycles of bands (count, rows) and tiles (count, columns, bits of a load).

    Each pass loads a table of so many bits in so many cycles first.
    """
    machine: dict[str, float] = {
        "rate": RATE, "latency": LATENCY, "write_latency": WRITE, "prefetch": 4000.0,
        "fill": 1000.0, "start": 0.0, "depth": 0.0, "seam": 0.0, "burst": 100.0,
        "refresh_interval": 1e9, "refresh_length": 0.0, "write_high": 1e6, "write_low": 1e5, "read_write": 0.0,
        "write_read": 0.0, "copies": 2.0, "chunk": 100.0, "turn": 0.0,
    } | changed  # fmt: skip
    counts = [bands[0], 0, 0, bands[1], 1, 1, 1, 1, 1]
    tables = [table[0]] * 3 + [table[1]] * 3
    of_bands = np.array([[*counts, *tables]], dtype=np.float64)
    of_tiles = np.array([[tiles[0], 0, tiles[1], 1, tiles[2], 0]], dtype=np.float64)
    found = np.empty(1)
    _forecast.forecast(
        np.array(list(machine.values()), dtype=np.float64),
        np.array(streams),
        of_bands,
        of_tiles,
        np.full((3, 2), float(cycles)),
        1.0,
        np.array([[int(holds), 0, 0]]),
        2.0,
        0.005,
        0.0,
        found,
    )
    return float(found[0])


def test_one_pass() -> None:
    """Load and weights share the memory until the weights are there, then the pass, then writes.

    500 bits of weights at half the rate come in 10 cycles, with half of the load's 1000 bits; the
    rest takes 5.  A pass of 50 cycles leaves 200 bits, 2 cycles.
    """
    expected = LATENCY + 10 + 5 + 50 + 2 + WRITE
    assert predict([1, 1], [1, 200, 1000], 50) == pytest.approx(expected, abs=0.1)


def test_the_next_load_comes_behind_the_pass() -> None:
    """Two tiles: the second load (10 cycles) and its weights hide behind the first pass of 50."""
    expected = LATENCY + 10 + 5 + 2 * 50 + 2 + WRITE
    found = predict([1, 1], [2, 200, 1000], 50)
    # The second pass's weights (500 of 4000 bits of buffer) are asked for at once with the first's.
    assert expected <= found <= expected + 5


def test_a_pass_waits_for_its_weights() -> None:
    """50 000 bits of weights take 500 cycles: the array of 50 stands still for the rest."""
    found = predict([1, 1], [1, 200, 1000], 50, streams=(50_000.0,))
    assert found == pytest.approx(LATENCY + 510 + 2 + WRITE, abs=0.1)


def test_held_weights_come_once() -> None:
    """4 tiles, weights of 10 000 bits: streamed they take 400 cycles, held 100 beside the loads."""
    tiles = [4, 100, 100]
    streamed = predict([1, 1], tiles, 1, streams=(10_000.0,))
    held = predict([1, 1], tiles, 1, streams=(10_000.0,), holds=True)
    assert streamed == pytest.approx(LATENCY + 404 + 4 + WRITE, abs=4)
    # The store plays its 10 000 bits back in 10 cycles for each further tile.
    assert held == pytest.approx(LATENCY + 101 + 30 + 4 + WRITE, abs=6)


def test_refreshes_stop_the_memory() -> None:
    """Of 510 cycles of reading a refresh of 20 every 100 stops five."""
    still = predict([1, 1], [1, 200, 1000], 50, streams=(50_000.0,))
    found = predict(
        [1, 1], [1, 200, 1000], 50, (50_000.0,), refresh_interval=100, refresh_length=20
    )
    assert found == pytest.approx(still + 6 * 20, abs=25)


def test_many_passes_are_as_long_as_one_by_one() -> None:
    """What is skipped as steady is what would have been gone through: 1000 passes of 10 cycles."""
    found = predict([1, 1], [1000, 100, 100], 10, streams=(100.0,))
    assert found == pytest.approx(LATENCY + 2 + 10_000 + 1 + WRITE, rel=0.01)
    # Bound by the memory: 100 + 100 + 1900 bits a pass.
    found = predict([1, 1], [1000, 100, 100], 10, streams=(1900.0,))
    assert found == pytest.approx(21_000, rel=0.01)


def test_the_first_table_delays_the_first_step() -> None:
    """It takes 30 cycles from the first bits on; weights and load are there after 15."""
    expected = LATENCY + 30 + 50 + 2 + WRITE
    found = predict([1, 1], [1, 200, 1000], 50, table=(0, 30))
    assert found == pytest.approx(expected, abs=0.1)


def test_a_table_that_takes_longer_than_the_pass_before_sets_the_pace() -> None:
    """Four passes of 50 cycles each, but a table of 80: the array waits for each."""
    found = predict([1, 1], [4, 200, 100], 50, table=(0, 80))
    assert found == pytest.approx(LATENCY + 80 + 4 * 80 + 2 + WRITE, abs=1)


def test_a_table_waits_for_the_one_before_to_be_free() -> None:
    """That is 30 cycles behind its load of 80: the pace of all passes."""
    found = predict([1, 1], [4, 200, 100], 50, table=(0, 80), turn=30)
    assert found == pytest.approx(LATENCY + 80 + 4 * 110 + 2 + WRITE, abs=1)


def test_bits_of_tables_are_fetched_with_each_pass() -> None:
    """Bound by the memory: 500 bits of weights and 1500 of a table a pass, 100 of a load."""
    found = predict([1, 1], [100, 100, 100], 1, table=(1500, 0))
    assert found == pytest.approx(100 * (500 + 1500 + 100 + 100) / RATE, rel=0.02)


@pytest.mark.parametrize("n_streams", [1, 16, 17, 34, 130])
def test_no_stream_is_left_out(n_streams: int) -> None:
    """Decoders with a stream each have more than the kernel has places."""
    streams = np.random.default_rng(n_streams).uniform(1, 50, n_streams)
    joined = _joined(streams)
    assert joined.shape[0] == min(n_streams, _forecast.MOST_STREAMS)
    assert joined.sum() == pytest.approx(streams.sum())
    cycles = predict([1, 100], [1, 1, 0], 1, streams=tuple(joined))
    assert cycles >= 100 * streams.sum() / RATE
