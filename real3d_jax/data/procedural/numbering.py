"""Which object a family and a number mean, of abstract and named families and of mixtures of them."""

from real3d_jax.data.procedural import abstract, families
from real3d_jax.data.procedural.abstract import ABSTRACT
from real3d_jax.data.procedural.families import DRAWN, NAMED
from real3d_jax.data.procedural.home import HOME
from real3d_jax.data.procedural.objects import MAX_SOLIDS, ProceduralObject, padded
from real3d_jax.errors import UserError, did_you_mean

ALL_NAMED = "named"
# Of things in and around a house; 'house' is a named family.
ALL_HOME = "home"


def members(family: str) -> tuple[str, ...]:
    """The families that a config's `family` means: one name, several joined by '+', 'named' for all named ones, or
    'home' for all of `HOME`.

    Raises:
      UserError: there is no such family.
    """
    if family == ALL_NAMED:
        return tuple(NAMED)
    if family == ALL_HOME:
        return tuple(HOME)
    names = tuple(family.split("+"))
    for name in names:
        if name not in ABSTRACT and name not in DRAWN:
            known = [*ABSTRACT, *DRAWN, ALL_NAMED, ALL_HOME]
            raise UserError(f"There is no family '{name}' of procedural objects: {did_you_mean(name, known)}")
    return names


def sample(family: str, seed: int, number: int) -> ProceduralObject:
    """Object `number` of a family; equal arguments give equal objects, whatever else is made.

    Of several families (see `members`) number i belongs to the one at i modulo their count. Named and held-out ones,
    and abstract ones beside them, have `MAX_SOLIDS` slots for solids.

    Raises:
      UserError: there is no such family.
    """
    names = members(family)
    name = names[number % len(names)]
    if name in DRAWN:
        return families.sample(name, seed, number)
    found = abstract.sample(name, seed, number)
    return padded(found, MAX_SOLIDS) if any(other in DRAWN for other in names) else found


def stream(family: str, seed: int, number: int) -> list[int]:
    """Seeds of random numbers that belong to an object, and to no other."""
    name = _member(family, number)
    return [seed, ABSTRACT.index(name) if name in ABSTRACT else families.place(name), number]


def object_name(family: str, seed: int, number: int) -> str:
    """The object's name in records."""
    return f"{_member(family, number)}{seed}-{number:06d}"


def _member(family: str, number: int) -> str:
    names = members(family)
    return names[number % len(names)]
