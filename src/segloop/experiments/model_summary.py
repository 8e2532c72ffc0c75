"""What a model is made of: blocks, shapes, parameters, FLOPs; measured on a copy that computes nothing."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from segloop.data.seeds import kept_generators
from segloop.experiments.model_passes import pass_through

# These move or make numbers and compute none; what else is not counted is named in the summary.
_MOVES = """view _unsafe_view reshape flatten expand permute transpose t unsqueeze squeeze slice select narrow
split split_with_sizes unbind chunk detach alias clone copy_ contiguous as_strided unfold pixel_shuffle
resize_ empty empty_like empty_strided new_empty zeros zeros_like new_zeros ones ones_like new_ones
full full_like new_full fill_ zero_ arange scalar_tensor lift_fresh _to_copy cat stack index
index_select gather constant_pad_nd item _local_scalar_dense"""
FREE_OF_ARITHMETIC = frozenset(_MOVES.split())


def summarize(model: nn.Module, *, input_chw: tuple[int, int, int] | None) -> dict[str, Any]:
    """Return what `model.json` holds, for one input of channels x height x width.

    The model itself is not run and not touched: a copy on torch's meta device, where tensors have shapes and
    no values, passes the input through. What the pass had to take for granted is in `assumed`; what cannot
    be traced is null, and `reason` says why.
    """
    model = _unwrapped(model)
    summary: dict[str, Any] = {
        "class": type(model).__name__,
        "input_chw": list(input_chw) if input_chw else None,
        **count_parameters(model),
        "flops": None,
        "macs": None,
        "flops_by_operator": {},
        "not_counted": {},
        "assumed": [],
        "reason": None,
    }
    shapes: dict[str, list] = {}
    try:
        if input_chw is None:
            raise ValueError("the first batch holds no image tensors under 'inputs'")
        with kept_generators():  # tracing may draw, and the training must not notice
            shadow = _shadow(model)
            trace = trace_forward(shadow, torch.empty(1, *input_chw, device="meta"), shapes)
        summary |= trace
    except Exception as error:  # a summary is no reason to stop a training
        summary["reason"] = f"the model could not be traced: {type(error).__name__}: {str(error)[:300]}"
    summary["blocks"] = list(_blocks(model, shapes))
    return summary


def count_parameters(module: nn.Module) -> dict[str, int]:
    """Return the numbers of parameters, those that are trained, and the bytes of parameters and buffers."""
    parameters = list(module.parameters())
    return {
        "parameters": sum(p.numel() for p in parameters),
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "bytes": sum(t.numel() * t.element_size() for t in (*parameters, *module.buffers())),
    }


def trace_forward(model: nn.Module, inputs: Tensor, shapes: dict[str, list]) -> dict[str, Any]:
    """Pass `inputs` through a copy; return FLOPs and what was not counted, fill in the blocks' shapes."""
    for name, block in _two_levels(model):
        block.forward = _noting(block.forward, name, shapes)  # mmseg calls `forward` itself, past all hooks
    seen = _OperatorNames()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter, seen:
        done = pass_through(model, inputs)
    flops = int(counter.get_total_flops())
    by_operator = {_name(op): int(n) for op, n in counter.get_flop_counts().get("Global", {}).items()}
    known = FREE_OF_ARITHMETIC | {_name(operator) for operator in counter.flop_registry}
    not_counted = {name: times for name, times in seen.times.items() if name not in known} | done.left_out
    return {
        "flops": flops,
        "macs": flops // 2,  # the counter takes a multiplication and its addition for two
        "flops_by_operator": dict(sorted(by_operator.items())),
        "not_counted": dict(sorted(not_counted.items())),
        "assumed": done.assumed,
    }


def _noting(forward: Callable[..., Any], name: str, shapes: dict[str, list]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        shapes.setdefault(name, _shapes(output))
        return output

    return noted


def input_shape(batch: Any, model: nn.Module) -> tuple[int, int, int] | None:
    """Return channels, height and width of what the model sees of a batch, its padding included."""
    inputs = batch.get("inputs") if isinstance(batch, dict) else None
    if isinstance(inputs, Tensor):
        inputs = list(inputs)
    if not isinstance(inputs, list | tuple) or not inputs or not all(_is_image(each) for each in inputs):
        return None
    height, width = (max(int(image.shape[axis]) for image in inputs) for axis in (-2, -1))
    model = _unwrapped(model)
    preprocessor = getattr(model, "data_preprocessor", None)
    size = getattr(preprocessor, "size", None)
    divisor = getattr(preprocessor, "size_divisor", None) or getattr(preprocessor, "pad_size_divisor", None)
    if size is not None:
        height, width = max(height, size[0]), max(width, size[1])
    elif divisor:
        height, width = (math.ceil(length / divisor) * divisor for length in (height, width))
    return int(inputs[0].shape[0]), height, width


def _is_image(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() >= 3


class _OperatorNames(TorchDispatchMode):
    """Counts how often each operator runs."""

    def __init__(self) -> None:
        super().__init__()
        self.times: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.times[_name(func)] += 1
        return func(*args, **(kwargs or {}))


def _unwrapped(model: nn.Module) -> nn.Module:
    inner = model.module if is_model_wrapper(model) else model
    assert isinstance(inner, nn.Module)
    return inner


def _shadow(model: nn.Module) -> nn.Module:
    """Return a copy without values, in evaluation mode."""
    # With its tensors known to deepcopy already, the copy of a large model takes no memory.
    memo: dict[int, Any] = {
        id(p): nn.Parameter(p.detach().to("meta"), requires_grad=False) for p in model.parameters()
    }
    memo |= {id(buffer): buffer.to("meta") for buffer in model.buffers()}
    return copy.deepcopy(model, memo).eval()


def _blocks(model: nn.Module, shapes: dict[str, list]) -> Iterator[dict[str, Any]]:
    for name, block in _two_levels(model):
        numbers = count_parameters(block)
        if numbers["parameters"] or name in shapes:
            yield {"name": name, "class": type(block).__name__, **numbers, "output": shapes.get(name)}


def _two_levels(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the blocks of a model and the blocks of these; what a list holds counts as a block too."""
    for name, child in model.named_children():
        yield name, child
        for inner, grandchild in child.named_children():
            yield f"{name}.{inner}", grandchild
            if isinstance(grandchild, nn.ModuleList | nn.ModuleDict):
                for key, item in grandchild.named_children():
                    yield f"{name}.{inner}.{key}", item


def _shapes(output: Any) -> list:
    """Return the shape of a tensor, or the shapes of the tensors inside lists, tuples and dicts."""
    if isinstance(output, Tensor):
        return list(output.shape)
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, list | tuple):
        return [_shapes(part) for part in output]
    return []


def _name(operator: Any) -> str:
    packet = getattr(operator, "overloadpacket", operator)
    return getattr(packet, "__name__", str(packet)).rpartition(".")[2]
