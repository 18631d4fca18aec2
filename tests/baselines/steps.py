"""A few steps of training, for tests of what a method's losses do."""

import torch


def descend(method, run, network, images, targets, steps=8):
    """The losses, as numbers by name, at each step of plain gradient descent on one batch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    network.train()
    rows = []
    for _ in range(steps):
        found = method.losses(run, network, network(images), targets)
        rows.append({name: float(value.detach()) for name, value in found.items()})
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
    return rows
