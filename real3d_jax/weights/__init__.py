"""Weights: from foreign checkpoints to our parameters and back."""
