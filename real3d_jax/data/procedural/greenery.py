"""Indoor plants of many thin leaves, and trees with branches; about a unit tall."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import ceramic, colour, foliage, painted, patterned, plain, tinted, vivid
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    OVER,
    Paint,
    Solid,
    box,
    cylinder,
    ellipsoid,
    profile,
    torus,
    turn,
)

_SNOW = plain((0.94, 0.95, 0.97))


def _bark(rng: np.random.Generator) -> Paint:
    base = colour(between(rng, 0.04, 0.1), between(rng, 0.1, 0.6), between(rng, 0.2, 0.6))
    return patterned(rng, base, tinted(base, 0.65), "grain", 50, 90)


def _pot(a: Assembly, rng: np.random.Generator, radius: float, tall: float) -> float:
    """A round or square pot with soil; returns the level of the soil."""
    clay = pick(rng, (ceramic, painted))(rng) if maybe(rng, 0.6) else plain(colour(0.045, 0.6, between(rng, 0.55, 0.8)))
    soil = plain((0.25, 0.17, 0.11))
    foot = between(rng, 0.55, 1.0)
    if maybe(rng, 0.75):
        shares = pick(rng, ((foot, 1.0), (foot, 1.0, 0.95), (0.6, 1.0, 0.8), (0.9, 0.8, 1.0)))
        a.turn_body(profile(*(radius * s for s in shares)), tall, (0, 0, tall), clay)
    else:
        a.add(box(radius, radius, tall, taper=(1 - foot, 1 - foot)), (0, 0, tall), clay, turned=OVER)
    a.add(cylinder(0.85 * radius, 0.015), (0, 0, 2 * tall), soil)
    return 2 * tall


def _leaf(rng: np.random.Generator, long: float, wide: float) -> Solid:
    """A thin leaf along the z axis, flat towards x: pointed or oval."""
    thin = between(rng, 0.003, 0.008)
    if maybe(rng, 0.5):
        return ellipsoid(max(thin, 0.06 * long), wide, long)
    return box(thin, wide, long, edge=0.7 * thin, taper=(0.0, between(rng, 0.5, 0.95)))


def leafy_plant(rng: np.random.Generator) -> ProceduralObject:
    """A pot with blades, rings of leaves on stems, a palm, hanging tendrils, or a few big leaves in no order."""
    a = Assembly()
    radius, tall = between(rng, 0.07, 0.16), between(rng, 0.05, 0.16)
    soil = _pot(a, rng, radius, tall)
    leaves, stem = foliage(rng), plain(colour(between(rng, 0.08, 0.3), 0.5, between(rng, 0.3, 0.55)))
    kind = pick(rng, (_rings, _rings, _blades, _palm, _big_leaves, _big_leaves, _bush, _ficus, _ficus))
    fold = whole(rng, 5, 11)
    kind(a, rng, leaves, stem, soil, fold)
    return a.build(sample_light(rng), blend=0.002, fold=fold)


def _around(
    a: Assembly, rng: np.random.Generator, solid: Solid, at: np.ndarray, tilt: float, paint: Paint, fold: int, i: int
) -> None:
    """A ring of leaves leaning outwards by `tilt` degrees, every other ring between the leaves of the one before."""
    between_them = i % 2 == 1
    spin = turn("z", 180 / fold) if between_them else turn("z", 0)
    # A leaf on the border of its sector is one half here and, mirrored, the other half there.
    a.add(solid, spin @ at, paint, turned=spin @ turn("y", tilt), radial=True, mirror="y" if between_them else "")


def _rings(a: Assembly, rng: np.random.Generator, leaves: Paint, stem: Paint, soil: float, fold: int) -> None:
    """A stem, or several, with rings of leaves up to its top."""
    high = between(rng, 0.15, 0.7)
    a.rod((0, 0, soil - 0.02), (0, 0, soil + high), between(rng, 0.008, 0.02), stem)
    count = whole(rng, 3, 8)
    long, wide = between(rng, 0.07, 0.2), between(rng, 0.012, 0.05)
    first = between(rng, 0.1, 0.7)
    for i in range(count):
        level = soil + high * (first + (1 - first) * i / (count - 1))
        tilt = between(rng, 70, 120) - 60 * i / (count - 1)
        size = long * between(rng, 0.8, 1.2) * (1 - 0.3 * i / count)
        out = np.radians(tilt)
        at = np.array([np.sin(out), 0, np.cos(out)]) * size + (0.01, 0, level)
        _around(a, rng, _leaf(rng, size, wide), at, tilt, leaves, fold, i)


def _blades(a: Assembly, rng: np.random.Generator, leaves: Paint, stem: Paint, soil: float, fold: int) -> None:
    """Blades from the soil, upright or arching."""
    high, wide = between(rng, 0.2, 0.4), between(rng, 0.008, 0.035)
    for i in range(whole(rng, 2, 4)):
        tilt = (6 + 15 * i) * between(rng, 0.7, 1.4)
        out = np.radians(tilt)
        size = high * between(rng, 0.7, 1.1)
        foot = np.array([0.02 + 0.012 * i, 0, soil - 0.01])
        tip = foot + 2 * size * np.array([np.sin(out), 0, np.cos(out)])
        _around(
            a,
            rng,
            box(0.005, wide, size, edge=0.003, taper=(0.0, between(rng, 0.1, 0.5))),
            (foot + tip) / 2,
            tilt,
            leaves,
            fold,
            i,
        )
        if maybe(rng, 0.5):  # the ends hang
            bend, rest = tilt + between(rng, 40, 100), 0.5 * size
            over = np.radians(bend)
            at = tip + rest * np.array([np.sin(over), 0, np.cos(over)])
            _around(a, rng, box(0.004, 0.8 * wide, rest, edge=0.003, taper=(0.0, 0.8)), at, bend, leaves, fold, i)


def _palm(a: Assembly, rng: np.random.Generator, leaves: Paint, stem: Paint, soil: float, fold: int) -> None:
    """A bare stem with arching leaves at its top, sometimes two."""
    high, thick = between(rng, 0.05, 0.6), between(rng, 0.012, 0.03)
    top = soil + high
    a.rod((0, 0, soil - 0.02), (0, 0, top), thick, stem)
    wide = between(rng, 0.012, 0.045)
    for i in range(whole(rng, 2, 4)):
        rise = between(rng, 5, 75)
        out, long = np.radians(rise), between(rng, 0.08, 0.16)
        first = np.array([np.sin(out), 0, np.cos(out)])
        elbow = np.array([0.01, 0, top]) + 2 * long * first
        _around(a, rng, box(0.004, wide, long, edge=0.003, taper=(0, 0.0)), elbow - long * first, rise, leaves, fold, i)
        hang = rise + between(rng, 25, 80)
        down = np.radians(hang)
        second = np.array([np.sin(down), 0, np.cos(down)])
        _around(
            a, rng, box(0.004, wide, long, edge=0.003, taper=(0, 0.9)), elbow + long * second, hang, leaves, fold, i
        )


def _big_leaves(a: Assembly, rng: np.random.Generator, leaves: Paint, stem: Paint, soil: float, fold: int) -> None:
    """Six or seven leaves on stalks, each in a direction of its own."""
    long, wide = between(rng, 0.08, 0.17), between(rng, 0.35, 0.8)
    turning = between(rng, 0, 360)
    for i in range(7):
        spin = turn("z", turning + 137.5 * i + between(rng, -20, 20))
        out, high = between(rng, 0.05, 0.3), between(rng, 0.15, 0.65)
        tip = spin @ np.array([out, 0, soil + high])
        a.rod((0, 0, soil - 0.02), tip, 0.006, stem)
        tilt = between(rng, 40, 130)
        down = np.radians(tilt)
        size = long * between(rng, 0.7, 1.2)
        at = tip + spin @ (0.85 * size * np.array([np.sin(down), 0, np.cos(down)]))
        a.add(ellipsoid(0.012, wide * size, size), at, leaves, turned=spin @ turn("y", tilt))


def _bush(a: Assembly, rng: np.random.Generator, leaves: Paint, stem: Paint, soil: float, fold: int) -> None:
    """Leaves in all directions from a ball, with blossoms or without."""
    ball, high = between(rng, 0.05, 0.14), between(rng, 0.05, 0.4)
    centre = soil + high + 0.5 * ball
    a.rod((0, 0, soil), (0, 0, centre), 0.012, stem)
    a.add(ellipsoid(ball, ball, ball), (0, 0, centre), leaves)
    long, wide = between(rng, 0.05, 0.1), between(rng, 0.015, 0.035)
    other = plain(tinted(leaves.colours[0], pick(rng, (0.75, 1.25))))
    for i, tilt in enumerate((25, 60, 90, 120, 150)):
        tilt = tilt + between(rng, -10, 10)
        out = np.radians(tilt)
        at = (0.8 * ball + long) * np.array([np.sin(out), 0, np.cos(out)]) + (0, 0, centre)
        _around(a, rng, _leaf(rng, long, wide), at, tilt, other if i % 2 else leaves, fold, i)
    if maybe(rng, 0.4):
        a.add(
            ellipsoid(0.025, 0.025, 0.02), (ball + 0.5 * long, 0, centre + 0.5 * ball), plain(vivid(rng)), radial=True
        )


def _loose_leaves(
    a: Assembly, rng: np.random.Generator, z: float, wide: float, high: float, paint: Paint, fold: int, count: int
) -> None:
    """Twice `fold` times `count` leaves, all ways up, within an ellipsoid about the z axis."""
    long, thin = wide * between(rng, 0.18, 0.4), between(rng, 0.3, 0.7)
    for _ in range(count):
        level = between(rng, -0.85, 0.85)
        out = wide * np.sqrt(1 - level * level) * between(rng, 0.5, 1.0)
        spin = turn("z", between(rng, 0, 180 / fold))
        size = long * between(rng, 0.7, 1.2)
        shade = plain(tinted(paint.colours[0], between(rng, 0.75, 1.2)))
        tilt = turn("y", between(rng, 30, 150)) @ turn("z", between(rng, -40, 40))
        leaf = ellipsoid(0.09 * size, thin * size, size)
        a.add(leaf, spin @ (out, 0, z + high * level), shade, turned=spin @ tilt, radial=True, mirror="y")


def _ficus(a: Assembly, rng: np.random.Generator, leaves: Paint, stem: Paint, soil: float, fold: int) -> None:
    """One or more thin stems with a crown of loose leaves, or a bush of them right above the pot."""
    bare, high, wide = between(rng, 0.0, 0.45), between(rng, 0.1, 0.35), between(rng, 0.1, 0.26)
    middle = soil + bare + high
    a.rod((0, 0, soil - 0.02), (0, 0, middle + 0.9 * high), between(rng, 0.008, 0.018), stem)
    if maybe(rng, 0.5):
        a.rod((0.01, 0, soil + 0.4 * bare), (0.6 * wide, 0, middle), 0.006, stem, radial=True)
    _loose_leaves(a, rng, middle, wide, high, leaves, fold, whole(rng, 6, 12))


def garden_tree(rng: np.random.Generator) -> ProceduralObject:
    """A tree: bare branches, a crown of flat clouds on them, a fir in thin layers or boughs, with snow or without."""
    a = Assembly()
    kind = pick(rng, (_bare, _bare_in_rings, _clouds, _clouds, _layers, _boughs, _leafy_crown))
    fold = whole(rng, 3, 9)
    kind(a, rng, _bark(rng), fold)
    return a.build(sample_light(rng), blend=0.006, fold=fold)


def _bare(a: Assembly, rng: np.random.Generator, bark: Paint, fold: int) -> None:
    """A trunk that forks again and again, each time otherwise."""
    thick = between(rng, 0.018, 0.04)
    _forked(a, rng, bark, thick, ends=8)


def _forked(a: Assembly, rng: np.random.Generator, bark: Paint, thick: float, *, ends: int) -> list[np.ndarray]:
    """A trunk and twice `ends` - 2 branches, at most 15 solids; the ends of the last ones."""
    lean = between(rng, -0.05, 0.05)
    fork = np.array([lean, between(rng, -0.05, 0.05), between(rng, 0.2, 0.5)])
    a.rod((0, 0, 0), fork, thick, bark, taper=0.3)
    spread, length = between(rng, 25, 60), between(rng, 0.2, 0.32)
    tips = [(fork, np.array([0.0, 0.0, 1.0]), 0.7 * thick, length)]
    first = True
    while len(tips) < ends:
        start, ahead, width, long = tips.pop(0)
        count = min(whole(rng, 2, 3) if first else 2, ends - len(tips))
        around, first = between(rng, 0, 360), False
        for k in range(count):
            tilt = np.radians(spread * between(rng, 0.5, 1.2))
            spin = np.radians(around + 360 * k / count + between(rng, -25, 25))
            new = ahead * np.cos(tilt) + np.sin(tilt) * np.array([np.cos(spin), np.sin(spin), 0.15])
            new = new / np.sqrt(new @ new)
            end = start + long * between(rng, 0.7, 1.2) * new
            a.rod(start, end, width, bark, taper=0.4)
            tips.append((end, new, 0.62 * width, 0.8 * long))
    return [tip[0] for tip in tips]


def _bare_in_rings(a: Assembly, rng: np.random.Generator, bark: Paint, fold: int) -> None:
    """A straight trunk with rings of branches that bear twigs; few leaves or none."""
    thick, high = between(rng, 0.015, 0.035), between(rng, 0.7, 1.0)
    a.rod((0, 0, 0), (0, 0, high), thick, bark, flat=True, taper=0.6)
    leaves = foliage(rng) if maybe(rng, 0.5) else None
    for i in range(whole(rng, 2, 3)):
        z, out = high * (0.35 + 0.22 * i), between(rng, 0.15, 0.4) * (1 - 0.2 * i)
        rise = between(rng, 0.3, 1.2) * out
        tip = np.array([out, 0, z + rise])
        a.rod((0, 0, z), tip, 0.5 * thick, bark, taper=0.5, radial=True)
        side = between(rng, 0.3, 0.55) * out * np.tan(np.pi / fold)
        fork = np.array([0.5 * out, 0, z + 0.5 * rise])
        end = np.add(fork, (0.35 * out, side, between(rng, 0.3, 0.8) * out))
        a.rod(fork, end, 0.3 * thick, bark, radial=True, mirror="y")
        if leaves:
            size = between(rng, 0.02, 0.06)
            a.add(ellipsoid(size, size, 0.6 * size), tip, leaves, radial=True)


def _clouds(a: Assembly, rng: np.random.Generator, bark: Paint, fold: int) -> None:
    """A forked trunk whose ends bear flat, round or hanging masses of leaves."""
    tips = _forked(a, rng, bark, between(rng, 0.02, 0.045), ends=4)
    hue, flat = between(rng, 0.0, 0.4), between(rng, 0.25, 1.1)
    green = colour(hue, between(rng, 0.4, 0.85), between(rng, 0.35, 0.75)) if maybe(rng, 0.35) else None
    leaves = foliage(rng) if green is None else plain(green)
    size = between(rng, 0.1, 0.22)
    for i in range(whole(rng, 6, 9)):
        wide = size * between(rng, 0.6, 1.2)
        beside = 0.0 if i < 4 else 0.8 * wide
        at = tips[i % 4] + np.array([between(rng, -beside, beside), between(rng, -beside, beside), 0.8 * flat * beside])
        paint = plain(tinted(leaves.colours[0], between(rng, 0.8, 1.15))) if maybe(rng, 0.4) else leaves
        shape = ellipsoid(wide, wide * between(rng, 0.7, 1.0), max(flat * wide, 0.02))
        tilt = turn("x", between(rng, -25, 25)) @ turn("y", between(rng, -25, 25))
        a.add(shape, at, paint, turned=tilt)


def _leafy_crown(a: Assembly, rng: np.random.Generator, bark: Paint, fold: int) -> None:
    """A trunk with rising branches in a crown of large loose leaves, with a green or a red heart or none."""
    wide, high, bare = between(rng, 0.22, 0.4), between(rng, 0.2, 0.4), between(rng, 0.1, 0.4)
    middle = bare + high
    a.rod((0, 0, 0), (0, 0, middle + 0.9 * high), between(rng, 0.02, 0.04), bark, taper=0.6)
    a.rod((0, 0, 0.8 * bare), (0.6 * wide, 0, middle), 0.012, bark, radial=True)
    leaves = foliage(rng) if maybe(rng, 0.65) else plain(colour(between(rng, 0.0, 0.15), 0.75, between(rng, 0.5, 0.8)))
    if maybe(rng, 0.5):
        a.add(ellipsoid(0.6 * wide, 0.6 * wide, 0.6 * high), (0, 0, middle), leaves)
    _loose_leaves(a, rng, middle, wide, high, leaves, fold, whole(rng, 8, 12))


def _layers(a: Assembly, rng: np.random.Generator, bark: Paint, fold: int) -> None:
    """A fir of many thin cones, slim or wide, with snow on some."""
    count, foot = whole(rng, 5, 9), between(rng, 0.03, 0.2)
    wide, leaves = between(rng, 0.13, 0.34), foliage(rng)
    snowy = maybe(rng, 0.35)
    count = min(count, 7) if snowy else count
    a.rod((0, 0, 0), (0, 0, foot + 0.6), 0.025, bark, flat=True)
    pitch = (1 - foot) / count
    for i in range(count):
        radius = wide * (1 - 0.85 * i / count) * between(rng, 0.9, 1.1)
        half = pitch * between(rng, 0.5, 0.8)
        z = foot + i * pitch + half
        a.add(cylinder(radius, half, taper=between(rng, 0.75, 0.97), edge=0.004), (0, 0, z), leaves)
        if snowy:
            a.add(cylinder(0.75 * radius, half, taper=0.93, edge=0.004), (0, 0, z + 0.25 * half), _SNOW)


def _boughs(a: Assembly, rng: np.random.Generator, bark: Paint, fold: int) -> None:
    """A conifer whose rings of boughs hang or rise, one above the other."""
    count, foot = whole(rng, 6, 12), between(rng, 0.05, 0.25)
    wide, leaves, droop = between(rng, 0.2, 0.42), foliage(rng), between(rng, 70, 125)
    snowy = maybe(rng, 0.3)
    a.rod((0, 0, 0), (0, 0, 1), 0.02, bark, flat=True, taper=0.8)
    fold_wide = np.tan(np.pi / fold)
    for i in range(count):
        long = 0.5 * wide * (1 - 0.85 * i / count)
        z = foot + (1 - foot) * (i + 0.5) / count
        out = np.radians(droop)
        at = np.array([np.sin(out), 0, np.cos(out)]) * long + (0.005, 0, z)
        solid = ellipsoid(max(0.1 * long, 0.01), min(0.7 * fold_wide, 0.5) * long, long)
        _around(a, rng, solid, at, droop, _SNOW if snowy and i % 3 else leaves, fold, i)
    if maybe(rng, 0.3):
        a.add(torus(0.02, 0.006), (0, 0, 1.02), plain((0.9, 0.75, 0.2)), turned=FORWARDS)
