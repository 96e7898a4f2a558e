"""Diagnostics: what a score alone does not tell about an architecture."""
