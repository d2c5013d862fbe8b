"""torchvision's names of VGG16 (timm's too)."""

from real3d_jax.perceptual.vgg import BLOCKS, conv_name
from real3d_jax.weights.mapping import Rule, Table


def _rules() -> tuple[Rule, ...]:
    """torchvision numbers convolutions, activations and poolings alike; a pooling ends each block."""
    rules, index, channels = [], 0, 3
    for block, convolutions in enumerate(BLOCKS):
        for conv, out in enumerate(convolutions):
            path = conv_name(block, conv)
            rules.append(Rule(f"features.{index}.weight", f"{path}/kernel", f"{out} {channels} 3 3", "conv"))
            rules.append(Rule(f"features.{index}.bias", f"{path}/bias", f"{out}"))
            index, channels = index + 2, out
        index += 1
    return tuple(rules)


TABLE = Table(
    kind="vgg",
    title="VGG16 of torchvision or timm",
    rules=_rules(),
    dropped=(r"(classifier|pre_logits|head)\..*",),
)
