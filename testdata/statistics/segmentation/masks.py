"""Writes masks.json: segmentation metrics by surface-distance, MedPy, SciPy, cc3d and panoptica.

pip install surface-distance==0.1 MedPy==0.5.2 scipy==1.17.1 panoptica==2.1.7 numpy; python3 masks.py

The masks are not stored: each is made by the rule of `mask` below, in integers, here and in the test.
Arrays here are [z, y, x] ([y, x] for images), spacing in the same order.
surface-distance 0.1 needs np.NaN and np.Inf, which NumPy 2 no longer has; they are put back below.
"""
import importlib.metadata as meta
import json
import pathlib
import sys
import warnings

import cc3d
import numpy as np
from scipy import ndimage

np.NaN, np.Inf = np.nan, np.inf
warnings.filterwarnings("ignore")
import surface_distance as sd
from surface_distance import lookup_tables
from medpy.metric import binary as mp
from panoptica import ConnectedComponentsInstanceApproximator, InputType, Metric, NaiveThresholdMatching, MaxBipartiteMatching, Panoptica_Evaluator

U = np.uint64


def words(seed, count):
    """SplitMix64 at `count` places."""
    z = (np.arange(1, count + 1, dtype=U) * U(0x9E3779B97F4A7C15)) + U(seed)
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    return z ^ (z >> U(31))


def mask(size, rule):
    """Union of ellipsoids (doubled centre, radii) and boxes (half open); then every voxel whose word
    modulo 1000 is below `flip` is turned over."""
    nx, ny, nz = size
    z, y, x = np.meshgrid(np.arange(nz), np.arange(ny), np.arange(nx), indexing="ij")
    m = np.zeros((nz, ny, nx), bool)
    for cx, cy, cz, a, b, c in rule["ellipsoids"]:
        m |= ((2 * x - cx) * b * c) ** 2 + ((2 * y - cy) * a * c) ** 2 + ((2 * z - cz) * a * b) ** 2 <= (2 * a * b * c) ** 2
    for x0, x1, y0, y1, z0, z1 in rule["boxes"]:
        m[z0:z1, y0:y1, x0:x1] = True
    if rule["flip"]:
        w = words(rule["seed"], nx * ny * nz).reshape(nz, ny, nx)
        m ^= (w % U(1000)) < U(rule["flip"])
    return m


def rule(ellipsoids=(), boxes=(), flip=0, seed=0):
    return {"ellipsoids": [list(map(int, e)) for e in ellipsoids], "boxes": [list(b) for b in boxes], "flip": flip, "seed": seed}


rng = np.random.default_rng(20261125)


def blobs(size, number, low, high, flat=False):
    out = []
    for _ in range(number):
        c = [int(rng.integers(0, 2 * n)) for n in size]
        r = [int(rng.integers(low, high)) for _ in size]
        if flat:
            c[2], r[2] = 0, 1
        out.append([*c, *r])
    return out


def moved(shapes, by):
    return [[s[0] + int(rng.integers(-by, by + 1)), s[1] + int(rng.integers(-by, by + 1)), s[2], *s[3:]] for s in shapes]


cases = []


def case(name, size, spacing, reference, prediction):
    cases.append({"name": name, "size": list(size), "spacing": list(spacing), "reference": reference, "prediction": prediction})


case("spheres", (40, 40, 40), (1.0, 1.0, 1.0), rule([[40, 40, 40, 12, 12, 12]]), rule([[44, 41, 38, 11, 11, 11]]))
case("anisotropic", (44, 40, 16), (0.7, 0.8, 2.5), rule([[44, 40, 16, 14, 12, 5]]), rule([[47, 38, 15, 13, 13, 6]]))
b = blobs((48, 40, 20), 14, 3, 9)
case("irregular", (48, 40, 20), (0.9, 1.1, 3.0), rule(b, flip=4, seed=7), rule(moved(b, 3), flip=4, seed=8))
case("at the border", (30, 25, 20), (1.5, 1.25, 2.0), rule([[0, 0, 0, 14, 12, 9]]), rule([], [[0, 12, 0, 10, 0, 8]]))
case("one voxel each", (9, 8, 7), (0.5, 0.6, 2.0), rule([], [[2, 3, 3, 4, 1, 2]]), rule([], [[6, 7, 5, 6, 5, 6]]))
case("one voxel in a corner", (20, 20, 20), (1.0, 1.0, 2.5), rule([], [[0, 1, 0, 1, 0, 1]]), rule([[24, 20, 20, 6, 6, 6]]))
case("same", (20, 18, 16), (1.0, 1.0, 1.0), rule([[20, 18, 16, 6, 7, 5]]), rule([[20, 18, 16, 6, 7, 5]]))
case("full", (9, 10, 11), (1.0, 2.0, 3.0), rule([], [[0, 9, 0, 10, 0, 11]]), rule([], [[0, 9, 0, 10, 0, 11]]))
case("full and part", (9, 10, 11), (1.0, 2.0, 3.0), rule([], [[0, 9, 0, 10, 0, 11]]), rule([], [[2, 5, 3, 7, 4, 6]]))
case("both empty", (9, 10, 11), (1.0, 2.0, 3.0), rule(), rule())
case("reference empty", (9, 10, 11), (1.0, 2.0, 3.0), rule(), rule([], [[2, 5, 3, 7, 4, 6]]))
case("prediction empty", (9, 10, 11), (1.0, 2.0, 3.0), rule([], [[2, 5, 3, 7, 4, 6]]), rule())
case("noise", (14, 13, 12), (0.8, 1.3, 2.1), rule(flip=500, seed=3), rule(flip=480, seed=4))
case("rows of three words", (150, 9, 7), (0.4, 1.0, 2.0), rule([[140, 8, 6, 60, 4, 3]], flip=3, seed=5), rule([[150, 9, 7, 62, 3, 3]], flip=3, seed=6))
case("rows of one word", (64, 12, 6), (1.0, 1.0, 1.0), rule([], [[0, 64, 2, 9, 1, 4]], flip=20, seed=9), rule([], [[1, 63, 2, 10, 1, 5]], flip=20, seed=10))
case("one voxel thick along x", (1, 20, 18), (2.0, 1.0, 1.0), rule([[0, 20, 18, 1, 7, 6]]), rule([[0, 22, 16, 1, 6, 6]]))
b = blobs((48, 48, 24), 30, 1, 5)
case("lesions", (48, 48, 24), (1.0, 1.0, 2.0), rule(b[:24]), rule(moved(b[4:], 2), flip=1, seed=11))
b = blobs((48, 48, 48), 60, 1, 5)
case("crowded lesions", (48, 48, 48), (0.94, 0.94, 1.2), rule(b[:50]), rule(moved(b[8:], 3)))
# One long lesion predicted in pieces, and pieces predicted as one.
case("split and merged", (40, 12, 8), (1.0, 1.0, 1.0),
     rule([], [[1, 11, 2, 6, 2, 5], [12, 20, 2, 6, 2, 5], [22, 38, 2, 6, 2, 5], [2, 12, 8, 11, 1, 5]]),
     rule([], [[4, 15, 2, 6, 2, 5], [16, 19, 2, 6, 2, 5], [22, 28, 2, 6, 2, 5], [29, 38, 2, 6, 2, 5], [30, 34, 9, 11, 1, 3]]))
# The best pair leaves both neighbours without a partner.
case("greedy and maximal differ", (20, 6, 6), (1.0, 1.0, 1.0), rule([], [[2, 10, 1, 4, 1, 4], [12, 17, 1, 4, 1, 4]]), rule([], [[2, 3, 1, 4, 1, 4], [4, 16, 1, 4, 1, 4]]))
case("image", (40, 36, 1), (0.7, 0.9, 1.0), rule([[40, 36, 0, 12, 10, 1]]), rule([[44, 33, 0, 11, 12, 1]]))
b = blobs((48, 48, 1), 12, 2, 7, flat=True)
case("irregular image", (48, 48, 1), (0.5, 0.75, 5.0), rule(b, flip=10, seed=12), rule(moved(b, 3), flip=10, seed=13))
case("image at the border", (21, 17, 1), (1.0, 1.0, 1.0), rule([[0, 0, 0, 9, 8, 1]]), rule([], [[0, 7, 0, 6, 0, 1]]))
case("one pixel each", (9, 8, 1), (0.5, 0.6, 2.0), rule([], [[2, 3, 3, 4, 0, 1]]), rule([], [[6, 7, 5, 6, 0, 1]]))
case("full image", (9, 8, 1), (0.5, 0.6, 2.0), rule([], [[0, 9, 0, 8, 0, 1]]), rule([], [[0, 9, 0, 8, 0, 1]]))

TOLERANCES = [0.0, 0.5, 1.0, 2.0, 3.7]
PERCENTS = [50.0, 95.0, 99.0]


def finite(v):
    v = float(v)
    return v if np.isfinite(v) else None


def deepmind(r, p, spacing):
    d = sd.compute_surface_distances(r, p, spacing)
    mean = sd.compute_average_surface_distance(d)
    both = r.any() and p.any()
    return {
        "percentiles": [finite(sd.compute_robust_hausdorff(d, q)) for q in PERCENTS],
        "hausdorff": finite(sd.compute_robust_hausdorff(d, 100)),
        "means": [finite(m) for m in mean] if both else [None, None],
        "areas": [float(d["surfel_areas_gt"].sum()), float(d["surfel_areas_pred"].sum())],
        "counts": [len(d["surfel_areas_gt"]), len(d["surfel_areas_pred"])],
        "surface_dice": [finite(sd.compute_surface_dice_at_tolerance(d, t)) for t in TOLERANCES],
        "overlaps": [[finite(v) for v in sd.compute_surface_overlap_at_tolerance(d, t)] if both else [None, None] for t in TOLERANCES],
        "dice": finite(sd.compute_dice_coefficient(r, p)),
    }


def medpy(r, p, spacing, c):
    if not (r.any() and p.any()):
        return None
    a = mp.__dict__["__surface_distances"](p, r, spacing, c)
    b = mp.__dict__["__surface_distances"](r, p, spacing, c)
    return {
        "hd": float(mp.hd(p, r, spacing, c)), "hd95": float(mp.hd95(p, r, spacing, c)),
        "assd": float(mp.assd(p, r, spacing, c)),
        "asd_prediction": float(mp.asd(p, r, spacing, c)), "asd_reference": float(mp.asd(r, p, spacing, c)),
        # MetricsReloaded's formulas on the same lists.
        "max_of_directed": [max(float(np.percentile(a, q)), float(np.percentile(b, q))) for q in PERCENTS],
        "nsd": [float((np.sum(a <= t) + np.sum(b <= t)) / (len(a) + len(b))) for t in TOLERANCES],
        "masd": 0.5 * float(a.mean() + b.mean()), "counts": [len(b), len(a)],
    }


def border(m, c):
    return m ^ ndimage.binary_erosion(m, structure=ndimage.generate_binary_structure(m.ndim, c))


def components(m, c):
    lab, n = ndimage.label(m, structure=ndimage.generate_binary_structure(m.ndim, c))
    place = np.arange(1, lab.size + 1, dtype=np.int64) % 1009
    return {"number": int(n), "checksum": int((lab.ravel().astype(np.int64) * place).sum()), "largest": int(np.bincount(lab.ravel())[1:].max()) if n else 0}


def touched(r, p, c):
    """MetricsReloaded's lesion_wise_tp_fp_fn, for this connectivity."""
    s = ndimage.generate_binary_structure(r.ndim, c)
    (lr, nr), (lp, np_) = ndimage.label(r, s), ndimage.label(p, s)
    tp = sum(bool(p[lr == i].any()) for i in range(1, nr + 1))
    fp = sum(not r[lp == i].any() for i in range(1, np_ + 1))
    return [tp, fp, nr - tp]


def panoptica(r, p, spacing, matcher, distances=(Metric.ASSD, Metric.HD95)):
    ev = Panoptica_Evaluator(expected_input=InputType.SEMANTIC, instance_approximator=ConnectedComponentsInstanceApproximator(),
                             instance_matcher=matcher, instance_metrics=[Metric.DSC, Metric.IOU, *distances], log_times=False)
    try:
        e = ev.evaluate(p.astype(np.uint8), r.astype(np.uint8), voxelspacing=spacing)["ungrouped"]
    except NotImplementedError:  # panoptica 2.1.7 has no HD95 where nothing matches
        return panoptica(r, p, spacing, matcher, ())
    out = {k: finite(getattr(e, k)) for k in ["tp", "fp", "fn", "rq"]}
    if e.tp:
        out |= {k: finite(getattr(e, k)) for k in ["sq", "pq", "sq_dsc", "sq_assd", "sq_hd95"]}
    return out


def lesionwise(r, p, spacing, dilation, penalty):
    """Lesion-wise Dice and HD95 as the BraTS 2023 rules say, from their description."""
    s = ndimage.generate_binary_structure(3, 2)
    grow = ndimage.binary_dilation(r, s, iterations=dilation) if dilation else r
    lg, ng = cc3d.connected_components(grow, connectivity=26, return_N=True)
    lp, np_ = cc3d.connected_components(p, connectivity=26, return_N=True)
    dices, hds, found, hit = [], [], 0, set()
    for i in range(1, ng + 1):
        own = r & (lg == i)
        near = ndimage.binary_dilation(own, s, iterations=dilation) if dilation else own
        ids = set(np.unique(lp[near]).tolist()) - {0}
        hit |= ids
        if not ids:
            dices.append(0.0), hds.append(penalty)
            continue
        found += 1
        q = np.isin(lp, list(ids))
        dices.append(float(2 * (own & q).sum() / (own.sum() + q.sum())))
        hds.append(float(sd.compute_robust_hausdorff(sd.compute_surface_distances(own, q, spacing), 95)))
    fp = np_ - len(hit)
    n = ng + fp
    return {"reference": ng, "found": found, "fp": fp, "dice": sum(dices) / n if n else None, "hd95": (sum(hds) + fp * penalty) / n if n else None}


for k in cases:
    r, p = mask(k["size"], k["reference"]), mask(k["size"], k["prediction"])
    spacing = k["spacing"][::-1]
    k["counts"] = [int(r.sum()), int(p.sum()), int((r & p).sum())]
    if k["size"][2] == 1:
        r, p, spacing = r[0], p[0], spacing[1:]
    k["deepmind"] = deepmind(r, p, spacing)
    k["medpy"] = [medpy(r, p, spacing, c) for c in range(1, r.ndim + 1)]
    k["ravd"] = float(mp.ravd(p, r)) if r.any() else None
    k["boundary_iou"] = [finite((border(r, c) & border(p, c)).sum() / max(1, (border(r, c) | border(p, c)).sum())) for c in range(1, r.ndim + 1)]
    k["components"] = [[components(m, c) for m in (r, p)] for c in range(1, r.ndim + 1)]
    k["touched"] = [touched(r, p, c) for c in range(1, r.ndim + 1)]
    if r.any():
        d = ndimage.distance_transform_edt(~r, sampling=spacing).ravel()
        at = (words(99, 25) % U(d.size)).astype(int)
        k["edt"] = {"sum": float(d.sum()), "max": float(d.max()), "at": at.tolist(), "values": d[at].tolist()}
    if r.any() and p.any():
        k["panoptica"] = {f"{n}{t}": panoptica(r, p, spacing, m(matching_metric=Metric.IOU, matching_threshold=t))
                          for n, m in (("greedy", NaiveThresholdMatching), ("maximal", MaxBipartiteMatching)) for t in (0.5, 0.1)}
    if k["size"][2] > 1:
        k["lesionwise"] = [{"dilation": d} | lesionwise(r, p, spacing, d, 374.0) for d in (0, 1, 3)]

tables = [{"spacing": s, "areas": lookup_tables.create_table_neighbour_code_to_surface_area(s[::-1]).tolist(),
           "lengths": lookup_tables.create_table_neighbour_code_to_contour_length(s[1::-1]).tolist()} for s in ([1.0, 1.0, 1.0], [0.7, 0.9, 2.5])]
out = {"made_by": "masks.py", "command": "python3 masks.py", "tools": {"python": sys.version.split()[0]} | {n: meta.version(n) for n in ("surface-distance", "MedPy", "scipy", "numpy", "panoptica", "connected-components-3d")},
       "tolerances": TOLERANCES, "percents": PERCENTS, "tables": tables, "cases": cases}
pathlib.Path(__file__).with_name("masks.json").write_text(json.dumps(out) + "\n")
