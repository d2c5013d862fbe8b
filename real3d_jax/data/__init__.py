"""Data: record schemas, sources that write them, and the pipeline that reads them into batches."""
