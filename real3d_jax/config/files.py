"""Reads config files (Python), with changes from the command line, and writes configurations back as JSON.

A config file defines `get_config() -> ml_collections.ConfigDict`. `path.py:word` passes the word to it; `real3d:word`
means the package's own `configs/real3d.py` (`places`). Changes are written `--config.schedule.steps=100`; they can set
the keys that the file has, not add any, but for data sets: `--config.data.synthetic.mine.path=FOLDER` adds one (with
`config.data.ADDED_SETS`), and `--config.data.synthetic.zero123=none` takes one out. `parse` checks the result against
the schema in `config/`: a mistyped, missing or ill-typed key, or one out of its range (`ranges`), is refused by name.
"""

import ast
import dataclasses
import importlib.util
import math
import re
import sys
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import ml_collections

from real3d_jax.config import places, ranges
from real3d_jax.config.data import ADDED_SETS
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError, did_you_mean, one_line

NO_SET = "none"  # in place of a data set on the command line
EMBEDDED = "embedded"  # the argument of a config file for the data that the package makes itself
_SETS = tuple(f"config.data.{kind}" for kind in ADDED_SETS)
_T = TypeVar("_T")


def load(source: str, changes: Sequence[str] = ()) -> Config:
    """The training configuration of a file; arguments and errors as of `load_as`."""
    return load_as(Config, source, changes)


def load_as(schema: type[_T], source: str, changes: Sequence[str] = ()) -> _T:
    """The configuration of a file, as the dataclass `schema`.

    Args:
      schema: what the file must hold.
      source: path of the file or name of one of the package's own, and after a colon the argument of its `get_config`,
        if it takes one.
      changes: the command line's `--config.KEY=VALUE` (or `--config.KEY VALUE`, as two entries).

    Raises:
      UserError: the file cannot be used, or a key is unknown, missing or ill-typed.
    """
    tree = load_tree(source)
    pairs = _pairs(changes)
    _add_sets(tree, pairs)
    for key, value in pairs:
        _set(tree, key, value)
    return build(schema, tree.to_dict(), "config")


def load_tree(source: str) -> ml_collections.ConfigDict:
    """What `get_config` of a config file returns; `source` as in `load`."""
    path, _, argument = source.partition(":")
    get_config = _import(places.find(path)).get_config
    try:
        tree = get_config(argument) if argument else get_config()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"--config {source}: its get_config failed with {one_line(error)}.") from error
    if not isinstance(tree, ml_collections.ConfigDict):
        raise UserError(f"--config {source}: its get_config must return a ConfigDict, but gave {type(tree).__name__}.")
    tree.unlock()
    return tree


def load_rows(source: str) -> tuple[str, ...]:
    """The rows of the study whose configurations a file has, which it names `ROWS`; none if it names no such thing."""
    return tuple(getattr(_import(places.find(source)), "ROWS", ()))


def read_variant(words: str, whose: str, *kinds: tuple[str, Collection[str]]) -> tuple[str, ...]:
    """One word of each kind from the argument of a config file, such as 'released,small'.

    Args:
      words: with commas between; the last one of a kind counts.
      whose: variants they are, at the beginning of a message: 'An evaluation'.
      *kinds: the word of the kind where none is given, and all its words; what several have is the first kind's.

    Raises:
      UserError: a word is of no kind.
    """
    chosen = [default for default, _ in kinds]
    for word in filter(None, words.split(",")):
        kind = next((number for number, (_, valid) in enumerate(kinds) if word in valid), None)
        if kind is None:
            known = [known for _, valid in kinds for known in valid]
            raise UserError(f"{whose} has no variant '{word}': {did_you_mean(word, known)}")
        chosen[kind] = word
    return tuple(chosen)


def embedded_variant(source: str) -> str | None:
    """`source` with the argument 'embedded', which makes its data itself; None if it is that, or the file has none."""
    path, _, argument = source.partition(":")
    if argument == EMBEDDED:
        return None
    variant = f"{path}:{EMBEDDED}"
    try:
        embedded = load(variant)
        return variant if embedded.data.embedded and embedded != load(source) else None
    except UserError:
        return None


def parse(tree: Mapping[str, Any] | ml_collections.ConfigDict) -> Config:
    """Checks a config tree against the schema.

    Raises:
      UserError: a key is unknown (the nearest valid one is named), missing, of the wrong type, or out of its range.
    """
    if isinstance(tree, ml_collections.ConfigDict):
        tree = tree.to_dict()
    return build(Config, tree, "config")


def build(schema: type[_T], tree: Any, where: str) -> _T:
    """Builds the dataclass `schema` from nested mappings; `where` names the place in error messages."""
    if not isinstance(tree, Mapping):
        raise UserError(f"{where} must be a group of keys, but is {tree!r}.")
    hints = typing.get_type_hints(schema)
    for key in tree:
        if key not in hints:
            raise UserError(f"{where} has no key '{key}': {did_you_mean(key, hints)}")
    missing = sorted(set(hints) - set(tree))
    if missing:
        raise UserError(f"{where} lacks the key '{missing[0]}': add it to the config file.")
    group = schema(**{key: _value(hints[key], tree[key], f"{where}.{key}") for key in hints})
    ranges.check(group, where)
    return group


def build_nearest(schemas: Sequence[type[Any]], tree: Mapping[str, Any], where: str) -> Any:
    """`build` of that one of several dataclasses whose fields are most like the keys."""
    return build(_nearest(schemas, tree), tree, where)


def to_tree(config: Any) -> Any:
    """A configuration as nested dictionaries, lists and numbers, fit for JSON; `parse` is the inverse."""
    if dataclasses.is_dataclass(config):
        return {f.name: to_tree(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {key: to_tree(value) for key, value in config.items()}
    if isinstance(config, tuple):
        return [to_tree(value) for value in config]
    return config


class Change(NamedTuple):
    """A key in which two configuration trees differ, with its dots, and its values; None where there is none."""

    key: str
    before: Any
    now: Any


def changes(before: Mapping[str, Any], now: Mapping[str, Any], where: str = "") -> list[Change]:
    """In what two configuration trees differ, by key; `where` stands before each key, unless it is empty."""
    found = []
    for key in sorted(set(before) | set(now)):
        a, b, name = before.get(key), now.get(key), f"{where}.{key}" if where else key
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += changes(a, b, name)
        elif a != b:
            found.append(Change(name, a, b))
    return found


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], where: str = "config", *, ignored: tuple[str, ...] = ()
) -> list[str]:
    """The keys in which two configuration trees differ, each as 'config.a.b: old -> new'.

    Args:
      old: a tree.
      new: another one.
      where: stands before each key; nothing does if it is empty.
      ignored: beginnings of keys, `where` included, that may differ.
    """
    return [f"{key}: {a!r} -> {b!r}" for key, a, b in changes(old, new, where) if not key.startswith(ignored)]


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return build(_nearest(arguments, value), value, where)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise UserError(f"{where} must be a group of named entries, but is {value!r}.")
        return types.MappingProxyType({k: _value(arguments[1], v, f"{where}.{k}") for k, v in value.items()})
    if origin is tuple:
        listed, any_length = isinstance(value, (list, tuple)), arguments[-1] is Ellipsis
        if any_length:
            arguments = arguments[:1] * len(value) if listed else ()
        if not listed or len(value) != len(arguments):
            items = "words" if str in typing.get_args(hint) else "lists" if _has_tuples(hint) else "numbers"
            wanted = f"a list of {items}" if any_length else f"{len(arguments)} {items}"
            raise UserError(f"{where} must be {wanted}, but is {value!r}.")
        return tuple(_value(t, v, f"{where}[{i}]") for i, (t, v) in enumerate(zip(arguments, value, strict=True)))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint is float and isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} must be a finite number, but is {value}.")
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise UserError(f"{where} must be of type {hint.__name__}, but is {value!r}.")
    return value


def _has_tuples(hint: Any) -> bool:
    return any(typing.get_origin(item) is tuple for item in typing.get_args(hint))


def _nearest(schemas: Sequence[type], tree: Any) -> type:
    """The dataclass whose fields are most like the keys of a group."""
    keys = set(tree) if isinstance(tree, Mapping) else set()
    fields = {schema: {field.name for field in dataclasses.fields(schema)} for schema in schemas}
    return min(schemas, key=lambda schema: len(fields[schema] ^ keys))


def _import(path: Path) -> types.ModuleType:
    # Config files take from one another by `from configs.real3d import ...`: first from those beside them.
    above = next((parent.parent for parent in path.resolve().parents if parent.name == "configs"), None)
    for folder in map(str, (above or path.resolve().parent.parent, Path.cwd(), places.own_folder().parent)):
        if folder not in sys.path:
            sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(f"config_file_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except SyntaxError as error:
        raise UserError(f"--config {path}: line {error.lineno} is not valid Python ({error.msg}).") from error
    except Exception as error:
        raise UserError(f"--config {path}: cannot be imported, {one_line(error)}.") from error
    if not callable(getattr(module, "get_config", None)):
        raise UserError(f"--config {path}: the file must define a function get_config() that returns a ConfigDict.")
    return module


def _pairs(changes: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    remaining = list(changes)
    while remaining:
        word = remaining.pop(0)
        if not word.startswith("--config."):
            raise UserError(f"Unknown argument '{word}': a config key is set by --config.KEY=VALUE.")
        key, equals, value = word.removeprefix("--config.").partition("=")
        if not equals:
            if not remaining or remaining[0].startswith("--"):
                raise UserError(f"{word} needs a value: write {word}=VALUE.")
            value = remaining.pop(0)
        pairs.append((key, value))
    return pairs


def _add_sets(tree: ml_collections.ConfigDict, pairs: Sequence[tuple[str, str]]) -> None:
    """Makes an entry for each data set whose `path` is given and whose name is new, whatever the order of the pairs."""
    data: Any = tree.get("data", {})
    for key, _ in pairs:
        match = re.fullmatch(r"data\.(\w+)\.([^.]*)\.path", key)
        if match is None or match[1] not in ADDED_SETS or match[1] not in data:
            continue
        kind, name = match.groups()
        if not re.fullmatch(r"[A-Za-z][\w-]*", name):
            raise UserError(
                f"A data set cannot be called '{name}': begin with a letter, go on with letters, digits, _, -."
            )
        if name not in data[kind]:
            data[kind][name] = ml_collections.ConfigDict({**ADDED_SETS[kind], "path": ""})


def _set(tree: ml_collections.ConfigDict, key: str, text: str) -> None:
    group, where = tree, "config"
    *parents, leaf = key.split(".")
    for name in parents:
        group = _child(group, name, where)
        where += f".{name}"
        if not isinstance(group, ml_collections.ConfigDict):
            raise UserError(f"{where} is a value, not a group of keys: set it by --{where}=VALUE.")
    old = _child(group, leaf, where)
    if text == NO_SET and where in _SETS:
        del group[leaf]
        return
    if isinstance(old, ml_collections.ConfigDict):
        example = next(iter(old.keys()), "KEY")
        raise UserError(
            f"{where}.{leaf} is a group of keys: set one of them, such as --{where}.{leaf}.{example}=VALUE."
        )
    with group.ignore_type():  # `parse` checks the types, and says more about them
        group[leaf] = text if isinstance(old, str) else _literal(text)


def _child(group: ml_collections.ConfigDict, name: str, where: str) -> Any:
    if name not in group:
        hint = did_you_mean(name, group.keys()) if len(group) else "it is an empty group."
        if where in _SETS:
            hint += f" A new data set is added by its folder, --{where}.{name}.path=FOLDER."
        raise UserError(f"{where} has no key '{name}': {hint}")
    return group[name]


def _literal(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
