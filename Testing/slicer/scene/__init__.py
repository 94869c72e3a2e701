"""The module's scene side on real MRML scenes."""
