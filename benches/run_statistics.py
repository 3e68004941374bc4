"""Compares the statistics with named peers and writes the section "Statistics" of RESULTS.md.

    pip install numpy scipy scikit-learn MLstatkit confidenceinterval medpy surface-distance
    python3 benches/run_statistics.py

R with pROC is found as `Rscript`. A tool that is not there leaves a row that says so. Ours and the
peer take turns on the same machine, on the same data in memory; times and ratios are medians over the turns,
values must agree to 1e-9. `--only WORD` runs the jobs whose name holds the word and writes nothing.
(Not `statistics.py`: a file of that name here would hide Python's own module from run.py's imports.)"""
import argparse
import importlib
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np

root = pathlib.Path(__file__).resolve().parents[1]
arguments = argparse.ArgumentParser()
arguments.add_argument("--only", default="")
arguments.add_argument("--turns", type=int, default=15)
arguments = arguments.parse_args()
load = []


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def tool(module):
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def timed(work, least=0.05):
    began, calls = time.perf_counter(), 0
    while True:
        values = work()
        calls += 1
        seconds = time.perf_counter() - began
        if seconds > least:
            return seconds / calls, [float(v) for v in values]


class Ours:
    def __init__(self, folder, threads=1):
        self.process = subprocess.Popen([binary, folder, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, job, **request):
        print(json.dumps({"job": job} | request), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class R:
    """Rscript at benches/statistics.R, or the reason why there is none."""

    def __init__(self):
        try:
            self.process = subprocess.Popen(["Rscript", "--vanilla", root / "benches/statistics.R", root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except FileNotFoundError:
            self.process = None

    def ask(self, line):
        if self.process is None:
            return "missing Rscript is not installed"
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip() or "missing Rscript ended"

    def job(self, line):
        def run():
            words = self.ask(line).split()
            if not words or words[0] == "missing":
                raise LookupError(" ".join(words[1:]))
            seconds, *values = map(float, words)
            return seconds, values
        return run

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


rows = []


def compare(job, peer, ours, theirs, goal, turns=None, times=1, same=lambda o: o, note="", within=1e-9, check=None):
    """A row: `ours` and `theirs` in turn. `theirs` gives (seconds, values), or raises LookupError with
    the reason why it cannot; its seconds count `times` over. `same` puts our values into the peer's
    order; `check` takes both where they cannot be the same."""
    if arguments.only not in f"{job} {peer}":
        return
    a, b, apart = [], [], 0.0
    try:
        for turn in range(turns or arguments.turns):
            load.append(os.getloadavg()[0])
            reply = ours()
            seconds, values = theirs()
            a.append(reply["seconds"])
            b.append(seconds * times)
            if check:
                check(reply["values"], values)
            else:
                mine = same(reply["values"])
                assert len(mine) == len(values), (job, peer, mine, values)
                apart = max([apart] + [abs(x - y) for x, y in zip(mine, values)])
                assert apart <= within, (job, peer, mine, values)
    except LookupError as e:
        rows.append({"job": job, "peer": peer, "missing": str(e), "goal": goal})
        print(rows[-1], flush=True)
        return
    ratios = [y / x for x, y in zip(a, b)]
    rows.append({"job": job, "peer": peer, "ours": statistics.median(a), "theirs": statistics.median(b), "ratio": statistics.median(ratios),
                 "least": min(ratios), "most": max(ratios), "goal": goal, "note": note, "apart": apart})
    print(rows[-1], flush=True)


def python(module, work, least=0.05):
    """A peer in Python; `work` gets its module."""
    def run():
        found = tool(module)
        if found is None:
            raise LookupError(f"{module} is not installed")
        return timed(lambda: work(found), least)
    return run


build = subprocess.run(["cargo", "bench", "--no-run", "--message-format=json", "-p", "candour-benches", "--bench", "statistics"], cwd=root, stdout=subprocess.PIPE, text=True, check=True)
built = [json.loads(line) for line in build.stdout.splitlines() if line.startswith("{")]
binary = next(m["executable"] for m in built if m.get("executable") and m["target"]["name"] == "statistics")

r = R()
r_versions = r.ask("versions").split()
r_known = r_versions[0] != "missing"
pROC = f"pROC {r_versions[1]}" if r_known else "pROC"
R_name = f"R {r_versions[0]}" if r_known else "R"
named = {p: f"{p} {version(p) or '(not installed)'}" for p in ("scikit-learn", "MLstatkit", "confidenceinterval", "scipy", "numpy", "medpy", "surface-distance")}
notes = []

with tempfile.TemporaryDirectory() as d:
    folder = pathlib.Path(d)
    ours, ours_of_two = Ours(d), Ours(d, 2)
    rng = np.random.default_rng(20261125)
    data = {}
    for n in (10_000, 100_000):
        truth = rng.random(n) < 0.3
        common = rng.normal(size=n)
        a, b = (truth * shift + 0.7 * common + 0.7 * rng.normal(size=n) for shift in (1.2, 1.0))
        data[n] = truth.astype(np.uint8), a, b
        (folder / f"n{n}.truth").write_bytes(data[n][0].tobytes())
        (folder / f"n{n}.a").write_bytes(a.astype("<f8").tobytes())
        (folder / f"n{n}.b").write_bytes(b.astype("<f8").tobytes())

    for n, (truth, a, b) in data.items():
        name, size = f"n{n}", f"{n:,}".replace(",", " ")
        prefix = folder / name
        from_rows = f"DeLong interval, {size} rows, sort included"
        one = lambda: ours("delong", data=name)
        compare(from_rows, f"{pROC} `ci.auc`, its `roc` given", lambda: ours("delong_of_classes", data=name), r.job(f"ci {prefix}"), 3)
        compare(from_rows, f"{pROC} `roc` and `ci.auc`", one, r.job(f"roc_ci {prefix}"), 3)
        truth_int = truth.astype(int)
        compare(from_rows, f"{named['confidenceinterval']} `roc_auc_score`", one,
                python("confidenceinterval", lambda m: (lambda v: (v[1][0], v[0], v[1][1]))(m.roc_auc_score(truth_int, a))), 20,
                within=1e-6, note="its ranks are 32-bit: values agree to 1e-6 only")
        paired = f"paired DeLong test, {size} rows"
        two = lambda: ours("paired", data=name)
        compare(paired, f"{pROC} `roc.test`, both `roc` given", two, r.job(f"test {prefix}"), 3)
        compare(paired, f"{pROC} `roc` twice and `roc.test`", two, r.job(f"roc_test {prefix}"), 3)

        def mlstatkit(m):
            z, p, _, _, area_a, area_b, _ = m.Delong_test(truth_int, a, b)
            return area_a, area_b, -z, p
        compare(paired, f"{named['MLstatkit']} `Delong_test`", two, python("MLstatkit", mlstatkit), 50, note="its z is second less first")
        compare(f"area, {size} rows", f"{named['scikit-learn']} `roc_auc_score`", lambda: ours("auc", data=name),
                python("sklearn.metrics", lambda m: [m.roc_auc_score(truth_int, a)]), 8)

    # The bootstrap. Peers draw other random numbers, so their intervals differ by chance; that ours is
    # right is checked on our own draws, which NumPy's Philox repeats.
    n = 10_000
    truth, a, _ = data[n]
    classes = [np.sort(a[truth == 1]), np.sort(a[truth == 0])]
    y = np.r_[np.ones(len(classes[0]), int), np.zeros(len(classes[1]), int)]

    def by_our_draws(replicates):
        metrics = tool("sklearn.metrics")
        areas = []
        for replicate in range(replicates):
            bits = np.random.Philox(key=np.array([7, replicate], np.uint64)).random_raw(n)
            high, low, from_, drawn = bits >> np.uint64(32), bits & np.uint64(0xFFFFFFFF), 0, []
            for scores in classes:
                k = np.uint64(len(scores))
                part = slice(from_, from_ + len(scores))
                drawn.append(scores[((high[part] * k + (low[part] * k >> np.uint64(32))) >> np.uint64(32)).astype(int)])
                from_ += len(scores)
            areas.append(metrics.roc_auc_score(y, np.r_[drawn[0], drawn[1]]))
        return np.quantile(areas, [0.025, 0.975])

    near = lambda mine, values: np.testing.assert_allclose(mine, values, atol=0.004)
    if arguments.only in "bootstrap" and tool("sklearn.metrics"):
        np.testing.assert_allclose(ours("bootstrap", data=f"n{n}", replicates=200)["values"], by_our_draws(200), atol=1e-9, rtol=0)
        notes.append("The bootstrap draws other random numbers than its peers, so the intervals agree only within chance (0.004 here); on our own draws, repeated with NumPy's Philox, scikit-learn gives the same interval to 1e-9. Peers ran 200 replicates, counted ten times over.")
    bootstrap = lambda: ours("bootstrap", data=f"n{n}", replicates=2000)
    draws = np.random.default_rng(7)

    def resampled(area):
        areas = []
        for _ in range(200):
            p, q = (s[draws.integers(0, len(s), len(s))] for s in classes)
            areas.append(area(np.r_[p, q], len(p), len(q)))
        return np.quantile(areas, [0.025, 0.975])
    what = "bootstrap interval of the area, 2000 x 10 000 rows"
    compare(what, f"{named['scikit-learn']} `roc_auc_score` in a loop (200, times 10)", bootstrap,
            python("sklearn.metrics", lambda m: resampled(lambda s, _p, _q: m.roc_auc_score(y, s))), 30, turns=3, times=10, check=near)
    compare(what, f"{named['scipy']} `rankdata` in a loop (200, times 10)", bootstrap,
            python("scipy.stats", lambda m: resampled(lambda s, p, q: (m.rankdata(s)[:p].sum() - p * (p + 1) / 2) / (p * q))), 30, turns=3, times=10, check=near)
    compare(what, f"{pROC} `ci.auc(method = \"bootstrap\")` (200, times 10)", bootstrap, r.job(f"bootstrap {folder / f'n{n}'}"), 30, turns=3, times=10, check=near)

    lines = [line.split(",") for line in (root / "testdata/statistics/reader_study/van_dyke.csv").read_text().split()]
    study = {name: [float(row[i]) for row in lines[1:]] for i, name in enumerate(lines[0])}
    for covariance in ("jackknife", "delong"):
        job = f"Obuchowski-Rockette, Van Dyke, {covariance}"
        one = lambda: ours("reader_study", covariance=covariance, **study)
        compare(job, f"{R_name}, definitions by loops (reference.R)", one, r.job(f"loops_{covariance}"), 50, turns=3)
        compare(job, f"{R_name}, closed form with matrices (statistics.R)", one, r.job(f"closed_{covariance}"), 50)
    notes.append("MRMCaov, the tool reader studies are usually analysed with, " + ("is installed but not compared." if r_known and r_versions[-1] != "none" else "is not installed here and was not measured; R without it stands in its place and gives F, degrees of freedom, p, difference and limits, which agree to 1e-9. The goal of 50 was set against MRMCaov, that of 30 for the bootstrap against pROC; the closed form with matrices and SciPy's ranks are faster peers, held to the same goals."))

    # Masks: [z, y, x] in NumPy, which is x fastest for us.
    side = 256
    z, y_, x = np.ogrid[:side, :side, :side]
    ball = lambda c, radius: (x - c[0]) ** 2 + (y_ - c[1]) ** 2 + (z - c[2]) ** 2 <= radius ** 2
    tangled = lambda shift: np.sin((x + shift) / 9.0) + np.sin(y_ / 7.0 + (x + shift) / 40.0) + np.sin(z / 8.0) > 1.45
    pairs = {
        "balls": (ball((128, 128, 128), 77), ball((131, 127, 130), 77)),
        "tangled": (tangled(0.0), tangled(2.0)),
        "small": (ball((128, 128, 128), 25), ball((131, 127, 130), 25)),
    }
    shape = {"size": [side] * 3, "spacing": [1.0, 1.0, 1.0]}
    spacing = (1.0, 1.0, 1.0)
    surface_distance = "surface_distance"
    np.NaN, np.Inf = np.nan, np.inf  # surface-distance 0.1 still asks NumPy for them
    titles = {"balls": f"256^3, two balls of {pairs['balls'][0].sum() / 1e6:.1f} M voxels", "tangled": f"256^3, tangled bands of {pairs['tangled'][0].sum() / 1e6:.1f} M voxels", "small": "256^3, balls 50 wide"}
    for name, (reference, prediction) in pairs.items():
        (folder / f"{name}.reference").write_bytes(reference.astype(np.uint8).tobytes())
        (folder / f"{name}.prediction").write_bytes(prediction.astype(np.uint8).tobytes())
        mine = lambda job: ours(job, data=name, **shape)

        def deepmind(m):
            distances = m.compute_surface_distances(reference, prediction, spacing)
            return m.compute_robust_hausdorff(distances, 95), m.compute_surface_dice_at_tolerance(distances, 1.0)
        compare(f"{titles[name]}: surface distances, HD95, surface Dice", f"{named['surface-distance']}", lambda: mine("marching"), python(surface_distance, deepmind), 1 if name == "small" else 10, turns=None if name == "small" else 3)
        goal = 10
        compare(f"{titles[name]}: HD95 of border voxels", f"{named['medpy']} `hd95`", lambda: mine("border"), python("medpy.metric.binary", lambda m: [m.hd95(prediction, reference, spacing)]), goal, turns=3, same=lambda v: v[:1])
        if name != "small":
            compare(f"{titles[name]}: ASSD of border voxels", f"{named['medpy']} `assd`", lambda: mine("border"), python("medpy.metric.binary", lambda m: [m.assd(prediction, reference, spacing)]), goal, turns=3, same=lambda v: v[1:])
        if name == "balls":
            dice = lambda m: [m.compute_dice_coefficient(reference, prediction)]
            compare(f"{titles[name]}: Dice, packing of both masks included", f"{named['surface-distance']}", lambda: mine("dice"), python(surface_distance, dice), None)
            compare(f"{titles[name]}: Dice, masks packed before", f"{named['surface-distance']}", lambda: mine("dice_packed"), python(surface_distance, dice), None)
            outside = ~reference

            def scipy_map(m):
                global scipy_distances
                scipy_distances = m.distance_transform_edt(outside, sampling=spacing)
                return []

            def same_map(_mine, _values):
                got = np.fromfile(folder / "distance.map", "<f8").reshape(scipy_distances.shape)
                assert np.abs(got - scipy_distances).max() <= 1e-9
            # Our map is kept after the clock has stopped, and every voxel is compared.
            for threads, engine, goal in ((2, ours_of_two, 8), (1, ours, None)):
                compare(f"256^3: Euclidean distance transform, our threads: {threads}", f"{named['scipy']} `distance_transform_edt` (one thread)", lambda: engine("distance", data=name, keep=True, **shape), python("scipy.ndimage", scipy_map), goal, turns=3, check=same_map)
    for process in (ours, ours_of_two, r):
        process.close()

    memory = []
    if arguments.only in "memory":
        for n in (1_000_000, 10_000_000):
            fresh = Ours(d)
            memory.append((n, fresh("memory", rows=n)))
            fresh.close()
            print(memory[-1], flush=True)
notes.append("The two HD95 differ by definition, so each is compared with ours under its own: surface-distance takes marching-cubes elements weighted by area and the larger of the two directed percentiles, MedPy border voxels and the percentile of both directions together.")
notes.append("The fast DeLong of roc_comparison is not on PyPI and was not measured; MLstatkit carries the same algorithm.")


def seconds(s):
    return f"{s:.2f} s" if s >= 1 else f"{s * 1e3:.3g} ms" if s >= 1e-3 else f"{s * 1e6:.3g} us"


def ratio(v):
    return f"{v:.0f}" if v >= 20 else f"{v:.1f}"


cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor()) if os.path.exists("/proc/cpuinfo") else platform.processor()
rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
out = [
    "## Statistics", "",
    f"Written by `benches/run_statistics.py`. Ours and the peer take turns on the same data in memory, one thread each unless said; times and ratios are medians over the turns ({arguments.turns}, or 3 where a turn takes seconds), with the least and the greatest ratio in brackets. Ours starts from plain columns (splitting by class, where `roc` is not given, and sorting) or from a byte a voxel (packing); values agree with the peer's to 1e-9 unless said below.", "",
    f"- Machine: {cpu}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, shared: load average {min(load):.1f} to {max(load):.1f} while this ran" if load else "",
    f"- {rustc}; Python {platform.python_version()}, numpy {np.__version__}; {R_name if r_known else 'R: not installed'}; {time.strftime('%Y-%m-%d')}", "",
    "| job | tool and version | theirs | ours | ratio | goal | met |", "|---|---|---:|---:|---:|---:|---|",
]
for row in rows:
    goal = f"{row['goal']}" if row["goal"] else ""
    if "missing" in row:
        out.append(f"| {row['job']} | {row['peer']} | not measured: {row['missing']} | | | {goal} | |")
        continue
    met = "" if not row["goal"] else "yes" if row["ratio"] >= row["goal"] else "no"
    peer = row["peer"] + (f"; {row['note']}" if row["note"] else "")
    out.append(f"| {row['job']} | {peer} | {seconds(row['theirs'])} | {seconds(row['ours'])} | {ratio(row['ratio'])} ({ratio(row['least'])} to {ratio(row['most'])}) | {goal} | {met} |")
out += [""] + [f"- {note}" for note in notes] + [""]
if memory:
    out += ["Memory of one DeLong interval in a process of its own (scores as 8-byte numbers, half of each class):", "",
            "| rows | most held before (the scores) | most held after | added a row | seconds |", "|---:|---:|---:|---:|---:|"]
    for n, m in memory:
        if m["before"] is None:
            out.append(f"| {n} | not measured: no /proc here | | | {m['seconds']:.2f} |")
        else:
            out.append(f"| {n} | {m['before'] / 2**20:.0f} MiB | {m['after'] / 2**20:.0f} MiB | {(m['after'] - m['before']) / n:.1f} bytes | {m['seconds']:.2f} |")
    out.append("")
section = "\n".join(out)
print(section)
if not arguments.only:
    results = root / "benches/RESULTS.md"
    text = results.read_text() if results.exists() else "# Results\n"
    text = re.sub(r"\n## Statistics\n.*?(?=\n## |\Z)", "", text, flags=re.S).rstrip("\n")
    results.write_text(text + "\n\n" + section)
