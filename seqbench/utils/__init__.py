"""Helpers that have nothing to do with benchmarks: files, plain data, errors, numbers, processes, secrets."""
