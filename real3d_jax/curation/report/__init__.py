"""The report of a curation: examples, counts and distributions on one page."""
