"""COCO's JSON of instances: data set files, and bare lists of results as detectors write them.

A data set file has `images` (`id`, `file_name`), `annotations` (`id`, `image_id`, `segmentation`, `category_id`,
optional `score`, `iscrowd`) and `categories` (`id`, `name`). A bare list has the annotations only; there `image_id`
names the photograph, and an annotation without `id` gets its place in the list, from 0.
"""

import collections
import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError

Annotation = dict[
    str, Any
]  # what workers get: id, segmentation, category (a name), score, iscrowd, size (of the image)


class Unmatched(NamedTuple):
    """What the file says about no photograph of the input, and why it could not be used."""

    image: str
    reason: str


class Annotations(NamedTuple):
    """An instances file, sorted by photograph.

    Attributes:
      of: the annotations of each photograph, by its key.
      unmatched: images and annotations that belong to no photograph.
    """

    of: Mapping[str, Sequence[Annotation]]
    unmatched: Sequence[Unmatched]


def read(path: pathlib.Path, photographs: Sequence[PhotographFile], *, categories: Mapping[int, str]) -> Annotations:
    """Reads an instances file.

    Args:
      path: the JSON file.
      photographs: of the input.
      categories: names by id, for a bare list; a data set file's own go first.

    Raises:
      UserError: the file cannot be read, or is neither of the two kinds.
    """
    content = _load(path, "--instances")
    if isinstance(content, dict):
        names = {**categories, **_names(content, path)}
        rows, annotations = _list(content, "images", path), _list(content, "annotations", path)
        found, unmatched = _match_images(rows, annotations, _Finder(photographs))
        sizes = {_hashable(row["id"]): _size(row) for row in rows if isinstance(row, dict) and "id" in row}
    elif isinstance(content, list):
        names, annotations, sizes = dict(categories), content, {}
        found, unmatched = _match_ids(annotations, _Finder(photographs))
    else:
        raise UserError(f"--instances: '{path}' is neither a COCO data set file nor a list of results.")
    of: dict[str, list[Annotation]] = collections.defaultdict(list)
    for place, annotation in enumerate(annotations):
        number = _hashable(annotation.get("image_id")) if isinstance(annotation, dict) else None
        if number in found:
            of[found[number]].append(_prepared(annotation, place, names, sizes.get(number)))
    broken = [
        Unmatched(str(path.name), f"entry {place} is no annotation with an 'image_id'")
        for place, annotation in enumerate(annotations)
        if not (isinstance(annotation, dict) and "image_id" in annotation)
    ]
    return Annotations(of, [*unmatched, *broken])


def read_categories(path: pathlib.Path) -> dict[int, str]:
    """Names by id, from a COCO file's `categories` or a JSON object `{"1": "person", ...}`.

    Raises:
      UserError: the file cannot be read or is neither.
    """
    content = _load(path, "--categories")
    try:
        if isinstance(content, dict) and "categories" not in content:
            return {int(number): str(name) for number, name in content.items()}
        return _names(content if isinstance(content, dict) else {"categories": content}, path)
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f'--categories: \'{path}\' is no JSON of the form {{"1": "person", ...}}.') from error


def checked_score(annotation: Mapping[str, Any]) -> float:
    """Its confidence; 1 if none is given.

    Raises:
      Unusable: it is no number from 0 to 1.
    """
    score = annotation["score"]
    if isinstance(score, bool) or not isinstance(score, int | float) or not (math.isfinite(score) and 0 <= score <= 1):
        raise Unusable(f"its score is {score!r}, not a number from 0 to 1")
    return float(score)


class _Finder:
    """Finds photographs by what files and detectors call them."""

    def __init__(self, photographs: Sequence[PhotographFile]):
        self._names = {photograph.file: photograph.key for photograph in photographs}
        self._names |= {name: photograph.key for photograph in photographs for name in photograph.names}
        uses = collections.Counter(_last(photograph.file) for photograph in photographs)
        self._last = {_last(p.file): p.key for p in photographs if uses[_last(p.file)] == 1}
        numbers = [(int(name), p.key) for p in photographs for name in p.names[-1:] if name.isdecimal()]
        once = collections.Counter(number for number, _ in numbers)
        self._numbers = {number: key for number, key in numbers if once[number] == 1}

    def by_file_name(self, name: str) -> str | None:
        """By a path below the input, or, if no other photograph has it, the last part of one."""
        return self._names.get(name) or self._last.get(_last(name))

    def by_id(self, number: Any) -> str | None:
        """By the stem or the path, or, for a number, the photograph whose stem is that number (000000397133)."""
        found = self.by_file_name(str(number))
        return found if found is not None or not isinstance(number, int) else self._numbers.get(number)


def _match_images(
    rows: Sequence[Any], annotations: Sequence[Any], finder: _Finder
) -> tuple[dict[Any, str], list[Unmatched]]:
    """Photographs by the `id` of the rows of `images`."""
    uses = _uses(annotations)
    found, unmatched = {}, []
    for row in rows:
        name = row.get("file_name") if isinstance(row, dict) else None
        if not isinstance(name, str) or "id" not in row:
            unmatched.append(Unmatched(str(name), "an entry of 'images' lacks 'id' or 'file_name'"))
            continue
        number = _hashable(row["id"])
        key = finder.by_file_name(name)
        count = uses.pop(number, 0)
        if key is not None:
            found[number] = key
        else:
            unmatched.append(Unmatched(name, f"it has {count} instances, but is not among the photographs"))
    unmatched += [
        Unmatched(str(number), f"{count} instances name this image_id, which 'images' does not have")
        for number, count in uses.items()
    ]
    return found, unmatched


def _match_ids(annotations: Sequence[Any], finder: _Finder) -> tuple[dict[Any, str], list[Unmatched]]:
    """Photographs by the `image_id` of annotations."""
    found, unmatched = {}, []
    for number, count in _uses(annotations).items():
        key = finder.by_id(number)
        if key is not None:
            found[number] = key
        else:
            unmatched.append(Unmatched(str(number), f"it has {count} instances, but is not among the photographs"))
    return found, unmatched


def _uses(annotations: Sequence[Any]) -> collections.Counter:
    """How many annotations each image has."""
    return collections.Counter(
        _hashable(annotation["image_id"])
        for annotation in annotations
        if isinstance(annotation, dict) and "image_id" in annotation
    )


def _prepared(annotation: Annotation, place: int, names: Mapping[int, str], size: list[int] | None) -> Annotation:
    identity = annotation.get("id", place)
    category = names.get(_hashable(annotation.get("category_id")), "")
    return {
        "id": identity if isinstance(identity, int | str) else str(identity),
        "segmentation": annotation.get("segmentation"),
        "category": category,
        "score": annotation.get("score", 1.0),
        "iscrowd": bool(annotation.get("iscrowd", 0)),
        "size": size,
    }


def _size(row: Mapping[str, Any]) -> list[int] | None:
    """Height and width, where the file says them."""
    height, width = row.get("height"), row.get("width")
    return [height, width] if isinstance(height, int) and isinstance(width, int) else None


def _load(path: pathlib.Path, option: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{option}: '{path}' cannot be read ({error.strerror}): name a JSON file.") from error
    except ValueError as error:
        raise UserError(f"{option}: '{path}' is no JSON ({error}): make it again.") from error


def _list(content: Mapping[str, Any], field: str, path: pathlib.Path) -> list[Any]:
    if not isinstance(content.get(field), list):
        raise UserError(f"--instances: '{path}' has no list '{field}': name a COCO data set file or a list of results.")
    return content[field]


def _names(content: Mapping[str, Any], path: pathlib.Path) -> dict[int, str]:
    try:
        return {_hashable(row["id"]): str(row["name"]) for row in content.get("categories", [])}
    except (TypeError, KeyError) as error:
        raise UserError(f"'{path}' has 'categories' without 'id' or 'name': put the file right.") from error


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | str) else str(value)


def _last(name: str) -> str:
    return pathlib.PurePosixPath(name).name
