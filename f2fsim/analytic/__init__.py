"""Bounds and rooflines; shares no code with the engines."""
