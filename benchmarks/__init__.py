"""What the figures in the README are made with; run one with `python -m benchmarks.<name>`."""
