"""Energy and area: tables with sources, and the formulas over them."""
