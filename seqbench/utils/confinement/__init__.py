"""Confinement of a process that runs code of other people: by the kernel where it can, and by Python's audit hook.

These modules use the standard library alone, because a process is confined before it imports anything that may start a
thread: Landlock confines the thread that calls it, and the threads and processes that are started later.
"""
