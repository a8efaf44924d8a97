"""Front ends of given sizes, as devices whose units are synthesised."""

from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.rtl.bitmap import BitmapDevice
from f2fsim.rtl.block_mask import BlockMaskPath
from f2fsim.rtl.csr import CsrDevice
from f2fsim.rtl.f2f import F2fDevice
from f2fsim.rtl.huffman import HuffmanDevice
from f2fsim.rtl.mask_path import RawMaskPath, RunMaskPath
from f2fsim.rtl.skipping import CompactorDevice


def huffman(n=8, weight=8, exponent=0, length=12, block=64):
    path = RawMaskPath(block, 4)
    return HuffmanDevice(path, n, weight, exponent, length, pipeline_cycles=3)


def bitmap(n, lanes, weight=8, path=None, fifo=0, cycles=3):
    return BitmapDevice(
        path or RawMaskPath(n, 4),
        lanes,
        weight,
        8,
        fifo or 2 * lanes,
        pipeline_cycles=cycles,
    )


def csr(n_pes, n_banks, window, index=9, length=7, wave=5, act=8, cycles=3, shared=False):
    return CsrDevice(
        n_pes,
        n_banks,
        window,
        index,
        length,
        wave,
        activation_bits=act,
        entry_fifo=2 * n_pes,
        pipeline_cycles=cycles,
        shared_reads=shared,
    )


def compaction(n, lanes, weight=8, cycles=3):
    return CompactorDevice(n, lanes, weight, pipeline_cycles=cycles)


def f2f(n_out, planes, rate, path=None, masks=8):
    matrix = DecoderMatrix.random(8, n_out, 1, 3, seed=1).bits
    return F2fDevice(
        matrix,
        8,
        path or RawMaskPath(n_out, 4),
        planes,
        mask_fifo=masks,
        patch_rate=rate,
        patch_fifo=2 * rate + 7,
    )


def runs(n, rate):
    return bitmap(n, 4, 8, RunMaskPath(n, 2 * rate + 8, 4, rate))


def blocks(block, ones, rate, n=32, stages=9):
    return bitmap(n, 4, 8, BlockMaskPath(n, 8, block, ones, 1, 0, rate, stages))


def decoder(n_out, n_s):
    """A group whose decoder is of the shipped machines' kind."""
    matrix = DecoderMatrix.random(8, n_out, n_s, "dense", seed=1).bits
    return F2fDevice(matrix, 8, RawMaskPath(n_out, 4), 1)
