"""``slicer.app`` and what hangs on it: modules, file input and output, views, subject hierarchy."""
