"""The rows of the paper's Tables 6 and 7: LRM with and without real multi-view captures, Real3D of single views.

    python launch/ablate.py --config configs/table7.py --rows table_7 --size tiny             # rehearsal on a CPU
    python launch/ablate.py --config configs/table7.py --rows table_7 --size small --seeds 0 1 2
    python launch/ablate.py --config configs/table7.py --rows table_6 --size small --seeds 0 1 2

After the colon stand a row (start_lrm, lrm, lrm_real, start_real3d, base, real3d, real3d_wild) and a size: 'tiny',
'small' or 'paper' (the default). At 'paper' the rows are configs/lrm.py, configs/lrm_real.py on MVImgNet alone,
configs/finetune_tsr.py, configs/real3d_mvimgnet.py (Table 7's Real3D) and configs/real3d.py (Table 6's). The others
need no download: captures are films of procedural objects, with cameras that look past them, off-centre, in worlds of
any unit, and self-training sees one centred view of each of the same objects. In the wild (`real3d_wild`) it sees twice
as many other objects, of the seen families too. Rows of a size take equal numbers of steps. At 'small' Real3D begins
with the model in the box, LRM with its own stage 0.
"""

from ml_collections import ConfigDict

from configs.ablation import CURATED, SEEN, UNSEEN
from configs.ablation import get_config as get_ablation_config
from configs.finetune_tsr import get_config as get_finetune_config
from configs.lrm import get_config as get_lrm_config
from configs.lrm import leave_out_self_training, posed_source, use_metric_render
from configs.lrm_real import get_config as get_lrm_real_config
from configs.real3d import get_config as get_real3d_config
from configs.real3d_mvimgnet import get_config as get_mvimgnet_config
from real3d_jax.ablation.rows import GAIN_ROWS, GAIN_STARTS, SIZES
from real3d_jax.config.files import read_variant
from real3d_jax.models.presets import preset
from real3d_jax.weights.boxed import MINI

ROWS = (*GAIN_STARTS, *GAIN_ROWS)
RADIUS = 0.87  # of both models' boxes at the small sizes, so that they see the same
TO_BOX = 2.4 / 1.645  # from the units of procedural views to those in which their cameras are 2.4 away
EXTENT = 0.62  # of captures: the mean half-size of outlines of views in these units
VIEWS = 6  # of a capture
WILD_SEED = 5  # of photographs in the wild


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    row, size = read_variant(variant, "Table 7", ("real3d", ROWS), ("paper", SIZES))
    made = {"paper": _paper}.get(size, _lrm if "lrm" in row else _real3d)
    config = made(row, size)
    config.name = f"table7_{size}/{row}"
    return config


def _paper(row: str, _: str) -> ConfigDict:
    if row == "lrm_real":
        config = get_lrm_real_config("base")
        del config.data.synthetic["co3d_captures"], config.data.validation["co3d_captures"]
        return config
    if row in ("lrm", "start_lrm"):
        return get_lrm_config("base")
    if row in ("real3d", "real3d_wild"):
        config = get_mvimgnet_config() if row == "real3d" else get_real3d_config()
        config.init_from = "start_real3d"
        return config
    config = get_finetune_config()
    if row == "base":  # goes on supervised, from its stage 0
        config.init_from = "start_real3d"
    return config


def _real3d(row: str, size: str) -> ConfigDict:
    """The rows of the ablation: `base` goes on supervised, `real3d` and `real3d_wild` are the full method."""
    named = {"start_real3d": "start", "real3d": "full", "real3d_wild": "full"}.get(row, row)
    config = get_ablation_config(f"{named},{size}")
    if row == "real3d_wild":
        made = config.data.embedded["b" if size == "tiny" else "unseen"].to_dict()
        family = "a+b" if size == "tiny" else f"{SEEN}+{UNSEEN}"
        made |= {"family": family, "objects": 2 * made["objects"], "seed": WILD_SEED, "path": f"{made['path']}_wild"}
        config.data.embedded.wild = ConfigDict(made)
        config.data.real[CURATED].path = made["path"]
    if row != "start_real3d":
        config.init_from = MINI if size == "small" else "start_real3d"
    config.gate = ConfigDict({"input_psnr": 0.0, "iou": 0.0})
    return config


def _lrm(row: str, size: str) -> ConfigDict:
    """The ablation's stage 0 and rows with a camera-conditioned model of the same size."""
    tiny, start = size == "tiny", row == "start_lrm"
    config = get_ablation_config(f"{'start' if start else 'base'},{size}")
    config.init_from = "" if start else "start_lrm"
    resolution = config.render.resolution
    config.model = preset("lrm_tiny" if tiny else "lrm_mini")
    use_metric_render(config, resolution=resolution, samples=8 if tiny else 24, radius=RADIUS)
    leave_out_self_training(config)
    config.losses.supervised = ConfigDict({"mse": 1.0, "lpips": 0.0, "mask": 1.0, "total_variation": 5e-4})
    config.gate = ConfigDict({"input_psnr": 0.0, "iou": 0.0})
    single = get_ablation_config(f"full,{size}")
    if start and not tiny:
        config.schedule.steps = 3000
    for sets in (config.data.synthetic, config.data.validation):
        for name, source in sets.items():
            sets[name] = posed_source(source.path, patch=resolution, scale=TO_BOX, input_views=source.input_views)
    if row == "lrm_real":
        photographs = "b" if tiny else "unseen"
        made = single.data.embedded[photographs].to_dict()
        path = f"{made['path']}_captures"
        config.data.embedded.captures = ConfigDict(
            {**made, "kind": "procedural_captures", "views": VIEWS, "path": path}
        )
        config.data.synthetic.captures = posed_source(path, patch=resolution, extent=EXTENT)
        # As many captures a step as the other row has photographs, beside as many supervised objects.
        supervised = config.batch.synthetic
        config.batch.synthetic = supervised + single.batch.real
        if tiny:
            for source in config.data.synthetic.values():
                source.weight = 0.5
        else:
            config.data.streamed_share = supervised / config.batch.synthetic
    return config
