"""Damaged and odd inputs of every format against every command: never a traceback, a hang or half a file."""
