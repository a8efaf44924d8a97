"""f2fsim: what fixed-to-fixed encoded weights give on a given machine."""

from f2fsim._version import __version__

__all__ = ["__version__"]
