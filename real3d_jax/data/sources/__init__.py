"""Sources of records: each turns one kind of raw data into the schemas of `real3d_jax.data.records`."""
