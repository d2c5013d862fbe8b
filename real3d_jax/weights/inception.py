"""pytorch-fid's names of InceptionV3, which are torchvision's."""

from real3d_jax.perceptual.inception import convolutions
from real3d_jax.weights.mapping import Rule, Table

_NORM = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}


def _rules() -> tuple[Rule, ...]:
    rules = []
    for block, conv, channels in convolutions():
        name, path = (separator.join(filter(None, (block, conv.name))) for separator in (".", "/"))
        shape = " ".join(map(str, (conv.channels, channels, *conv.kernel)))
        rules.append(Rule(f"{name}.conv.weight", f"{path}/kernel", shape, "conv"))
        rules += [Rule(f"{name}.bn.{theirs}", f"{path}/{ours}", f"{conv.channels}") for theirs, ours in _NORM.items()]
    return tuple(rules)


TABLE = Table(
    kind="inception",
    title="InceptionV3 of pytorch-fid",
    rules=_rules(),
    # Not the auxiliary classifier, which tells torchvision's own network, of the same names and other weights.
    dropped=(r"fc\..*", r".*\.num_batches_tracked"),
)
