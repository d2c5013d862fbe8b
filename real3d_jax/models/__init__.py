"""The reconstruction model and its parts, as Flax Linen modules."""
