"""Real3D in JAX: large reconstruction models trained on single-view photographs."""
