"""The two GLSL programs of the rasterizer: colours at many samples a pixel, and surfaces at the pixels' centres."""

VERTEX = """
#version 330
uniform mat4 world_to_clip;
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_colour;
out vec3 position;
out vec3 normal;
out vec2 uv;
out vec4 colour;
void main() {
    position = in_position;
    normal = in_normal;
    uv = in_uv;
    colour = in_colour;
    gl_Position = world_to_clip * vec4(in_position, 1.0);
}
"""

_SURFACE = """
#version 330
uniform sampler2D base_colour;
uniform vec3 eye;
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec4 colour;
out vec4 result;

// The normal on the side that is seen. The side is the flat face's: near a silhouette, smooth normals lean away.
vec3 visible_normal() {
    vec3 flat_normal = cross(dFdx(position), dFdy(position));
    if (dot(flat_normal, eye - position) < 0.0) flat_normal = -flat_normal;
    vec3 smooth_normal = normalize(normal);
    return dot(smooth_normal, flat_normal) < 0.0 ? -smooth_normal : smooth_normal;
}
"""

# Transparency without sorting: a surface of opacity a covers the share a of the samples of a pixel. Each triangle
# begins the count at another sample, so that layers do not hide each other.
COLOUR = (
    _SURFACE
    + """
uniform int supersample;
uniform bool lit;

float threshold() {
    ivec2 place = ivec2(gl_FragCoord.xy) % supersample;
    int count = supersample * supersample;
    int rank = (place.y * supersample + place.x) * 5 + gl_PrimitiveID * 7;
    return (float(rank % count) + 0.5) / float(count);
}

// A bright sky, a dimmer ground, and two lamps that stand still in the world. No shadows.
float light(vec3 n) {
    float sky = mix(0.30, 0.55, 0.5 + 0.5 * n.z);
    float key = max(0.0, dot(n, normalize(vec3(0.6, -0.5, 0.8))));
    float fill = max(0.0, dot(n, normalize(vec3(-0.7, 0.6, 0.2))));
    return sky + 0.45 * key + 0.15 * fill;
}

void main() {
    vec4 surface = colour * texture(base_colour, uv);
    if (surface.a < threshold()) discard;
    result = vec4(surface.rgb * (lit ? light(visible_normal()) : 1.0), 1.0);
}
"""
)

GEOMETRY = (
    _SURFACE
    + """
uniform vec3 forward;
void main() {
    if (colour.a * texture(base_colour, uv).a < 0.5) discard;
    result = vec4(visible_normal(), dot(position - eye, forward));
}
"""
)
