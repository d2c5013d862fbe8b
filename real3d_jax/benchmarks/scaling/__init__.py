"""The true training step on 1, 2, 4, ... devices of one machine: weak and strong scaling, and moving checkpoints."""
