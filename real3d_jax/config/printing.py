"""Prints a configuration as a config file that gives the same again."""

import dataclasses
import json
import keyword
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from real3d_jax.config import files
from real3d_jax.config.adapting import AdaptingConfig
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.paper_tables import PaperTablesConfig
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.config.training import Config

_HEAD = '''"""The resolved configuration of {source}."""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The configuration."""
    config = ConfigDict()
'''


def load_any(
    source: str, changes: Sequence[str] = ()
) -> Config | EvaluationConfig | ReconstructionConfig | AdaptingConfig | PaperTablesConfig:
    """The configuration of a file of any kind; arguments and errors as of `files.load_as`."""
    keys = set(files.load_tree(source).keys())

    def likeness(schema: type) -> float:
        fields = {field.name for field in dataclasses.fields(schema)}
        return len(keys & fields) / len(keys | fields)

    schema = max((Config, EvaluationConfig, ReconstructionConfig, AdaptingConfig, PaperTablesConfig), key=likeness)
    return files.load_as(schema, source, changes)


def as_file(config: Any, *, source: str) -> str:
    """A config file whose `get_config` gives `config` (a dataclass of `real3d_jax.config`); `source` is said in it."""
    said = source.replace("\\", "\\\\").replace('"', "'")
    return "\n".join([_HEAD.format(source=said) + "\n".join(_lines("config", config)), "    return config", ""])


def _lines(place: str, group: Any) -> Iterator[str]:
    entries = (
        group if isinstance(group, Mapping) else {f.name: getattr(group, f.name) for f in dataclasses.fields(group)}
    )
    for key, value in entries.items():
        attribute = key.isidentifier() and not keyword.iskeyword(key)
        there = f"{place}.{key}" if attribute else f"{place}[{json.dumps(key)}]"
        if isinstance(value, Mapping) or dataclasses.is_dataclass(value):
            yield f"    {there} = ConfigDict()"
            yield from _lines(there, value)
        else:
            yield f"    {there} = {_literal(value)}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' * (len(value) == 1)})"
    return f'float("{value}")' if isinstance(value, float) and value - value != 0 else repr(value)
