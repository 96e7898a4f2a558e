"""Engines that run the jobs of a sweep: local processes, Slurm and Ray."""
