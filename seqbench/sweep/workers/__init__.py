"""Code that runs in the worker processes of a sweep."""
