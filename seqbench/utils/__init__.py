"""General helpers, which are independent of benchmarks: files, plain data, errors, numbers, processes, secrets."""
