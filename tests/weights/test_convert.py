"""Foreign checkpoints to converted weights and back, through the functions and the command line."""

import json
import pathlib
import subprocess
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp
import parity_data
import pytest
import safetensors.numpy
from foreign_checkpoints import CLIP_CONFIG, VIT_CONFIG, clip_shapes, tensors_of, tsr_shapes, vgg_shapes, vit_shapes

from real3d_jax.config.model import VitConfig
from real3d_jax.errors import UserError
from real3d_jax.weights.convert import convert_checkpoint, weights_from_params, write_tsr
from real3d_jax.weights.converted import load_weights, save_unused, save_weights
from real3d_jax.weights.loading import load_params_for
from tests.commands import run_here

_ROOT = pathlib.Path(__file__).parents[2]


def _write(folder, tensors, config=None):
    folder.mkdir(exist_ok=True)
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def _run(*arguments):
    command = [sys.executable, "launch/convert_weights.py", *map(str, arguments)]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)


def _here(*arguments):
    return run_here(_ROOT / "launch" / "convert_weights.py", *arguments)


def test_command_line_there_and_back(tmp_path):
    """The seeded small TripoSR of the parity data, with its pooler, comes back bit for bit."""
    tensors = parity_data.with_prefix(parity_data.load("tsr_tiny"), "param/")
    source = _write(tmp_path / "triposr", tensors)
    there = _run("--input", source, "--output", tmp_path / "ours")
    assert there.returncode == 0, there.stderr
    assert "71 tensors, 310,972 parameters" in there.stdout
    assert "unused   2 tensors" in there.stdout
    back = _run("--input", tmp_path / "ours", "--output", tmp_path / "back.safetensors", "--to", "tsr")
    assert back.returncode == 0, back.stderr
    written = safetensors.numpy.load_file(tmp_path / "back.safetensors")
    assert written.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(written[name], tensor, err_msg=name)


def test_command_line_says_what_is_wrong(tmp_path):
    (tmp_path / "model.ckpt").write_bytes(b"not a checkpoint")
    result = _here("--input", tmp_path / "model.ckpt", "--output", tmp_path / "ours")
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "ours").exists()


def test_kinds_are_found_from_the_content(tmp_path):
    for kind, shapes in (("lrm", tsr_shapes()), ("vit", vit_shapes()), ("vgg", vgg_shapes())):
        folder = _write(tmp_path / "misleading", tensors_of(shapes))
        assert convert_checkpoint(folder).weights.kind == kind
    assert convert_checkpoint(_write(tmp_path / "clip", tensors_of(clip_shapes()), CLIP_CONFIG)).weights.kind == "clip"


def test_another_network_is_refused(tmp_path):
    folder = _write(tmp_path / "gpt", {"wte.weight": np.zeros((4, 4), np.float32)})
    with pytest.raises(UserError, match=r"none of the tensors of a known format .* begins with wte\.weight"):
        convert_checkpoint(folder)


def test_a_file_with_the_published_widths_must_have_the_published_depth(tmp_path):
    """A TripoSR file cut after some of its layers would otherwise pass for a shallower model."""
    tensors = tensors_of(tsr_shapes())
    tensors["tokenizer.embeddings"] = np.zeros((3, 1024, 32, 32), np.float32)
    folder = _write(tmp_path / "cut", tensors)
    with pytest.raises(UserError, match=r"missing \(image_tokenizer.model.encoder.layer.3\."):
        convert_checkpoint(folder)
    with pytest.raises(UserError) as error:  # what is left is the wrong width that this test made
        convert_checkpoint(folder, allow_other_depth=True)
    assert "missing" not in str(error.value)


def test_clip_takes_its_sizes_from_its_config(tmp_path):
    tensors = tensors_of(clip_shapes())
    architecture = convert_checkpoint(_write(tmp_path / "whole", tensors, CLIP_CONFIG)).weights.architecture
    vit = VitConfig(**architecture["vit"])
    assert (vit.heads, vit.activation, vit.layer_norm_eps, vit.position_grid) == (3, "quick_gelu", 1e-5, 3)
    assert (vit.patch_bias, vit.pre_norm) == (False, True)
    assert (architecture["projection"], architecture["image_size"]) == (5, 12)

    # The vision model alone, its names without prefix.
    alone = {name.removeprefix("vision_model."): x for name, x in tensors.items() if "text" not in name}
    del alone["logit_scale"]
    again = convert_checkpoint(_write(tmp_path / "alone", alone, CLIP_CONFIG["vision_config"])).weights
    assert again.architecture == architecture

    with pytest.raises(UserError, match=r"without its config\.json"):
        convert_checkpoint(_write(tmp_path / "bare", tensors))
    other = {**CLIP_CONFIG, "vision_config": {**CLIP_CONFIG["vision_config"], "hidden_size": 24}}
    with pytest.raises(UserError, match=r"width 12, but its config\.json says 24"):
        convert_checkpoint(_write(tmp_path / "other", tensors, other))
    deeper = {**CLIP_CONFIG, "vision_config": {**CLIP_CONFIG["vision_config"], "num_hidden_layers": 3}}
    with pytest.raises(UserError, match="16 missing"):
        convert_checkpoint(_write(tmp_path / "deeper", tensors, deeper))
    with pytest.raises(UserError, match="of type 'bert'"):
        convert_checkpoint(_write(tmp_path / "bert", tensors, {"model_type": "bert"}))


def test_dino_starts_the_image_tokenizer_and_its_pooler_is_kept(tmp_path):
    tensors = tensors_of(vit_shapes(), seed=5)
    weights = convert_checkpoint(_write(tmp_path / "dino", tensors, VIT_CONFIG)).weights
    assert weights.architecture["heads"] == 3
    save_weights(tmp_path / "ours", weights)

    model = convert_checkpoint(_write(tmp_path / "tsr", tensors_of(tsr_shapes()))).weights.params
    params, unused = load_params_for(tmp_path / "ours", model)
    file = write_tsr(tmp_path / "out.safetensors", {**model, **params}, unused)
    written = safetensors.numpy.load_file(file)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(written[f"image_tokenizer.model.{name}"], tensor, err_msg=name)


def test_parameters_alone_become_converted_weights(tmp_path):
    weights = convert_checkpoint(_write(tmp_path / "tsr", tensors_of(tsr_shapes()))).weights
    again = weights_from_params(weights.params, weights.unused, where="the run")
    assert again.architecture == weights.architecture
    jax.tree.map(np.testing.assert_array_equal, again.params, weights.params)


def test_a_training_workdir_becomes_a_triposr_file(tmp_path):
    """As the trainer leaves it: Orbax checkpoints, and the unused tensors that it was started with beside them."""
    tensors = tensors_of(tsr_shapes())
    weights = convert_checkpoint(_write(tmp_path / "tsr", tensors)).weights
    with ocp.StandardCheckpointer() as writer:
        for step, factor in ((5, 0), (10, 1)):
            params = jax.tree.map(lambda x, factor=factor: x * np.float32(factor), weights.params)
            writer.save(tmp_path / "run" / "checkpoints" / str(step) / "params", params)
    save_unused(tmp_path / "run", weights.unused)
    for source in (tmp_path / "run", tmp_path / "run" / "checkpoints" / "10"):
        result = _here("--input", source, "--output", tmp_path / "out.safetensors", "--to", "tsr")
        assert result.returncode == 0, result.stderr
        written = safetensors.numpy.load_file(tmp_path / "out.safetensors")
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(written[name], tensor, err_msg=name)


def test_half_precision_is_reported(tmp_path):
    tensors = tensors_of(vgg_shapes())
    tensors["features.0.weight"] = tensors["features.0.weight"].astype(np.float16)
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    result = _here("--input", tmp_path / "model.safetensors", "--output", tmp_path / "ours")
    assert "1 tensors of half precision became float32" in result.stdout


@pytest.mark.torch
class TestTorch:
    def test_real3d_checkpoint_to_triposr_file(self, tmp_path):
        """`state_dict` with `module.` in; out comes a flat file that a module of the published names loads strictly."""
        torch = pytest.importorskip("torch")
        tensors = tensors_of(tsr_shapes())
        wrapped = {f"module.{name}": torch.from_numpy(tensor) for name, tensor in tensors.items()}
        torch.save({"epoch": 1, "state_dict": wrapped, "optimizer": {}, "scaler": None}, tmp_path / "cpt_last.pth.tar")
        save_weights(tmp_path / "ours", convert_checkpoint(tmp_path).weights)
        weights = load_weights(tmp_path / "ours")
        (tmp_path / "triposr").mkdir()
        file = write_tsr(tmp_path / "triposr", weights.params, weights.unused)

        assert file.name == "model.ckpt"
        module = _module_of(torch, {name: tensor.shape for name, tensor in tensors.items()})
        module.load_state_dict(torch.load(file, weights_only=True), strict=True)
        for name, tensor in module.state_dict().items():
            np.testing.assert_array_equal(tensor.numpy(), tensors[name], err_msg=name)

    def test_dino_saved_by_transformers(self, tmp_path):
        transformers = pytest.importorskip("transformers")
        pytest.importorskip("torch")
        transformers.ViTModel(transformers.ViTConfig(**VIT_CONFIG)).save_pretrained(tmp_path)
        weights = convert_checkpoint(tmp_path).weights
        assert weights.kind == "vit" and weights.architecture["layers"] == 3


def _module_of(torch, shapes):
    """A module whose parameters have the given dotted names and shapes."""
    root = torch.nn.Module()
    for name, shape in shapes.items():
        *parents, leaf = name.split(".")
        module = root
        for parent in parents:
            if not hasattr(module, parent):
                module.add_module(parent, torch.nn.Module())
            module = getattr(module, parent)
        module.register_parameter(leaf, torch.nn.Parameter(torch.zeros(shape), requires_grad=False))
    return root
