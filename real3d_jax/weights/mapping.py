"""Weight mappings as data: tables of names, and the one engine that runs them both ways.

A rule pairs a foreign tensor's name with a path in our parameter tree, says which axes move, and spells the foreign
shape with letters. A letter stands for one size throughout a file, so that the table alone can tell which tensor of a
damaged file is missing, surplus or mis-shaped, and the sizes of the model are read off the letters. Axes are only
permuted, so both ways are exact to the bit.
"""

import collections
import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from flax import traverse_util

from real3d_jax.errors import UserError

# How the axes of a foreign tensor are ordered in ours, and how many axes of size 1 go before them.
_TRANSFORMS: dict[str, tuple[tuple[int, ...] | None, int]] = {
    "same": (None, 0),
    "linear": ((1, 0), 0),  # (out, in) -> (in, out)
    "conv": ((2, 3, 1, 0), 0),  # (out, in, h, w) -> (h, w, in, out)
    "channels_last": ((0, 2, 3, 1), 0),  # (n, c, h, w) -> (n, h, w, c); a transposed convolution's (in, out, h, w)
    "position_table": (None, 1),
    "class_token": (None, 2),
}
_LAYER = re.compile(r"\{(\d*)i\}")
_EXACT_UPCASTS = ("float16", "bfloat16")
_NAMED = 3  # keys that an error message spells out


@functools.cache
def _numbered(source: str) -> tuple[re.Pattern[str], int]:
    """What names of all layers fit, and by how much their number grows from layer to layer."""
    head, step, tail = re.split(_LAYER, source)
    return re.compile(re.escape(head) + r"(\d{1,3})" + re.escape(tail)), int(step or 1)


@dataclasses.dataclass(frozen=True)
class Rule:
    """One tensor, or one tensor of every layer.

    Attributes:
      source: foreign name; `{i}` stands for the layer, `{2i}` for twice its number.
      target: path in our tree. Layers are stacked on axis 0, unless the path has `{i}` as well.
      shape: foreign shape: numbers, letters, or a number times a letter ('8C'), between spaces. Three shapes are those
        of the first layer, the ones between, and the last.
      transform: a key of `_TRANSFORMS`.
    """

    source: str
    target: str
    shape: str | tuple[str, str, str]
    transform: str = "same"

    @property
    def group(self) -> str:
        """What the names of a stack of layers begin with; '' for a single tensor."""
        match = _LAYER.search(self.source)
        return self.source[: match.start()] if match else ""

    def name(self, layer: int) -> str:
        """The foreign name in a layer."""
        return _LAYER.sub(lambda match: str(int(match[1] or 1) * layer), self.source)

    def layer_of(self, name: str) -> int | None:
        """The layer that a foreign name belongs to; None if it does not fit the rule."""
        pattern, step = _numbered(self.source)
        match = pattern.fullmatch(name)
        return None if match is None or int(match[1]) % step else int(match[1]) // step

    def shape_of(self, layer: int, depth: int) -> list[str]:
        """The symbols of the shape in a layer."""
        if isinstance(self.shape, str):
            return self.shape.split()
        return self.shape[0 if layer == 0 else 2 if layer == depth - 1 else 1].split()

    def forward(self, tensor: np.ndarray) -> np.ndarray:
        """Foreign layout to ours."""
        axes, lead = _TRANSFORMS[self.transform]
        moved = np.ascontiguousarray(np.transpose(tensor, axes or range(tensor.ndim)))
        return moved.reshape((1,) * lead + moved.shape)

    def backward(self, tensor: np.ndarray) -> np.ndarray:
        """Our layout to the foreign one, as a view. Raises ValueError if the number of axes is wrong."""
        axes, lead = _TRANSFORMS[self.transform]
        if tensor.shape[:lead] != (1,) * lead:
            raise ValueError
        tensor = tensor.reshape(tensor.shape[lead:])
        return np.transpose(tensor, np.argsort(axes or range(tensor.ndim)))


@dataclasses.dataclass(frozen=True)
class Table:
    """A foreign format.

    Attributes:
      kind: of the converted weights (`converted.Weights`).
      title: in messages.
      rules: every tensor that we use, once.
      kept: names and shapes of tensors that we do not use but write back.
      dropped: patterns of names that we neither use nor keep.
    """

    kind: str
    title: str
    rules: tuple[Rule, ...]
    kept: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dropped: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Imported:
    """Converted tensors.

    Attributes:
      params: nested dict of float32 arrays.
      unused: the kept tensors, by foreign name.
      sizes: what each letter of the shapes stands for.
      depths: number of layers, by what their names begin with.
      upcast: how many tensors had half precision; their float32 values are the same.
    """

    params: dict
    unused: dict[str, np.ndarray]
    sizes: dict[str, int]
    depths: dict[str, int]
    upcast: int


def matches(table: Table, names: Iterable[str]) -> int:
    """How many foreign names fit a rule of the table."""
    plain = {rule.source for rule in table.rules if not rule.group}
    layered = [(rule.group, rule) for rule in table.rules if rule.group]
    return sum(
        name in plain or any(name.startswith(group) and rule.layer_of(name) is not None for group, rule in layered)
        for name in names
    )


def import_tensors(
    table: Table,
    tensors: Mapping[str, np.ndarray],
    *,
    where: str,
    depths: Mapping[str, int] | None = None,
) -> Imported:
    """Converts foreign tensors to our tree.

    Args:
      table: the format.
      tensors: by name; only those that are used or kept are read.
      where: the file, for messages.
      depths: least number of layers, by what their names begin with, where it is known from elsewhere.

    Raises:
      UserError: tensors are missing, surplus, mis-shaped, not floating point, or not finite.
    """
    depth = _depths(table, tensors, depths or {})
    expected = {rule.name(layer): (rule, layer) for rule, layer in _expand(table, depth)}
    read = {name: np.asarray(tensors[name]) for name in tensors if name in expected or name in table.kept}

    missing = [name for name in expected if name not in read]
    dropped = re.compile("|".join(table.dropped) or "(?!)")
    surplus = [name for name in tensors if name not in read and not dropped.fullmatch(name)]
    sizes, misshaped = _check_shapes(_symbols(table, expected, depth), read)
    _refuse(table, where, missing, surplus, misshaped)

    floats = {name: _as_float32(tensor, name, where) for name, tensor in read.items()}
    broken = [name for name in expected if not np.isfinite(floats[name]).all()]
    if broken:
        problems = list_problems({"tensors": broken})
        raise UserError(f"{where} has numbers that are not finite ({problems}): get a file from before training broke.")
    flat = {}
    for rule in table.rules:
        layers = [rule.forward(floats[rule.name(i)]) for i in range(depth.get(rule.group, 1))]
        if rule.group and "{i}" in rule.target:
            flat |= {rule.target.format(i=i): layer for i, layer in enumerate(layers)}
        else:
            flat[rule.target] = np.stack(layers) if rule.group else layers[0]
    return Imported(
        params=traverse_util.unflatten_dict(flat, sep="/"),
        unused={name: floats[name] for name in table.kept if name in floats},
        sizes=sizes,
        depths=depth,
        upcast=sum(str(tensor.dtype) in _EXACT_UPCASTS for tensor in read.values()),
    )


def export_tensors(
    table: Table, params: Mapping, unused: Mapping[str, np.ndarray], *, where: str
) -> dict[str, np.ndarray]:
    """Converts our tree to foreign tensors (views), with the kept ones written back; those that never were are zero.

    Raises:
      UserError: `params` is not what the table describes.
    """
    flat = {path: np.asarray(array) for path, array in flatten(params).items()}
    tensors, malformed = {}, []
    for rule in table.rules:
        for layer, path, tensor in _take(rule, flat):
            try:
                tensors[rule.name(layer)] = rule.backward(tensor)
            except ValueError:
                malformed.append(f"{path} is {tensor.shape}")
    tensors |= {name: np.asarray(tensor) for name, tensor in unused.items() if name in table.kept}

    depth = _depths(table, tensors, {})
    expected = {rule.name(layer): (rule, layer) for rule, layer in _expand(table, depth)}
    sizes, misshaped = _check_shapes(_symbols(table, expected, depth), tensors)
    missing = [name for name in expected if name not in tensors] if not malformed else []
    _refuse(table, where, missing, list(flat), malformed + misshaped)
    for name, shape in table.kept.items():
        if name not in tensors:
            tensors[name] = np.zeros([int(_size(symbol, sizes)) for symbol in shape.split()], np.float32)
    return tensors


def _take(rule: Rule, flat: dict[str, np.ndarray]) -> Iterator[tuple[int, str, np.ndarray]]:
    """Takes the arrays of a rule out of our flat tree, layer by layer."""
    if not rule.group or "{i}" not in rule.target:
        if rule.target in flat:
            array = flat.pop(rule.target)
            for layer, tensor in enumerate(array if rule.group else [array]):
                yield layer, rule.target, tensor
        return
    pattern = re.escape(rule.target).replace(re.escape("{i}"), r"(\d+)")
    for path in list(flat):
        match = re.fullmatch(pattern, path)
        if match:
            yield int(match[1]), path, flat.pop(path)


def _depths(table: Table, names: Iterable[str], least: Mapping[str, int]) -> dict[str, int]:
    """Layers of each stack: one more than the highest number seen."""
    depths = {rule.group: max(1, least.get(rule.group, 1)) for rule in table.rules if rule.group}
    for rule in table.rules:
        for name in names if rule.group else ():
            layer = rule.layer_of(name) if name.startswith(rule.group) else None
            if layer is not None:
                depths[rule.group] = max(depths[rule.group], layer + 1)
    return depths


def _expand(table: Table, depths: Mapping[str, int]) -> Iterator[tuple[Rule, int]]:
    for rule in table.rules:
        for layer in range(depths.get(rule.group, 1)):
            yield rule, layer


def _symbols(table: Table, expected: Mapping[str, tuple[Rule, int]], depths: Mapping[str, int]) -> dict[str, list[str]]:
    shapes = {name: rule.shape_of(layer, depths.get(rule.group, 1)) for name, (rule, layer) in expected.items()}
    return shapes | {name: shape.split() for name, shape in table.kept.items()}


def _check_shapes(
    symbols: Mapping[str, list[str]], tensors: Mapping[str, np.ndarray]
) -> tuple[dict[str, int], list[str]]:
    """The size that most tensors agree on for each letter, and the tensors that do not fit."""
    votes = collections.defaultdict(collections.Counter)
    for name, tensor in tensors.items():
        if len(symbols[name]) == tensor.ndim:
            for symbol, size in zip(symbols[name], tensor.shape, strict=True):
                factor, letter = _factor(symbol)
                if letter and size % factor == 0:
                    votes[letter][size // factor] += 1
    sizes = {letter: counter.most_common(1)[0][0] for letter, counter in votes.items()}
    misshaped = []
    for name, tensor in tensors.items():
        shape = tuple(_size(symbol, sizes) for symbol in symbols[name])
        if tensor.shape != shape:
            misshaped.append(f"{name} is {tensor.shape} instead of ({', '.join(map(str, shape))})")
    return sizes, misshaped


def _size(symbol: str, sizes: Mapping[str, int]) -> int | str:
    """The size a symbol stands for; the symbol itself if no tensor tells."""
    factor, letter = _factor(symbol)
    return factor * sizes[letter] if letter in sizes else symbol if letter else factor


def _factor(symbol: str) -> tuple[int, str]:
    """'8C' -> (8, 'C'); 'C' -> (1, 'C'); '4' -> (4, '')."""
    letter = symbol.lstrip("0123456789")
    return int(symbol.removesuffix(letter) or 1), letter


def _as_float32(tensor: np.ndarray, name: str, where: str) -> np.ndarray:
    if tensor.dtype == np.float32:
        return tensor
    if str(tensor.dtype) in _EXACT_UPCASTS:
        return tensor.astype(np.float32)
    raise UserError(
        f"{where} holds {name} as {tensor.dtype}, which float32 cannot hold exactly: save it as float32 first."
    )


def _refuse(table: Table, where: str, missing: Sequence[str], surplus: Sequence[str], misshaped: Sequence[str]) -> None:
    problems = list_problems({"missing": missing, "surplus": surplus, "mis-shaped": misshaped})
    if problems:
        raise UserError(f"{where} is no whole {table.title}, of whose tensors {problems}: get a complete file.")


def flatten(tree: Mapping) -> dict[str, Any]:
    """A nested dictionary as one, by paths such as 'backbone/norm/bias'."""
    return {str(path): leaf for path, leaf in traverse_util.flatten_dict(dict(tree), sep="/").items()}


def list_problems(problems: Mapping[str, Sequence[str]]) -> str:
    """'2 missing (a, b); 5 surplus (c, d, e, ...)', leaving out what there is none of; '' if there is nothing."""
    return "; ".join(
        f"{len(names)} {what} ({', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''})"
        for what, names in problems.items()
        if names
    )
