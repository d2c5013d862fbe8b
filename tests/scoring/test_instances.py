"""Which views are taken, how they are cropped, and that cameras follow."""

import dataclasses

import numpy as np
import pytest
from tests.data.projection import project

from real3d_jax.config_files import build
