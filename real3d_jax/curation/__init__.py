"""Curation: which instances of a photograph are worth training on (the paper's Section 4.2 and Appendix B)."""
