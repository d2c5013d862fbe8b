"""Reconstructions as meshes."""
