"""Code that runs in the worker processes of a sweep, and the records of workers that failed."""
