"""The state of a run and its update, the mesh, the step, the loop around it, and checkpoints."""
