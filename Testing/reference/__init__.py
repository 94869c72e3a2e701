"""Slow and plain readings of the method, which the library is measured against."""
