"""The attention of the transformers, and the ways in which positions enter it."""
