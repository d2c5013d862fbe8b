"""Checks of COLMAP's text files, of which a damaged one would be read in part (https://colmap.github.io/format.html)."""

import pathlib
import re
from collections.abc import Sequence

from real3d_jax.data.records import Unusable

CAMERAS, IMAGES, POINTS = "cameras.txt", "images.txt", "points3D.txt"
_COUNT = re.compile(r"#\s*Number of \w+:\s*(\d+)")


def check(folder: pathlib.Path) -> None:
    """Refuses a model of which a line is cut short or is something else, or that has fewer lines than it says.

    Raises:
      Unusable: a file is missing or damaged; names the file and the line.
    """
    cameras = {line[0] for line in _check_cameras(folder / CAMERAS)}
    keypoints = _check_images(folder / IMAGES, cameras)
    _check_points(folder / POINTS, keypoints)


def _check_cameras(path: pathlib.Path) -> list[list[str]]:
    import pycolmap

    found = []
    for number, words in _lines(path):
        if words:
            kind = words[1] if len(words) > 4 and words[1] in pycolmap.CameraModelId.__members__ else None
            count = len(pycolmap.Camera.create_from_model_name(1, kind, 1.0, 1, 1).params) if kind else 0
            _require(path, number, bool(kind) and len(words) == 4 + count)
            _require(path, number, _are_counts(words[0:1] + words[2:4]))
            _require(path, number, _are_numbers(words[4:]) and int(words[2]) > 0 and int(words[3]) > 0)
            found.append(words)
    _check_count(path, len(found))
    return found


def _check_images(path: pathlib.Path, cameras: set[str]) -> dict[int, int]:
    """How many keypoints each image has."""
    lines = _lines(path)
    keypoints: dict[int, int] = {}
    place = 0
    while place < len(lines):
        number, words = lines[place]
        if not words:
            place += 1
            continue
        _require(path, number, len(words) >= 10 and _are_counts(words[0:1] + words[8:9]) and _are_numbers(words[1:8]))
        _require(path, number, words[8] in cameras and int(words[0]) not in keypoints)
        points = lines[place + 1][1] if place + 1 < len(lines) else []  # the last line may be empty, and cut off
        _require(path, number + 1, len(points) % 3 == 0 and _are_numbers(points))
        keypoints[int(words[0])] = len(points) // 3
        place += 2
    _check_count(path, len(keypoints))
    return keypoints


def _check_points(path: pathlib.Path, keypoints: dict[int, int]) -> None:
    count = 0
    for number, words in _lines(path):
        if words:
            _require(path, number, len(words) >= 8 and len(words) % 2 == 0 and _are_numbers(words[1:4] + words[7:8]))
            _require(path, number, _are_counts(words[0:1] + words[4:7] + words[8:]))
            track = [int(word) for word in words[8:]]
            ends = zip(track[::2], track[1::2], strict=True)
            _require(path, number, all(place < keypoints.get(image, 0) for image, place in ends))
            count += 1
    _check_count(path, count)


def _lines(path: pathlib.Path) -> list[tuple[int, list[str]]]:
    """Number and words of every line that is no comment."""
    try:
        text = path.read_text(encoding="utf8")
    except FileNotFoundError as error:
        raise Unusable(f"'{path.name}' of the sparse model is missing") from error
    except (OSError, ValueError) as error:
        raise Unusable(f"'{path.name}' of the sparse model is no text ({error})") from error
    lines = text.split("\n")
    return [(number, line.split()) for number, line in enumerate(lines, 1) if not line.lstrip().startswith("#")]


def _check_count(path: pathlib.Path, count: int) -> None:
    """COLMAP says how many entries there are, and ends its files with a new line."""
    text = path.read_text(encoding="utf8")
    stated = _COUNT.search(text)
    if stated and (int(stated[1]) != count or not text.endswith("\n")):
        raise Unusable(f"'{path.name}' of the sparse model is cut short: {count} of {stated[1]} entries are whole")


def _require(path: pathlib.Path, number: int, sound: bool) -> None:
    if not sound:
        raise Unusable(f"'{path.name}' of the sparse model is damaged in line {number}")


def _are_numbers(words: Sequence[str]) -> bool:
    try:
        return all(float(word) is not None for word in words)
    except ValueError:
        return False


def _are_counts(words: Sequence[str]) -> bool:
    return all(word.isascii() and word.isdigit() and len(word) < 10 for word in words)
