"""The schema of a training configuration.

`files.load` makes these frozen dataclasses of a file in `configs/`. Their docstrings say what each number means.
No field has a default: every number that shapes a run stands in the config file.
"""
