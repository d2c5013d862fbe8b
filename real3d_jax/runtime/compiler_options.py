"""What XLA is asked for beside its defaults."""

import contextlib

import jax

from real3d_jax.errors import UserError

_NARROW = 384  # channels of a token up to which XLA's own matrix products were found faster
_CUBLAS_ALONE = {"xla_gpu_enable_triton_gemm": False}


def for_gradients(width: int) -> dict[str, bool | str] | None:
    """Options for programs with gradients of the whole model; None where the defaults are right.

    On NVIDIA GPUs XLA would make a copy of a slice a "dynamic slice fusion". Each of them copies all of the program's
    compiled attention anew before every run, in which time the GPU has nothing to do (docs/performance_log.md).

    XLA would also try many kernels of its own for each matrix product. For wide tokens cuBLAS's are as fast, and
    without the search an unrolled training step compiles in a quarter of the time. For narrow ones the search pays.

    Args:
      width: channels of a token.
    """
    if jax.default_backend() != "gpu":
        return None
    options: dict[str, bool | str] = {"xla_gpu_enable_dynamic_slice_fusion": False}
    return options if width <= _NARROW else options | _CUBLAS_ALONE


def for_inference(width: int) -> dict[str, bool | str] | None:
    """Options for programs that encode and have no gradients; None where the defaults are right.

    cuBLAS's products come with their biases, and are compiled in a third of the time. XLA would merge those of queries,
    keys and values, and then copy the weights together and the results apart (docs/performance_log.md).

    Args:
      width: channels of a token.
    """
    if jax.default_backend() != "gpu" or width <= _NARROW:
        return None
    return {**_CUBLAS_ALONE, "xla_gpu_dot_merger_threshold_mb": "0"}


def matmul_precision(name: str) -> contextlib.AbstractContextManager[None]:
    """`config.compute.matmul_precision`, for what is computed inside.

    Raises:
      UserError: there is no such precision.
    """
    try:
        return jax.default_matmul_precision(name)
    except ValueError as error:
        raise UserError(
            f"config.compute.matmul_precision has no value '{name}': use 'default' or 'highest'."
        ) from error
