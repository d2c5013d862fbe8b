"""Objects that the package draws itself: families of them, the renderer, and sources of records made of them."""
