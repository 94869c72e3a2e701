"""PySide6 with the semantics of PythonQt, the Qt binding that lives inside Slicer."""
