"""Which schedule a layer runs on an architecture: row bands, column tiles, what stays on the chip.

Owns the choice and the check that everything fits the scratchpad.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from f2fsim.codec import PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.mapping.geometry import (
    ACCUMULATOR_BITS,
    ACTIVATION_BITS,
    split_evenly,
    tile_input_values,
)
from f2fsim.mapping.plan import Plan

#: Most column tiles that `auto` tries beyond what the scratchpad needs, to overlap their loads.
OVERLAP_TILES = 8

#: The least columns of such a tile, in cycles of loading a fold of weights into the array anew.
COLUMNS_PER_LOAD = 10

#: How many more bits those tiles may move (halos of convolutions are read twice).
OVERLAP_COST = 1.02

#: Energy of a bit from the scratchpad over one from DRAM: 5 to 640 pJ for 32 bits (Han et al., EIE,
#: ISCA 2016, table I).  Held weights are read, and decoded, again for every tile.
SCRATCHPAD_COST = 5 / 640

#: Bits that a band's streams waste at most each time they are fetched: they begin at a burst.
BAND_ALIGNMENT_BITS = 512


class _Sizes:
    """Bits that a choice of bands and tiles needs on the chip and moves."""

    def __init__(
        self, arch: ArchConfig, layer: Layer, tensor: PrunedTensor, inputs_on_chip: bool = False
    ) -> None:
        self.inputs_on_chip = inputs_on_chip
        self.arch, self.layer, self.n_rows = arch, layer, tensor.shape[0]
        self.front_end, self.array = front_end_kind(arch), array_kind(arch)
        # The search asks for the same few sizes hundreds of times, and layers derive theirs anew.
        self.n_columns, self.n_reduction = layer.n_columns, layer.n_reduction
        self._input_bits: dict[int, int] = {}
        self.row_unit = self.array.rows_at_once(arch.pe_array)
        self.activation_bits = ACTIVATION_BITS[tensor.weight_type.name]
        self.copies = 2 if arch.scratchpad.double_buffered else 1
        self.capacity_bits = 8 * arch.scratchpad.capacity
        # Only to choose and to reserve the weight buffer.
        per_weight = self.front_end.bits_per_weight(arch.front_end, tensor)
        self.weight_bits = int(per_weight * tensor.n_weights) + 1 + tensor.scale_bits

    @property
    def most_bands(self) -> int:
        """Number of bands at most."""
        return max(-(-self.n_rows // self.row_unit), 1)

    def band_rows(self, n_bands: int) -> list[int]:
        """Return the rows of each band: whole multiples of what the array takes at once."""
        units = split_evenly(self.most_bands, n_bands)
        rows = [n * self.row_unit for n in units]
        rows[-1] -= sum(rows) - self.n_rows
        return rows

    def input_bits(self, n_columns: int) -> int:
        """Return the bits of the input activations of a tile; none where all are there already."""
        if self.inputs_on_chip:
            return 0
        if n_columns not in self._input_bits:
            values = tile_input_values(self.layer, n_columns)
            self._input_bits[n_columns] = values * self.activation_bits
        return self._input_bits[n_columns]

    def rows_in_flight(self, band_rows: int) -> int:
        """Return how many rows accumulate at once."""
        if self.front_end.is_all_rows(self.arch.front_end):
            return band_rows
        return self.array.rows_in_flight(self.arch.pe_array, band_rows, self.n_reduction)

    def needs(self, n_bands: int, n_tiles: int, schedule: str) -> dict[str, int]:
        """Return the scratchpad bits that are held at most."""
        columns = -(-self.n_columns // n_tiles)
        rows = min(-(-self.most_bands // n_bands) * self.row_unit, self.n_rows)
        copies = self.copies if n_tiles > 1 else 1
        activations = self.input_bits(columns) * copies
        in_flight = self.rows_in_flight(rows) * columns
        out_copies = self.copies if n_tiles * n_bands > 1 else 1
        held = schedule == "weight_stationary" and n_tiles > 1
        return {
            "activations": activations,
            "accumulators": in_flight * ACCUMULATOR_BITS * out_copies,
            "weights": -(-self.weight_bits // n_bands) if held else 0,
        }

    def fits(self, n_bands: int, n_tiles: int, schedule: str) -> bool:
        """Whether a choice fits the scratchpad."""
        return sum(self.needs(n_bands, n_tiles, schedule).values()) <= self.capacity_bits

    def fits_tiles(self, n_bands: int, schedule: str, n_tiles: int) -> bool:
        """Return `fits` with the tiles last, for a search over them."""
        return self.fits(n_bands, n_tiles, schedule)

    def moved_bits(self, n_bands: int, n_tiles: int, schedule: str) -> int:
        """Return the bits that weights and activations move in all."""
        columns = -(-self.n_columns // n_tiles)
        tiles = self.input_bits(columns) * n_tiles
        if schedule == "weight_stationary":
            return self.weight_bits + tiles * (n_bands if n_tiles > 1 else 1)
        return self.weight_bits * n_tiles + tiles

    def cost_bits(self, n_bands: int, n_tiles: int, schedule: str) -> float:
        """Return the moved bits, with alignment and the reads of held weights in their measure."""
        held = schedule == "weight_stationary" and n_tiles > 1
        fetches = n_bands if held else n_bands * n_tiles
        again = SCRATCHPAD_COST * self.weight_bits * n_tiles if held else 0
        return self.moved_bits(n_bands, n_tiles, schedule) + BAND_ALIGNMENT_BITS * fetches + again


def _least(low: int, high: int, fits: Callable[[int], bool]) -> int | None:
    """Return the least n in [low, high] with fits(n), which is monotone; None if none."""
    if not fits(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low


def plan_layer(
    arch: ArchConfig, layer: Layer, tensor: PrunedTensor, *, inputs_on_chip: bool = False
) -> Plan:
    """Choose bands and tiles of a layer.

    Of the schedules that the architecture allows, the one that moves the fewest bits wins, where a
    bit of held weights that a tile reads again from the scratchpad counts `SCRATCHPAD_COST`; of
    equal ones, the one with the fewest passes.  Where activations have to be loaded in more than
    one tile or compute could hide their loading, tiles are made smaller as long as no more weight
    bits move.  With `inputs_on_chip` no activations are loaded, and they take no room of the
    scratchpad that `arch` has (what they take is not part of it).

    Raises
    ------
    ConfigError
        If one row band and one column do not fit the scratchpad; says what would.
    """
    own = array_kind(arch).own_plan(arch, arch.pe_array, layer, tensor)
    if own is not None:
        return own
    sizes = _Sizes(arch, layer, tensor, inputs_on_chip)
    names = (
        ("input_stationary", "weight_stationary") if arch.schedule == "auto" else (arch.schedule,)
    )
    found = _choices(sizes, names)
    while not found and sizes.row_unit > 1:
        # Better some idle PEs than none that run.
        sizes.row_unit //= 2
        found = _choices(sizes, names)
    if not found:
        least = min(
            sum(sizes.needs(sizes.most_bands, sizes.n_columns, name).values()) for name in names
        )
        raise ConfigError(
            f"{arch.place('scratchpad.capacity')}: layer {layer.name!r} needs at least "
            f"{-(-least // 8)} bytes for one row band and one column, "
            f"got {arch.scratchpad.capacity}"
        )
    _, _, n_bands, n_tiles, name = min(found)
    n_tiles, name = _overlapped(sizes, n_bands, n_tiles, name, names)
    bands = tuple(sizes.band_rows(n_bands))
    return Plan(
        name,
        bands,
        tuple(split_evenly(sizes.n_columns, n_tiles)),
        sizes.rows_in_flight(bands[0]),
        sizes.needs(n_bands, n_tiles, name),
    )


def _choices(sizes: _Sizes, names: tuple[str, ...]) -> list[tuple[float, int, int, int, str]]:
    """Return (cost in bits, passes, bands, tiles, schedule) of what fits, the least tiles each."""
    found = []
    for name in names:
        for n_bands in _band_counts(sizes, name):
            n_tiles = _least(1, sizes.n_columns, partial(sizes.fits_tiles, n_bands, name))
            if n_tiles is not None:
                cost = sizes.cost_bits(n_bands, n_tiles, name)
                found.append((cost, n_bands * n_tiles, n_bands, n_tiles, name))
    return found


def _band_counts(sizes: _Sizes, schedule: str) -> list[int]:
    """Return the numbers of bands worth a try: powers of two, and the least that fits one tile."""
    most = sizes.most_bands
    counts = {1 << i for i in range(most.bit_length()) if 1 << i <= most}
    least = _least(1, most, lambda b: sizes.fits(b, sizes.n_columns, schedule))
    return sorted(counts | ({least} if least else set()))


def _most_overlap_tiles(sizes: _Sizes) -> int:
    """Return how many tiles overlap may make: arrays that load each fold anew want long ones."""
    load = sizes.array.reload_cycles(sizes.arch.pe_array)
    if not load:
        return min(OVERLAP_TILES, sizes.n_columns)
    return min(OVERLAP_TILES, sizes.n_columns // (COLUMNS_PER_LOAD * load))


def _overlapped(
    sizes: _Sizes, n_bands: int, n_tiles: int, schedule: str, names: tuple[str, ...]
) -> tuple[int, str]:
    """Return more tiles where that moves hardly more bits: the next loads behind the present."""
    if not sizes.arch.scratchpad.double_buffered or sizes.inputs_on_chip:
        return n_tiles, schedule
    moved = sizes.moved_bits(n_bands, n_tiles, schedule)
    for more in range(_most_overlap_tiles(sizes), n_tiles, -1):
        for name in names:
            fits = sizes.fits(n_bands, more, name)
            if fits and sizes.moved_bits(n_bands, more, name) <= OVERLAP_COST * moved:
                return more, name
    return n_tiles, schedule
