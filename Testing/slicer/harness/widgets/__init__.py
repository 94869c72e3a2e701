"""Stand-ins of ctk and Slicer widgets, written in PySide6 and shown to Python through the lists of real names."""
