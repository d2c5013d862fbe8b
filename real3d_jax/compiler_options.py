"""What XLA is asked for beside its defaults."""

import jax


def for_gradients() -> dict[str, bool] | None:
    """Options for programs with gradients of the whole model; None where the defaults are right.

    On NVIDIA GPUs XLA would try many kernels of its own for each matrix product. cuBLAS's are as fast, and without the
    search an unrolled training step compiles in a quarter of the time.
    """
    return {"xla_gpu_enable_triton_gemm": False} if jax.default_backend() == "gpu" else None
