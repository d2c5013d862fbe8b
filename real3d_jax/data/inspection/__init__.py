"""Looks at a folder of records: statistics, and whether the cameras and the masks of an object agree."""
