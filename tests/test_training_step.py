"""One training step: the plain one's numbers, clipping, augmentation, memory."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from canonuclei.benchmarks.plain import plain_loss_terms, plain_model, plain_optimizer, plain_training_step
from canonuclei.models.canonical import CanonicalModel
from canonuclei.models.encoders import build_encoder
from canonuclei.training.augment import augment
from canonuclei.training.loop import _clip
from test_canonical import LOSS, NETWORK


def test_a_training_step_is_the_plain_one():
    torch.manual_seed(3)
    model = CanonicalModel(build_encoder("tiny"), 0.01, NETWORK, LOSS, compiled=False).train()
    plain = plain_model(model).train()
    mask = (torch.rand(2, 64, 64) < 0.3).float()
    batch = {
        "images": torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last),
        "mask": mask,
        "valid": torch.ones_like(mask),
        "k": torch.tensor([3.0, 0.0]),
    }
    expected = {name: float(value.detach()) for name, value in plain_loss_terms(plain, batch).items()}
    terms = model.loss_terms(batch)
    assert {name: float(value.detach()) for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)
    terms["total"].backward()
    theirs = plain_model(model).train()
    found = plain_training_step(theirs, batch, plain_optimizer(theirs, rate=0.0), clip_norm=1e9)
    assert found == pytest.approx(expected, rel=1e-5)
    gradients = dict(theirs.named_parameters())
    for name, parameter in model.named_parameters():
        assert (parameter.grad - gradients[name].grad).norm() <= 1e-3 * gradients[name].grad.norm() + 1e-7, (
            name
        )


@pytest.mark.parametrize("limit", [1e-3, 1e6])
def test_clipping_is_torchs(limit):
    torch.manual_seed(0)
    models = [torch.nn.Linear(5, 3) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    inputs = torch.randn(4, 5)
    for model in models:
        model(inputs).square().sum().backward()
    _clip(models[0], limit)
    torch.nn.utils.clip_grad_norm_(models[1].parameters(), limit)
    for found, expected in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(found.grad, expected.grad)


def test_augmentation_keeps_image_and_labels_together():
    generator = torch.Generator().manual_seed(0)
    mask = (torch.rand(32, 16, 16, generator=generator) < 0.5).float()
    images = mask[:, None].expand(-1, 3, -1, -1).clone()
    still = {"gamma": [1, 1], "contrast": 0, "brightness": 0, "invert": 0, "channel_shuffle": 0, "noise": 0}
    settings = {"flips": True, "rotations": True, **still}
    turned, (labels,) = augment(images, [mask], settings, generator)
    assert torch.equal(turned[:, 0], labels)
    assert not torch.equal(labels, mask)
    symmetries = [torch.rot90(m, k, (-2, -1)) for m in (mask, mask.flip(-1)) for k in range(4)]
    hits = torch.stack([(labels == s).flatten(1).all(1) for s in symmetries])
    assert hits.any(0).all()
    assert (hits.sum(1) > 0).all()
    off = {"flips": False, "rotations": False, **still}
    unturned, (same_labels,) = augment(images, [mask], off, generator)
    assert torch.equal(same_labels, mask)
    torch.testing.assert_close(unturned, images)


def test_glibc_is_told_to_keep_memory():
    """In a process of its own, for the setting stays."""
    program = """
import platform, sys
sys.path.insert(0, sys.argv[1])
from canonuclei.training.device import keep_memory
assert keep_memory() == (platform.libc_ver()[0] == "glibc")
"""
    scripts = str(Path(__file__).resolve().parent.parent / "workflow" / "scripts")
    subprocess.run([sys.executable, "-c", program, scripts], check=True)
