"""Backbones of maintained libraries with the same interface as those of seqbench. Each library is an extra.

A module of this package imports its library when it is imported itself, and no other module imports it. Without the
extra, everything else works.
"""
