"""Real local clusters and real faults, for demo, tests and benchmarks."""
