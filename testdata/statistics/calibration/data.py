"""Writes data.json: generated truths, probabilities and clusters (own work, Apache-2.0).

/tmp/ref/env/bin/python data.py   (NumPy 2.2.6)
"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(20261125)


def expit(x):
    return 1 / (1 + np.exp(-x))


def make(name, n, centre, spread, a, b, decimals=None, clusters=None):
    lp = rng.normal(centre, spread, n)
    second = expit(0.7 * lp + rng.normal(0, 0.8, n))
    if clusters:
        # Unequal clusters that share a random effect.
        cluster = rng.choice(clusters, n, p=(w := rng.dirichlet(np.full(clusters, 0.7))) / w.sum())
        effect = rng.normal(0, 0.9, clusters)[cluster]
    else:
        cluster, effect = np.arange(n), 0
    y = rng.random(n) < expit(a + b * lp + effect)
    p = expit(lp)
    if decimals:
        p, second = [np.clip(np.round(v, decimals), 10.0 ** -decimals, 1 - 10.0 ** -decimals) for v in (p, second)]
    assert 0 < y.sum() < n
    return {"name": name, "truth": [int(v) for v in y], "probability": p.tolist(), "second": second.tolist(),
            "cluster": [int(c) for c in cluster]}


sets = [
    make("clustered", 130, -0.5, 1.3, 0.4, 0.6, clusters=25),
    make("two decimals", 90, 0.2, 1.0, -0.5, 1.3, decimals=2, clusters=20),
    make("one decimal", 80, 0.0, 1.2, 0.3, 0.8, decimals=1, clusters=30),
    make("rare", 200, -3.2, 0.9, 0.5, 0.7, clusters=80),
    make("small", 25, 0.0, 1.0, 0.0, 1.0),
    make("frequent, too extreme", 80, 2.0, 1.5, 0.1, 0.4, decimals=3),
]
# Three classes, for the top label.
logits = rng.normal(0, 1.2, (120, 3))
probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
classes = [int(rng.choice(3, p=p)) for p in np.exp(0.6 * logits) / np.exp(0.6 * logits).sum(1, keepdims=True)]
multi = {"class": classes, "probability": probabilities.T.tolist()}
pathlib.Path(__file__).with_name("data.json").write_text(json.dumps({"sets": sets, "multi": multi}) + "\n")
