"""Sweet Home 3D's furniture libraries: archives (`.sh3f`) of OBJ models, with a catalogue that names the authors."""

import collections
import hashlib
import pathlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.object_rendering.look_alikes import Shapes
from real3d_jax.data.records import Rejection, Unusable
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

SUFFIX = ".sh3f"
_CATALOGUE = "PluginFurnitureCatalog.properties"
_OPENINGS = "Doors and windows"
_OFTEN = 3  # kinds of more models than this are split between training and test
_ORIGIN = """# Authors of the furniture models
The models come from Sweet Home 3D's [furniture libraries](https://www.sweethome3d.com/importModels.jsp), for which
Emmanuel Puybaret / eTeks converted and cleaned them. Of these, `launch/unpack_furniture.py` takes solid objects and
turns some upright; data sets hold pictures of them. The licences in words:
[CC BY 3.0](https://creativecommons.org/licenses/by/3.0/),
[CC BY 3.0 US](https://creativecommons.org/licenses/by/3.0/us/),
[CC0](https://creativecommons.org/publicdomain/zero/1.0/)."""
_FILES = (".obj", ".mtl", ".png", ".jpg", ".jpeg", ".bmp", ".gif")


class Model(NamedTuple):
    """A model of a catalogue.

    Attributes:
      path: of the OBJ file in the archive, without a slash in front.
      kind: what it shows, as 'Chair'.
      category: as 'Living room'.
      author: as the catalogue names it.
      library: the archive's name.
      licence: of the library.
      is_opening: it is a door or a window.
      rotation: turns the file's vertices upright.
    """

    path: str
    kind: str
    category: str
    author: str
    library: str
    licence: str
    is_opening: bool
    rotation: Float[np.ndarray, "3 3"]

    @property
    def name(self) -> str:
        """The name that `launch/render_objects.py` gives the object."""
        return self.path[: -len(".obj")].replace("/", "__")


def unpack(source: pathlib.Path, folder: pathlib.Path) -> tuple[list[Model], list[Rejection]]:
    """Writes the models that show a solid object, with their materials and textures, and tells what was left out.

    Left out are doors and windows, what is damaged, and what `Shapes` finds flat, thin or there already.

    Args:
      source: a folder of `.sh3f` files.
      folder: to make; a model lies where it lies in its archive.

    Raises:
      UserError: there is no library, one cannot be read, or the folder is there already.
    """
    archives = sorted(path for path in source.glob(f"*{SUFFIX}") if not is_litter(path.name))
    if not archives:
        raise UserError(f"'{source}' holds no libraries: name the folder of Sweet Home 3D's *{SUFFIX} files.")
    if folder.exists():
        raise UserError(f"'{folder}' is there already: name a new folder, or delete it.")
    kept, left_out, shapes = [], [], Shapes()
    for archive in archives:
        try:
            with zipfile.ZipFile(archive) as files:
                for model in catalogue(files, archive.stem):
                    fault = _unpack_one(files, model, folder, shapes)
                    if fault is None:
                        kept.append(model)
                    else:
                        left_out.append(Rejection(model.name, fault))
        except (zipfile.BadZipFile, KeyError) as error:
            raise UserError(f"'{archive}' is no library of Sweet Home 3D ({error}): get it anew.") from error
    return kept, left_out


def catalogue(files: zipfile.ZipFile, library: str) -> Iterator[Model]:
    """The models of a library, in its order."""
    text = files.read(_CATALOGUE).decode("unicode_escape")  # Java's property files are Latin-1 with \\u escapes
    whole = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    entries: dict[int, dict[str, str]] = collections.defaultdict(dict)
    for key, number, value in re.findall(r"^(\w+)#(\d+)\s*=(.*)$", text, re.MULTILINE):
        entries[int(number)][key] = value.strip()
    for _, entry in sorted(entries.items()):
        turn = [float(number) for number in entry.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()]
        yield Model(
            path=entry["model"].lstrip("/"),
            kind=entry["name"],
            category=entry["category"],
            author=entry["creator"],
            library=library,
            licence=" ".join(whole["license"].split()),
            is_opening=entry["category"] == _OPENINGS or entry["doorOrWindow"] == "true",
            rotation=np.reshape(turn, (3, 3)),
        )


def held_out(models: Sequence[Model], count: int) -> list[str]:
    """The names of about so many models for the test split: the first in the order of a hash.

    A kind of at most three models goes to one side as a whole, so that the test also asks for kinds never seen; of
    commoner kinds each model goes its own way.
    """
    kinds = collections.Counter(model.kind for model in models)
    groups = collections.defaultdict(list)
    for model in models:
        groups[model.kind if kinds[model.kind] <= _OFTEN else model.name].append(model.name)
    chosen: list[str] = []
    for group in sorted(groups, key=lambda group: hashlib.sha256(group.encode()).digest()):
        if len(chosen) >= count:
            break
        chosen.extend(groups[group])
    return sorted(chosen)


def credits(models: Sequence[Model]) -> str:
    """A page in Markdown: every model with its author, by library and licence."""
    lines = [_ORIGIN]
    libraries = collections.defaultdict(list)
    for model in models:
        libraries[model.library, model.licence].append(model)
    for (library, licence), members in libraries.items():
        lines += ["", f"## {library}", f"{licence}. {len(members)} models.", "", "| author | models |", "|---|---|"]
        by_author = collections.defaultdict(list)
        for model in members:
            by_author[model.author].append(f"{model.kind} (`{pathlib.PurePath(model.path).stem}`)")
        lines += [f"| {author} | {', '.join(by_author[author])} |" for author in sorted(by_author, key=str.casefold)]
    return "\n".join(lines) + "\n"


def _unpack_one(files: zipfile.ZipFile, model: Model, folder: pathlib.Path, shapes: Shapes) -> str | None:
    """Writes a model, or tells why it is left out."""
    if model.is_opening:
        return "it is a door or a window"
    parent = pathlib.PurePosixPath(model.path).parent
    with tempfile.TemporaryDirectory() as scratch:
        for name in files.namelist():
            if pathlib.PurePosixPath(name).parent == parent and pathlib.PurePosixPath(name).suffix.lower() in _FILES:
                files.extract(name, scratch)
        obj = pathlib.Path(scratch) / model.path
        turned = _turned(obj.read_text(errors="replace"), model.rotation)
        obj.write_text(turned)
        try:
            fault = shapes.fault(model.name, mesh_files.load(obj).parts)
        except Unusable as error:
            return str(error)
        if fault is None:
            shutil.copytree(obj.parent, folder / parent)
        return fault


def _turned(obj: str, rotation: Float[np.ndarray, "3 3"]) -> str:
    """An OBJ file with its vertices and normals turned."""
    if np.array_equal(rotation, np.eye(3)):
        return obj

    def turn(line: re.Match[str]) -> str:
        vector = rotation @ [float(number) for number in line[2].split()[:3]]
        return f"{line[1]} {vector[0]:.6g} {vector[1]:.6g} {vector[2]:.6g}"

    return re.sub(r"^(vn?)[ \t]+(.*)$", turn, obj, flags=re.MULTILINE)
