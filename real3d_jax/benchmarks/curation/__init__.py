"""How often the curation rules are right on drawn scenes of known truth: `python -m real3d_jax.benchmarks.curation`."""
