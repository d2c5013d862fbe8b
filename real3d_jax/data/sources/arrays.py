"""Arrays in NumPy's files."""

import pathlib

import numpy as np

from real3d_jax.data.records import Unusable


def read_array(path: pathlib.Path) -> np.ndarray:
    """The array in a `.npy` file. Nothing in it is run.

    Raises:
      Unusable: it is missing, or no array file.
    """
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise Unusable(f"'{path.name}' is missing") from error
    except Exception as error:  # NumPy raises many kinds for damaged headers
        raise Unusable(f"'{path.name}' is no array file ({error})") from error
