"""Two interpreters of one machine description."""
