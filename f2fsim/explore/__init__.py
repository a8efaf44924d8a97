"""Sweeps and searches: specs, runners, stores."""
