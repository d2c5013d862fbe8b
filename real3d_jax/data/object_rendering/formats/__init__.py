"""Readers of mesh files: one for each format, and what they share."""
