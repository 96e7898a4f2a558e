"""Backbones of maintained libraries, through the same contract as our own; each library is an extra of seqbench.

A module here imports its library when it is imported itself, and no other module imports it: without the extra,
everything else works.
"""
