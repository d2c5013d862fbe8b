"""Volume rendering of triplanes."""

from real3d_jax.rendering.field import TriplaneField, query_field
from real3d_jax.rendering.render import render_rays, render_views

__all__ = ["TriplaneField", "query_field", "render_rays", "render_views"]
