"""From mesh files to renders: load and normalise, place cameras, rasterise or trace paths, write the `views` layout."""
