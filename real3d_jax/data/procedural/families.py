"""The named families in their order, and how an object of one is drawn from numbers."""

from collections.abc import Callable

import numpy as np

from real3d_jax.data.procedural import (
    belongings,
    birds,
    buildings,
    crafts,
    creatures,
    figures,
    food,
    furniture,
    held_out,
    household,
    plants,
    seats,
    tools,
    vehicles,
    vessels,
)
from real3d_jax.data.procedural.home import HOME
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.errors import UserError

# The position of a family is part of its objects' seed: append only.
NAMED: dict[str, Callable[[np.random.Generator], ProceduralObject]] = {
    "chair": seats.chair,
    "stool": seats.stool,
    "office_chair": seats.office_chair,
    "sofa": seats.sofa,
    "bench": seats.bench,
    "table": furniture.table,
    "desk": furniture.desk,
    "bed": furniture.bed,
    "cabinet": furniture.cabinet,
    "shelf": furniture.shelf,
    "mug": vessels.mug,
    "bottle": vessels.bottle,
    "vase": vessels.vase,
    "bowl": vessels.bowl,
    "teapot": vessels.teapot,
    "wine_glass": vessels.wine_glass,
    "car": vehicles.car,
    "bus": vehicles.bus,
    "truck": vehicles.truck,
    "dog": creatures.dog,
    "cat": creatures.cat,
    "horse": creatures.horse,
    "cow": creatures.cow,
    "elephant": creatures.elephant,
    "giraffe": creatures.giraffe,
    "pig": creatures.pig,
    "sheep": creatures.sheep,
    "house": buildings.house,
    "church": buildings.church,
    "lighthouse": buildings.lighthouse,
    "castle": buildings.castle,
    "windmill": buildings.windmill,
    "plane": crafts.plane,
    "boat": crafts.boat,
    "train": crafts.train,
    "bicycle": crafts.bicycle,
    "duck": birds.duck,
    "bird": birds.bird,
    "fish": birds.fish,
    "teddy": figures.teddy,
    "robot": figures.robot,
    "snowman": figures.snowman,
    "person": figures.person,
    "tree": plants.tree,
    "potted_plant": plants.potted_plant,
    "cactus": plants.cactus,
    "flower": plants.flower,
    "mushroom": plants.mushroom,
    "burger": food.burger,
    "fruit": food.fruit,
    "cake": food.cake,
    "ice_cream": food.ice_cream,
    "doughnut": food.doughnut,
    "hammer": tools.hammer,
    "screwdriver": tools.screwdriver,
    "spade": tools.spade,
    "brush": tools.brush,
    "table_lamp": household.table_lamp,
    "floor_lamp": household.floor_lamp,
    "shoe": belongings.shoe,
    "hat": belongings.hat,
    "guitar": belongings.guitar,
    "umbrella": belongings.umbrella,
    "computer": household.computer,
    "clock": household.clock,
}
# Of no mixture, so that what is trained on the named families has not seen them; append only, too.
HELD_OUT: dict[str, Callable[[np.random.Generator], ProceduralObject]] = {"wheelbarrow": held_out.wheelbarrow}
DRAWN = NAMED | HELD_OUT | HOME
# Keep the streams of the kinds of families apart, and from those of the abstract ones.
_FIRST, _FIRST_HELD_OUT, _FIRST_HOME = 100, 1000, 2000


def place(family: str) -> int:
    """What makes the random numbers of a family of `DRAWN` its own."""
    if family in NAMED:
        return _FIRST + list(NAMED).index(family)
    if family in HOME:
        return _FIRST_HOME + list(HOME).index(family)
    return _FIRST_HELD_OUT + list(HELD_OUT).index(family)


def sample(family: str, seed: int, index: int) -> ProceduralObject:
    """Object `index` of a named family; equal arguments give equal objects.

    Args:
      family: a key of `DRAWN`.
      seed: of all objects of a data set.
      index: of the object, 0 or more.

    Raises:
      UserError: no such family.
    """
    if family not in DRAWN:
        raise UserError(f"'{family}' is no named family of procedural objects: choose one of {', '.join(DRAWN)}.")
    rng = np.random.default_rng([seed, place(family), index])
    return DRAWN[family](rng)
