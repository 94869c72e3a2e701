"""Checks of a CTA and of its labels; each finding is a warning with a code."""
