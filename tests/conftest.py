"""What tests of several parts share."""

import contextlib
import ctypes
import gc
import importlib.metadata
import importlib.util
import os
import pathlib
import sys
import tempfile
import threading

import pytest

# What one test has compiled, the others need not, in whatever process: not even the smallest programs, which take twice
# as long to compile as to read. Read by JAX when it is imported.
_COMPILED = pathlib.Path(tempfile.gettempdir()) / f"real3d_jax_tests_{os.getuid()}"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Most programs of tests run once: compiled plainly they take a fifth of the time. Processes that tests start inherit
# this. Not where JAX can compile for an accelerator: its programs would be plain, too, and libtpu knows no such flag.
if not (importlib.metadata.entry_points(group="jax_plugins") or importlib.util.find_spec("libtpu")):
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
    # One part a program: to divide it over threads is work, and the workers have the cores already.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1")


_ENOUGH = 2 << 30
_PROGRAMS_A_CONTEXT = 200


def pytest_xdist_auto_num_workers():
    """One process more than cores: some tests wait for others' processes, for clocks and for disks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


def pytest_collection_modifyitems(items):
    """The longest file comes first: a worker works at a file alone, and the others would wait for it at the end."""
    items.sort(key=lambda item: item.path.name != "test_training_faults.py")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is imported stays to the end: the garbage collector need not look through it, now or ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        _keep_contexts()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)  # tracing makes many objects that are no cycles
        gc.enable()


def _keep_contexts():
    """Lets programs of one thread be lowered in one MLIR context.

    JAX makes one for each and takes it down again, which is a third of the time of tests that run op by op. It has no
    option for that; a JAX whose insides have another name goes on as it likes.
    """
    mlir = sys.modules.get("jax._src.interpreters.mlir")
    make, local = getattr(mlir, "make_ir_context", None), threading.local()
    if mlir is None or make is None:
        return

    def kept():
        if not getattr(local, "left", 0):  # what a context has seen it keeps
            local.context, local.left = make(), _PROGRAMS_A_CONTEXT
        local.left -= 1
        return local.context

    mlir.make_ir_context = kept


@pytest.fixture(scope="module", autouse=True)
def _programs(request):
    """Compiles a file's programs as its mark says, and frees them all once they are many: they would gather gigabytes.

    Until then a file finds those that others have traced.
    """
    optimized = request.node.get_closest_marker("optimized") is not None
    if optimized:
        _free_programs()
    with _optimizing() if optimized else contextlib.nullcontext():
        yield
    if optimized or _memory() > _ENOUGH:
        _free_programs()


def _free_programs():
    if jax := sys.modules.get("jax"):
        jax.clear_caches()
        gc.collect()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # of glibc, which keeps what is freed otherwise
            libc.malloc_trim(0)


def _memory():
    """Bytes that this process takes up now; more than enough where the system does not tell."""
    statm = pathlib.Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else _ENOUGH + 1


@contextlib.contextmanager
def _optimizing():
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="session")
def smoke_config():
    """`configs/smoke.py:scratch`, parsed."""
    from configs.smoke import get_config
    from real3d_jax.config.files import parse

    return parse(get_config("scratch"))


@pytest.fixture(scope="session")
def lpips_params():
    """LPIPS on a random VGG16."""
    from real3d_jax.weights.networks import load_lpips

    return load_lpips("random")


@pytest.fixture
def unchecked_annotations():
    """Lets a test give what annotations forbid, to see what the package itself says of it."""
    import jaxtyping

    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def _gcs():
    """A store that is played on this machine."""
    if importlib.util.find_spec("gcsfs") is None:  # which reads the environment as it is imported
        pytest.skip("needs gcsfs")
    from tests.buckets import Service, playing

    with playing() as environment:
        os.environ.update(environment)
        yield Service(environment)


@pytest.fixture
def gcs(_gcs):
    """Likewise, answering all requests again after the test."""
    yield _gcs
    _gcs.refuse("", 0)


@pytest.fixture
def bucket(gcs, tmp_path):
    """A bucket of the test's own, 'gs://NAME', as `stores.place` gives it."""
    from real3d_jax.runtime import stores

    return stores.place(f"gs://{tmp_path.name.replace('_', '-').lower()}")
