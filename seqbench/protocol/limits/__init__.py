"""Limits of the values of a record: which scores, curves and counts are possible at all."""
