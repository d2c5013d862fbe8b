"""The two record schemas, and how a record becomes bytes.

Multi-view data keep one record a view, so that reading four views of an object reads nothing of its others. Photographs
are one record each. `docs/data.md` describes the folder around them, which `record_writer` and `record_reader` handle.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float, UInt8
from PIL import Image
from tensorflow_datasets.core import example_serializer

# A new major number is a layout that older readers cannot read.
VERSION = "1.0.0"
MULTIVIEW = "multiview"
SINGLE_VIEW = "single_view"
# In the settings of multi-view data: the first view of each object is the one in which it is the most centred.
CENTRED_FIRST = "centred_first"


@dataclasses.dataclass(frozen=True)
class View:
    """One view of an object.

    Attributes:
      object_id: the object's name, unique in its data set.
      view: the view's name in its source, for example '00007'.
      image: straight-alpha RGBA.
      c2w: camera-to-world in the source's own world, OpenGL axes (x right, y up, looking along -z).
      intrinsics: normalised `fx, fy, cx, cy`.
    """

    object_id: str
    view: str
    image: UInt8[np.ndarray, "H W 4"]
    c2w: Float[np.ndarray, "4 4"]
    intrinsics: Float[np.ndarray, "4"]


@dataclasses.dataclass(frozen=True)
class Photograph:
    """One cut-out object seen once.

    Attributes:
      key: the name of the photograph, or of the object where a data set has several of one.
      image: straight-alpha RGBA.
      provenance: where it comes from; any JSON value.
    """

    key: str
    image: UInt8[np.ndarray, "H W 4"]
    provenance: Mapping[str, Any]


class Rejection(NamedTuple):
    """An item, or one view of it (`key/view`), that became no record, and why: one sentence that names the file."""

    key: str
    reason: str


class Unusable(Exception):
    """An item or a view that cannot become a record; the message is the reason of its `Rejection`."""


class Item(NamedTuple):
    """An object with all its views, or a photograph: what stays together in one shard.

    Attributes:
      key: unique in its data set.
      records: its views or its photograph, or the bytes that `encode` made of them. Several photographs of one object
        are alternatives: training draws one of them each time.
      dropped: views that were left out, where a source can do without some.
      repaired: what was unusual about its files and read as meant, by kind, once for each file.
    """

    key: str
    records: tuple[View, ...] | tuple[Photograph, ...] | tuple[bytes, ...]
    dropped: tuple[Rejection, ...] = ()
    repaired: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Source:
    """What a data set is made from. Items are drawn by number, so that any shard can be made without the others.

    Attributes:
      schema: MULTIVIEW or SINGLE_VIEW.
      mask_threshold: the object is where alpha (0 to 255) is greater: 0 for renders, 225 for photographs.
      settings: what made the data, as JSON; a folder holds one setting only.
      splits: items of each split, 'train' and 'test'.
      items: makes the items `range` of a split, in order, or says why one is left out.
      unit: what an item is called on the progress bar.
    """

    schema: str
    mask_threshold: int
    settings: Mapping[str, Any]
    splits: Mapping[str, int]
    items: Callable[[str, range], Iterable[Item | Rejection]]
    unit: str = "object"


def features(schema: str) -> tfds.features.FeaturesDict:
    """The TFDS features of a schema."""
    image = tfds.features.Image(shape=(None, None, 4), dtype=np.uint8, encoding_format="png")
    if schema == SINGLE_VIEW:
        return tfds.features.FeaturesDict(
            {"key": tfds.features.Text(), "image": image, "provenance": tfds.features.Text()}
        )
    return tfds.features.FeaturesDict(
        {
            "object_id": tfds.features.Text(),
            "view": tfds.features.Text(),
            "image": image,
            "c2w": tfds.features.Tensor(shape=(4, 4), dtype=np.float32),
            "intrinsics": tfds.features.Tensor(shape=(4,), dtype=np.float32),
        }
    )


def encode(record: View | Photograph | bytes, schema_features: tfds.features.FeaturesDict) -> bytes:
    """The bytes of a record, as TFDS serialises it; those of one that is encoded already are its own."""
    if isinstance(record, bytes):
        return record
    fields: dict[str, Any] = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    fields["image"] = _png(record.image)
    if isinstance(record, View):
        fields["c2w"] = np.asarray(record.c2w, np.float32)
        fields["intrinsics"] = np.asarray(record.intrinsics, np.float32)
    else:
        fields["provenance"] = json.dumps(record.provenance, sort_keys=True)
    specs: Any = schema_features.get_serialized_info()
    example = example_serializer.ExampleSerializer(specs).get_tf_example(schema_features.encode_example(fields))
    # TFDS's own `serialize_example` orders the fields at random in each process.
    return example.SerializeToString(deterministic=True)


def decode(fields: Mapping[str, Any]) -> View | Photograph:
    """A record from the fields that TFDS gives for it, the image still as PNG bytes."""

    def text(name: str) -> str:
        value = fields[name]
        return value.decode() if isinstance(value, bytes) else str(value)

    with Image.open(io.BytesIO(fields["image"])) as png:
        if png.mode != "RGBA":
            raise ValueError(f"its image is {png.mode}, not RGBA")
        image = np.asarray(png)
    if "key" in fields:
        return Photograph(text("key"), image, json.loads(text("provenance")))
    return View(text("object_id"), text("view"), image, fields["c2w"], fields["intrinsics"])


def _png(image: UInt8[np.ndarray, "H W 4"]) -> io.BytesIO:
    if image.ndim != 3 or image.shape[-1] != 4 or image.dtype != np.uint8:
        raise ValueError(f"a record's image must be RGBA of type uint8, not {image.shape} {image.dtype}")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=3)
    buffer.seek(0)
    return buffer
