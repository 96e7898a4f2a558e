"""Decoding: generate sequences with a body's ``begin`` and ``step`` and an objective's predicted distributions."""
