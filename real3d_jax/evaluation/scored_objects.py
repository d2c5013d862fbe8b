"""Objects to score, from records: chooses the views of the protocol, crops them, and prepares images and cameras.

An instance is a dict of numpy arrays without a batch axis. Images are uint8, on white unless said otherwise:

    image             (S, S, 3)     the model's input, on grey 0.5; on white for a camera-conditioned model
    input_rgb         (r, r, 3)     the input view at the size of novel views
    input_mask        (r, r, 1)     255 where its alpha is above one half; grey at edges once resized
    semantic_rgb      (s, s, 3)     the same at the size of semantic views
    consistency_rgb   (c, c, 3)     the same at the size of consistency views
    input_c2w         (4, 4)        of the input view: canonical, or as `data.posed_frames` has it for a model told it
    input_intrinsics  (4,)          normalised, of the input view
    rgb               (V, r, r, 3)  true views to score; V is 0 where novel views are not scored
    mask              (V, r, r, 1)  their masks
    c2w, intrinsics   (V, 4, 4), (V, 4)    their cameras, in the input-camera frame
    to_input          (4, 4)        a similarity: points of the records' world in the input-camera frame
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.protocols import ProtocolConfig
from real3d_jax.data import boxes, frames, transforms
from real3d_jax.data.embedded.preparation import prepare
from real3d_jax.data.pipeline import dataset_path
from real3d_jax.data.posed_frames import WHOLE, posed_cameras
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import CENTRED_FIRST, MULTIVIEW, Photograph, View
from real3d_jax.errors import UserError, did_you_mean

Instance = dict[str, np.ndarray]

_CHOICES = ("centred", "first")
_SELECTIONS = ("spread", "first")


@dataclasses.dataclass(frozen=True)
class Instances:
    """The objects of a test set under a protocol. Reading does not touch JAX, so threads can do it.

    Attributes:
      data: records.
      protocol: which views, and their sizes.
      input_size: pixels per side of the model's input.
      items: numbers of the objects in `data`.
      novel_views: whether true views are wanted.
      conditioned: whether the model is told its input camera.
    """

    data: RecordSet
    protocol: ProtocolConfig
    input_size: int
    items: tuple[int, ...]
    novel_views: bool
    conditioned: bool = False

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self.items)

    @property
    def keys(self) -> list[str]:
        """Names of the objects."""
        return [self.data.keys[item] for item in self.items]

    def read(self, number: int) -> Instance:
        """Object `number` of the test set.

        Raises:
          UserError: a record is damaged or unfit; names it.
        """
        item = self.items[number]
        return self._object(item) if self.data.schema == MULTIVIEW else self._photograph(item)

    def _photograph(self, item: int) -> Instance:
        options, photograph = self.protocol.input_view, self.data.read(item)
        assert isinstance(photograph, Photograph)
        try:
            crop = transforms.square_crop(
                photograph.image, threshold=self.data.mask_threshold, ratio=options.crop_ratio
            )
        except UserError as error:
            raise UserError(f"Photograph '{photograph.key}' in '{self.data.folder}': {error}") from error
        canonical, intrinsics = frames.canonical_c2w(options.distance), frames.centred_intrinsics(options.fov_y)
        return self._assembled(crop, canonical, intrinsics, [], canonical[None][:0], intrinsics[None][:0], np.eye(4))

    def _object(self, item: int) -> Instance:
        options, target = self.protocol.input_view, self.protocol.novel_views
        count = int(self.data.counts[item])
        first = self._most_centred(item, count) if options.choice == "centred" else 0
        views = [first]
        if self.novel_views:
            others = np.delete(np.arange(count), first)
            chosen = others[select(len(others), target.views - target.input_scored, target.selection)]
            views += [first] * target.input_scored + chosen.tolist()
        read = {view: self.data.read_view(item, view) for view in dict.fromkeys(views)}
        shots = [read[view] for view in views]
        images, intrinsics = self._cropped(shots)
        if options.fov_y:
            wanted = frames.centred_intrinsics(options.fov_y)[1]
            intrinsics[:, :2] *= wanted / intrinsics[0, 1]
        poses = np.stack([shot.c2w for shot in shots])
        if self.conditioned:
            where = f"'{shots[0].object_id}' in '{self.data.folder}'"
            c2w, to_input = _posed(poses, intrinsics, options.distance, where)
        else:
            c2w = frames.to_input_frame(poses[0], poses, options.distance)
            to_input = _world_to_input(poses[0], options.distance)
        return self._assembled(images[0], c2w[0], intrinsics[0], images[1:], c2w[1:], intrinsics[1:], to_input)

    def _cropped(self, shots: Sequence[View]) -> tuple[list[np.ndarray], Float[np.ndarray, "views 4"]]:
        """Square images of views, the first of which is the input, and their intrinsics."""
        intrinsics = np.stack([shot.intrinsics for shot in shots]).astype(np.float64)
        shape = shots[0].image.shape[:2]
        for shot in shots:
            if shot.image.shape[:2] != shape:
                raise UserError(
                    f"View '{shot.view}' of '{shot.object_id}' in '{self.data.folder}' is {_size(shot.image)} and view "
                    f"'{shots[0].view}' is {_size(shots[0].image)}: prepare them again at one size."
                )
        ratio = self.protocol.input_view.crop_ratio
        if not ratio:
            if shape[0] != shape[1]:
                raise UserError(
                    f"View '{shots[0].view}' of '{shots[0].object_id}' in '{self.data.folder}' is not square "
                    f"({_size(shots[0].image)}): set config.protocol.input_view.crop_ratio above 0."
                )
            return [shot.image for shot in shots], intrinsics
        size = shape[::-1]
        try:
            box = self._box(shots[0])
        except UserError as error:
            raise UserError(
                f"View '{shots[0].view}' of '{shots[0].object_id}' in '{self.data.folder}': {error}"
            ) from error
        left, top, side = boxes.square_about_middle(size, boxes.side_about_middle(box, size, ratio=ratio))
        cameras = (intrinsics * [*size, *size] - [0, 0, left, top]) / side
        return [transforms.window(shot.image, left, top, side) for shot in shots], cameras

    def _most_centred(self, item: int, count: int) -> int:
        if self.data.settings.get(CENTRED_FIRST):
            return 0
        return min(range(count), key=lambda view: self._off_middle(self.data.read_view(item, view)))

    def _off_middle(self, shot: View) -> tuple[bool, float]:
        try:
            return boxes.off_middle(self._box(shot), shot.image.shape[1::-1])
        except UserError:  # nothing is seen
            return True, float("inf")

    def _box(self, shot: View) -> boxes.Box:
        return boxes.object_box(shot.image[..., 3], threshold=self.data.mask_threshold)

    def _assembled(
        self,
        source: np.ndarray,
        input_c2w: np.ndarray,
        input_intrinsics: np.ndarray,
        targets: Sequence[np.ndarray],
        c2w: np.ndarray,
        intrinsics: np.ndarray,
        to_input: np.ndarray,
    ) -> Instance:
        protocol = self.protocol
        size = protocol.novel_views.resolution
        rgb = [self._on_white(target, size) for target in targets]
        masks = [_mask(target, size) for target in targets]
        background = transforms.behind_input(conditioned=self.conditioned)
        return {
            "image": transforms.composite(transforms.premultiply(source), size=self.input_size, background=background),
            "input_rgb": self._on_white(source, size),
            "input_mask": _mask(source, size),
            "semantic_rgb": self._on_white(source, protocol.semantic.resolution),
            "consistency_rgb": self._on_white(source, protocol.consistency.resolution),
            "input_c2w": np.asarray(input_c2w, np.float32),
            "input_intrinsics": np.asarray(input_intrinsics, np.float32),
            "rgb": np.stack(rgb) if rgb else np.zeros((0, size, size, 3), np.uint8),
            "mask": np.stack(masks) if masks else np.zeros((0, size, size, 1), np.uint8),
            "c2w": np.asarray(c2w, np.float32),
            "intrinsics": np.asarray(intrinsics, np.float32),
            "to_input": np.asarray(to_input, np.float32),
        }

    def _on_white(self, rgba: np.ndarray, size: int) -> UInt8[np.ndarray, "size size 3"]:
        options, image = self.protocol.novel_views, transforms.premultiply(rgba)
        via = options.target_via
        if 0 < via < image.width:
            image = image.resize((via, via), Image.Resampling.BOX)
        return transforms.composite(image, size=size, background=transforms.WHITE, antialias=options.target_antialias)


def open_instances(config: EvaluationConfig) -> Instances:
    """The test set of a configuration; embedded data that are missing are made.

    Raises:
      UserError: the data are missing, empty or unfit for what is to be scored, or a word of the protocol is unknown.
    """
    for source in config.data.embedded.values():
        prepare(dataset_path(config.data.root, source.path), source)
    data = RecordSet(dataset_path(config.data.root, config.data.path), config.data.split)
    protocol, novel_views = config.protocol, config.scored.novel_views
    _check(protocol, data, novel_views=novel_views)
    items = range(0, len(data), protocol.every)
    items = tuple(items[: config.data.limit] if config.data.limit else items)
    conditioned = isinstance(config.model, ConditionedModelConfig)
    return Instances(data, protocol, config.model.image_size, items, novel_views, conditioned)


def _check(protocol: ProtocolConfig, data: RecordSet, *, novel_views: bool) -> None:
    if not len(data):
        raise UserError(f"The '{data.split}' split of '{data.folder}' is empty: prepare it with more objects.")
    options, target = protocol.input_view, protocol.novel_views
    for key, value, known in (
        ("input_view.choice", options.choice, _CHOICES),
        ("novel_views.selection", target.selection, _SELECTIONS),
    ):
        if value not in known:
            raise UserError(f"config.protocol.{key} has no value '{value}': {did_you_mean(value, known)}")
    if protocol.every < 1:
        raise UserError(f"config.protocol.every is {protocol.every}: set it to 1 for all objects.")
    if data.schema != MULTIVIEW:
        if novel_views:
            raise UserError(
                f"'{data.folder}' holds photographs, which have no other views: set config.scored.novel_views to False."
            )
        if not (options.crop_ratio > 0 and options.fov_y > 0):
            raise UserError(
                "Photographs need config.protocol.input_view.crop_ratio and fov_y above 0: the paper has 1.6 and 39.6."
            )
        return
    if options.crop_ratio and data.settings.get("crop") == "mask":
        raise UserError(
            f"The views of '{data.folder}' were cropped one by one (--crop mask), so one square cannot fit them all: "
            "prepare them again with --crop image."
        )
    needed = target.views + (not target.input_scored) if novel_views else 1
    if (fewest := int(data.counts.min())) < needed:
        name = data.keys[int(data.counts.argmin())]
        raise UserError(
            f"'{name}' in '{data.folder}' has {fewest} views where {needed} are needed: "
            "prepare more views, or lower config.protocol.novel_views.views."
        )


def select(count: int, wanted: int, selection: str) -> list[int]:
    """`wanted` of `count` views: the first ones, or 'spread' evenly from the first to the last."""
    if selection == "first" or wanted == 1:
        return list(range(wanted))
    return [int(k) for k in np.round(np.linspace(0, count - 1, wanted))]


def _world_to_input(input_c2w: Float[np.ndarray, "4 4"], distance: float) -> Float[np.ndarray, "4 4"]:
    scale = distance / np.linalg.norm(input_c2w[:3, 3])
    unscaled = frames.to_input_frame(input_c2w, np.eye(4)[None], distance)[0]
    return unscaled @ np.diag([scale, scale, scale, 1.0])


def _posed(
    c2w: Float[np.ndarray, "views 4 4"], intrinsics: Float[np.ndarray, "views 4"], distance: float, where: str
) -> tuple[Float[np.ndarray, "views 4 4"], Float[np.ndarray, "4 4"]]:
    """Poses in the frame of a camera-conditioned model, the input camera at `distance`, and the way there."""
    scale = float(distance / np.linalg.norm(c2w[0, :3, 3]))
    with_world = np.concatenate([c2w, np.eye(4)[None]])  # the world's own axes, as if they were a camera's
    lenses = np.concatenate([intrinsics, intrinsics[:1]])
    framed, _ = posed_cameras(with_world, lenses, np.tile(WHOLE, (len(lenses), 1)), scale=scale, where=where)
    return framed[:-1], framed[-1] @ np.diag([scale, scale, scale, 1.0])


def _mask(rgba: np.ndarray, size: int) -> UInt8[np.ndarray, "size size 1"]:
    """The mask of an image."""
    return transforms.object_mask(rgba, threshold=127, size=size)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
