"""The GLSL programs of the rasterizer: colours at many samples a pixel, and surfaces at the pixels' centres."""

VERTEX = """
#version 330
uniform mat4 world_to_clip;
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_colour;
in vec2 in_emission_uv;
in vec3 in_emission;
out vec3 position;
out vec3 normal;
out vec2 uv;
out vec4 colour;
out vec2 emission_uv;
out vec3 emission;
void main() {
    position = in_position;
    normal = in_normal;
    uv = in_uv;
    colour = in_colour;
    emission_uv = in_emission_uv;
    emission = in_emission;
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
layout(location = 0) out vec4 result;

// The normal on the side that is seen. The side is the flat face's: near a silhouette, smooth normals lean away.
// Where corners' normals cancel, the flat face's stands in, and for a face seen from its edge the direction to the eye.
vec3 visible_normal() {
    vec3 to_eye = eye - position;
    vec3 flat_normal = cross(dFdx(position), dFdy(position));
    if (dot(flat_normal, to_eye) < 0.0) flat_normal = -flat_normal;
    if (!(dot(normal, normal) > 0.0)) return normalize(dot(flat_normal, flat_normal) > 0.0 ? flat_normal : to_eye);
    vec3 smooth_normal = normalize(normal);
    return dot(smooth_normal, flat_normal) < 0.0 ? -smooth_normal : smooth_normal;
}
"""

# One pass draws what is opaque; each that follows draws, of what is see-through, the nearest surface behind that of the
# pass before (depth peeling). Nearness is 0 where there is nothing.
COLOUR = (
    _SURFACE
    + """
uniform sampler2D emission_map;
uniform sampler2D opaque_nearness;
uniform sampler2D layer_nearness;
uniform int layer;
uniform bool lit;
in vec2 emission_uv;
in vec3 emission;
layout(location = 1) out float nearness;

// A bright sky, a dimmer ground, and two lamps that stand still in the world. No shadows.
float light(vec3 n) {
    float sky = mix(0.30, 0.55, 0.5 + 0.5 * n.z);
    float key = max(0.0, dot(n, normalize(vec3(0.6, -0.5, 0.8))));
    float fill = max(0.0, dot(n, normalize(vec3(-0.7, 0.6, 0.2))));
    return sky + 0.45 * key + 0.15 * fill;
}

void main() {
    vec4 surface = colour * texture(base_colour, uv);
    vec3 glow = emission * texture(emission_map, emission_uv).rgb;
    nearness = 1.0 - gl_FragCoord.z;
    bool is_opaque = surface.a > 0.999;
    if (layer == 0) {
        if (!is_opaque) discard;
    } else {
        ivec2 here = ivec2(gl_FragCoord.xy);
        if (is_opaque || surface.a < 0.001) discard;
        if (nearness <= texelFetch(opaque_nearness, here, 0).r) discard;
        if (layer > 1 && nearness >= texelFetch(layer_nearness, here, 0).r) discard;
    }
    float alpha = is_opaque ? 1.0 : surface.a;
    result = alpha * vec4(surface.rgb * (lit ? light(visible_normal()) : 1.0) + glow, 1.0);
}
"""
)

# Lays a picture of premultiplied colours under what is there.
COVER = """
#version 330
in vec2 in_corner;
void main() { gl_Position = vec4(in_corner, 0.0, 1.0); }
"""
UNDER = """
#version 330
uniform sampler2D picture;
out vec4 result;
void main() { result = texelFetch(picture, ivec2(gl_FragCoord.xy), 0); }
"""

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
