"""What the system's parts cost on the machine at hand (`launch/benchmark.py`)."""
