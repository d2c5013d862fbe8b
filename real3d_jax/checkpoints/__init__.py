"""Trained models on the disk: what lies in a run's folder, and how a model is read from it or from elsewhere."""
