"""What the analytic bounds of a layer are made from: the work of each unit and its highest rate."""

from __future__ import annotations

from collections.abc import Callable

from f2fsim.analytic import Refresh, flexible_cycles, systolic_cycles
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import BitmapFrontEnd, F2fFrontEnd, RleFrontEnd
from f2fsim.config.pe_array import FlexibleArray, LanesArray, RowParallelArray, SystolicArray
from f2fsim.hw.built import BuiltLayer
from f2fsim.hw.dram import DramParams
from f2fsim.mapping.steps import BandSteps, LayerSteps

Rates = dict[str, tuple[int, int]]


def unit_rates(arch: ArchConfig, built: BuiltLayer) -> Rates:
    """Return work and rate of the units that can bound a layer beside memory and multipliers."""
    steps = built.steps
    if steps is None:
        return dict(built.unit_rates)
    return {"front end": (steps.n_steps, 1), **_front_end(arch, steps), **_array(arch, steps)}


def refresh_of(dram: DramParams) -> Refresh | None:
    """Return how refresh holds up the memory; None if it is off or other ranks go on meanwhile."""
    if not dram.refresh or dram.n_ranks > 1:
        return None
    return Refresh(dram.ref_act / dram.clock_hz, dram.ref_interval / dram.clock_hz)


def _front_end(arch: ArchConfig, steps: LayerSteps) -> Rates:
    front_end = arch.front_end

    def total(of_band: Callable[[BandSteps], int]) -> int:
        by_band = [of_band(band) for band in steps.bands]
        return sum(by_band[band] for band, _ in steps.passes)

    if isinstance(front_end, F2fFrontEnd):
        n_patches = total(lambda band: int(band.n_patches.sum()))
        rates = {"patches": (n_patches, front_end.patch_rate * front_end.groups)}
        if front_end.mask_code != "raw":
            words = total(lambda band: int(band.n_symbols.sum()))
            rates["mask unit"] = (words, front_end.mask_rate * front_end.groups)
        return rates
    if isinstance(front_end, BitmapFrontEnd):
        n_kept = total(lambda band: int(band.n_kept.sum()))
        rates = {"aligner": (n_kept, front_end.aligner_weights)}
        if front_end.mask_code != "raw":
            words = total(lambda band: int(band.n_symbols.sum()))
            rates["mask unit"] = (words, front_end.mask_rate)
        return rates
    if isinstance(front_end, RleFrontEnd):
        n_stored = total(lambda band: int(band.n_stored.sum()))
        return {"run decoder": (n_stored, front_end.entries_per_cycle)}
    return {}


def _array(arch: ArchConfig, steps: LayerSteps) -> Rates:
    array = arch.pe_array
    columns = [steps.tile_columns[tile] for _, tile in steps.passes]
    bands = [steps.bands[band] for band, _ in steps.passes]
    both = list(zip(bands, columns, strict=True))
    match array:
        case LanesArray():
            # A step holds its weights for all columns, few as its weights may be.
            skip = array.zeros == "skip"
            taken = [band.n_kept if skip else band.n_weights for band in bands]
            held = [int((-(-counts // array.weights_per_cycle)).sum()) for counts in taken]
            waves = [-(-n // array.columns) for n in columns]
            return {"array steps": (sum(h * w for h, w in zip(held, waves, strict=True)), 1)}
        case RowParallelArray():
            kept = sum(int(band.n_kept.sum()) * -(-n // array.columns) for band, n in both)
            rounds = sum(
                int(band.n_symbols[band.n_kept > 0].sum()) * -(-n // array.columns)
                for band, n in both
            )
            return {"activation banks": (kept, array.n_banks), "longest PE": (rounds, 1)}
        case SystolicArray():
            cycles = [
                systolic_cycles(
                    int(band.rows_done.sum()),
                    int(band.n_weights.sum()),
                    n,
                    (array.rows, array.columns),
                    weight_stationary=array.dataflow == "weight_stationary",
                )
                for band, n in both
            ]
            return {"array": (sum(cycles), 1)}
        case FlexibleArray():
            cycles = [
                flexible_cycles(int(band.n_kept.sum()), n, array.n_multipliers, array.load_weights)
                for band, n in both
            ]
            return {"array": (sum(cycles), 1)}
        case _:
            return {}
