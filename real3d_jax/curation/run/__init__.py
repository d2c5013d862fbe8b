"""A curation's work: its parts, and who does them."""
