"""Models of transformers of random weights, a few kilobytes each, in the files that the hub has."""

import json
import pathlib
from typing import Any

_NORMALISED = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
_NAMES: dict[str, Any] = {"id2label": {0: "cat", 1: "dog"}, "label2id": {"cat": 0, "dog": 1}}


def mask2former(folder: pathlib.Path, **more: Any) -> None:
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation

    config = Mask2FormerConfig(backbone_config=_swin(), feature_size=32, mask_feature_size=32, **_decoder(), **_NAMES)
    _save(Mask2FormerForUniversalSegmentation, config, folder)
    _preprocessor(folder, "Mask2FormerImageProcessor", **_shorter_side(), size_divisor=32, ignore_index=255, **more)


def oneformer(folder: pathlib.Path) -> None:
    from transformers import CLIPTokenizer, OneFormerConfig, OneFormerForUniversalSegmentation

    text = {"text_encoder_width": 16, "text_encoder_num_layers": 1, "text_encoder_vocab_size": 60}
    sizes = {"conv_dim": 32, "mask_dim": 32, "query_dec_layers": 1, "is_training": False}
    config = OneFormerConfig(backbone_config=_swin(), **_decoder(), **text, **sizes, **_NAMES)
    _save(OneFormerForUniversalSegmentation, config, folder)
    letters = [chr(ord("a") + n) for n in range(26)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    classes = {str(number): {"name": name, "isthing": 1} for number, name in _NAMES["id2label"].items()}
    (folder / "classes.json").write_text(json.dumps(classes))
    _preprocessor(
        folder,
        "OneFormerImageProcessor",
        **_shorter_side(),
        processor_class="OneFormerProcessor",
        repo_path=str(folder),
        class_info_file="classes.json",
        num_text=0,
        ignore_index=255,
    )


def grounding_dino(folder: pathlib.Path) -> None:
    from transformers import BertConfig, BertTokenizer, GroundingDinoConfig, GroundingDinoForObjectDetection

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "cat", "dog", "?"]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    text = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    layers = {f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in _LAYERS.items()}
    config = GroundingDinoConfig(
        backbone_config=_swin(("stage2", "stage3", "stage4")), text_config=text, d_model=32, num_queries=5, **layers
    )
    _save(GroundingDinoForObjectDetection, config, folder)
    _preprocessor(folder, "GroundingDinoImageProcessor", **_shorter_side(), processor_class="GroundingDinoProcessor")


def sam(folder: pathlib.Path) -> None:
    from transformers import SamConfig, SamModel

    small = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "mlp_dim": 16}
    image = {"image_size": 64, "patch_size": 16}
    config = SamConfig(
        vision_config={
            **small,
            **image,
            "output_channels": 16,
            "num_pos_feats": 8,
            "window_size": 2,
            "global_attn_indexes": [0],
        },
        prompt_encoder_config={"hidden_size": 16, "mask_input_channels": 4, **image},
        mask_decoder_config={**small, "iou_head_hidden_dim": 16},
    )
    _save(SamModel, config, folder)
    padded = {"do_pad": True, "pad_size": {"height": 64, "width": 64}, "do_convert_rgb": True}
    _preprocessor(folder, "SamImageProcessor", size={"longest_edge": 64}, processor_class="SamProcessor", **padded)


def depth_anything(folder: pathlib.Path, *, kind: str = "relative") -> None:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(
        image_size=28,
        patch_size=14,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        patch_size=14,
        depth_estimation_type=kind,
        initializer_range=0.5,
        **({"max_depth": 20} if kind == "metric" else {}),
    )
    _save(DepthAnythingForDepthEstimation, config, folder)
    _preprocessor(
        folder,
        "DPTImageProcessor",
        size={"height": 518, "width": 518},
        keep_aspect_ratio=True,
        ensure_multiple_of=14,
        resample=3,
        do_pad=False,
    )


def dpt(folder: pathlib.Path) -> None:
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(
        image_size=32,
        patch_size=16,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    _save(DPTForDepthEstimation, config, folder)
    _preprocessor(folder, "DPTImageProcessor", size={"height": 32, "width": 32})


_LAYERS = {"layers": 2, "ffn_dim": 32, "attention_heads": 2}


def _swin(stages: tuple[str, ...] = ("stage1", "stage2", "stage3", "stage4")) -> Any:
    from transformers import SwinConfig

    return SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=list(stages),
    )


def _decoder() -> dict[str, Any]:
    feedforward = {"encoder_feedforward_dim": 32, "dim_feedforward": 32}
    layers = {"encoder_layers": 1, "decoder_layers": 2, "num_attention_heads": 2}
    return {"hidden_dim": 32, "num_queries": 6, **feedforward, **layers}


def _shorter_side() -> dict[str, Any]:
    return {"size": {"shortest_edge": 64, "longest_edge": 96}}


def _save(model: Any, config: Any, folder: pathlib.Path) -> None:
    import torch

    torch.manual_seed(0)
    model(config).save_pretrained(folder)


def _preprocessor(folder: pathlib.Path, kind: str, **options: Any) -> None:
    content = {"image_processor_type": kind, **_NORMALISED, **options}
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
