"""Functional mode: values flow through the decoders and the PEs, and are held against NumPy."""

from f2fsim.hw.functional.check import FunctionalResult, check_outputs
from f2fsim.hw.functional.passes import FunctionalJob

__all__ = ["FunctionalJob", "FunctionalResult", "check_outputs"]
