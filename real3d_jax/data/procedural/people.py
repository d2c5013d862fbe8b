"""People of natural proportions, a unit tall, in free poses, looking along +x."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import fabric, fur, neutral, painted, plain, skin
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import Paint, box, cylinder, ellipsoid

_POSES = ("hanging", "hanging", "hanging", "hip", "waving", "reaching", "spread", "folded")


def standing_person(rng: np.random.Generator) -> ProceduralObject:
    """A man, a woman or a child who stands or walks; arms hang, are raised, spread or folded, or rest on the hips."""
    a = Assembly()
    face, top, below = plain(skin(rng)), fabric(rng), painted(rng)
    hair, shoe = plain(fur(rng)), plain(neutral(rng))
    head, slim = between(rng, 0.06, 0.085), between(rng, 0.8, 1.25)
    hip, shoulder = between(rng, 0.46, 0.53), between(rng, 0.79, 0.84)
    broad = between(rng, 0.085, 0.125) * slim
    chest = (shoulder - hip) / 2
    robe = maybe(rng, 0.3)
    a.add(
        box(0.055 * slim, broad, chest, corner=0.05 * slim, edge=0.03, taper=(0.1, between(rng, -0.0, 0.15))),
        (0, 0, hip + chest),
        top,
    )
    a.add(ellipsoid(0.062 * slim, 0.095 * slim, 0.075), (0, 0, hip + 0.02), below)
    a.rod((0, 0, shoulder - 0.02), (0.01, 0, shoulder + 0.06), 0.028, face)
    z = shoulder + 0.06 + 0.9 * head
    a.add(ellipsoid(0.82 * head, 0.7 * head, 1.05 * head), (0.015, 0, z), face)
    _hair(a, rng, head, z, hair)
    walking = maybe(rng, 0.4)
    gap = between(rng, 0.03, 0.06) * slim
    if robe:
        long = between(rng, 0.12, 0.24)
        wide = between(rng, 0.09, 0.2)
        a.add(cylinder(wide, long, taper=between(rng, 0.2, 0.6)), (0, 0, hip + 0.06 - long), below)
    legs = face if robe and maybe(rng, 0.7) else below
    if walking:
        stride = between(rng, 0.04, 0.2)
        _leg(a, rng, legs, shoe, hip, gap, stride, "")
        _leg(a, rng, legs, shoe, hip, -gap, -stride, "")
    else:
        _leg(a, rng, legs, shoe, hip, gap, between(rng, -0.02, 0.02), "y")
    sleeve = top if maybe(rng, 0.6) else face
    pose = pick(rng, _POSES)
    if maybe(rng, 0.5):
        _arm(a, rng, top, sleeve, face, shoulder, broad, pose, "y", hands=True)
    else:
        # Of a walker with two different arms the hands are the ends of the arms: there are sixteen solids.
        room = not walking
        _arm(a, rng, top, sleeve, face, shoulder, broad, pose, "", hands=room)
        _arm(a, rng, top, sleeve, face, shoulder, -broad, pick(rng, _POSES), "", hands=room)
    return a.build(sample_light(rng), blend=0.008)


def _hair(a: Assembly, rng: np.random.Generator, head: float, z: float, hair: Paint) -> None:
    """Short or long hair, or a cap."""
    kind = rng.random()
    if kind < 0.45:
        a.add(ellipsoid(0.85 * head, 0.78 * head, 0.8 * head), (-0.003, 0, z + 0.35 * head), hair)
    elif kind < 0.8:
        long = between(rng, 1.0, 1.9) * head
        a.add(
            box(0.5 * head, 0.8 * head, long, corner=0.4 * head, edge=0.3 * head),
            (-0.4 * head, 0, z - 0.2 * long),
            hair,
        )
    else:
        a.add(cylinder(0.9 * head, 0.35 * head, taper=0.3, edge=0.02), (0, 0, z + 0.8 * head), painted(rng))


def _leg(
    a: Assembly, rng: np.random.Generator, paint: Paint, shoe: Paint, hip: float, gap: float, step: float, mirror: str
) -> None:
    """From the hip to the foot; the foot stands `step` in front of it."""
    side = 1 if gap > 0 else -1
    out = side * between(rng, 0.0, 0.06)
    thick = between(rng, 0.036, 0.05)
    lift = 0.05 if step < -0.1 else 0.0
    knee = np.array([0.55 * step + 0.02, gap + 0.5 * out, 0.5 * hip + 0.02])
    ankle = np.array([step, gap + out, 0.04 + lift])
    a.rod((0, gap, hip), knee, thick, paint, taper=0.2, mirror=mirror)
    a.rod(knee, ankle, 0.8 * thick, paint, taper=0.3, mirror=mirror)
    a.add(ellipsoid(0.065, 0.03, 0.027), np.add(ankle, (0.03, 0, -0.013)), shoe, mirror=mirror)


def _arm(
    a: Assembly,
    rng: np.random.Generator,
    top: Paint,
    sleeve: Paint,
    face: Paint,
    shoulder: float,
    broad: float,
    pose: str,
    mirror: str,
    *,
    hands: bool,
) -> None:
    """An arm from the shoulder at y = `broad`, on that side, in one of `_POSES`."""
    side = 1 if broad > 0 else -1
    start = np.array([0, broad - side * 0.005, shoulder - 0.025])
    upper, lower = between(rng, 0.14, 0.175), between(rng, 0.15, 0.19)
    # Angles in degrees: away from the body, and forwards; of the upper and the lower arm; 0 hangs down.
    out, ahead, out2, ahead2 = {
        "hanging": (between(rng, 4, 35), between(rng, -20, 20), between(rng, 0, 30), between(rng, -5, 40)),
        "hip": (between(rng, 35, 55), between(rng, -20, 0), between(rng, -60, -40), 5),
        "waving": (between(rng, 60, 110), between(rng, -10, 30), between(rng, 130, 190), 0),
        "reaching": (between(rng, 5, 20), between(rng, 20, 80), between(rng, -10, 10), between(rng, 60, 110)),
        "spread": (between(rng, 55, 95), 0, between(rng, 55, 100), between(rng, -10, 10)),
        "folded": (between(rng, 5, 20), between(rng, 10, 30), -45, between(rng, 70, 100)),
    }[pose]
    elbow = start + upper * _direction(out, ahead, side)
    wrist = elbow + lower * _direction(out2, ahead2, side)
    thick = between(rng, 0.024, 0.034)
    a.rod(start, elbow, thick, top, mirror=mirror)
    a.rod(elbow, wrist, 0.85 * thick, sleeve if hands else face, taper=0.25, mirror=mirror)
    if hands:
        a.add(ellipsoid(0.024, 0.024, 0.03), wrist + 0.02 * _direction(out2, ahead2, side), face, mirror=mirror)


def _direction(out: float, ahead: float, side: int) -> np.ndarray:
    out, ahead = np.radians(out), np.radians(ahead)
    return np.array([np.sin(ahead) * np.cos(out), side * np.sin(out), -np.cos(ahead) * np.cos(out)])
