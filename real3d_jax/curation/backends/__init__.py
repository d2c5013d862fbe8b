"""Where instances and depth come from: files, or models of transformers."""
