"""DRAM: timings, address mapping, controllers."""
