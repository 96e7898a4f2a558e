"""General helpers that know nothing about benchmarks."""
