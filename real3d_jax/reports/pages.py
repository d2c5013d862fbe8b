"""Pages from Jinja2's templates, which escape what they are given by themselves."""

import functools
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

_SHARED = Path(__file__).parent / "templates"


def render(folder: Path, template: str, **values: Any) -> str:
    """A page.

    Args:
      folder: of the report's own templates. They extend `skeleton.html` and find the shared ones beside their own.
      template: file in it.
      **values: of its variables; one that is missing is an error.
    """
    return _environment(folder).get_template(template).render(**values)


def shared_macro(template: str, name: str, **values: Any) -> Markup:
    """What a macro of a shared template makes of its arguments."""
    return getattr(_environment(_SHARED).get_template(template).module, name)(**values)


@functools.lru_cache
def _environment(folder: Path) -> jinja2.Environment:
    loader = jinja2.FileSystemLoader([folder, _SHARED])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # Style sheets and scripts go in as they are.
    environment.globals["source"] = lambda name: Markup(loader.get_source(environment, name)[0])
    environment.filters["code"] = _code
    return environment


def _code(text: str) -> Markup:
    """Markdown whose only marks are names in backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
