"""From a layer and an architecture to ordered tiles with their real stream bits."""
