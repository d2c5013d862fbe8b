"""What evaluation measures: views against views, views against the input, sets of images, and meshes."""
