"""Sums of table rows and their gradients equal the same by hand and by autograd."""

from __future__ import annotations

import pytest
import torch

from segloop.ops import lookup


@pytest.mark.parametrize("size_hw", [(3, 5), (20, 21)])  # turned as a whole, and plane by plane
@pytest.mark.parametrize("groups", [1, 2])
def test_a_pixel_is_a_row_in_any_memory_format(size_hw: tuple[int, int], groups: int) -> None:
    features = torch.arange(2.0 * 4 * size_hw[0] * size_hw[1]).view(2, 4, *size_hw)
    expected = torch.stack(
        [features[n, :, y, x] for n in range(2) for y in range(size_hw[0]) for x in range(size_hw[1])]
    ).view(-1, 4 // groups)
    turned = features.contiguous(memory_format=torch.channels_last)
    for some in (features, turned):
        table = lookup.pixel_rows(some, groups)
        assert torch.equal(table, expected)
        assert table.is_contiguous()  # embedding_bag is slow on other tables
    assert torch.equal(lookup.pixel_rows(features, groups, out=torch.empty(expected.numel())), expected)
    assert lookup.pixel_rows(features[:1].half()).dtype == torch.float32


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (3, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_transpose_writes_into_the_memory_given(shape: tuple[int, int], dtype: torch.dtype) -> None:
    matrix, out = (
        torch.arange(shape[0] * shape[1], dtype=dtype).view(shape),
        torch.zeros(shape[::-1], dtype=dtype),
    )
    assert lookup.transpose(matrix, out) is out
    assert torch.equal(out, matrix.t())


def test_gradients_equal_those_of_autograd() -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.rand(7, 3, generator=generator, dtype=torch.float64).requires_grad_()
    index = torch.randint(0, 7, (5, 4), generator=generator)
    weight = torch.rand(5, 4, generator=generator, dtype=torch.float64).requires_grad_()
    grad = torch.rand(5, 3, generator=generator, dtype=torch.float64)
    plain = (table[index] * weight[..., None]).sum(1)
    torch.testing.assert_close(lookup.weighted_sum(table, index, weight), plain)
    expected = torch.autograd.grad(plain, (table, weight), grad)
    values = (table.detach(), index, weight.detach(), grad)
    torch.testing.assert_close(lookup.table_gradient(*values[1:], len(table)), expected[0])
    torch.testing.assert_close(lookup.weights_gradient(*values), expected[1])


def test_blocks_of_other_widths_rows_and_parts() -> None:
    table = torch.tensor([[1.0], [10.0], [100.0]])
    blocks = [
        (torch.tensor([[0, 1]]), torch.tensor([[1.0, 2.0]])),
        (torch.tensor([[2], [0]]), torch.tensor([[3.0], [4.0]])),
    ]
    assert lookup.weighted_sums(table, blocks).tolist() == [[21], [300], [4]]
    parts = lookup.spread(blocks, table, 3, rows=torch.tensor([2, 0, 1]), part=2)
    assert [part.tolist() for part in parts] == [[[140], [200]], [[3]]]


def test_both_ways_to_transpose_a_look_up_agree() -> None:
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(0, 9, (30,), generator=generator, dtype=torch.int32)
    weight = torch.rand(30, generator=generator)
    counts = torch.tensor([3, 3, 3, 3, 3, 3, 4, 4, 4])
    arguments = (index, weight, counts.int(), 9)
    for counted, sorted_ in zip(
        lookup._turn_by_counting(*arguments), lookup._turn_by_sorting(*arguments), strict=True
    ):
        torch.testing.assert_close(counted, sorted_)
