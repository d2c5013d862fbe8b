"""The data sets that the package makes itself."""
