"""Evaluation runs: from a checkpoint or a folder of renders to tables and a report. The metrics are in `metrics`."""
