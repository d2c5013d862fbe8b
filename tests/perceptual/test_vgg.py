"""VGG16's convolution, of which CPUs and accelerators have one each."""

import jax
import numpy as np

from real3d_jax.perceptual.vgg import convolve_by_products, convolve_by_xla


def test_both_convolutions_agree():
    keys = jax.random.split(jax.random.key(0), 2)
    x, kernel = jax.random.normal(keys[0], (2, 5, 6, 4)), jax.random.normal(keys[1], (3, 3, 4, 7))
    np.testing.assert_allclose(convolve_by_products(x, kernel), convolve_by_xla(x, kernel), atol=1e-5)
