"""A network as one machine in time: stages, which maps stay on the chip, layers joined to one run."""
