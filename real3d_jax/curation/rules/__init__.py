"""The rules by which instances are kept or not."""
