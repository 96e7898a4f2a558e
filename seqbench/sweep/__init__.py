"""Many runs: cells planned, started on one machine or a cluster, watched, and counted.

No state of its own: what is done stands in the run folders, so that the same command, given again, goes on.
"""
