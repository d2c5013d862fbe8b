"""COCO's JSON of instances: data set files, and bare lists of results as detectors write them.

A data set file has `images` (`id`, `file_name`), `annotations` (`id`, `image_id`, `segmentation`, `category_id`,
optional `score`, `iscrowd`) and `categories` (`id`, `name`). A bare list has the annotations only; there `image_id`
names the photograph, and an annotation without `id` gets its place in the list, from 0. What annotation tools write
otherwise is read as meant, and counted.
"""

import collections
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from real3d_jax.curation import exported_shapes
from real3d_jax.curation.exported_shapes import identity
from real3d_jax.curation.photograph_finder import Found, PhotographFinder
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError

# What workers get: id, segmentation, category (a name), score, iscrowd, size (of the image); and, where there are such,
# box (the file's `bbox`) and problem (why it is no object).
Annotation = dict[str, Any]


class Unmatched(NamedTuple):
    """What the file says about no photograph of the input, and why it could not be used."""

    image: str
    reason: str


class Annotations(NamedTuple):
    """An instances file, sorted by photograph.

    Attributes:
      of: the annotations of each photograph, by its key.
      unmatched: images and annotations that belong to no photograph.
      repaired: how many annotations and images were not written as COCO has them, by what was read as meant.
    """

    of: Mapping[str, Sequence[Annotation]]
    unmatched: Sequence[Unmatched]
    repaired: Mapping[str, int] = {}


def read(path: pathlib.Path, photographs: Sequence[PhotographFile], *, categories: Mapping[Any, str]) -> Annotations:
    """Reads an instances file.

    Args:
      path: the JSON file.
      photographs: of the input.
      categories: names by id, for a bare list; a data set file's own go first.

    Raises:
      UserError: the file cannot be read, is neither of the two kinds, or has two images or categories of one id.
    """
    content, finder = _load(path, "--instances"), PhotographFinder(photographs)
    names = {identity(number): name for number, name in categories.items()}
    repaired: collections.Counter[str] = collections.Counter()
    if isinstance(content, dict):
        own = {identity(number): name for number, name in _names(content, path).items()}
        names, complete = names | own, bool(own)
        rows, annotations = _list(content, "images", path), _list(content, "annotations", path)
        _check_once(rows, "file_name", f"--instances: '{path}' has two 'images'")
        found, unmatched = _match_images(rows, annotations, finder, repaired)
        sizes = {identity(row["id"]): _size(row) for row in rows if isinstance(row, dict) and "id" in row}
    elif isinstance(content, list):
        annotations, sizes, complete = content, {}, False  # --categories need not name every one
        found, unmatched = _match_ids(annotations, finder, repaired)
    else:
        raise UserError(f"--instances: '{path}' is neither a COCO data set file nor a list of results.")
    of: dict[str, list[Annotation]] = collections.defaultdict(list)
    for place, annotation in enumerate(annotations):
        number = identity(annotation.get("image_id")) if isinstance(annotation, dict) else None
        if number in found:
            of[found[number]].append(_prepared(annotation, place, names, complete, sizes.get(number), repaired))
    broken = [
        Unmatched(str(path.name), f"entry {place} is no annotation with an 'image_id'")
        for place, annotation in enumerate(annotations)
        if not (isinstance(annotation, dict) and "image_id" in annotation)
    ]
    return Annotations(of, [*unmatched, *broken], dict(sorted(repaired.items())))


def read_categories(path: pathlib.Path) -> dict[int | str, str]:
    """Names by id, from a COCO file's `categories` or a JSON object `{"1": "person", ...}`.

    Raises:
      UserError: the file cannot be read or is neither.
    """
    content = _load(path, "--categories")
    try:
        if isinstance(content, dict) and "categories" not in content:
            return {int(number): str(name).strip() for number, name in content.items()}
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
    number = None if isinstance(score, str) else exported_shapes.number(score)
    if number is None or not 0 <= number <= 1:
        raise Unusable(f"its score is {score!r}, not a number from 0 to 1")
    return number


def _match_images(
    rows: Sequence[Any], annotations: Sequence[Any], finder: PhotographFinder, repaired: collections.Counter[str]
) -> tuple[dict[str, str], list[Unmatched]]:
    """Photographs by the `id` of the rows of `images`."""
    uses = _uses(annotations)
    named: dict[str, tuple[str, Found | None]] = {}
    unmatched = []
    for row in rows:
        name = row.get("file_name") if isinstance(row, dict) else None
        if not isinstance(name, str) or "id" not in row:
            unmatched.append(Unmatched(str(name), "an entry of 'images' lacks 'id' or 'file_name'"))
            continue
        other = row.get("path")  # COCO Annotator's, with the folders
        found = finder.by_file_name(name) or (finder.by_file_name(other) if isinstance(other, str) else None)
        named[identity(row["id"])] = name, found
    claims: dict[str, list[Found]] = collections.defaultdict(list)
    for _, found in named.values():
        if found:
            claims[found.key].append(found)
    matched = {}
    for number, (name, found) in named.items():
        count = uses.pop(number, 0)
        why = f"it has {count} instances, but is not among the photographs"
        if found and not found.exact and len(claims[found.key]) > 1:
            why = f"it has {count} instances, but '{found.key}' may be this photograph or another of 'images'"
        elif found:
            matched[number] = found.key
            repaired[found.how] += bool(found.how)
            continue
        unmatched.append(Unmatched(name, why))
    unmatched += [
        Unmatched(number, f"{count} instances name this image_id, which 'images' does not have")
        for number, count in uses.items()
    ]
    del repaired[""]
    return matched, unmatched


def _match_ids(
    annotations: Sequence[Any], finder: PhotographFinder, repaired: collections.Counter[str]
) -> tuple[dict[str, str], list[Unmatched]]:
    """Photographs by the `image_id` of annotations."""
    matched, unmatched = {}, []
    for number, count in _uses(annotations).items():
        found = finder.by_id(number)
        if found is not None:
            matched[number] = found.key
            repaired[found.how] += bool(found.how)
        else:
            unmatched.append(Unmatched(number, f"it has {count} instances, but is not among the photographs"))
    del repaired[""]
    return matched, unmatched


def _uses(annotations: Sequence[Any]) -> collections.Counter[str]:
    """How many annotations each image has."""
    return collections.Counter(
        identity(annotation["image_id"])
        for annotation in annotations
        if isinstance(annotation, dict) and "image_id" in annotation
    )


def _prepared(
    annotation: Annotation,
    place: int,
    names: Mapping[str, str],
    complete: bool,
    size: list[int] | None,
    repaired: collections.Counter[str],
) -> Annotation:
    own = annotation.get("id", place)
    segmentation, repairs = exported_shapes.segmentation(annotation.get("segmentation"))
    score, crowd = annotation.get("score", 1.0), exported_shapes.flag(annotation.get("iscrowd"))
    if score is None:
        score = 1.0
        repairs.append("scores of null, as 1")
    elif isinstance(score, str) and (number := exported_shapes.number(score)) is not None:
        score = number
        repairs.append("scores as text")
    if isinstance(annotation.get("iscrowd"), str) and crowd is not None:
        repairs.append("iscrowd as text")
    category, problem = _category(annotation, names, complete, repairs)
    if crowd is None:
        problem = f"its iscrowd is {annotation['iscrowd']!r}, not 0 or 1"
    repaired.update(set(repairs))
    prepared = {
        "id": own if isinstance(own, int | str) else str(own),
        "segmentation": segmentation,
        "category": category,
        "score": score,
        "iscrowd": bool(crowd),
        "size": size,
    }
    more = {"box": annotation.get("bbox"), "problem": problem}
    return prepared | {name: value for name, value in more.items() if value is not None}


def _category(
    annotation: Annotation, names: Mapping[str, str], complete: bool, repairs: list[str]
) -> tuple[str, str | None]:
    """The name of its category, and why it cannot be compared with those that are excluded."""
    given = annotation.get("category_id")
    if given is not None and not isinstance(given, bool) and identity(given) in names:
        if isinstance(given, str):
            repairs.append("category_id as text")
        return names[identity(given)], None
    known = {name.casefold(): name for name in names.values()}
    for name in (given, annotation.get("category_name")):
        if isinstance(name, str) and name.strip().casefold() in known:
            repairs.append("category by its name")
            return known[name.strip().casefold()], None
    if complete:
        return "", f"its category_id is {given!r}, which 'categories' does not have"
    own = annotation.get("category_name")
    return own.strip() if isinstance(own, str) else "", None


def _size(row: Mapping[str, Any]) -> list[int] | None:
    """Height and width, where the file says them."""
    height, width = (exported_shapes.number(row.get(name)) for name in ("height", "width"))
    return [int(height), int(width)] if height and width else None


def _load(path: pathlib.Path, option: str) -> Any:
    try:
        return json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        raise UserError(f"{option}: '{path}' cannot be read ({error.strerror}): name a JSON file.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{option}: '{path}' is no JSON ({error}): make it again.") from error


def _list(content: Mapping[str, Any], field: str, path: pathlib.Path) -> list[Any]:
    if not isinstance(content.get(field), list):
        raise UserError(f"--instances: '{path}' has no list '{field}': name a COCO data set file or a list of results.")
    return content[field]


def _names(content: Mapping[str, Any], path: pathlib.Path) -> dict[int | str, str]:
    rows = content.get("categories") or []
    try:
        names = {_hashable(row["id"]): _name(row["name"]) for row in rows}
    except (TypeError, KeyError) as error:
        raise UserError(f"'{path}' has 'categories' without 'id' or 'name': put the file right.") from error
    _check_once(rows, "name", f"'{path}' has two 'categories'")
    return names


def _name(value: Any) -> str:
    """A category's name, which may be a number.

    Raises:
      TypeError: it is neither.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"{value!r} is no name")
    return str(value).strip()


def _hashable(value: Any) -> int | str:
    return value if isinstance(value, int) else identity(value)


def _check_once(rows: Iterable[Any], field: str, where: str) -> None:
    """Refuses two entries of one id that are not the same."""
    seen: dict[str, Any] = {}
    for row in rows:
        if not (isinstance(row, dict) and "id" in row):
            continue
        if seen.setdefault(identity(row["id"]), row.get(field)) != row.get(field):
            raise UserError(f"{where} with the id {row['id']}: give each an id of its own.")
