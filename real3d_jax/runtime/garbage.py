"""Python's garbage collector, while a program starts."""

import gc

_RARELY = (50_000, 20, 20)

_usual: tuple[int, int, int] | None = None


def collect_rarely() -> None:
    """Has cycles looked for rarely, and never among what is there now, which mostly stays to the end: modules.

    Importing and tracing make many objects, few of them in cycles; looking for these takes a fifth of their time. To be
    called before the imports, and again after them.
    """
    global _usual
    if _usual is None:
        _usual = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    gc.freeze()


def collect_as_usual() -> None:
    """Undoes `collect_rarely`, if it was called: a long loop must not gather garbage."""
    global _usual
    if _usual is not None:
        gc.set_threshold(*_usual)
        _usual = None
