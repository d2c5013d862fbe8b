"""Lines of the text formats OBJ and MTL."""

from collections.abc import Iterator

from real3d_jax.data.object_rendering.formats.reading import Malformed


def statements(data: bytes) -> Iterator[tuple[int, str, str]]:
    """The lines of a file: number, first word, and the rest.

    Comments and empty lines are passed over; a backslash at the end of a line continues it.
    """
    pending, begun = "", 0
    for number, line in enumerate(_decoded(data).splitlines(), 1):
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending, begun = f"{pending}{line[:-1]} ", begun or number
            continue
        line, where = pending + line, begun or number
        pending, begun = "", 0
        word, _, rest = line.strip().partition(" ")
        if "\t" in word:
            word, _, tail = word.partition("\t")
            rest = f"{tail} {rest}"
        if word and not word.startswith("#"):
            yield where, word, rest.strip()
    if pending.strip():
        raise Malformed(f"it ends with line {begun}, which should go on")


def number(word: str) -> float:
    """A number of a file; Python would also take '1_000'.

    Raises:
      ValueError: it is none.
    """
    if "_" in word:
        raise ValueError(word)
    return float(word)


def without_comment(rest: str) -> str:
    """The numbers of a line, without what follows ' #'."""
    return rest.partition(" #")[0] if "#" in rest else rest


def _decoded(data: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                break
    return data.decode("cp1252", errors="replace")
