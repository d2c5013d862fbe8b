"""A curation from beginning to end, in a folder that says what it was made from, so that a killed one goes on."""

import dataclasses
import hashlib
import json
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from real3d_jax.curation import coco
from real3d_jax.curation.backends.interfaces import DepthBackend, Loadable, SegmentationBackend
from real3d_jax.curation.parts import Job, Parts, replacing
from real3d_jax.curation.run import assembly, in_this_process
from real3d_jax.curation.run.curator import Curator
from real3d_jax.curation.settings import CurationSettings
from real3d_jax.data import photograph_files
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders

PLAN = "curation.json"
_PARTS = "parts"
_UNMATCHED = "unmatched.json"  # in the folder of the parts; written when all jobs are


@dataclasses.dataclass(frozen=True)
class Curation:
    """What is curated, how, and where to.

    Attributes:
      source: a folder of photographs, or a glob pattern.
      out: the folder of the results.
      segmentation: finds instances.
      depth: estimates depth.
      rules: every constant of the decisions.
      instances: the COCO file that `segmentation` decodes, if it does.
      categories: a file of names by id, for lists of results.
      image_size: the longer side of a record's image is made at most so long, in pixels.
      held_out: records of the test split, chosen by a hash of their keys.
      batch_size: photographs that the backends get at once.
      per_part: photographs whose work is lost at most by a kill, for each worker.
    """

    source: str
    out: pathlib.Path
    segmentation: Loadable[SegmentationBackend]
    depth: Loadable[DepthBackend]
    rules: CurationSettings
    instances: pathlib.Path | None = None
    categories: pathlib.Path | None = None
    image_size: int = 512
    held_out: int = 0
    batch_size: int = 4
    per_part: int = 32

    def run(
        self, *, workers: int = 1, beam_flags: Sequence[str] = (), progress: bool = True, beam: bool = True
    ) -> Mapping[str, Any]:
        """Curates, or goes on where a killed run stopped.

        Args:
          workers: processes of Beam's local runner; 1 is this one.
          beam_flags: Beam's own, such as `--runner=DataflowRunner`.
          progress: shows bars on stderr.
          beam: False curates one part after another in this process, which does not need Beam.

        Returns:
          The content of `summary.json`.

        Raises:
          UserError: an input cannot be used, `out` holds something else, or a backend cannot be loaded.
        """
        folder, found = photograph_files.find(self.source)
        curator = Curator(folder.resolve(), self.segmentation, self.depth, self.rules, self.image_size, self.batch_size)
        settings = {**curator.settings(), **self._inputs(found)}
        try:
            self._begin({**settings, "held_out": self.held_out, "photographs_per_part": self.per_part})
            if not assembly.is_complete(self.out):
                on_beam = {"workers": workers, "flags": beam_flags} if beam else None
                self._finish(curator, found, settings, on_beam, progress=progress)
            shutil.rmtree(self.out / _PARTS, ignore_errors=True)
            return json.loads((self.out / assembly.SUMMARY).read_text())
        except OSError as error:
            raise UserError(
                f"Cannot write '{self.out}' ({error.strerror or error}): give a folder that can be written."
            ) from error

    def _inputs(self, found: Sequence[PhotographFile]) -> dict[str, Any]:
        """Which photographs and annotations these are."""
        names = "\n".join(photograph.file for photograph in found)
        return {
            "photographs": len(found),
            "photographs_digest": hashlib.sha256(names.encode()).hexdigest()[:16],
            "instances_digest": _digest(self.instances, "--instances") if self.instances else None,
            "categories_digest": _digest(self.categories, "--categories") if self.categories else None,
        }

    def _begin(self, plan: Mapping[str, Any]) -> None:
        """Makes the folder, or makes sure that the one that stands belongs to the same curation."""
        foreign = f"--out: '{self.out}' is not empty and holds no curation"
        folders.begin(self.out / PLAN, plan, made="made", foreign=foreign)

    def _finish(
        self,
        curator: Curator,
        found: Sequence[PhotographFile],
        settings: Mapping[str, Any],
        on_beam: Mapping[str, Any] | None,
        *,
        progress: bool,
    ) -> None:
        parts = Parts((self.out / _PARTS).resolve())
        count = -(-len(found) // self.per_part)
        for leftover in filter(folders.is_leftover, list(self.out.iterdir())):
            leftover.unlink()
        unmatched = parts.folder / _UNMATCHED
        if not unmatched.exists():
            self._write_jobs(parts, found, unmatched)
        if on_beam is None:
            in_this_process.run(parts, count, curator)
        else:
            from real3d_jax.curation.run import beam_pipeline

            beam_pipeline.run(beam_pipeline.Work(parts, count, len(found)), curator, progress=progress, **on_beam)
        assembly.assemble(
            self.out,
            parts,
            count,
            **json.loads(unmatched.read_text()),
            settings=settings,
            held_out=self.held_out,
            progress=progress,
        )

    def _write_jobs(self, parts: Parts, found: Sequence[PhotographFile], unmatched: pathlib.Path) -> None:
        categories = coco.read_categories(self.categories) if self.categories else {}
        annotations = coco.Annotations({}, ())
        if self.instances:
            annotations = coco.read(self.instances, found, categories=categories)
        for number, start in enumerate(range(0, len(found), self.per_part)):
            chosen = found[start : start + self.per_part]
            of = {photograph.key: annotations.of.get(photograph.key, ()) for photograph in chosen}
            parts.write_job(number, Job(chosen, of))
        with replacing(unmatched) as file:
            lines = [entry._asdict() for entry in annotations.unmatched]
            json.dump({"unmatched": lines, "repaired": dict(annotations.repaired)}, file)


def _digest(path: pathlib.Path, option: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise UserError(f"{option}: '{path}' cannot be read ({error.strerror}): name a JSON file.") from error
