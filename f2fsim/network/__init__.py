"""A network as one machine in time: stages, maps that stay on the chip, layers joined to a run."""
