"""Verilog modules that every generated decoder uses, as they are; `f2fsim.rtl.emit` copies them."""
