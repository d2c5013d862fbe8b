"""Runs the reference libraries on the seeded networks and images, and keeps their answers in data/references.npz.

Not a part of the tests, which need none of these libraries. In an environment of its own:

    pip install 'torch==2.9.1' 'torchvision==0.24.1' lpips==0.1.4 pytorch-fid==0.3.0 torch-fidelity==0.4.0 \\
        efficientnet-lite-pytorch==0.1.0 scikit-image
    PYTHONPATH=tests/parity:tests/metrics python tests/metrics/make_references.py

lpips, pytorch-fid and efficientnet-lite-pytorch build their own modules; only the weights,
which cannot be downloaded in a test, are seeded ones.
"""

import lpips
import numpy as np
import pytorch_fid.inception
import seeded_references as seeded
import torch
from efficientnet_lite_pytorch import EfficientNet
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_kid import kid_features_to_metric


def main() -> None:
    torch.manual_seed(0)
    answers = {}
    for network in ("alex", "vgg"):
        model = lpips.LPIPS(net=network, pnet_rand=True, verbose=False).eval()
        load_backbone(model, seeded.backbone_tensors(network))
        for name, (a, b) in seeded.lpips_pairs().items():
            answers[f"lpips/{network}/{name}"] = model(channels_first(a), channels_first(b), normalize=True).flatten()
    model = fid_inception()
    for name, images in seeded.inception_images().items():
        answers[f"inception/{name}"] = model(channels_first(images))[0][:, :, 0, 0]
    answers["efficientnet"] = efficientnet_features(seeded.efficientnet_images())
    answers = {key: value.detach().numpy() for key, value in answers.items()}

    a, b = seeded.fid_features()
    moments = [moment for x in (a, b) for moment in (x.mean(axis=0), np.cov(x, rowvar=False))]
    answers["fid"] = np.float64(calculate_frechet_distance(*moments))
    a, b = (torch.from_numpy(x) for x in seeded.kid_features())
    options = {"kid_subsets": 20, "kid_subset_size": 50, "rng_seed": 7, "verbose": False}
    kid = kid_features_to_metric(a, b, **options)
    answers["kid"] = np.array([kid["kernel_inception_distance_mean"], kid["kernel_inception_distance_std"]])
    np.savez_compressed(seeded.REFERENCES, **answers)


def channels_first(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def load_backbone(model: torch.nn.Module, tensors: dict[str, np.ndarray]) -> None:
    """lpips cuts torchvision's `features` into slices, in which each layer keeps its number."""
    for name, parameter in model.net.named_parameters():
        _, index, kind = name.split(".")
        parameter.data.copy_(torch.from_numpy(tensors.pop(f"features.{index}.{kind}")))
    assert not tensors


def efficientnet_features(images: np.ndarray) -> torch.Tensor:
    """The pooled features of its network, seeded, in float64, for images normalised as TensorFlow's are."""
    model = EfficientNet.from_name("efficientnet-lite0").eval().double()
    model.load_state_dict(
        {
            name: torch.from_numpy(seeded.efficientnet_tensor(name, tuple(tensor.shape)))
            for name, tensor in model.state_dict().items()
            if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")
        },
        strict=False,
    )
    return model.extract_features((channels_first(images).double() * 255 - 127) / 128).mean((2, 3)).float()


def fid_inception() -> torch.nn.Module:
    """pytorch-fid's network, its download replaced by seeded tensors."""

    def load_seeded(self, _):
        tensors = {
            name: torch.from_numpy(seeded.inception_tensor(name, tuple(tensor.shape)))
            for name, tensor in self.state_dict().items()
            if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
        }
        torch.nn.Module.load_state_dict(self, tensors, strict=False)

    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: {}
    inception = type(pytorch_fid.inception._inception_v3(num_classes=1008, aux_logits=False, weights=None))
    inception.load_state_dict = load_seeded
    return pytorch_fid.inception.InceptionV3().eval()


if __name__ == "__main__":
    with torch.no_grad():
        main()
