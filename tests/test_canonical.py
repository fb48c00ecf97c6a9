"""The paper's equations against an independent slow version, and the network's start and special cases."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from canonuclei.benchmarks.plain import plain_compose
from canonuclei.models import losses
from canonuclei.models.canonical import CanonicalModel, Instances
from canonuclei.models.compositing import compose, compose_mask
from canonuclei.models.encoders import build_encoder
from canonuclei.models.shape import ShapeMLP, radius, shape_from_weights, shape_weights
from canonuclei.models.transform import grid_points, pack_lower

NETWORK = {
    "instances_per_cell": 2,
    "grid": 32,
    "heads": "parallel",
    "position": "cell",
    "diagonal": "exp",
    "initial_radius": 8.0,
    "initial_presence": 0.1,
    "feature_scale": None,
    "head_std": 0.01,
    "centre_spread": 0.25,
    "shape_radius": 0.5,
    "shape_sharpness": 10.0,
    "shape_noise": 0.1,
}
LOSS = {"bce": 1.0, "dice": 1.0, "dice_smooth": 1.0}


class PlainShape(nn.Module):
    """The shape MLP written anew from the paper's text: three nn.Linear, the input concatenated twice."""

    def __init__(self, shape: ShapeMLP) -> None:
        super().__init__()
        self.first, self.second, self.third = (
            copy.deepcopy(layer) for layer in (shape.layer1, shape.layer2, shape.layer3)
        )

    def forward(self, points):
        r = torch.sqrt(points[..., :1] ** 2 + points[..., 1:] ** 2)
        inputs = torch.cat([points, r], -1)
        hidden = torch.cat([F.relu(self.first(inputs)), inputs], -1)
        hidden = torch.cat([F.relu(self.second(hidden)), inputs], -1)
        return -F.softplus(self.third(hidden))[..., 0]


def plain_composed(shape, lower, t, logit, points):
    """Eq. 1 and 2, instance by instance and point by point."""
    composed = []
    for b in range(len(lower)):
        canonical = points[None] @ lower[b].transpose(-1, -2) + t[b][:, None]
        log_p = shape(canonical) + F.logsigmoid(logit[b])[:, None]
        composed.append(log_p.amax(dim=0))
    return torch.stack(composed)


def random_instances(batch, count, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    lower = pack_lower(uniform(2, 8, batch, count), uniform(-2, 2, batch, count), uniform(2, 8, batch, count))
    centre = uniform(-1, 1, batch, count, 2)
    t = -(lower @ centre.unsqueeze(-1)).squeeze(-1)
    return lower, t, uniform(-4, 4, batch, count)


def test_shape_has_88_parameters_and_starts_as_a_soft_disc():
    shape = ShapeMLP()
    assert sum(parameter.numel() for parameter in shape.parameters()) == 88
    assert [tuple(p.shape) for p in shape.parameters()] == [(8, 3), (8,), (4, 11), (4,), (1, 7), (1,)]
    torch.manual_seed(1)
    angles = torch.linspace(0, 2 * math.pi, 64)
    circle = torch.stack([angles.cos(), angles.sin()], -1)
    shape = ShapeMLP(radius=0.5, sharpness=10.0, noise=0.02)
    assert (shape(0.3 * circle).exp() > 0.5).all()
    assert (shape(0.7 * circle).exp() < 0.5).all()


def test_shape_matches_the_papers_text_and_survives_json():
    torch.manual_seed(2)
    shape = ShapeMLP(noise=0.5)
    points = torch.randn(5, 7, 2)
    torch.testing.assert_close(shape(points), PlainShape(shape)(points))
    again = shape_from_weights(shape_weights(shape))
    assert torch.equal(again(points), shape(points))


def test_radius_at_the_origin_has_a_finite_gradient():
    points = torch.zeros(3, 2, requires_grad=True)
    radius(points).sum().backward()
    assert torch.equal(points.grad, torch.zeros(3, 2))


def test_coordinates_are_pixel_centres():
    points = grid_points(4, 8)
    assert points[0].tolist() == pytest.approx([-1 + 1 / 8, -1 + 1 / 4])
    assert points[1].tolist() == pytest.approx([-1 + 3 / 8, -1 + 1 / 4])
    columns = torch.arange(128.0)
    torch.testing.assert_close((grid_points(1, 128)[:, 0] + 1) * 128 / 2 - 0.5, columns)


def test_plain_and_fast_compositing_agree_where_all_are_absent():
    shape = ShapeMLP()
    lower, t, _ = random_instances(1, 4)
    log_presence = torch.full((1, 4), -80.0)
    points = grid_points(8, 8)
    torch.testing.assert_close(
        compose(shape, lower, t, log_presence, points, compiled=False),
        plain_compose(shape, lower, t, log_presence, points),
    )
    mask = compose_mask(shape, lower, t, log_presence, 8, 32, compiled=False)
    assert mask.shape == (1, 32, 32)
    assert mask.max() < 1e-20


def test_the_composed_mask_is_upsampled_as_probabilities():
    shape = ShapeMLP()
    lower, t, logit = random_instances(2, 6)
    fine = compose_mask(shape, lower, t, F.logsigmoid(logit), 32, 128, compiled=False)
    coarse = plain_composed(shape, lower, t, logit, grid_points(32, 32)).exp().view(2, 1, 32, 32)
    expected = F.interpolate(coarse, size=128, mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(fine, expected, atol=1e-6, rtol=1e-5)


def test_losses_against_torch_and_by_hand():
    torch.manual_seed(4)
    probability, mask = torch.rand(3, 8, 8), (torch.rand(3, 8, 8) < 0.4).float()
    ones = torch.ones_like(mask)
    torch.testing.assert_close(
        losses.binary_cross_entropy(probability, mask, ones), F.binary_cross_entropy(probability, mask)
    )
    dice = 0.0
    for p, y in zip(probability, mask, strict=True):
        dice += 1 - (2 * float((p * y).sum()) + 1) / (float(p.sum() + y.sum()) + 1)
    assert float(losses.smooth_dice(probability, mask, ones)) == pytest.approx(dice / 3, rel=1e-5)
    presence = torch.tensor([[0.5, 0.25], [1.0, 1.0]])
    assert float(losses.count_loss(presence, torch.tensor([1.0, 0.0]))) == pytest.approx((0.0625 + 4) / 2)


def test_losses_ignore_padding_and_stay_finite_at_0_and_1():
    probability = torch.tensor([[[0.0, 1.0, 0.3]]], requires_grad=True)
    mask, valid = torch.tensor([[[1.0, 0.0, 1.0]]]), torch.tensor([[[0.0, 0.0, 1.0]]])
    terms = losses.segmentation_terms(probability, mask, valid)
    assert float(terms["bce"].detach()) == pytest.approx(-math.log(0.3), rel=1e-5)
    wrong = losses.binary_cross_entropy(probability, mask, torch.ones_like(mask))
    wrong.backward()
    assert math.isfinite(float(wrong))
    assert torch.isfinite(probability.grad).all()


@pytest.fixture
def model():
    torch.manual_seed(5)
    return CanonicalModel(build_encoder("tiny"), 0.01, NETWORK, LOSS, compiled=False)


def batch_of(k=(0.0, 3.0), mask=None):
    mask = torch.zeros(2, 128, 128) if mask is None else mask
    images, valid = torch.randn(2, 3, 128, 128), torch.ones(2, 128, 128)
    return {"images": images, "mask": mask, "valid": valid, "k": torch.tensor(k)}


def test_the_start_is_spread_small_and_faint(model):
    model.train()
    instances = model.instances(torch.randn(2, 3, 128, 128))
    assert isinstance(instances, Instances)
    assert instances.lower.shape == (2, 128, 2, 2)
    assert (instances.lower[..., 0, 1] == 0).all()
    assert (instances.lower.diagonal(dim1=-2, dim2=-1) > 0).all()
    centre = -torch.linalg.solve(instances.lower, instances.t.unsqueeze(-1)).squeeze(-1).detach()
    pixels = (centre.detach() + 1) * 128 / 2 - 0.5
    expected = torch.stack([pixels[0, :64, 0] + 8, pixels[0, 64:, 0]], 0)
    # the twins of a cell start half a cell apart, left and right of its middle
    assert (expected[0] - expected[1]).abs().median() < 3.0
    assert float(instances.presence.mean().detach()) == pytest.approx(0.1, abs=0.03)
    radius_px = 0.5 / instances.lower[..., 0, 0].detach() * 64
    assert float(radius_px.median()) == pytest.approx(8.0, rel=0.1)


def test_every_parameter_gets_a_gradient(model):
    mask = torch.zeros(2, 128, 128)
    mask[:, 40:60, 30:55] = 1
    terms = model.loss_terms(batch_of(mask=mask))
    terms["total"].backward()
    assert set(terms) == {"total", "bce", "dice", "count"}
    expected = terms["bce"] + terms["dice"] + 0.01 * terms["count"]
    torch.testing.assert_close(terms["total"], expected)
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_without_alpha_the_count_is_neither_needed_nor_used():
    torch.manual_seed(6)
    model = CanonicalModel(build_encoder("tiny"), 0.0, NETWORK, LOSS, compiled=False)
    batch = batch_of()
    del batch["k"]
    assert set(model.loss_terms(batch)) == {"total", "bce", "dice"}


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_empty_and_full_tiles_can_be_learned(model, fill):
    batch = batch_of(k=(fill, fill), mask=torch.full((2, 128, 128), fill))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    first = float(model.loss_terms(batch)["total"].detach())
    for _ in range(12):
        optimizer.zero_grad()
        loss = model.loss_terms(batch)["total"]
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert math.isfinite(float(loss))
    assert float(loss) < first


def test_bf16_places_instances_as_exactly_as_fp32_features_allow(model):
    model.eval()
    with torch.autocast("cpu", torch.bfloat16):
        instances = model.predict(torch.randn(1, 3, 128, 128))
    assert instances.lower.dtype == instances.t.dtype == instances.presence_logit.dtype == torch.float32
    # were t rounded to bf16, its last 16 bits would be zero
    assert (instances.t.view(torch.int32) & 0xFFFF).ne(0).any()


CHOICES = (
    {"heads": "stacked"},
    {"position": "image"},
    {"diagonal": "softplus"},
    {"stride": 8},
    {"stride": 8, "heads": "stacked"},
)


@pytest.mark.parametrize("change", CHOICES)
def test_every_choice_of_the_heads_learns(change):
    torch.manual_seed(7)
    model = CanonicalModel(build_encoder("tiny"), 0.01, {**NETWORK, **change}, LOSS, compiled=False)
    mask = torch.zeros(2, 128, 128)
    mask[:, 40:60, 30:55] = 1
    batch = batch_of(k=(1.0, 1.0), mask=mask)
    start = model.instances(batch["images"])
    assert (start.lower.diagonal(dim1=-2, dim2=-1) > 0).all()
    if change != {"position": "image"}:
        radius_px = 0.5 / start.lower[..., 0, 0].detach() * 64
        assert float(radius_px.median()) == pytest.approx(8.0, rel=0.2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    losses_seen = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = model.loss_terms(batch)["total"]
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses_seen.append(float(loss.detach()))
    assert losses_seen[-1] < losses_seen[0]


def test_cells_of_8_px_have_instances_of_their_own():
    """They start over a lattice of 8 px and see finer features than stride 16 can hold."""
    torch.manual_seed(8)
    network = NETWORK | {"stride": 8, "instances_per_cell": 1}
    model = CanonicalModel(build_encoder("tiny"), 0.01, network, LOSS, compiled=False)
    images = torch.randn(2, 3, 128, 128)
    instances = model.train().instances(images)
    assert instances.lower.shape == (2, 256, 2, 2)
    centre = -torch.linalg.solve(instances.lower, instances.t.unsqueeze(-1)).squeeze(-1).detach()
    lattice = torch.cartesian_prod(*2 * [torch.arange(4.0, 128.0, 8.0)]).flip(-1)
    assert ((centre + 1) * 64 - lattice).abs().median() < 2.0
    model.loss_terms(batch_of())["total"].backward()
    lateral = model.pyramid.lateral[0][0].weight
    assert lateral.shape[1] == model.encoder.stage_channels[1] and lateral.grad.abs().max() > 0


def test_scaled_features_reach_the_heads():
    network = {**NETWORK, "feature_scale": 3.0}
    scaled = CanonicalModel(build_encoder("tiny"), 0.01, network, LOSS, compiled=False).eval()
    plain = CanonicalModel(scaled.encoder, 0.01, NETWORK, LOSS, compiled=False).eval()
    # with weights that make up for the factor, the two are the same network
    factor = 3.0 / math.sqrt(scaled.encoder.channels)
    state = {name: value.clone() for name, value in scaled.state_dict().items()}
    for name in ("transform_head.weight", "presence_head.weight"):
        state[name] *= factor
    plain.load_state_dict(state)
    images = torch.rand(2, 3, 128, 128)
    for one, other in zip(scaled.predict(images), plain.predict(images), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_frozen_batch_norm_keeps_its_statistics():
    frozen, trained = (build_encoder("tiny", batch_norm=how).train() for how in ("frozen", "train"))
    for encoder, kept in ((frozen, True), (trained, False)):
        before = encoder.stem[1].running_mean.clone()
        encoder(torch.randn(2, 3, 64, 64) + 1)
        assert torch.equal(encoder.stem[1].running_mean, before) == kept
