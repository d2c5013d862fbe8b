"""A trained model at use: photographs in, views and meshes out."""
