"""Every number of the paper and of the released recipe beside its place, against the configurations as they are loaded.

The columns: where it is written, what is written there, the key, and its value. Paper: Section 4.1, Section 5 and
Appendices A and B of Real3D. Released: the published code (github.com/hwjiang1510/Real3D), by file. Other tests show
that each of these keys does what its name says.
"""

import pytest

from configs import finetune_tsr, real3d, real3d_mvimgnet, real3d_released, reconstruct
from configs.eval import co3d, mvimgnet, omniobject3d, wild
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.files import build, parse
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.curation.settings import CurationSettings
from real3d_jax.data.transforms import GREY, WHITE

SETTINGS = {
    "real3d": parse(real3d.get_config()),
    "stage 0": parse(finetune_tsr.get_config()),
    "mvimgnet only": parse(real3d_mvimgnet.get_config()),
    "curation": CurationSettings(),
    "reconstruct": build(ReconstructionConfig, reconstruct.get_config("base").to_dict(), "config"),
    "released": parse(real3d_released.get_config()),
    "released stage 0": parse(finetune_tsr.get_config("released")),
    "released mvimgnet only": parse(real3d_mvimgnet.get_config("released")),
}
for name, file in (("mvimgnet", mvimgnet), ("co3d", co3d), ("omniobject3d", omniobject3d), ("wild", wild)):
    SETTINGS[f"eval {name}"] = build(EvaluationConfig, file.get_config().to_dict(), "config")
    SETTINGS[f"released eval {name}"] = build(EvaluationConfig, file.get_config("released").to_dict(), "config")

AZIMUTHS = (0, 30, 60, -30, -60, 30, 60, -30, -60, 30, 60, -30, -60)
ELEVATIONS = (0, 0, 0, 0, 0, 30, 30, 30, 30, 60, 60, 60, 60)

METHOD = [
    ("Section 4.1, Eq. 3", "the stop-gradient operation", "losses.cycle.end_to_end", False),
    ("Section 4.1, Eq. 5", "Uniform as the uniform sampling", "losses.cycle.curriculum.law", "uniform"),
    ("Section 4.1, Eq. 6", "theta_min = 15", "losses.cycle.curriculum.azimuth_start", 15.0),
    ("Section 4.1, Eq. 6", "phi_min = 15", "losses.cycle.curriculum.elevation_start", 15.0),
    ("Section 4.1, Eq. 6", "theta_max = 90", "losses.cycle.curriculum.azimuth_end", 90.0),
    ("Section 4.1, Eq. 6", "phi_max = 90", "losses.cycle.curriculum.elevation_end", 90.0),
    ("Section 4.1, Eq. 6", "j_max is the number of total training iterations", "curriculum.steps", 40_000),
    ("Section 4.1, Eq. 8", "Uniform(-max, max)", "losses.semantic.law", "uniform"),
    ("Section 4.1, Eq. 8", "theta'_max = 120", "losses.semantic.azimuth_max", 120.0),
    ("Section 4.1, Eq. 8", "phi'_max = 45", "losses.semantic.elevation_max", 45.0),
    ("Section 4.1, Eq. 9", "the least similar view only", "losses.semantic.naive", False),
    ("Section 5", "n = 4 renderings", "losses.supervised_views", 4),
    ("Section 5", "m = 4 novel views", "losses.semantic.views", 4),
    ("Section 5", "learning rate as 4e-5", "optimizer.learning_rate", 4e-5),
    ("Section 5", "a cosine learning rate scheduler", "optimizer.end_learning_rate", 0.0),
    ("Section 5", "j = 40,000 iterations", "schedule.steps", 40_000),
    ("Section 5", "a batch size of 80, half synthetic", "batch.synthetic", 40),
    ("Section 5", "a batch size of 80, half real", "batch.real", 40),
    ("Section 5, Eq. 1", "lambda = 1.0", "losses.supervised.lpips", 1.0),
    ("Section 3, Eq. 1", "L_MSE + lambda L_LPIPS", "losses.supervised.mse", 1.0),
    ("Section 3, Eq. 1", "no mask term", "losses.supervised.mask", 0.0),
    ("Section 5, Eq. 10", "lambda_in = 0.3", "losses.input_view.mse", 0.3),
    ("Section 4.1, Eq. 10", "L_in is L_MSE", "losses.input_view.lpips", 0.0),
    ("Section 4.1, Eq. 10", "L_in is L_MSE", "losses.input_view.mask", 0.0),
    ("Section 5, Eq. 10", "lambda_pix = 5.0", "losses.cycle.weights.mse", 5.0),
    ("Section 4.1, Eq. 4", "L_pix is L_MSE", "losses.cycle.weights.lpips", 0.0),
    ("Section 4.1, Eq. 4", "L_pix is L_MSE", "losses.cycle.weights.mask", 0.0),
    ("Section 5, Eq. 10", "lambda_sem = 1.0", "losses.semantic.weight", 1.0),
    ("Section 5", "renderings from (Qiu et al., 2023; ...", "data.synthetic.gobjaverse.path", "gobjaverse"),
    ("Section 5", "... Liu et al., 2023a)", "data.synthetic.zero123.path", "zero123"),
    ("Section 5", "WildImages", "data.real.wild_images.path", "wild_images"),
    ("Section 5", "... (Yu et al., 2023)", "data.real.mvimgnet_single.path", "mvimgnet_single"),
    ("Section 4.1", "a fine-tuned TripoSR", "init_from", "runs/finetune_tsr"),
    ("Appendix A", "beta_1 of AdamW as 0.9", "optimizer.b1", 0.9),
    ("Appendix A", "beta_2 of AdamW as 0.96", "optimizer.b2", 0.96),
    ("Appendix A", "epsilon of AdamW as 1e-6", "optimizer.eps", 1e-6),
    ("Appendix A", "weight decay of 0.05", "optimizer.weight_decay", 0.05),
    ("Appendix A", "max gradient scale of 1.0", "optimizer.clip_norm", 1.0),
    ("Appendix A", "resolution of 128 x 128", "render.resolution", 128),
    ("Appendix A", "128 points along its ray", "render.samples", 128),
    ("Appendix A", "random expanding ratio in [1.45, 1.7]", "data.real.wild_images.crop_ratio", (1.45, 1.7)),
    ("Appendix A", "random expanding ratio in [1.45, 1.7]", "data.real.mvimgnet_single.crop_ratio", (1.45, 1.7)),
    ("Appendix A", "inputs of H = W = 512", "model.image_size", 512),
    ("Appendix A", "triplane of h = w = 64, upsampled twice", "model.plane_tokens", 32),
]

# What the paper leaves open and the published code settles, the same in both recipes.
SILENT = [
    ("TripoSR config.yaml", "radius 0.87", "render.radius", 0.87),
    ("TripoSR nerf_renderer.py", "the box is 0.1 % smaller", "render.box_inset", 1e-3),
    ("TripoSR nerf_renderer.py", "t_far - t_near > 0.01", "render.min_interval", 0.01),
    ("TripoSR config.yaml", "density bias -1.0", "render.density_bias", -1.0),
    ("TripoSR nerf_renderer.py", "rgb + 1 - opacity: white", "render.background", 1.0),
    ("TripoSR config.yaml", "16 layers", "model.layers", 16),
    ("TripoSR config.yaml", "16 heads of 64", "model.heads", 16),
    ("TripoSR config.yaml", "1024 channels", "model.token_width", 1024),
    ("TripoSR config.yaml", "planes of 40 channels", "model.plane_channels", 40),
    ("TripoSR config.yaml", "decoder of width 64", "model.decoder_width", 64),
    ("TripoSR config.yaml", "9 hidden layers", "model.decoder_layers", 9),
    ("DINO ViT-B/16", "epsilon of LayerNorm", "model.vit.layer_norm_eps", 1e-12),
    ("Real3D dataset/constant.py", "distance of synthetic objects", "data.synthetic.gobjaverse.distance", 2.4),
    ("Real3D dataset/constant.py", "distance of synthetic objects", "data.synthetic.zero123.distance", 2.4),
    ("Real3D dataset/objaverse.py", "input among views 0 to 24", "data.synthetic.gobjaverse.input_views", 25),
    ("Real3D dataset/objaverse.py", "targets with replacement", "data.synthetic.gobjaverse.replacement", True),
    ("Real3D objaverse_0123.py", "views without replacement", "data.synthetic.zero123.replacement", False),
    ("Real3D objaverse_0123.py", "input among all views", "data.synthetic.zero123.input_views", 0),
    ("Real3D utils/process_utils.py", "opacity > 0.5", "losses.cycle.mask_threshold", 0.5),
    ("Real3D scripts/trainer.py", "no averaged weights", "optimizer.ema_decay", 0.0),
    ("Real3D train.yaml", "seed 42", "seed", 42),
]
SILENT_OF_PHOTOGRAPHS = [
    ("Real3D dataset/constant.py", "distance of photographs", "data.real.mvimgnet_single.distance", 3.0),
    ("Real3D mvimagenet_sv.py", "fov 0.691150367", "data.real.mvimgnet_single.fov_y", 39.6),
]

STAGE_0 = [
    ("Appendix A", "learning rate 4e-5", "optimizer.learning_rate", 4e-5),
    ("Appendix A", "warmup iteration 3,000", "optimizer.warmup_steps", 3000),
    ("Appendix A", "40,000 iterations", "schedule.steps", 40_000),
    ("Appendix A", "equivalent batch size of 80", "batch.synthetic", 80),
    ("Appendix A", "Objaverse images only", "batch.real", 0),
    ("Appendix A", "for all training, beta_2 0.96", "optimizer.b2", 0.96),
    ("Appendix A", "for all training, weight decay 0.05", "optimizer.weight_decay", 0.05),
    ("Appendix A", "for all training, gradient scale 1.0", "optimizer.clip_norm", 1.0),
    ("Section 4.1", "we fine-tune TripoSR", "init_from", "weights/triposr"),
]

CURATION = [
    ("Appendix B", "confidence threshold of 0.3", "filters.min_score", 0.3),
    ("Appendix B", "scale threshold of 100 pixels", "filters.min_side", 100),
    ("Appendix B", "distance threshold of 10 pixels", "filters.border", 10),
    ("Appendix B", "specific categories, e.g. bus", "filters.excluded_categories", ("bus",)),
    ("Appendix B", "an erosion with kernel size 9", "occlusion.boundary_kernel", 9),
    ("Appendix B", "another with kernel size 15", "occlusion.contact_kernel", 15),
    ("Appendix B", "N = 20 points (with return)", "occlusion.samples", 20),
    ("Appendix B", "the sampling distance is 0.05 * s", "occlusion.offset", 0.05),
    ("Appendix B", "D_inner / D_outer is smaller than 0.95", "occlusion.ratio", 0.95),
    ("Appendix B", "half of the sampled points", "occlusion.votes", 0.5),
]

EVALUATION = [
    ("Section 5", "rendering resolution of 224", "protocol.novel_views.resolution", 224),
    ("Section 5", "rendering resolution of 224", "protocol.semantic.resolution", 224),
    ("Section 5", "rendering resolution of 224", "protocol.consistency.resolution", 224),
    ("Section 5", "7 views, uniform in [0, 360]", "protocol.semantic.azimuths", (45, 90, 135, 180, 225, 270, 315)),
    ("Section 5", "no elevations", "protocol.semantic.elevation", 0.0),
    ("Section 5", "marching cube with resolution 256", "geometry.resolution", 256),
    ("Appendix A", "azimuth of [0, 30, ...]", "protocol.consistency.azimuths", AZIMUTHS),
    ("Appendix A", "elevation of [0, 0, ...]", "protocol.consistency.elevations", ELEVATIONS),
    ("Appendix A", "canonical pose; Real3D dataset/constant.py", "protocol.input_view.distance", 3.0),
]
FILMED = [
    ("Appendix A", "5 views for each instance", "protocol.novel_views.views", 5),
    ("Appendix A", "mask the closest to the image center", "protocol.input_view.choice", "centred"),
    ("Appendix A", "expanding ratio of 1.6", "protocol.input_view.crop_ratio", 1.6),
    ("Real3D", "fov 0.691150367", "protocol.input_view.fov_y", 39.6),
]

RELEASED_LOSS = [
    ("train.yaml", "weight_render_rgb: 2.0", "losses.supervised.mse", 2.0),
    ("train.yaml", "weight_perceptual: 1.0", "losses.supervised.lpips", 1.0),
    ("train.yaml", "weight_render_mask: 1.0", "losses.supervised.mask", 1.0),
    ("train.yaml", "num_frame: 4", "losses.supervised_views", 4),
    ("dataset", "bilinear without antialias", "data.target_antialias", False),
    ("train.yaml", "beta1: 0.9", "optimizer.b1", 0.9),
    ("train.yaml", "beta2: 0.96", "optimizer.b2", 0.96),
    ("train.yaml", "eps: 0.000001", "optimizer.eps", 1e-6),
    ("train.yaml", "weight_decay: 0.05", "optimizer.weight_decay", 0.05),
    ("train.yaml", "grad_max: 1.0", "optimizer.clip_norm", 1.0),
    ("train.yaml", "warmup_iter: 1000, a tenth in steps", "optimizer.warmup_steps", 100),
    ("train.py", "cosine to nothing", "optimizer.end_learning_rate", 0.0),
    ("train.yaml", "1 on each of 8 GPUs, accumulated 10 times", "batch.synthetic", 80),
]
RELEASED = [
    *RELEASED_LOSS,
    ("train_sv*.yaml", "lr: 0.00004", "optimizer.learning_rate", 4e-5),
    ("train_sv*.yaml", "1 on each of 8 GPUs, accumulated 10 times", "batch.real", 80),
    ("loss_utils.py", "0.3 of the colour loss", "losses.input_view.mse", 0.6),
    ("loss_utils.py", "no LPIPS of the input view", "losses.input_view.lpips", 0.0),
    ("loss_utils.py", "0.3 of the mask loss", "losses.input_view.mask", 0.3),
    ("loss_utils.py", "ten times the colour loss", "losses.cycle.weights.mse", 20.0),
    ("loss_utils.py", "ten times LPIPS", "losses.cycle.weights.lpips", 10.0),
    ("loss_utils.py", "ten times the mask loss", "losses.cycle.weights.mask", 10.0),
    ("train_sv*.yaml", "rerender_consistency_input, at 512", "losses.cycle.rerender", 512),
    ("train_sv*.yaml", "sv_curriculum: 15-90", "losses.cycle.curriculum.azimuth_start", 15.0),
    ("train_sv*.yaml", "sv_curriculum: 15-90", "losses.cycle.curriculum.azimuth_end", 90.0),
    ("train_sv*.yaml", "sv_curriculum: _15-90", "losses.cycle.curriculum.elevation_start", 15.0),
    ("train_sv*.yaml", "sv_curriculum: _15-90", "losses.cycle.curriculum.elevation_end", 90.0),
    ("process_utils.py", "sizes in [start, max], random signs", "losses.cycle.curriculum.law", "released"),
    ("train_sv*.yaml", "sv_render_views: 4, the first is the input", "losses.semantic.views", 3),
    ("train_sv*.yaml", "constraint2_elevation", "losses.semantic.law", "released"),
    ("process_utils.py", "azimuths up to 120", "losses.semantic.azimuth_max", 120.0),
    ("process_utils.py", "elevations up to 45", "losses.semantic.elevation_max", 45.0),
    ("trainer", "weight 1.0", "losses.semantic.weight", 1.0),
    ("mvimagenet_sv.py", "expand_rate=1.7", "data.real.mvimgnet_single.crop_ratio", (1.7, 1.7)),
    ("mvimagenet_sv.py", "random.sample of the frames", "data.real.mvimgnet_single.path", "mvimgnet_pictures"),
    ("model_both.ckpt", "starts from its own stage 0", "init_from", "runs/finetune_tsr_released"),
]
RELEASED_WILD = [
    ("train_sv*.yaml", "total_iteration: 100000, a tenth in steps", "schedule.steps", 10_000),
    ("trainer", "iter / total_iteration", "curriculum.steps", 10_000),
    ("wild_sv.py", "1.45 + 0.5 * rand", "data.real.wild_images.crop_ratio", (1.45, 1.95)),
    ("dataset/constant.py", "distance of photographs", "data.real.wild_images.distance", 3.0),
    ("wild_sv.py", "fov 0.691150367", "data.real.wild_images.fov_y", 39.6),
]
RELEASED_STAGE_0 = [
    *RELEASED_LOSS,
    ("objaverse_both/train.yaml", "lr: 0.0004", "optimizer.learning_rate", 4e-4),
    ("objaverse_both/train.yaml", "total_iteration: 100000, a tenth in steps", "schedule.steps", 10_000),
    ("objaverse_both/train.yaml", "sv_data_use: False", "batch.real", 0),
    ("objaverse_both/train.yaml", "stabilityai/TripoSR", "init_from", "weights/triposr"),
]

TABLE = [
    *(("real3d", *row) for row in (*METHOD, *SILENT, *SILENT_OF_PHOTOGRAPHS)),
    ("real3d", "Real3D dataset/constant.py", "distance of photographs", "data.real.wild_images.distance", 3.0),
    ("real3d", "Real3D wild_sv.py", "fov 0.691150367", "data.real.wild_images.fov_y", 39.6),
    ("real3d", "Real3D train_sv*.yaml; the paper is silent", "100 steps", "optimizer.warmup_steps", 100),
    *(("mvimgnet only", *row) for row in (*METHOD, *SILENT) if "wild_images" not in row[2]),
    *(("stage 0", *row) for row in (*STAGE_0, *SILENT)),
    *(("curation", *row) for row in CURATION),
    *((f"eval {name}", *row) for name in ("mvimgnet", "co3d", "omniobject3d", "wild") for row in EVALUATION),
    *((f"eval {name}", *row) for name in ("mvimgnet", "co3d") for row in FILMED),
    ("eval omniobject3d", "Appendix A", "10 views for each instance", "protocol.novel_views.views", 10),
    ("reconstruct", "Appendix A", "expanding ratio of 1.6", "input.crop_ratio", 1.6),
    ("reconstruct", "Real3D dataset/constant.py", "distance of photographs", "orbit.distance", 3.0),
    ("reconstruct", "Real3D", "fov 0.691150367", "orbit.fov_y", 39.6),
    ("reconstruct", "Section 5", "marching cube with resolution 256", "surface.resolution", 256),
    ("reconstruct", "TripoSR system.py", "threshold 25.0", "surface.threshold", 25.0),
    *(("released", *row) for row in (*RELEASED, *RELEASED_WILD, *SILENT, *SILENT_OF_PHOTOGRAPHS)),
    *(("released mvimgnet only", *row) for row in (*RELEASED, *SILENT, *SILENT_OF_PHOTOGRAPHS)),
    ("released mvimgnet only", "objaverse_both_mvimgnet/*.yaml", "total_iteration: 40000", "schedule.steps", 4000),
    ("released mvimgnet only", "trainer", "iter / total_iteration", "curriculum.steps", 4000),
    *(("released stage 0", *row) for row in (*RELEASED_STAGE_0, *SILENT)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "place", "words", "key", "value"), TABLE)
def test_the_number_of_the_table(name, place, words, key, value):
    found = SETTINGS[name]
    for part in key.split("."):
        found = found[part] if hasattr(found, "keys") else getattr(found, part)
    assert found == value, f"{name}: {key} is {found}; {place} says '{words}'"


@pytest.mark.parametrize("name", ["real3d", "mvimgnet only", "released", "released mvimgnet only"])
def test_which_data_are_mixed(name):
    """Two renderings of Objaverse (Section 5), and photographs, in proportion to their sizes."""
    data = SETTINGS[name].data
    assert set(data.synthetic) == {"gobjaverse", "zero123"}
    assert set(data.real) == {"mvimgnet_single"} | ({"wild_images"} if "only" not in name else set())
    assert {source.weight for source in (*data.synthetic.values(), *data.real.values())} == {0.0}
    assert data.streamed_share == 0.0


@pytest.mark.parametrize("name", ["stage 0", "released stage 0"])
def test_stage_0_has_both_renderings_and_no_photographs(name):
    assert set(SETTINGS[name].data.synthetic) == {"gobjaverse", "zero123"}
    assert not SETTINGS[name].data.real


def test_inputs_are_on_grey_and_targets_on_white():
    """Appendix A: "TripoSR requires inputs with a gray background"; released: white_bkg."""
    assert (GREY, WHITE) == (0.5, 1.0)
