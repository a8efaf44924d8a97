"""The machine as data."""
