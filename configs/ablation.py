"""The rows of the paper's Table 5 and the points of Figure 5, each as a few changes to one configuration.

    python launch/ablate.py --config configs/ablation.py --size tiny              # all of Table 5, on a CPU
    python launch/train.py --config configs/ablation.py:start,tiny                # stage 0 alone
    python launch/train.py --config configs/ablation.py:naive_clip,tiny           # one row alone, from stage 0

After the colon stands a row (`real3d_jax/ablation/rows.py` has them; 'full' if none is named) and a size: 'paper' (the
default: configs/real3d.py and its data), 'small' (one accelerator) or 'tiny' (a CPU). Sizes other than 'paper' need no
download. They measure the gap between the two families of procedural objects: supervised on family a, self-trained on
single views of family b, scored on the true views of other objects of family b.
"""

from ml_collections import ConfigDict

from configs.finetune_tsr import get_config as get_finetune_config
from configs.real3d import get_config as get_real3d_config
from configs.real3d import set_length, use_embedded_data
from configs.smoke import get_config as get_smoke_config
from real3d_jax.ablation.rows import ROWS, START, Row, read_variant
from real3d_jax.models.presets import preset

CURATED = "wild_images"  # the photographs that have a raw version; MVImgNet's are not curated


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    name, size = read_variant(variant)
    if size == "paper":
        config = get_finetune_config() if name == START else get_real3d_config()
    else:
        config = _tiny() if size == "tiny" else _small()
        if name == START:
            config.schedule.steps = 2 * config.schedule.steps
            config.batch.real = 0
        else:
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


def _tiny() -> ConfigDict:
    """The smoke run's model and batch, 120 steps."""
    config = get_smoke_config()
    config.batch = ConfigDict({"synthetic": 4, "real": 4, "micro_batches": 1})
    _make_short(config, 120)
    config.optimizer.warmup_steps = 10
    return _between_families(config, image_size=48, objects=192, single_views=192, held_out=48, views=5)


def _small() -> ConfigDict:
    """The preset 'small' for one accelerator."""
    config = use_embedded_data(get_real3d_config())
    config.model = preset("small")
    config.render.resolution = 64
    config.render.samples = 64
    config.optimizer.learning_rate = 2e-4
    config.batch = ConfigDict({"synthetic": 16, "real": 16, "micro_batches": 2})
    _make_short(config, 1000)
    return _between_families(config, image_size=256, objects=2048, single_views=2048, held_out=128, views=12)


def _make_short(config: ConfigDict, steps: int) -> None:
    set_length(config, steps)
    config.schedule.validate_every = 0
    config.schedule.validation_objects = 0  # the evaluation scores each row
    config.schedule.pictures_every = 0
    config.schedule.checkpoint_every = steps // 4


def _between_families(
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
    view = {"weight": 0.0, "distance": 2.4, "input_views": 0, "replacement": False}
    config.data.synthetic = ConfigDict({"a": {**view, "path": paths["a"]}})
    config.data.validation = ConfigDict({"b": {**view, "path": paths["b_test"]}})
    photograph = config.data.real.procedural_b.to_dict()
    config.data.real = ConfigDict({CURATED: {**photograph, "path": paths["b"], "weight": 0.0}})
    return config
