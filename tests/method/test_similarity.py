"""Value reconstruction: eq. 9 and 10, text averaging, and finite results everywhere."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from napari_corrclip.method import similarity
from napari_corrclip.method.text import average_templates
from tests.reference import to_grid, unit


def test_similarity_features_are_the_normalised_sum() -> None:
    q, k = torch.randn(1, 2, 3, 5), torch.randn(1, 2, 3, 5)
    features = similarity.similarity_features(q, k)
    torch.testing.assert_close(features[0, 1, 2], unit(q[0, 1, 2] + k[0, 1, 2]))


def test_cosines_pair_every_cell_with_every_cell() -> None:
    cells = similarity.unit_cells(torch.randn(2, 6, 5))
    others = similarity.unit_cells(torch.randn(2, 6, 5))
    same = similarity.cosines(cells, cells)
    assert same.shape == (2, 6, 6)
    torch.testing.assert_close(same.diagonal(dim1=1, dim2=2), torch.ones(2, 6))
    different = similarity.cosines(cells, others)
    torch.testing.assert_close(different[1, 4, 2], cells[1, 4] @ others[1, 2])


def test_clip_cells_come_to_the_feature_grid_normalised_twice() -> None:
    cells = torch.randn(1, 2, 3, 5)
    ours = similarity.on_feature_grid(cells, (5, 7))
    plain = torch.stack([unit(c) for c in cells[0].flatten(0, 1)])
    plain = torch.stack([unit(c) for c in to_grid(plain, (2, 3), (5, 7))])
    torch.testing.assert_close(ours[0].flatten(0, 1), plain)


def test_uniform_is_zero_everywhere() -> None:
    cells = similarity.uniform(2, 5)
    assert similarity.cosines(cells, cells).tolist() == torch.zeros(2, 5, 5).tolist()


def test_zero_features_stay_finite() -> None:
    zeros = similarity.unit_cells(torch.zeros(1, 4, 4))
    assert similarity.cosines(zeros, zeros).isfinite().all()


def test_the_mean_needs_no_matrix() -> None:
    left, right = (similarity.unit_cells(torch.randn(3, 50, 7)) for _ in range(2))
    for other in (left, right):
        mean = similarity.cosines(left, other).double().mean(dim=(1, 2))
        torch.testing.assert_close(similarity.mean_cosine(left, other).double(), mean)


def test_half_precision_features_are_compared_in_float32() -> None:
    half = torch.randn(1, 2, 2, 4, dtype=torch.bfloat16)
    assert similarity.similarity_features(half, half).dtype == torch.float32


def test_templates_are_averaged_between_two_normalisations() -> None:
    embeddings = torch.randn(3, 4, 6)
    plain = torch.stack([unit(torch.stack([unit(e) for e in q]).mean(dim=0)) for q in embeddings])
    torch.testing.assert_close(average_templates(embeddings), plain)
    one = embeddings[:, :1]
    torch.testing.assert_close(average_templates(one), F.normalize(one[:, 0], dim=-1))
