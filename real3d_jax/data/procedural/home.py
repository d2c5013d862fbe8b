"""The families of 'home': things in and around a house, many of them thin, flat, bent or made of bars.

They are a mixture of their own beside the named ones, which they leave as they are.
"""

from collections.abc import Callable

import numpy as np

from real3d_jax.data.procedural import (
    devices,
    fittings,
    greenery,
    hand_tools,
    lattices,
    lights,
    machines,
    people,
    posts,
    racks,
    slim_furniture,
)
from real3d_jax.data.procedural.objects import ProceduralObject

# The position of a family is part of its objects' seed: append only.
HOME: dict[str, Callable[[np.random.Generator], ProceduralObject]] = {
    "thin_table": slim_furniture.thin_table,
    "folding_chair": slim_furniture.folding_chair,
    "lounge_chair": slim_furniture.lounge_chair,
    "bunk_bed": racks.bunk_bed,
    "rack": racks.rack,
    "wall_lamp": lights.wall_lamp,
    "ceiling_light": lights.ceiling_light,
    "standing_person": people.standing_person,
    "leafy_plant": greenery.leafy_plant,
    "garden_tree": greenery.garden_tree,
    "scissors": hand_tools.scissors,
    "long_tool": hand_tools.long_tool,
    "dish": hand_tools.dish,
    "mower": machines.mower,
    "small_machine": machines.small_machine,
    "camera": devices.camera,
    "laptop": devices.laptop,
    "bathroom": fittings.bathroom,
    "door": fittings.door,
    "column": posts.column,
    "stairs": fittings.stairs,
    "fence": lattices.fence,
    "basket": lattices.basket,
    "street_post": posts.street_post,
}
