"""The rows of the paper's Table 5 and the points of Figure 5, each as a few changes to one configuration.

    python launch/ablate.py --config configs/ablation.py --size tiny              # all of Table 5, on a CPU
    python launch/train.py --config configs/ablation.py:start,tiny                # stage 0 alone
    python launch/train.py --config configs/ablation.py:naive_clip,tiny           # one row alone, from stage 0

After the colon stands a row (`real3d_jax/ablation/rows.py` has them; 'full' if none is named) and a size: 'paper' (the
default: configs/real3d.py and its data), 'small' (one accelerator) or 'tiny' (a CPU). Sizes other than 'paper' need no
download. They measure the gap between families of procedural objects: supervised on some, self-trained on single views
of others, scored on the true views of other objects of the latter. 'tiny' has the abstract families a and b, and learns
no shape; 'small' has the named families below, and a gate: its stage 0 must know shape before rows begin.
"""

from ml_collections import ConfigDict

from configs.finetune_tsr import get_config as get_finetune_config
from configs.mini import get_config as get_mini_config
from configs.real3d import get_config as get_real3d_config
from configs.smoke import get_config as get_smoke_config
from real3d_jax.ablation.rows import FULL, ROWS, SIZES, START, Row
from real3d_jax.config.files import read_variant

CURATED = "wild_images"  # the photographs that have a raw version; MVImgNet's are not curated
TESTS = {"tiny": "b_test", "small": "unseen_test"}  # the embedded data that rows are scored on

VIEW = {"weight": 0.0, "distance": 2.4, "input_views": 0, "replacement": False}
PHOTOGRAPH = {"weight": 0.0, "distance": 2.4, "fov_y": 39.6, "crop_ratio": (1.45, 1.7), "fraction": 1.0}

# Of the size 'small': families that are known from all sides, and those that only photographs show.
SEEN = (
    "chair+stool+sofa+table+bed+cabinet+mug+bottle+vase+bowl+car+truck+dog+horse+cow+giraffe+pig+house+lighthouse+"
    "castle+plane+train+bicycle+duck+fish+teddy+snowman+person+tree+potted_plant+flower+burger+fruit+ice_cream+"
    "doughnut+hammer+spade+brush+table_lamp+shoe+hat+computer+clock"
)
UNSEEN = (
    "office_chair+bench+desk+shelf+teapot+wine_glass+bus+cat+elephant+sheep+church+windmill+boat+bird+robot+cactus+"
    "mushroom+cake+screwdriver+floor_lamp+guitar+umbrella"
)


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    name, size = read_variant(variant, "The ablation", (FULL, (START, *ROWS)), ("paper", SIZES))
    if size == "paper":
        config = get_finetune_config() if name == START else get_real3d_config()
    else:
        config = _tiny(name) if size == "tiny" else _small(name)
        if name != START:
            config.init_from = f"runs/ablation_{size}/{START}"
    if name != START:
        _turn(config, ROWS[name])
    config.name = f"ablation_{size}/{name}"
    return config


def _turn(config: ConfigDict, row: Row) -> None:
    """Changes the full method into a row."""
    cycle, semantic = config.losses.cycle, config.losses.semantic
    if not row.input_view:
        config.batch.real = 0  # as many synthetic objects in as many steps as every other row
        return
    if not row.clean:
        config.data.real[CURATED].path += "_raw"
    if not row.semantic:
        semantic.weight = 0.0
    semantic.naive = row.semantic == "naive"
    if not row.cycle:
        cycle.weights.update({"mse": 0.0, "lpips": 0.0, "mask": 0.0})
    elif not row.curriculum:
        cycle.curriculum.azimuth_start = cycle.curriculum.azimuth_end
        cycle.curriculum.elevation_start = cycle.curriculum.elevation_end
    cycle.end_to_end = row.cycle == "e2e"
    for source in config.data.real.values():
        source.fraction = row.fraction


def _tiny(name: str) -> ConfigDict:
    """The model of configs/smoke.py:scratch, 120 steps."""
    config = get_smoke_config("scratch")
    config.batch = ConfigDict({"synthetic": 4, "real": 4, "micro_batches": 1, "grow": False})
    _make_short(config, 120)
    config.optimizer.warmup_steps = 10
    if name == START:
        config.schedule.steps = 2 * config.schedule.steps
        config.batch.real = 0
    return _between_a_and_b(config, image_size=48, objects=192, single_views=192, held_out=48, views=5)


def _small(name: str) -> ConfigDict:
    """The preset 'mini': stage 0 as configs/mini.py begins, six minutes of an H100; rows up to one minute each."""
    config = get_mini_config()
    config.perceptual.update({"clip": "random", "vgg": "random"})
    config.optimizer.ema_decay = 0.0  # rows begin with the parameters themselves, and those are scored
    config.losses.semantic.weight = 1.0
    config.losses.semantic.gradient_cap = 1.0
    config.gate = ConfigDict({"input_psnr": 22.0, "iou": 0.78})
    if name == START:
        config.batch = ConfigDict({"synthetic": 64, "real": 0, "micro_batches": 1, "grow": False})
        _make_short(config, 4600)
    else:
        config.batch = ConfigDict({"synthetic": 32, "real": 32, "micro_batches": 1, "grow": False})
        _make_short(config, 240)
        config.optimizer.learning_rate = 1e-4
        config.optimizer.warmup_steps = 20
        config.render.resolution = 48
        config.render.samples = 64
        config.render.rays_per_chunk = 4 * 48**2
    # The seen families' own test tells what stage 0 knows, for the gate, and what rows forget.
    config.schedule.validation_objects = 129
    return _between_named_families(config, stream_seed=0 if name == START else 1)


def _make_short(config: ConfigDict, steps: int) -> None:
    config.schedule.steps = steps
    config.schedule.validate_every = 0
    config.schedule.validation_objects = 0  # the evaluation scores each row
    config.schedule.pictures_every = 0
    config.schedule.checkpoint_every = steps // 4


def _between_a_and_b(
    config: ConfigDict, *, image_size: int, objects: int, single_views: int, held_out: int, views: int
) -> ConfigDict:
    """Supervision by family a, self-training on single views of b, other objects of b to be scored."""
    # Without ImageNet's weights LPIPS means nothing, and the supervised loss would be half of it.
    config.losses.supervised.lpips = 0.0
    made = {"image_size": image_size, "held_out": 0, "views": 1, "raw": 0.0}
    single = {**made, "kind": "procedural_single", "family": "b", "objects": single_views, "seed": 1}
    multiview = {**made, "kind": "procedural_views", "views": views}
    sets = {
        "a": {**multiview, "family": "a", "objects": objects, "seed": 0},
        "b": single,
        "b_test": {**multiview, "family": "b", "objects": 0, "held_out": held_out, "seed": 2},
    }
    paths = {name: f"ablation/{name}_{image_size}" for name in sets}
    sets["b_raw"], paths["b_raw"] = {**single, "raw": 0.5}, paths["b"] + "_raw"
    config.data.embedded = ConfigDict({name: {**made, "path": paths[name]} for name, made in sets.items()})
    config.data.synthetic = ConfigDict({"a": {**VIEW, "path": paths["a"]}})
    config.data.validation = ConfigDict({"b": {**VIEW, "path": paths["b_test"]}})
    config.data.real = ConfigDict({CURATED: {**PHOTOGRAPH, "path": paths["b"]}})
    return config


def _between_named_families(config: ConfigDict, *, stream_seed: int) -> ConfigDict:
    """Supervision by streamed objects of `SEEN`, self-training on single views of `UNSEEN`, others of both as tests."""
    made = {"image_size": config.model.image_size, "raw": 0.0}
    single = {**made, "kind": "procedural_single", "family": UNSEEN, "objects": 2048, "held_out": 0, "views": 1}
    test = {**made, "kind": "procedural_views", "objects": 0, "views": 5}
    sets = {
        "unseen": {**single, "seed": 1},
        "unseen_raw": {**single, "seed": 1, "raw": 0.5},
        "unseen_test": {**test, "family": UNSEEN, "held_out": 264, "seed": 2},
        "seen_test": {**test, "family": SEEN, "held_out": 129, "seed": 3},
    }
    config.data.embedded = ConfigDict({name: {**made, "path": f"ablation/{name}"} for name, made in sets.items()})
    framing = {"distance": 2.4, "zoom": 0.5, "cropped": 0.5, "crop_ratio": (1.1, 1.6)}
    stream = {"family": SEEN, "seed": stream_seed, "weight": 1.0, **framing}
    config.data.streamed = ConfigDict({"seen": stream})
    config.data.streamed_share = 1.0
    config.data.synthetic = ConfigDict()
    config.data.validation = ConfigDict({"seen": {**VIEW, "path": "ablation/seen_test", "input_views": 1}})
    # Most objects in views of the tests are that large; the paper's 1.45 to 1.7 are for the data of TripoSR.
    config.data.real = ConfigDict({CURATED: {**PHOTOGRAPH, "path": "ablation/unseen", "crop_ratio": (1.15, 1.45)}})
    return config
