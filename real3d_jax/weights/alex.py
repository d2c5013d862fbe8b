"""torchvision's names of AlexNet."""

from real3d_jax.perceptual.alex import LAYERS, conv_name
from real3d_jax.weights.mapping import Rule, Table


def _rules() -> tuple[Rule, ...]:
    """torchvision numbers convolutions, activations and poolings alike; a convolution is followed by an activation."""
    rules, index, channels = [], 0, 3
    for number, layer in enumerate(LAYERS):
        index += layer.pooled
        path = conv_name(number)
        shape = f"{layer.channels} {channels} {layer.size} {layer.size}"
        rules.append(Rule(f"features.{index}.weight", f"{path}/kernel", shape, "conv"))
        rules.append(Rule(f"features.{index}.bias", f"{path}/bias", f"{layer.channels}"))
        index, channels = index + 2, layer.channels
    return tuple(rules)


TABLE = Table(kind="alex", title="AlexNet of torchvision", rules=_rules(), dropped=(r"classifier\..*",))
