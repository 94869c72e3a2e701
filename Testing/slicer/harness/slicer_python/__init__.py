"""Stand-ins of the Python files of Slicer that slicer-core does not bring."""
