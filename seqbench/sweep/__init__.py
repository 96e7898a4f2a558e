"""Sweeps: many runs, planned as cells, executed by an engine, monitored, and summarized.

A sweep keeps no state of its own. Finished work is found in the run folders, so repeating the same command continues
a sweep that was stopped.
"""
