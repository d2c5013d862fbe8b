"""Every value of every config, as numbers.txt beside this file states it: whoever changes one says so in both places.

A section states a config, whole or beyond another one: '[mini:fine] beyond [mini]' has what the variant changes. Values
stand behind the group that they belong to; what is 'gone' is the other config's alone.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from real3d_jax.config import places
from real3d_jax.config.files import load_tree
from real3d_jax.models.presets import CONDITIONED_PRESETS, PRESETS

_MODELS = {name: dataclasses.asdict(model) for name, model in (PRESETS | CONDITIONED_PRESETS).items()}


def _read(text):
    """The lines of each section, by its name and the name of what it goes beyond ('' for nothing)."""
    found, lines = {}, []
    for line in filter(None, text.splitlines()):
        if heading := re.fullmatch(r"\[([^]]+)\](?: beyond \[([^]]+)\])?", line):
            lines = found[heading[1], heading[2] or ""] = []
        else:
            lines.append(line)
    return found


SECTIONS = _read((Path(__file__).parent / "numbers.txt").read_text())


def _tree(name):
    if not name:
        return {}
    kind, _, preset = name.partition(" ")
    if kind == "preset":
        return _MODELS[preset]
    tree = load_tree(name).to_dict()
    model = next((preset for preset, model in _MODELS.items() if model == tree.get("model")), None)
    return tree if model is None else {**tree, "model": f"preset {model}"}


def _groups(tree, where=()):
    """Groups of a tree that hold values themselves, or nothing, by their names: their values."""
    values = {key: value for key, value in tree.items() if not isinstance(value, Mapping)}
    found = {where: values} if values or not tree else {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= _groups(value, (*where, key))
    return found


def _stated(before, now):
    """The lines that state what one tree has beyond another."""
    old, new = _groups(before), _groups(now)
    for group in sorted(old.keys() | new.keys()):
        name, had, has = ".".join(group) or "run", old.get(group), new.get(group)
        if has is None:
            if not any(other[: len(group)] == group for other in new):
                yield f"{name}: gone"
            continue
        values = [f"{key}={value!r}" for key, value in sorted(has.items()) if had is None or had.get(key, ...) != value]
        values += [f"{key} gone" for key in sorted((had or {}).keys() - has.keys())]
        if values or (had is None and not has):
            yield f"{name}: {', '.join(values) or 'nothing'}"


@pytest.mark.parametrize(("name", "base"), SECTIONS, ids=[name for name, _ in SECTIONS])
def test_every_value_is_the_one_that_is_stated(name, base):
    assert list(_stated(_tree(base), _tree(name))) == SECTIONS[name, base]


def test_every_config_and_preset_is_stated():
    named = {name.partition(":")[0] for name, _ in SECTIONS}
    assert named == {*places.own_names(), *(f"preset {name}" for name in _MODELS)}
    assert {base for _, base in SECTIONS} - {""} <= {name for name, _ in SECTIONS}
