

def test_both_convolutions_agree():
    keys = jax.random.split(jax.random.key(0), 2)
    x, kernel = jax.random.normal(keys[0], (2, 5, 6, 4)), jax.random.normal(keys[1], (3, 3, 4, 7))
    np.testing.assert_allclose(convolve_by_products(x, kernel), convolve_by_xla(x, kernel), atol=1e-5)
