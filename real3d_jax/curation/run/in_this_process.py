"""Curates parts one after another, without Beam: for a few thousand photographs, where it is not installed."""

from real3d_jax.curation.parts import Parts
from real3d_jax.curation.report.examples import ExampleDrawer, examples_of_part
from real3d_jax.curation.run.curator import Curator


def run(parts: Parts, count: int, curator: Curator) -> None:
    """Curates the parts that are not done; `parts` has `count` of them.

    Raises:
      UserError: a backend cannot be loaded.
    """
    loaded = curator.load()
    for number in range(count):
        if not parts.is_done(number):
            drawer = ExampleDrawer(examples_of_part(number, count))
            parts.write_result(number, *loaded.curate(parts.read_job(number), drawer))
