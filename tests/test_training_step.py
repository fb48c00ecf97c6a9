"""One training step: the plain one's numbers, clipping, augmentation, memory."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from canonuclei.benchmarks.plain import plain_loss_terms, plain_model, plain_optimizer, plain_training_step
from canonuclei.models.canonical import CanonicalModel
from canonuclei.models.encoders import build_encoder
from canonuclei.models.losses import count_loss
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
    still = {
        "scale": [1, 1],
        "gamma": [1, 1],
        "contrast": 0,
        "brightness": 0,
        "invert": 0,
        "channel_shuffle": 0,
        "noise": 0,
    }
    settings = {"flips": True, "rotations": True, **still}
    turned, (labels,), _ = augment(images, [mask], settings, generator)
    assert torch.equal(turned[:, 0], labels)
    assert not torch.equal(labels, mask)
    symmetries = [torch.rot90(m, k, (-2, -1)) for m in (mask, mask.flip(-1)) for k in range(4)]
    hits = torch.stack([(labels == s).flatten(1).all(1) for s in symmetries])
    assert hits.any(0).all()
    assert (hits.sum(1) > 0).all()
    off = {"flips": False, "rotations": False, **still}
    unturned, (same_labels,), _ = augment(images, [mask], off, generator)
    assert torch.equal(same_labels, mask)
    torch.testing.assert_close(unturned, images)


def discs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(count, 3, 64, 64) one bright disc a tile on grey ground, and its mask."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    mask = ((rows - 30) ** 2 + (columns - 34) ** 2 < 100).float().expand(count, -1, -1).clone()
    return (0.2 + 0.6 * mask)[:, None].repeat(1, 3, 1, 1), mask


STILL = {"flips": False, "rotations": False, "gamma": [1, 1], "contrast": 0, "brightness": 0, "invert": 0}
STILL |= {"channel_shuffle": 0, "noise": 0}


def test_scaled_tiles_keep_image_and_labels_together_and_tell_what_is_no_image():
    images, mask = discs(64)
    valid, before = torch.ones_like(mask), images.clone()
    settings = STILL | {"scale": [0.5, 0.5]}
    shrunk, (masks, valids), whole = augment(
        images, [mask.clone(), valid], settings, torch.Generator().manual_seed(0)
    )
    changed = (shrunk != before).flatten(1).any(1)
    assert 20 < changed.sum() < 44 and whole.all()
    assert torch.equal(shrunk[~changed], before[~changed])
    # half the side: a quarter of the area, of the tile as of the disc
    assert (valids[changed].mean(dim=(1, 2)) - 0.25).abs().max() < 0.02
    assert (masks[changed].sum(dim=(1, 2)) / mask[0].sum() - 0.25).abs().max() < 0.05
    # beyond it is even ground of the same colour
    assert ((shrunk[:, 0] > 0.5).float() - masks).abs().mean() < 0.01
    assert torch.allclose(
        shrunk[changed][valids[changed][:, None].repeat(1, 3, 1, 1) == 0], torch.tensor(0.2)
    )


def test_the_count_of_an_enlarged_tile_is_not_used():
    images, mask = discs(32)
    settings = STILL | {"scale": [1.5, 1.5]}
    enlarged, (masks, valids), whole = augment(
        images, [mask.clone(), torch.ones_like(mask)], settings, torch.Generator().manual_seed(0)
    )
    assert 8 < (~whole).sum() < 24
    assert valids.all()
    assert ((enlarged[:, 0] > 0.5).float() - masks).abs().mean() < 0.02
    presence = torch.rand(4, 10)
    k = torch.tensor([3.0, torch.nan, 5.0, torch.nan])
    expected = ((presence.sum(1) - k)[[0, 2]] ** 2).mean()
    assert torch.isclose(count_loss(presence, k), expected)
    assert count_loss(presence, torch.full((4,), torch.nan)) == 0


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
