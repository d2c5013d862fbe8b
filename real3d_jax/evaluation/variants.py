"""What the configurations of evaluations are called on the command line."""

from real3d_jax.config.protocols import PROTOCOLS
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.models.presets import PRESETS


def read_variant(words: str) -> tuple[str, str]:
    """Protocol and model preset of a config file's argument: 'released', 'small' or 'released,small'.

    What is not said is 'paper' and 'base'.

    Raises:
      UserError: a word is neither.
    """
    name, size = "paper", "base"
    for word in filter(None, words.split(",")):
        if word in PROTOCOLS:
            name = word
        elif word in PRESETS:
            size = word
        else:
            raise UserError(f"An evaluation has no variant '{word}': {did_you_mean(word, (*PROTOCOLS, *PRESETS))}")
    return name, size
