"""The programs: `launch/NAME.py` and `real3d NAME` call `main` of the module of that name."""
