"""Mutations of the package that the mirrored test files must notice; see ``run.py``."""
