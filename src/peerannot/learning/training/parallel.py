"""Several processes, one a device, that together compute what one would.

Each process passes its part of every batch through the network; the outputs are gathered, and
every process computes the loss of the whole batch. So losses that look at all images of a batch,
or average over votes that images have in unequal numbers, are what they are in one process, and
statistics of batch norm are those of the whole batch.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from peerannot.errors import ParameterError, PeerannotError
from peerannot.learning.options import TrainOptions

__all__ = [
    "ALONE",
    "Processes",
    "local_processes",
    "make_fabric",
    "process_group",
    "share_statistics",
]


# What the libraries below say when a process is gone.
_LOST = ("Connection closed", "Connection reset", "gloo", "Gloo", "NCCL", "Broken pipe")


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is."""

    rank: int
    world: int

    def part(self, n: int) -> slice:
        """This process's part of ``n`` rows."""
        sizes = self.sizes(n)
        start = sum(sizes[: self.rank])
        return slice(start, start + sizes[self.rank])

    def sizes(self, n: int) -> list[int]:
        """Rows of each process; the first ones have one more where they do not divide."""
        return [n // self.world + (rank < n % self.world) for rank in range(self.world)]

    def gather(self, part: Tensor, n: int) -> Tensor:
        """All rows, from each process's part of ``n``; its gradient is that of the whole."""
        if self.world == 1:
            return part
        whole: Tensor = _Gather.apply(part, self, n)
        return whole


ALONE = Processes(0, 1)


class _Gather(torch.autograd.Function):
    """Rows of all processes.

    Every process computes the whole loss, so each takes only the gradient of its own rows, times
    the number of processes, by which gradients of parameters are divided when they are averaged.
    """

    @staticmethod
    def forward(ctx: Any, part: Tensor, processes: Processes, n: int) -> Tensor:
        ctx.processes, ctx.n = processes, n
        sizes = processes.sizes(n)
        padded = part.new_zeros((sizes[0], *part.shape[1:]))
        padded[: len(part)] = part
        all_parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(all_parts, padded)
        return torch.cat([rows[:size] for rows, size in zip(all_parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        own = gradient[ctx.processes.part(ctx.n)]
        return own * ctx.processes.world, None, None


class _Sum(torch.autograd.Function):
    """Sum over all processes, and so is its gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        del ctx
        total = value.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        del ctx
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def share_statistics(net: nn.Module) -> None:
    """Let every batch norm of a network normalise by the batch of all processes.

    PyTorch's own layer for this is for GPUs alone.
    """
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.forward = MethodType(_shared_norm, module)  # type: ignore[method-assign]


def _shared_norm(norm: Any, images: Tensor) -> Tensor:
    if not norm.training:
        plain: Tensor = type(norm).forward(norm, images)
        return plain
    axes = [0, *range(2, images.ndim)]
    shape = [1, -1, *[1] * (images.ndim - 2)]
    exact = images.float()
    total = _add_up(torch.cat([exact.sum(axes), exact.new_tensor([exact.numel()])]))
    count = total[-1].detach() / exact.shape[1]
    mean = total[:-1] / count
    apart = exact - mean.view(shape)
    variance = _add_up(apart.square().sum(axes)) / count
    if norm.track_running_stats:
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            share = norm.momentum
            if share is None:
                share = 1 / float(norm.num_batches_tracked)
            norm.running_mean.lerp_(mean, share)
            norm.running_var.lerp_(variance * count / (count - 1).clamp(min=1), share)
    out = apart * torch.rsqrt(variance + norm.eps).view(shape)
    if norm.affine:
        out = out * norm.weight.view(shape) + norm.bias.view(shape)
    out = out.to(images.dtype)
    # timm's layers have their activation inside.
    for name in ("drop", "act"):
        if isinstance(after := getattr(norm, name, None), nn.Module):
            out = after(out)
    return out


def _add_up(value: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(value)
    return total


def make_fabric(options: TrainOptions) -> Fabric:
    """Fabric for the devices of the options; not launched yet.

    Under ``torchrun`` and ``fabric run`` their numbers of processes count.

    Raises
    ------
    ParameterError
        Devices are asked for that are not there, or another number than was launched.
    """
    devices, nodes = options.devices, options.num_nodes
    if "LOCAL_WORLD_SIZE" in os.environ:
        local, world = (int(os.environ[name]) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
        if devices not in (1, local) or nodes not in (1, world // local):
            raise ParameterError(
                f"--devices {devices} --num-nodes {nodes}, but {local} processes on"
                f" {world // local} nodes were launched; drop --devices and --num-nodes"
            )
        devices, nodes = local, world // local
    several = devices * nodes > 1
    ddp = DDPStrategy(find_unused_parameters=True, **_unsent_buffers())
    # `fabric run` gives its choices by these, and Fabric refuses to hear them twice; nor would it
    # launch, which is left to us.
    os.environ.pop("LT_CLI_USED", None)
    told = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("LT_")}
    try:
        return Fabric(
            accelerator=told.get("LT_ACCELERATOR") or options.device,
            devices=devices,
            num_nodes=nodes,
            precision=told.get("LT_PRECISION") or options.precision,  # type: ignore[arg-type]
            strategy=ddp if several else "auto",
        )
    except (ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:160]
        raise ParameterError(
            f"--device {options.device} --devices {devices}: not here ({why});"
            " `peerannot doctor` lists devices"
        ) from None
    finally:
        os.environ |= told


def local_processes(options: TrainOptions) -> int:
    """Processes of this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", options.devices))


def _unsent_buffers() -> dict[str, Any]:
    """Buffers are equal in all processes: none need be sent each step, votes above all."""
    names = inspect.signature(nn.parallel.DistributedDataParallel).parameters
    old, new = "broadcast_buffers", "forward_sync_buffers"
    return {new if new in names else old: False}


@contextmanager
def process_group(fabric: Fabric) -> Iterator[Processes]:
    """Start the other processes and join them; leave together at the end.

    The group lives on for the next run: to meet again at the same port is a race.

    Raises
    ------
    PeerannotError
        One of them is gone.
    """
    try:
        fabric.launch()
        yield Processes(fabric.global_rank, fabric.world_size)
        if fabric.world_size > 1:
            fabric.barrier()
    except RuntimeError as error:
        text = str(error)
        if fabric.world_size > 1 and any(word in text for word in _LOST):
            raise PeerannotError(
                "another process of this training stopped; mend what it says, and --resume goes on"
            ) from error
        raise
