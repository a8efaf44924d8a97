"""Cost tables that come with the package, YAML; ``f2fsim.config.cost`` reads them."""
