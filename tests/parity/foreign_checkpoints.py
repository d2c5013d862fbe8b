"""Small seeded checkpoints in the names and layouts of the published formats."""

import itertools

import numpy as np


def tensors_of(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    """Random float32 tensors; those of two names never agree."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}


def vit_shapes(width: int = 12, layers: int = 3, mlp: int = 20, patch: int = 4, grid: int = 3) -> dict:
    """transformers' ViTModel, pooler included."""
    shapes = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.position_embeddings": (1, 1 + grid**2, width),
        "embeddings.patch_embeddings.projection.weight": (width, 3, patch, patch),
        "embeddings.patch_embeddings.projection.bias": (width,),
        "layernorm.weight": (width,),
        "layernorm.bias": (width,),
        "pooler.dense.weight": (width, width),
        "pooler.dense.bias": (width,),
    }
    for layer in range(layers):
        block = f"encoder.layer.{layer}."
        for name in ("attention.attention.query", "attention.attention.key", "attention.attention.value"):
            shapes |= {f"{block}{name}.weight": (width, width), f"{block}{name}.bias": (width,)}
        shapes |= {
            f"{block}attention.output.dense.weight": (width, width),
            f"{block}attention.output.dense.bias": (width,),
            f"{block}intermediate.dense.weight": (mlp, width),
            f"{block}intermediate.dense.bias": (mlp,),
            f"{block}output.dense.weight": (width, mlp),
            f"{block}output.dense.bias": (width,),
        }
        for name in ("layernorm_before", "layernorm_after"):
            shapes |= {f"{block}{name}.weight": (width,), f"{block}{name}.bias": (width,)}
    return shapes


def tsr_shapes(channels: int = 8, layers: int = 2, planes: int = 5, texels: int = 6, hidden: int = 7) -> dict:
    """A small TripoSR with 3 hidden layers in its decoder."""
    vit = vit_shapes()
    width = vit["embeddings.cls_token"][2]
    shapes = {f"image_tokenizer.model.{name}": shape for name, shape in vit.items()}
    shapes |= {
        "tokenizer.embeddings": (3, channels, planes, planes),
        "backbone.norm.weight": (channels,),
        "backbone.norm.bias": (channels,),
        "post_processor.upsample.weight": (channels, texels, 2, 2),
        "post_processor.upsample.bias": (texels,),
    }
    for name in ("proj_in", "proj_out"):
        shapes |= {f"backbone.{name}.weight": (channels, channels), f"backbone.{name}.bias": (channels,)}
    for layer in range(layers):
        block = f"backbone.transformer_blocks.{layer}."
        for norm in ("norm1", "norm2", "norm3"):
            shapes |= {f"{block}{norm}.weight": (channels,), f"{block}{norm}.bias": (channels,)}
        for attention, context in (("attn1", channels), ("attn2", width)):
            shapes |= {
                f"{block}{attention}.to_q.weight": (channels, channels),
                f"{block}{attention}.to_k.weight": (channels, context),
                f"{block}{attention}.to_v.weight": (channels, context),
                f"{block}{attention}.to_out.0.weight": (channels, channels),
                f"{block}{attention}.to_out.0.bias": (channels,),
            }
        shapes |= {
            f"{block}ff.net.0.proj.weight": (8 * channels, channels),
            f"{block}ff.net.0.proj.bias": (8 * channels,),
            f"{block}ff.net.2.weight": (channels, 4 * channels),
            f"{block}ff.net.2.bias": (channels,),
        }
    sizes = [3 * texels, hidden, hidden, hidden, 4]
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        shapes |= {
            f"decoder.layers.{2 * layer}.weight": (outputs, inputs),
            f"decoder.layers.{2 * layer}.bias": (outputs,),
        }
    return shapes


def clip_shapes(width: int = 12, layers: int = 2, mlp: int = 20, patch: int = 4, grid: int = 3) -> dict:
    """transformers' CLIPModel: the vision tower, and a stub of the text tower."""
    tower = "vision_model."
    shapes = {
        f"{tower}embeddings.class_embedding": (width,),
        f"{tower}embeddings.position_embedding.weight": (1 + grid**2, width),
        f"{tower}embeddings.patch_embedding.weight": (width, 3, patch, patch),
        "visual_projection.weight": (5, width),
        "text_projection.weight": (5, 6),
        "text_model.final_layer_norm.weight": (6,),
        "logit_scale": (),
    }
    for name in ("pre_layrnorm", "post_layernorm"):
        shapes |= {f"{tower}{name}.weight": (width,), f"{tower}{name}.bias": (width,)}
    for layer in range(layers):
        block = f"{tower}encoder.layers.{layer}."
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"):
            shapes |= {f"{block}{name}.weight": (width, width), f"{block}{name}.bias": (width,)}
        for name in ("layer_norm1", "layer_norm2"):
            shapes |= {f"{block}{name}.weight": (width,), f"{block}{name}.bias": (width,)}
        shapes |= {
            f"{block}mlp.fc1.weight": (mlp, width),
            f"{block}mlp.fc1.bias": (mlp,),
            f"{block}mlp.fc2.weight": (width, mlp),
            f"{block}mlp.fc2.bias": (width,),
        }
    return shapes


CLIP_CONFIG = {
    "model_type": "clip",
    "projection_dim": 5,
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": 12,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 20,
        "patch_size": 4,
        "image_size": 12,
        # hidden_act and layer_norm_eps left out, as transformers leaves out what equals its defaults
    },
}
VIT_CONFIG = {
    "model_type": "vit",
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "patch_size": 4,
    "image_size": 12,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
}


def vgg_shapes() -> dict:
    """torchvision's VGG16 with a stub of its classifier."""
    convolutions = {
        0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256),
        17: (512, 256), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512),
    }  # fmt: skip
    shapes = {"classifier.0.weight": (4, 4), "classifier.0.bias": (4,)}
    for index, (outputs, inputs) in convolutions.items():
        shapes |= {f"features.{index}.weight": (outputs, inputs, 3, 3), f"features.{index}.bias": (outputs,)}
    return shapes


def alex_shapes() -> dict:
    """torchvision's AlexNet with a stub of its classifier."""
    convolutions = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    shapes = {"classifier.1.weight": (4, 4), "classifier.1.bias": (4,)}
    for index, (outputs, inputs, size) in convolutions.items():
        shapes |= {f"features.{index}.weight": (outputs, inputs, size, size), f"features.{index}.bias": (outputs,)}
    return shapes
