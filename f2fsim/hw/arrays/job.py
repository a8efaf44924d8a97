"""What a PE array is built from, and the one component that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.hw.arrays.sums import SUM_BYTES
from f2fsim.hw.description import InPort, IntSeq, OutPort, total
from f2fsim.hw.layer_machine import BandWork
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.hw.streams import fill_width_bits
from f2fsim.mapping.steps import LayerSteps


@dataclass(frozen=True)
class ArrayJob:
    """What an array is built from: where to add it, its steps, and the ports at both ends."""

    builder: MachineBuilder
    steps: LayerSteps
    weight_type: str
    activation_bits: int
    inputs: list[InPort]
    outputs: list[OutPort]
    work: Sequence[BandWork]

    def add(
        self,
        service: IntSeq,
        macs: int,
        gated: int,
        weight_reads: int,
        read_bytes: int | None = None,
        sum_bytes: int = 0,
        passed_bytes: int = 0,
        queued_bytes: int = 0,
        strip_bytes: tuple[int, int] = (0, 0),
    ) -> None:
        """Add the array as one component whose items are steps, at least a cycle each.

        It reads `read_bytes` of activations from the scratchpad; by default each multiplication
        reads its own.  It reads `sum_bytes` of accumulators, and writes as many; `passed_bytes` go
        from PE to PE, `queued_bytes` through queues of requests and operands; `strip_bytes` are
        read from and written to a memory of weights.  Every product or sum on its way through the
        adders is in a register once.
        Outputs go to the scratchpad, as wide as its banks are, and from there to the memory.
        """
        if read_bytes is None:
            read_bytes = macs * self.activation_bits // 8
        out_bits = 0
        for port in self.outputs:
            out_bits += total(port.emit, self.steps.n_steps)
            service = np.maximum(service, -(-port.emit // fill_width_bits(self.builder.arch)))
        mac = f"mac_{self.weight_type}"
        actions = {
            mac: macs,
            f"{mac}_gated": gated,
            # A multiplication's own constant has its addition.
            "sram_read_byte": read_bytes + out_bits // 8,
            "sram_write_byte": out_bits // 8,
            "accumulator_read_byte": sum_bytes,
            "accumulator_write_byte": sum_bytes,
            "register_byte": weight_reads + macs * SUM_BYTES + passed_bytes,
            "fifo_byte": queued_bytes,
            "strip_read_byte": strip_bytes[0],
            "strip_write_byte": strip_bytes[1],
        }
        self.builder.component(
            "pe array",
            "pe_array",
            np.maximum(service, 1),
            self.steps.n_steps,
            self.inputs,
            self.outputs,
            actions,
        )
