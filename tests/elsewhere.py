"""A GPU that is none: tensors that call themselves `cuda`, computed on the CPU, and never mixed with others.

What runs without a GPU hides the commonest fault of code for one: a tensor made on the CPU that meets one of
the GPU, or NumPy that is handed the latter. `elsewhere()` makes both fail as they would there.

Of each tensor it is known where it is: there, here, or not (what autograd's engine makes). Custom functions
and the backward pass are watched as well; what happens inside one operator of torch is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils.weak import WeakIdKeyDictionary

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
MOVES = ("copy_", "backward", "set_", "__set__")  # cross over by themselves
INDEXED = ("__getitem__", "__setitem__", "index_put_", "index_put")
TO_NUMPY = ("numpy", "__array__", "__dlpack__")


class Mixed(RuntimeError):
    """What torch would raise on a GPU."""


class Elsewhere(TorchFunctionMode):
    """Keeps the device of each tensor in a book of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Any = WeakIdKeyDictionary()
        self.going_back = False
        self.calls = 0  # that had a tensor of there

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        owner = getattr(getattr(func, "__self__", None), "__name__", "")
        tensors = list(_tensors((args, kwargs)))
        places = [self.place(each) for each in tensors]
        there = CUDA in places
        self.calls += there
        if name == "__get__" and owner == "device":
            return self.place(args[0]) or CPU
        if name == "__get__" and owner in ("is_cuda", "is_cpu"):
            return (self.place(args[0]) == CUDA) == (owner == "is_cuda")
        if name in TO_NUMPY and there:
            raise Mixed("can't convert cuda:0 device type tensor to numpy")
        if name not in MOVES:
            self.check(func, name, args, tensors, places)
        goal, args, kwargs = _goal(name, args, kwargs, self)
        result = func(*args, **kwargs)
        if goal is None:
            goal = CUDA if there else CPU if (CPU in places or not tensors) else None
        return self.put(result, goal, known=tensors, moved=name in ("to", "cuda", "cpu"))

    def place(self, tensor: torch.Tensor) -> torch.device | None:
        found = self.places.get(tensor)
        return CUDA if found is None and self.going_back else found

    def check(self, func: Any, name: str, args: Any, tensors: Any, places: Any) -> None:
        """Raise where a tensor of here meets one of there, unless it is a lone number or an index."""
        if CUDA not in places:
            return
        here = [each for each, place in zip(tensors, places, strict=True) if place == CPU and each.dim()]
        if here and name in INDEXED and self.place(args[0]) == CUDA:
            given = set(map(id, _tensors(args[2:]))) if name == "__setitem__" else set()
            here = [each for each in here if id(each) in given]
        if here:
            shapes = [tuple(each.shape) for each in here]
            raise Mixed(f"{resolve_name(func) or func}: cuda:0 and cpu, shapes of the latter {shapes}")

    def put(self, result: Any, goal: Any, *, known: Any, moved: bool) -> Any:
        """Write down where results are; one that is its own argument stays, or becomes a twin if it moved."""
        if isinstance(result, torch.Tensor):
            same = any(result is each for each in known)
            if same and moved and self.places.get(result) != goal:
                with torch._C.DisableTorchFunction():
                    result = torch.ops.aten.alias(result)
                same = False
            if not same:
                self.places[result] = goal
            return result
        if isinstance(result, tuple | list):
            kind = type(result)
            items = [self.put(each, goal, known=known, moved=moved) for each in result]
            return kind(items) if kind in (tuple, list) else result
        return result


def _goal(name: str, args: Any, kwargs: Any, mode: Elsewhere) -> tuple[Any, Any, Any]:
    """Return the device that a call asks for, and its arguments with the CPU in that place."""
    goal = None
    if name == "cuda":
        return CUDA, (args[0],), {}
    if name == "cpu":
        return CPU, args, kwargs
    if name in ("type_as", "to") and len(args) > 1 and isinstance(args[1], torch.Tensor):
        goal = mode.place(args[1])
    if name == "to" or kwargs.get("device") is not None:
        words = list(args)
        for index in range(1, len(words) if name == "to" else 0):
            found = _device(words[index])
            if found is not None:
                goal, words[index] = found, CPU
        args = tuple(words)
        found = _device(kwargs.get("device"))
        if found is not None:
            goal, kwargs["device"] = found, CPU
    return goal, args, kwargs


def _device(word: Any) -> torch.device | None:
    if isinstance(word, str):
        try:
            word = torch.device(word)
        except RuntimeError:
            return None
    if isinstance(word, int) and not isinstance(word, bool):
        return CUDA
    if isinstance(word, torch.device):
        return CUDA if word.type == "cuda" else CPU
    return None


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


@contextlib.contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Let mmengine find a GPU, and keep its tensors apart, for the length of a block."""
    import mmengine.device.utils as used

    mode = Elsewhere()
    own = vars(torch.autograd.Function)["apply"]  # as it is kept there: what is bound would call no subclass
    back, before = torch.autograd.backward, used.DEVICE

    def watched(cls: Any, *args: Any, **kwargs: Any) -> Any:
        tensors = list(_tensors((args, kwargs)))
        places = [mode.place(each) for each in tensors]
        mode.check(cls, "apply", args, tensors, places)
        result = own.__func__(cls, *args, **kwargs)
        return mode.put(result, CUDA if CUDA in places else CPU, known=tensors, moved=False)

    def going_back(*args: Any, **kwargs: Any) -> None:
        mode.going_back = True
        try:
            back(*args, **kwargs)
        finally:
            mode.going_back = False

    torch.autograd.Function.apply = classmethod(watched)  # type: ignore[assignment, method-assign]
    torch.autograd.backward = going_back
    used.DEVICE = "cuda"
    try:
        with mode:
            yield mode
    finally:
        torch.autograd.Function.apply, torch.autograd.backward = own, back  # type: ignore[method-assign]
        used.DEVICE = before
