"""Engines that execute the jobs of a sweep: local processes, Slurm, and Ray."""
