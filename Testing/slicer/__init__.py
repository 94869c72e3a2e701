"""The Slicer module: its scene side, its panel, and the harness they run in."""
