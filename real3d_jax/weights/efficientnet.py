"""efficientnet-pytorch's names of EfficientNet-Lite0, which its relatives share."""

from real3d_jax.perceptual.efficientnet import HEAD, STEM, Conv, blocks
from real3d_jax.weights.mapping import Rule, Table

_NORM = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
# Names of a block's convolutions and of the norms that follow them.
_BLOCK = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def _rules() -> tuple[Rule, ...]:
    rules = _conv_rules("_conv_stem", "_bn0", "stem", STEM, 3)
    for number, (channels, convolutions) in enumerate(blocks()):
        for name, conv in convolutions.items():
            theirs, norm = (f"_blocks.{number}.{part}" for part in _BLOCK[name])
            rules += _conv_rules(theirs, norm, f"block{number}/{name}", conv, channels)
            channels = conv.channels
    return (*rules, *_conv_rules("_conv_head", "_bn1", "head", HEAD, channels))


def _conv_rules(name: str, norm: str, path: str, conv: Conv, channels: int) -> list[Rule]:
    shape = f"{conv.channels} {1 if conv.depthwise else channels} {conv.size} {conv.size}"
    return [
        Rule(f"{name}.weight", f"{path}/kernel", shape, "conv"),
        *(Rule(f"{norm}.{theirs}", f"{path}/{ours}", f"{conv.channels}") for theirs, ours in _NORM.items()),
    ]


TABLE = Table(
    kind="efficientnet",
    title="EfficientNet-Lite0 of efficientnet-pytorch's names",
    rules=_rules(),
    dropped=(r"_fc\..*", r".*\.num_batches_tracked"),
)
