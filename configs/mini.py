"""The small model that comes with the package, trained from nothing on objects that are drawn on the way.

    python launch/train.py --config configs/mini.py:furniture --config.schedule.steps=5450  # targets of 32 pixels
    python launch/train.py --config configs/mini.py:furniture,fine                          # goes on with 48
    python launch/train.py --config configs/mini.py:furniture,fine,further                  # from what is in the box
    python launch/train.py --config configs/mini.py:house,stretched,fine,further --config.schedule.steps=5600
    python launch/train.py --config configs/mini.py:house,stretched,augmented,outlines,fine,further  # 4,200 steps
    python launch/train.py --config configs/mini.py:...,photographs,wheelbarrows  # these words and two more, 220 steps

Needs GPUs; two H100s took 18 minutes for the first two, four took 16 for the third, two H200s 17 for the fourth, four 8
for the fifth, and two took 2 for the last, which docs/mini.md tells more of. Every step draws new objects of the named
families (docs/images/families.png) and of the abstract ones; none is seen twice in a run. With 'furniture' every eighth
object (of 'further' three in sixteen) is one of the models in data/furniture, which docs/own_data.md makes; leave the
word out to do without. With 'stretched' five in sixteen are, and most of those have other proportions or colours
(data/furniture_stretched). 'augmented' shows parts of furniture's views, mirrors every other model, and makes half of
the examples furniture where it comes stretched; 'outlines' adds a loss on how far outlines overlap. With 'house' three
in ten of the drawn objects are things in and around a house (docs/images/families_house.png). 'photographs' and
'wheelbarrows' give an eighth of a batch to single views that the model is self-trained on: the photographs in
data/photographs (docs/own_data.md), and drawings of a family that is in no stream. Other objects of the named families
are scored on the way.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from real3d_jax.models.presets import preset
from real3d_jax.weights.boxed import MINI

WORDS = (
    "fine",
    "furniture",
    "further",
    "stretched",
    "augmented",
    "outlines",
    "house",
    "photographs",
    "wheelbarrows",
)
# Share of a batch's views from all sides that are of furniture: the first line of which all words are named.
FURNITURE_SHARES = {
    ("stretched", "augmented"): 1 / 2,
    ("stretched",): 5 / 16,
    ("furniture", "further"): 3 / 16,
    ("furniture",): 1 / 8,
    (): 0.0,
}


def get_config(variant: str = "") -> ConfigDict:
    """The configuration; `variant` holds any of `WORDS`, with commas between."""
    words = {word for word in variant.split(",") if word}
    if unknown := words - set(WORDS):
        raise ValueError(f"after the colon may stand {', '.join(WORDS)}, with commas between, not '{unknown.pop()}'")
    if "augmented" in words and not words & {"furniture", "stretched"}:
        raise ValueError("'augmented' changes furniture: name 'furniture' or 'stretched', too")
    config = get_real3d_config()
    config.name = "mini"
    config.seed = 0
    config.init_from = ""
    config.model = preset("mini")
    config.compute.remat = "none"
    config.compute.unroll = 0

    fine = "fine" in words
    config.render.resolution = 48 if fine else 32
    config.render.samples = 64 if fine else 48
    config.render.rays_per_chunk = 4 * config.render.resolution**2
    config.losses.supervised.update({"mse": 1.0, "lpips": 0.0, "mask": 1.0})
    if "outlines" in words:
        config.losses.supervised.overlap = 0.1
    config.losses.semantic.weight = 0.0

    config.optimizer.learning_rate = 6e-4
    config.optimizer.warmup_steps = 300
    config.optimizer.end_learning_rate = 1e-5
    config.optimizer.b2 = 0.95
    config.optimizer.ema_decay = 0.999
    config.batch = ConfigDict({"synthetic": 128, "real": 0, "micro_batches": 1, "grow": False})

    config.schedule.steps = 9500
    config.schedule.log_every = 50
    config.schedule.validate_every = 1000
    config.schedule.validation_objects = 130  # two of each family
    config.schedule.validation_views = 4
    config.schedule.pictures_every = 1000
    config.schedule.checkpoint_every = 1000

    stream = {"seed": 0, "distance": 2.4, "zoom": 0.4 if fine else 0.5, "cropped": 0.5, "crop_ratio": (1.1, 1.6)}
    config.data.streamed = ConfigDict(
        {
            "named": {**stream, "family": "named", "weight": 0.85},
            "abstract": {**stream, "family": "a+b", "weight": 0.15},
        }
    )
    if "house" in words:
        config.data.streamed.named.weight = 0.6
        config.data.streamed.abstract.weight = 0.1
        config.data.streamed.house = ConfigDict({**stream, "family": "home", "weight": 0.3})
    share = next(share for named, share in FURNITURE_SHARES.items() if words.issuperset(named))
    config.data.streamed_share = 1.0 - share
    view = {"weight": 0.0, "distance": 2.4, "input_views": 0, "replacement": False}
    furniture = ("furniture", "furniture_stretched") if "stretched" in words else ("furniture",) if share else ()
    changed = {"zoom": stream["zoom"], "mirrored": 0.5} if "augmented" in words else {}
    config.data.synthetic = ConfigDict({name: {**view, **changed, "path": name} for name in furniture})
    test = {"kind": "procedural_views", "family": "named", "objects": 0, "held_out": 130, "views": 5, "seed": 9}
    config.data.embedded = ConfigDict({"test": {**test, "path": "mini_test", "image_size": 128, "raw": 0.0}})
    if "further" in words:
        _go_further(config)
    config.data.real = ConfigDict()
    if single_views := [word for word in ("photographs", "wheelbarrows") if word in words]:
        _self_train(config, single_views)
    config.data.validation = ConfigDict({"test": {**view, "path": "mini_test", "input_views": 1}})
    return config


def _go_further(config: ConfigDict) -> None:
    """From good weights, with Muon and twice the batch."""
    config.init_from = MINI
    config.optimizer.method = "muon"
    config.optimizer.eps = 1e-8
    config.optimizer.learning_rate = 4e-4
    config.optimizer.warmup_steps = 100
    config.batch.synthetic = 256
    config.schedule.steps = 7000


def _self_train(config: ConfigDict, sets: list[str]) -> None:
    """Input view and cycle of single views, from good weights; framed as drawn objects fill a view."""
    config.init_from = MINI
    config.perceptual.update({"clip": "random", "vgg": "random"})  # no loss asks them
    config.batch.real = config.batch.synthetic // 8
    config.batch.synthetic -= config.batch.real
    framing = {"distance": 2.4, "fov_y": 39.6, "crop_ratio": (1.15, 1.45), "fraction": 1.0}
    weights = {"photographs": 0.25, "wheelbarrows": 0.75}  # there are few photographs
    config.data.real = ConfigDict({name: {**framing, "path": name, "weight": weights[name]} for name in sets})
    if "wheelbarrows" in sets:
        drawn = {"kind": "procedural_single", "family": "wheelbarrow", "objects": 256, "seed": 31, "raw": 0.0}
        config.data.embedded.wheelbarrows = ConfigDict(
            {**drawn, "path": "wheelbarrows", "held_out": 0, "views": 1, "image_size": 128}
        )
