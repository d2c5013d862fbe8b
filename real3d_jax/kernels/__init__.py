"""Kernels for NVIDIA GPUs, written in Pallas, and how they are launched."""
