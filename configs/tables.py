"""Tables 1 to 4: OpenLRM, TripoSR as it was published and after stage 0, and Real3D, on the four test sets.

    python launch/tables.py --config configs/tables.py
    python launch/tables.py --config configs/tables.py --rows lrm,real3d --test_sets co3d
    python launch/tables.py --config configs/tables.py:renders            # with renders of LGM, CRM and InstantMesh
    python launch/tables.py --config configs/tables.py:tiny               # runs of configs/table7.py:tiny, on a CPU

Any row is a checkpoint (a run, weights, a name of the hub) or a folder of renders;
`--config.rows.real3d.checkpoint=DIR` names another one.
"""

from ml_collections import ConfigDict

from real3d_jax.config.files import read_variant
from real3d_jax.config.protocols import DATASETS

# Of the published TripoSR's cameras; the object is about as large as in the protocol's at 1.9.
DISTANCES = tuple(round(1.4 + 0.1 * k, 1) for k in range(19))
RENDERED = {"lgm": "LGM", "crm": "CRM", "instant_mesh": "InstantMesh"}


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    (kind,) = read_variant(variant, "configs/tables.py", ("models", ("models", "renders", "tiny")))
    config = ConfigDict()
    config.name = "tables" if kind == "models" else f"tables_{kind}"
    config.rows = ConfigDict(_tiny_rows() if kind == "tiny" else _rows())
    if kind == "renders":
        made = {name: _row(label, renders=f"renders/{name}/{{test}}") for name, label in RENDERED.items()}
        config.rows = ConfigDict({**made, **config.rows})
    config.test_sets = DATASETS
    config.deltas = (("real3d", "triposr"), ("real3d", "triposr_raw"), ("real3d", "lrm"), ("triposr", "lrm"))
    tiny = kind == "tiny"
    config.networks = ConfigDict()
    config.networks.vgg = "" if tiny else "timm/vgg16.tv_in1k"
    config.networks.clip = "" if tiny else "openai/clip-vit-base-patch16"
    config.networks.clip_random_size = "base"
    config.networks.inception = ""  # path of pytorch-fid's pt_inception-2015-12-05-6726825d.pth
    config.bootstrap = ConfigDict({"level": 0.95, "resamples": 10_000})
    config.root = "data"
    config.limit = 0
    return config


def _row(
    label: str, checkpoint: str = "", evaluation: str = "", distances: tuple[float, ...] = (), renders: str = ""
) -> ConfigDict:
    return ConfigDict(
        {
            "label": label,
            "checkpoint": checkpoint,
            "ema": False,
            "evaluation": evaluation,
            "distances": distances,
            "renders": renders,
        }
    )


def _rows() -> dict[str, ConfigDict]:
    return {
        "lrm": _row("LRM (OpenLRM)", "zxhezexin/openlrm-obj-base-1.1", "eval/lrm:base,{test}"),
        "triposr_raw": _row("TripoSR†", "stabilityai/TripoSR", "eval/{test}", DISTANCES),
        "triposr": _row("TripoSR", "runs/finetune_tsr", "eval/{test}"),
        "real3d": _row("Real3D", "runs/real3d", "eval/{test}"),
    }


def _tiny_rows() -> dict[str, ConfigDict]:
    runs = "runs/table7_tiny"
    return {
        "lrm": _row("LRM", f"{runs}/lrm", "eval/table7:lrm,tiny,{test}"),
        "triposr_raw": _row(
            "TripoSR†", f"{runs}/start_real3d", "eval/table7:start_real3d,tiny,{test}", (1.8, 2.1, 2.4, 2.7, 3.0)
        ),
        "triposr": _row("TripoSR", f"{runs}/base", "eval/table7:base,tiny,{test}"),
        "real3d": _row("Real3D", f"{runs}/real3d", "eval/table7:real3d,tiny,{test}"),
    }
