"""Losses of the end-to-end strategies, transcribed from their papers: slow, dense, vote by vote."""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional as F

from peerannot.answers import Answers
from peerannot.learning.strategies.matrices import RATE

# Images, workers, classes, features.
N, W, K, D = 12, 5, 3, 7


def dense(answers: Answers) -> torch.Tensor:
    """The dense matrix (tasks, workers) of the slow transcriptions, -1 for no vote."""
    matrix = torch.full((N, W), -1)
    matrix[answers.task.astype(int), answers.worker.astype(int)] = torch.tensor(
        answers.label.astype(int)
    )
    return matrix


def slow_crowdlayer(head, outputs, rows, votes):
    p = outputs.logits.softmax(1)
    losses = []
    for i, row in enumerate(rows):
        for j in range(W):
            if votes[row, j] >= 0:
                if head.variant == "MW":
                    scores = head.weight[j] @ p[i]
                else:
                    scores = head.weight[j] * p[i]
                if head.variant == "VW+B":
                    scores = scores + head.bias[j]
                losses.append(F.cross_entropy(scores, votes[row, j]))
    return torch.stack(losses).mean() + head.share * pull_to_mean(head.weight, rows, votes)


def pull_to_mean(table, rows, votes):
    """The penalty that CrowdLayer, CoNAL and Union-Net share, vote by vote."""
    answers_of = {j: (votes[:, j] >= 0).sum() for j in range(W)}
    mean = sum(answers_of[j] * table[j] for j in range(W)) / sum(answers_of.values())
    each = [
        10 / (10 + answers_of[j]) * ((table[j] - mean.detach()) ** 2).sum()
        for _, j, _ in each_vote(rows, votes)
    ]
    return torch.stack(each).mean()


def slow_conal(head, outputs, rows, votes):
    p = outputs.logits.softmax(1)
    losses = []
    for i, row in enumerate(rows):
        v = head.image(outputs.features[i])
        v = v / v.norm()
        for j in range(W):
            if votes[row, j] >= 0:
                u = head.worker[j] / head.worker[j].norm()
                w = torch.sigmoid(u @ v)
                scores = w * (head.common.T @ p[i]) + (1 - w) * (head.individual[j].T @ p[i])
                losses.append(F.cross_entropy(scores, votes[row, j]))
    distance = sum(torch.linalg.norm(head.individual[j] - head.common) for j in range(W))
    pull = head.share * pull_to_mean(head.individual, rows, votes)
    return torch.stack(losses).mean() - head.scale * distance + pull


def nll(p, matrix, label):
    """Minus log probability of an answer under ``A' p``."""
    return -torch.log((matrix.T @ p)[label])


def each_vote(rows, votes):
    for i, row in enumerate(rows):
        for j in range(W):
            if votes[row, j] >= 0:
                yield i, j, int(votes[row, j])


def slow_coupled(head, outputs, rows, votes):
    """Cross entropy and pull of TraceReg and GeoCrowdNet."""
    p = outputs.logits.softmax(1)
    own = [RATE * d for d in head.crowd.deviation]
    matrix = [(RATE * head.crowd.shared + d).softmax(1) for d in own]
    answers_of = {j: (votes[:, j] >= 0).sum() for j in range(W)}
    losses = []
    for i, j, label in each_vote(rows, votes):
        pull = 10 / (10 + answers_of[j]) * (own[j] ** 2).sum()
        losses.append(nll(p[i], matrix[j], label) + head.options.share * pull)
    return torch.stack(losses).mean(), p, matrix


def slow_tracereg(head, outputs, rows, votes):
    loss, _, matrix = slow_coupled(head, outputs, rows, votes)
    return loss + head.options.scale * torch.stack([m.trace() for m in matrix]).mean()


def slow_geocrowdnet(head, outputs, rows, votes):
    loss, p, matrix = slow_coupled(head, outputs, rows, votes)
    if head.options.variant == "F":
        gram = sum(torch.outer(row, row) for row in p)
    else:
        gram = sum(m @ m.T for m in matrix)
    volume = torch.log(torch.linalg.det(gram + 1e-4 * torch.eye(K, dtype=gram.dtype)))
    return loss - head.options.scale * volume


def slow_union(head, outputs, rows, votes):
    p = outputs.logits.softmax(1)
    logits = RATE * head.transition
    wide = torch.cat(list(logits), dim=1).softmax(1)
    union = p @ wide
    losses = []
    for i, row in enumerate(rows):
        target = torch.zeros(W * K, dtype=p.dtype)
        for _, j, label in each_vote([row], votes):
            target[j * K + label] = 1
        if target.any():
            losses.append(-(target / target.sum() * union[i].log()).sum())
    pull = head.share * pull_to_mean(logits, rows, votes)
    return torch.stack(losses).mean() + pull


def slow_maxmig(head, outputs, rows, votes):
    p = outputs.logits.softmax(1)
    q, kept = [], []
    for i, row in enumerate(rows):
        total = head.bias
        for _, j, label in each_vote([row], votes):
            total = total + head.weight[j, :, label]
        if (votes[row] >= 0).any():
            q.append(total.softmax(0))
            kept.append(i)
    ratio = torch.stack([torch.stack([(p[a] * b / head.prior).sum() for b in q]) for a in kept])
    same = [1 + torch.log(ratio[i, i]) for i in range(len(kept))]
    other = [ratio[i, k] for i in range(len(kept)) for k in range(len(kept)) if i != k]
    return torch.stack(other).mean() - torch.stack(same).mean()


def slow_doctor(head, outputs, rows, votes):
    answers_of = {j: (votes[:, j] >= 0).sum() for j in range(W)}
    losses, weights, pulls = [], [], []
    for i, j, label in each_vote(rows, votes):
        scores = outputs.logits[i] + head.deviation[j] @ (outputs.features[i] / D**0.5)
        losses.append(F.cross_entropy(scores, torch.tensor(label)))
        weights.append(j + 1.0)
        pulls.append(10 / (10 + answers_of[j]) * (head.deviation[j] ** 2).sum())
    weights = torch.tensor(weights, dtype=torch.float64)
    mean = (weights * torch.stack(losses)).sum() / weights.sum()
    return mean + head.options.share * torch.stack(pulls).mean()


def slow_madl(head, outputs, rows, votes):
    p = outputs.logits.softmax(1)
    present = sorted({j for _, j, _ in each_vote(rows, votes)})
    losses, weights = [], []
    for i, j, label in each_vote(rows, votes):
        crowd = head.crowd
        inputs = [crowd.worker[j]]
        if head.options.variant == "X":
            inputs.append(crowd.image(outputs.features[i]))
        out = crowd.network(torch.cat(inputs))
        out = out * torch.eye(K) if head.options.variant == "I" else out.view(K, K)
        losses.append(nll(p[i], (crowd.start + out).softmax(1), label))
        e = crowd.worker
        alike = sum(torch.exp(-((e[j] - e[m]) ** 2).sum() / 2) for m in present)
        weights.append(1 / alike.detach() if head.options.weights else torch.tensor(1.0))
    weight = torch.stack(weights)
    return (weight / weight.mean() * torch.stack(losses)).mean()


def slow_shares(head, outputs, rows, votes, smoothing=0.0):
    losses = []
    for i, row in enumerate(rows):
        labels = [label for _, _, label in each_vote([row], votes)]
        if labels:
            target = torch.zeros(K, dtype=torch.float64)
            for label in labels:
                target[label] += 1 / len(labels)
            target = (1 - smoothing) * target + smoothing / K
            losses.append(-(target * outputs.logits[i].log_softmax(0)).sum())
    return torch.stack(losses).mean()


def slow_majority(head, outputs, rows, votes):
    losses = []
    for i, row in enumerate(rows):
        counts = torch.zeros(K, dtype=torch.float64)
        for _, _, label in each_vote([row], votes):
            counts[label] += 1
        if counts.any():
            target = (counts == counts.max()).double()
            losses.append(-(target / target.sum() * outputs.logits[i].log_softmax(0)).sum())
    return torch.stack(losses).mean()


def conditional(crowd, features, worker):
    """The confusion matrix of a worker's embedding for an image's features."""
    out = crowd.network(torch.cat([worker, crowd.image(features)]))
    return (crowd.start + out.view(K, K)).softmax(1)


def slow_annotmix(head, outputs, rows, votes):
    """Without a mixed batch: every triple for itself."""
    p = outputs.logits.softmax(1)
    crowd = head.crowd
    losses = [
        nll(p[i], conditional(crowd, outputs.features[i], crowd.worker[j]), label)
        for i, j, label in each_vote(rows, votes)
    ]
    return torch.stack(losses).mean()


SLOW = {
    "annot-mix": slow_annotmix,
    "crowdlab": slow_majority,
    "crowdlab[labels=shares]": slow_shares,
    "lfc-net": slow_shares,
    "crowdlayer[share=0]": slow_crowdlayer,
    "doctor-net[share=0]": slow_doctor,
    "tracereg[warmup=0]": slow_tracereg,
    "geocrowdnet[scale=0.1]": slow_geocrowdnet,
    "geocrowdnet[scale=0.1,variant=W]": slow_geocrowdnet,
    "union-net": slow_union,
    "max-mig": slow_maxmig,
    "doctor-net": slow_doctor,
    "madl": slow_madl,
    "madl[variant=W,weights=no]": slow_madl,
    "madl[variant=I]": slow_madl,
    "aggnet": slow_shares,
    "soft-labels": slow_shares,
    "soft-labels[smoothing=0.3]": partial(slow_shares, smoothing=0.3),
    "crowdlayer": slow_crowdlayer,
    "crowdlayer[variant=VW]": slow_crowdlayer,
    "crowdlayer[variant=VW+B]": slow_crowdlayer,
    "conal[scale=0.1]": slow_conal,
    "conal[scale=0]": slow_conal,
}
