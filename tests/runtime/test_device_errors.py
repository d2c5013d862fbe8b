"""A device that fails is told, whatever the program waits for, unless the main thread has found it."""

import threading
import types

import pytest

from real3d_jax.runtime import device_errors, watch
from real3d_jax.runtime.device_errors import DeviceErrors


def _result(**parts):
    """Stands for an array that is spread over devices, by what waiting for each part of it does."""
    shards = [
        types.SimpleNamespace(device=name, data=types.SimpleNamespace(block_until_ready=wait))
        for name, wait in parts.items()
    ]
    return types.SimpleNamespace(addressable_shards=shards)


def _out_of_memory():
    raise MemoryError("RESOURCE_EXHAUSTED:\n 9 GiB")


@pytest.mark.parametrize("found", [False, True])
def test_one_that_fails_is_told_though_the_others_never_end(monkeypatch, found):
    monkeypatch.setattr(device_errors, "_OWN_WORDS", 5.0 if found else 0.0)
    told, known, never = [], threading.Event(), threading.Event()

    def tell(error, what):
        told.append((type(error), what))
        known.set()

    before = threading.active_count()
    with DeviceErrors(tell) as errors:
        errors.follow(_result(a=lambda: None, b=lambda: None))
        errors.follow(_result(a=never.wait, b=_out_of_memory))
        assert threading.active_count() == before + 2
        if not found:
            assert known.wait(10)
    never.set()
    for thread in threading.enumerate():
        if thread.name == "device errors":
            thread.join(10)
    assert threading.active_count() == before  # none is left
    assert told == ([] if found else [(MemoryError, "device b")])


def test_the_sentence_names_device_step_and_error(monkeypatch, capsys):
    def end(code):
        raise SystemExit(code)

    monkeypatch.setattr(watch.os, "_exit", end)
    watcher = watch.Watch()
    watcher.beat("computing step 7")
    with pytest.raises(SystemExit) as ended:
        watcher.told_of_device(MemoryError("RESOURCE_EXHAUSTED:\n 9 GiB"), "device b")
    assert ended.value.code == 1
    said = "error: device b failed while it was computing step 7: MemoryError: RESOURCE_EXHAUSTED: 9 GiB\n"
    assert capsys.readouterr().err == said
