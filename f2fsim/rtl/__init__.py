"""Verilog of the decoder, its co-simulation and synthesis."""
