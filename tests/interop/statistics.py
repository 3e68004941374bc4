"""The catalogue of statistics, plans and sites against other people's software, on data drawn by seed:
statsmodels, scipy, scikit-learn, krippendorff and surface-distance in Python, pROC in R; and numpy
where a closed form is the reference. Tables are written by pyarrow and json, masks by nibabel and highdicom.

    python3 tests/interop/statistics.py target/release/candour [SEED]

Needs R with pROC, poppler-utils, and the packages of requirements.txt; one that is missing is a failure.
Prints one row for each comparison: how many numbers were compared and the greatest difference, relative
to the expected number (or to 1e-4, where that is larger in size). Fails above 1e-9, or above what the
row states where the other side's own precision is lower."""
import sys

# This file has the name of a module of Python's own, which the peers may import.
sys.path.pop(0)

import csv
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import warnings

import highdicom
import krippendorff
import nibabel
import numpy as np
import pyarrow
import pyarrow.parquet
import pydicom
import scipy
import sklearn.calibration
import sklearn.isotonic
import sklearn.metrics as sk
import statsmodels.api as sm
import statsmodels.stats.contingency_tables
import statsmodels.stats.inter_rater
import statsmodels.stats.meta_analysis
import statsmodels.stats.multitest
import statsmodels.stats.proportion as smp
import surface_distance
from scipy import stats

warnings.simplefilter("ignore")
missing = [t for t in ("Rscript", "pdftotext") if not shutil.which(t)]
if missing:
    sys.exit(f"missing peers: {', '.join(missing)}")
binary = pathlib.Path(sys.argv[1]).resolve()
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20260101
scratch = tempfile.TemporaryDirectory(prefix="candour-statistics-")
folder = pathlib.Path(scratch.name)
rows = {}
failed = []
compared = 0
began = time.monotonic()


def same(tool, what, got, expected, tolerance=1e-9, why=""):
    """Takes numbers, or lists of numbers, into the row of this comparison. None and nan: not estimable."""
    row = rows.setdefault((tool, what), {"n": 0, "worst": 0.0, "tolerance": tolerance, "why": why, "wrong": []})
    got, expected = (np.asarray([v], dtype=object).ravel() if np.ndim(v) == 0 else np.asarray(v, dtype=object).ravel() for v in (got, expected))
    if len(got) != len(expected):
        row["wrong"].append(f"{len(got)} numbers, {len(expected)} expected")
    for ours, theirs in zip(got, expected):
        row["n"] += 1
        empty = [v is None or v != v for v in (ours, theirs)]
        if all(empty) or ours == theirs:
            continue
        apart = np.inf if any(empty) else abs(ours - theirs) / max(abs(theirs), 1e-4)
        row["worst"] = max(row["worst"], apart)
        if not apart <= tolerance:
            row["wrong"].append(f"{ours!r}, expected {theirs!r} (data {drawn})")


def holds(tool, what, good):
    same(tool, what, 1.0 if good else 0.0, 1.0)


def group(title):
    """Prints the rows so far and starts the next group."""
    global compared
    for (tool, what), row in rows.items():
        note = f" [{row['tolerance']:.0e}: {row['why']}]" if row["why"] else ""
        print(f"{tool:24} {what:66} {row['n']:4} to {row['worst']:7.1e}  {'FAIL' if row['wrong'] else 'ok'}{note}", flush=True)
        for line in row["wrong"][:3]:
            print(f"    {line}")
        if row["wrong"]:
            failed.append(f"{tool}: {what}")
        compared += row["n"]
    rows.clear()
    if title:
        print(f"\n-- {title} ({time.monotonic() - began:.0f} s)", flush=True)


drawn = ""


def draws(count):
    """A generator of random numbers for each data set; its label stands with what differs."""
    global drawn
    for n in range(count):
        drawn = f"{n} of seed {seed}"
        yield n, np.random.default_rng([seed, n, count])


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace")


def write(columns, name="data.csv"):
    """Writes columns as CSV with every digit."""
    path = folder / name
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values()):
            writer.writerow(["" if v is None else repr(v.item()) if isinstance(v, np.generic) and not isinstance(v, np.str_) else v for v in row])
    return path


class Answer:
    """What the binary answers: values, errors and limits by name, and tables."""

    def __init__(self, answer):
        self.none = answer is None  # not estimable, which is what the other side must say too
        answer = answer or {"numbers": [], "tables": [], "curves": []}
        self.numbers = {n["name"]: n for n in answer["numbers"]}
        self.tables = {t["name"]: t for t in answer["tables"]}
        self.curves = answer["curves"]

    def __getitem__(self, name):
        return None if self.none else self.numbers[name]["value"]

    def error(self, name):
        return self.numbers[name]["standard_error"]

    def limits(self, name):
        interval = self.numbers[name]["interval"]
        return [None, None] if interval is None else [interval["lower"], interval["upper"]]

    def column(self, table, name):
        table = self.tables[table]
        at = table["columns"].index(name)
        return [row[at] for row in table["rows"]]

    def by_method(self, method):
        return next([r[1], r[2]] for r in self.tables["intervals by method"]["rows"] if r[0] == method)


def ours(entry, data=None, *, name="data.csv", **arguments):
    """One statistic of the catalogue; a list is an argument given several times."""
    command = [binary, "statistics", entry, "--json"]
    if data is not None:
        command += ["--data", data if isinstance(data, pathlib.Path) else write(data, name)]
    for key, values in arguments.items():
        for value in values if isinstance(values, list) else [values]:
            command += [f"--{key.replace('_', '-')}", f"{value!r}" if isinstance(value, float) else str(value)]
    done = run(*command)
    if done.returncode:
        raise SystemExit(f"{entry}: exit code {done.returncode}: {done.stderr.strip()} (data {drawn}, {' '.join(map(str, command))})")
    out = json.loads(done.stdout)
    return Answer(out["answer"])


def expit(x):
    return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p / (1 - p))


Z = stats.norm.ppf(0.975)

# ---------------------------------------------------------------------------------------------------
group("proportions")
COUNTS = [(0, 9), (17, 17), (1, 400)]
METHODS = {"wilson": "wilson", "clopper-pearson": "beta", "agresti-coull": "agresti_coull", "wald": "normal", "jeffreys-unmodified": "jeffreys"}
for n, rng in draws(4):
    trials = int(rng.integers(5, 300))
    for x, trials in [*COUNTS, (int(rng.integers(0, trials + 1)), trials)]:
        level = float(rng.choice([0.9, 0.95, 0.99]))
        for method, theirs in METHODS.items():
            if method == "wald" and x in (0, trials):  # no width there: refused
                continue
            got = ours("proportion", successes=x, trials=trials, method=method, level=level)
            same("statsmodels", f"proportion: {method}", got.limits("proportion"), smp.proportion_confint(x, trials, 1 - level, theirs))
        one = ours("proportion", successes=x, trials=trials, method="clopper-pearson", level=level, bound="lower").limits("proportion")[0]
        same("statsmodels", "proportion: one-sided lower limit", one, smp.proportion_confint(x, trials, 1 - level, "beta", alternative="smaller")[0])
        exact = stats.binomtest(x, trials).proportion_ci(level, "wilsoncc")
        same("scipy", "proportion: wilson-continuity", ours("proportion", successes=x, trials=trials, method="wilson-continuity", level=level).limits("proportion"), [exact.low, exact.high])
        tail = (1 - level) / 2
        low = 0.0 if x == 0 else scipy.optimize.brentq(lambda p: stats.binom.sf(x - 1, trials, p) - stats.binom.pmf(x, trials, p) / 2 - tail, 1e-12, 1 - 1e-12, xtol=1e-15, rtol=1e-14)
        high = 1.0 if x == trials else scipy.optimize.brentq(lambda p: stats.binom.cdf(x, trials, p) - stats.binom.pmf(x, trials, p) / 2 - tail, 1e-12, 1 - 1e-12, xtol=1e-15, rtol=1e-14)
        same("scipy", "proportion: mid-p, root of the binomial tails", ours("proportion", successes=x, trials=trials, method="mid-p", level=level).limits("proportion"), [low, high])
        goal = float(rng.uniform(0.05, 0.95))
        for ours_word, theirs in (("greater", "greater"), ("less", "less"), ("two-sided", "two-sided")):
            got = ours("proportion", successes=x, trials=trials, goal=goal, alternative=ours_word)
            same("scipy", "proportion: exact binomial test against a goal", got["p_value_exact"], stats.binomtest(x, trials, goal, theirs).pvalue)
            z, p = smp.proportions_ztest(x, trials, goal, {"greater": "larger", "less": "smaller"}.get(theirs, theirs), prop_var=goal)
            same("statsmodels", "proportion: score test against a goal", [got["z_score"], got["p_value_score"]], [z, p])
    # Clusters: patients with several lesions that share a propensity.
    cluster = rng.integers(0, 40, 150)
    outcome = (rng.uniform(size=150) < rng.uniform(size=40)[cluster]).astype(int)
    data = {"outcome": outcome, "cluster": [f"P{c}" for c in cluster]}
    got = ours("proportion-clustered", data, outcome="outcome", cluster="cluster", method="gee")
    fit = sm.GEE(outcome, np.ones(150), groups=cluster, family=sm.families.Binomial(), cov_struct=sm.cov_struct.Independence()).fit()
    same("statsmodels", "proportion from clusters: GEE with sandwich error", [got["proportion"], *got.limits("proportion")], expit(np.array([fit.params[0], *(fit.params[0] + Z * fit.bse[0] * np.array([-1, 1]))])))
    x, m = np.bincount(cluster, outcome, 40), np.bincount(cluster, minlength=40)
    x, m = x[m > 0], m[m > 0]
    p = outcome.mean()
    variance = len(m) / (len(m) - 1) * ((x - p * m) ** 2).sum() / 150**2
    same("numpy", "proportion from clusters: design effect of the ratio estimator", [got["design_effect"], got["effective_trials"]], [variance / (p * (1 - p) / 150), p * (1 - p) / variance])
    same("statsmodels", "proportion from clusters: Wilson at the effective size", got.by_method("ratio.wilson-effective"), smp.proportion_confint(p * p * (1 - p) / variance, p * (1 - p) / variance, 0.05, "wilson"))

# ---------------------------------------------------------------------------------------------------
group("accuracy of a call")


def sample(rng, size, step=None, prevalence=0.4, shift=1.2):
    """Truth and two correlated scores; `step` rounds them, so that they tie."""
    truth = (rng.uniform(size=size) < prevalence).astype(int)
    truth[:4] = [1, 1, 0, 0]
    base = rng.normal(size=size)
    score = base + shift * truth + rng.normal(size=size) * 0.5
    other = base + 0.7 * shift * truth + rng.normal(size=size) * 0.8
    return (truth, score, other) if step is None else (truth, np.round(score / step) * step, np.round(other / step) * step)


for n, rng in draws(4):
    truth, score, other = sample(rng, (60, 150, 400, 90)[n], (None, 0.25, None, 0.5)[n])
    threshold = float(np.sort(score)[len(score) // 2])
    call = (score >= threshold).astype(int)
    tn, fp, fn, tp = sk.confusion_matrix(truth, call).ravel()
    got = ours("accuracy", {"truth": truth, "score": score}, truth="truth", score="score", threshold=threshold)
    same("scikit-learn", "recall, precision, accuracy, balanced accuracy", [got[k] for k in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "balanced_accuracy")],
         [sk.recall_score(truth, call), sk.recall_score(truth, call, pos_label=0), sk.precision_score(truth, call), sk.precision_score(truth, call, pos_label=0), sk.accuracy_score(truth, call), sk.balanced_accuracy_score(truth, call)])
    same("scikit-learn", "F1, Matthews correlation", [got["f1"], got["mcc"]], [sk.f1_score(truth, call), sk.matthews_corrcoef(truth, call)])
    same("scikit-learn", "likelihood ratios", [got["lr_positive"], got["lr_negative"]], sk.class_likelihood_ratios(truth, call))
    same("statsmodels", "Wilson's limits of five proportions", sum((got.limits(k) for k in ("sensitivity", "specificity", "ppv", "npv", "accuracy")), []),
         [v for a, b in ((tp, tp + fn), (tn, tn + fp), (tp, tp + fp), (tn, tn + fn), (tp + tn, len(truth))) for v in smp.proportion_confint(a, b, 0.05, "wilson")])
    cluster = rng.integers(0, len(truth) // 3, len(truth))
    clustered = ours("accuracy", {"truth": truth, "call": call, "cluster": cluster}, truth="truth", call="call", cluster="cluster")
    for name, which, right in (("sensitivity", truth == 1, call == 1), ("specificity", truth == 0, call == 0), ("ppv", call == 1, truth == 1)):
        size = len(truth) // 3
        x, m = np.bincount(cluster, which & right, size), np.bincount(cluster, which, size)
        p, k = x.sum() / m.sum(), (m > 0).sum()
        variance = k / (k - 1) * ((x - p * m) ** 2).sum() / m.sum() ** 2
        same("numpy", "errors with clusters by the ratio estimator", clustered.error(name), np.sqrt(variance) or None)
    both = ours("paired-accuracy", {"truth": truth, "a": call, "b": (other >= threshold).astype(int)}, truth="truth", call=["a", "b"])
    same("scikit-learn", "two calls: sensitivities' and specificities' difference", [both["difference_sensitivity"], both["difference_specificity"]],
         [sk.recall_score(truth, call, pos_label=c) - sk.recall_score(truth, (other >= threshold).astype(int), pos_label=c) for c in (1, 0)])
    if 0 in (tn, fp, fn, tp):  # ratios have no limits then
        continue
    table = sm.stats.Table2x2(np.array([[tp, fp], [fn, tn]], float))
    same("statsmodels", "diagnostic odds ratio with its limits", [got["diagnostic_odds_ratio"], *got.limits("diagnostic_odds_ratio")], [table.oddsratio, *table.oddsratio_confint()])
    se = np.sqrt(1 / tp - 1 / (tp + fn) + 1 / fp - 1 / (fp + tn))
    same("numpy", "log-normal limits of the positive likelihood ratio", got.limits("lr_positive"), got["lr_positive"] * np.exp(Z * se * np.array([-1, 1])))

# ---------------------------------------------------------------------------------------------------
group("two proportions")
for n, rng in draws(5):
    n1, n2 = (int(v) for v in rng.integers(15, 200, 2))
    x1, x2 = int(rng.binomial(n1, rng.uniform(0.2, 0.9))), int(rng.binomial(n2, rng.uniform(0.2, 0.9)))
    counts = dict(successes=x1, trials=n1, successes_reference=x2, trials_reference=n2)
    got = ours("proportions-difference", **counts)

    def score(delta, factor=1.0):
        """z of a difference of `delta`, at the root of the likelihood's derivative. (The cubic of
        statsmodels 0.15 has a count where Miettinen and Nurminen have a number of trials.)"""
        slope = lambda q: x1 / (q + delta) - (n1 - x1) / (1 - q - delta) + x2 / q - (n2 - x2) / (1 - q)
        q = scipy.optimize.brentq(slope, max(0, -delta) + 1e-13, min(1, 1 - delta) - 1e-13, xtol=1e-16, rtol=1e-15)
        p = q + delta
        return (x1 / n1 - x2 / n2 - delta) / np.sqrt(factor * (p * (1 - p) / n1 + q * (1 - q) / n2))

    for method, factor in (("miettinen-nurminen", (n1 + n2) / (n1 + n2 - 1)), ("mee-score", 1.0)):
        ends = [scipy.optimize.brentq(lambda v: score(v, factor) - sign * Z, *sorted((x1 / n1 - x2 / n2, -sign * 0.999)), xtol=1e-15, rtol=1e-14) for sign in (1, -1)]
        same("scipy", f"difference: {method}, root of the score", got.by_method(method), ends)
    for method, theirs in {"newcombe-hybrid": "newcomb", "agresti-caffo": "agresti-caffo", "wald": "wald"}.items():
        same("statsmodels", f"difference: {method}", got.by_method(method), smp.confint_proportions_2indep(x1, n1, x2, n2, theirs, "diff"))
    same("statsmodels", "difference: pooled score test", [got["z"], got["p_value"]], smp.proportions_ztest([x1, x2], [n1, n2]))
    same("scipy", "difference: Fisher's exact test", got["p_value_fisher"], stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]])[1])
    margin = float(rng.uniform(0.03, 0.2))
    got = ours("proportions-noninferiority", margin=margin, **counts)
    same("scipy", "non-inferiority by Farrington and Manning", [got["z"], got["p_value"]], [score(-margin), stats.norm.sf(score(-margin))])
    got = ours("proportions-equivalence", margin=margin, **counts)
    same("scipy", "equivalence by two one-sided tests", got["p_value"], max(stats.norm.sf(score(-margin)), stats.norm.cdf(score(margin))))
    for method, theirs in {"koopman": ("score", False), "miettinen-nurminen": ("score", True), "log": ("log", True), "log-adjusted": ("log-adjusted", True)}.items():
        same("statsmodels", f"ratio: {method}", ours("proportions-ratio", method=method, **counts).limits("ratio"), smp.confint_proportions_2indep(x1, n1, x2, n2, theirs[0], "ratio", correction=theirs[1]))
    for method, theirs in {"woolf": ("logit", True), "woolf-adjusted": ("logit-adjusted", True), "score": ("score", False), "miettinen-nurminen": ("score", True)}.items():
        same("statsmodels", f"odds ratio: {method}", ours("proportions-odds-ratio", method=method, **counts).limits("odds_ratio"), smp.confint_proportions_2indep(x1, n1, x2, n2, theirs[0], "odds-ratio", correction=theirs[1]))
    exact = stats.contingency.odds_ratio([[x1, n1 - x1], [x2, n2 - x2]]).confidence_interval()
    same("scipy", "odds ratio: exact conditional limits", ours("proportions-odds-ratio", method="exact", **counts).limits("odds_ratio"), [exact.low, exact.high])
    # Paired.
    size = (40, 80, 200, 500, 25)[n]
    first = (rng.uniform(size=size) < 0.7).astype(int)
    second = np.where(rng.uniform(size=size) < 0.25, rng.integers(0, 2, size), first)
    second[0] = 1 - first[0]
    got = ours("paired-difference", {"a": first, "b": second}, outcome=["a", "b"])
    b, c = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    square = np.array([[((first == 1) & (second == 1)).sum(), b], [c, ((first == 0) & (second == 0)).sum()]])
    mcnemar = statsmodels.stats.contingency_tables.mcnemar
    same("statsmodels", "McNemar: exact", got["p_value_exact"], mcnemar(square, exact=True).pvalue)
    chi = mcnemar(square, exact=False, correction=False)
    same("statsmodels", "McNemar: chi-squared", [got["chi_squared"], got["p_value_asymptotic"]], [chi.statistic, chi.pvalue])
    same("scipy", "McNemar: mid-p", got["p_value_mid_p"], stats.binomtest(b, b + c).pvalue - stats.binom.pmf(b, b + c, 0.5) / (1 + (b == c)))  # Fagerland 2013, also for b = c
    d = (b - c) / size

    def tango(delta):
        p = (2 * size - b + c) * delta - b - c, -c * delta * (1 - delta)
        q21 = (np.sqrt(p[0] ** 2 - 8 * size * p[1]) - p[0]) / (4 * size)
        return (b - c - size * delta) / np.sqrt(size * (2 * q21 + delta * (1 - delta)))

    root = lambda sign, a, z: scipy.optimize.brentq(lambda v: tango(v) - sign * Z, a, z, xtol=1e-15, rtol=1e-14)
    same("scipy", "paired difference: Tango, root of the score", got.limits("difference"), [root(1, -1 + 1e-9, d), root(-1, d, 1 - 1e-9)])
    wald = Z * np.sqrt(b + c - (b - c) ** 2 / size) / size
    same("numpy", "paired difference: Wald", ours("paired-difference", {"a": first, "b": second}, outcome=["a", "b"], method="wald").limits("difference"), [d - wald, d + wald])
    cluster = rng.integers(0, size // 3, size)
    got = ours("paired-clustered", {"a": first, "b": second, "c": cluster}, outcome=["a", "b"], cluster="c")
    net, m = np.bincount(cluster, first - second), np.bincount(cluster)
    net, m = net[m > 0], m[m > 0]
    k = len(m)
    same("numpy", "paired difference with clusters: Obuchowski, Durkalski", [got["chi_squared_obuchowski"], got["chi_squared_durkalski"]], [net.sum() ** 2 / (k / (k - 1) * (net**2).sum()), (net / m).sum() ** 2 / ((net / m) ** 2).sum()])

# ---------------------------------------------------------------------------------------------------
group("ROC curves")


def placements(truth, score):
    """Area and the placements of each positive and negative case."""
    x, y = score[truth == 1], score[truth == 0]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    return psi.mean(), psi.mean(1), psi.mean(0)


files = {}
for n, rng in draws(5):
    size = (40, 80, 300, 120, 60)[n]
    truth, score, other = sample(rng, size, (None, 0.5, None, 0.2, 1.0)[n])
    columns = {"truth": truth, "score": score, "other": other, "group": rng.choice(["x", "y"], size), "patient": rng.integers(0, size // 3, size)}
    label = rng.choice(["a", "b", "c"], size)
    each = rng.uniform(size=(size, 3)) + 0.6 * (label[:, None] == ["a", "b", "c"])
    each /= each.sum(1, keepdims=True)
    if n % 2:
        each = np.round(each, 1)
    columns |= {"class": label, "a": each[:, 0], "b": each[:, 1], "c": each[:, 2]}
    files[write(columns, f"roc-{n}.csv")] = columns
answer = run("Rscript", "--vanilla", pathlib.Path(__file__).parent / "roc.R", *files)
if answer.returncode:
    sys.exit(f"pROC did not answer: {answer.stderr.strip()}")
theirs = {}
for line in answer.stdout.splitlines():
    file, name, value = line.split()
    theirs.setdefault(file, {})[name] = float(value.replace("NA", "nan"))
for file, columns in files.items():
    drawn = f"{file.name} of seed {seed}"
    r = theirs[str(file)]
    truth, score, other, cluster = (columns[k] for k in ("truth", "score", "other", "patient"))
    got = ours("roc-auc", file)
    same("pROC", "area, its variance and limits by DeLong", [got["auc"], got.error("auc") ** 2, *got.limits("auc")], [r[k] for k in ("auc", "variance", "lower", "upper")])
    same("scikit-learn", "area", got["auc"], sk.roc_auc_score(truth, score))
    curve = got.curves[0]
    fpr, tpr, _ = sk.roc_curve(truth, score, drop_intermediate=False)
    holds("scikit-learn", "the drawn curve: its area, and its points among theirs", abs(np.trapezoid(curve["y"], curve["x"]) - got["auc"]) < 1e-12 and all(min(abs(fpr - x) + abs(tpr - y)) < 1e-12 for x, y in zip(curve["x"], curve["y"])))
    got = ours("roc-compare-paired", file, score=["score", "other"])
    same("pROC", "two areas on the same cases by DeLong: z and p", [got["z"], got["p_value"]], [r["paired_z"], r["paired_p"]])
    same("pROC", "correlation of two areas", got["correlation"], r["covariance"] / np.sqrt(r["variance"]) / got.error("auc_other"))
    got = ours("roc-compare-unpaired", file, group="group", reference_group="y")
    if 1 in (got["auc_x"], got["auc_y"]):  # DeLong's variance of a perfect area is 0 and says nothing: refused
        holds("pROC", "areas in two groups, one perfect: no p-value", got["p_value"] is None)
    else:
        same("pROC", "areas in two groups: D, degrees of freedom, p", [got["d"], got["df"], got["p_value"]], [r["unpaired_d"], r["unpaired_df"], r["unpaired_p"]])
    for focus in ("specificity", "sensitivity"):
        wide = dict(focus=focus, replicates=100)
        same("pROC", f"partial area by {focus}, raw and corrected (McClish)", [ours("roc-partial-auc", file, to=1, corrected=c, **{"from": 0.75}, **wide)["partial_auc"] for c in ("false", "true")], [r[f"partial_{focus}"], r[f"corrected_{focus}"]])
        same("pROC", f"partial area by {focus}, inner range", ours("roc-partial-auc", file, to=0.61, **{"from": 0.33}, **wide)["partial_auc"], r[f"inner_{focus}"])
    for rule in ("youden", "closest.topleft"):
        for cost, prevalence in (("1", 0.5), ("2.5", 0.2)):
            got = ours("roc-operating-point", file, rule=rule.replace(".", "_"), cost=cost, prevalence=prevalence)
            wanted = [r[f"{rule}_{cost}_{k}"] for k in ("threshold", "sensitivity", "specificity")]
            # Of equally good thresholds pROC's rounding picks some; ours are all of them. Infinity is a text.
            ties = [[float(v) for v in t] for t in got.tables["equally good thresholds"]["rows"]]
            same("pROC", f"operating point by {rule}: threshold, Se, Sp", min(ties, key=lambda t: 0 if t[0] == wanted[0] else abs(t[0] - wanted[0]))[:3], wanted)
    got = ours("roc-multiclass", file, truth="class", score=["a", "b", "c"], replicates=100)
    each = np.stack([columns[k] for k in "abc"], 1)
    same("pROC", "three classes: Hand and Till", got["hand_till"], r["hand_till"])
    codes = np.array([["a", "b", "c"].index(v) for v in columns["class"]])
    rest = [sk.roc_auc_score(codes == k, each[:, k]) for k in range(3)]
    share = np.bincount(codes, minlength=3) / len(codes)
    same("scikit-learn", "three classes: one against the rest", [got["one_vs_rest_macro"], got["one_vs_rest_weighted"]], [np.mean(rest), (share * rest).sum()])
    got = ours("precision-recall", file, interval="logit")
    ap = sk.average_precision_score(truth, score)
    spread = Z / np.sqrt(truth.sum() * ap * (1 - ap))
    same("scikit-learn", "average precision", got["average_precision"], ap)
    same("numpy", "average precision: logit limits", got.limits("average_precision"), expit(logit(ap) + spread * np.array([-1, 1])))
    area, v10, v01 = placements(truth, score)
    m, k = len(v10), len(v01)
    a, b = np.bincount(cluster[truth == 1], v10 - area, cluster.max() + 1), np.bincount(cluster[truth == 0], v01 - area, cluster.max() + 1)
    i10, i01, i = len(set(cluster[truth == 1])), len(set(cluster[truth == 0])), len(set(cluster))
    variance = i10 / (i10 - 1) * (a**2).sum() / m**2 + i01 / (i01 - 1) * (b**2).sum() / k**2 + 2 * i / (i - 1) * (a * b).sum() / (m * k)
    same("numpy", "area's error with clusters (Obuchowski 1997)", ours("roc-auc", file, cluster="patient").error("auc"), np.sqrt(variance))
    bins, at = np.unique(np.round(score, 1), return_inverse=True)
    got = ours("roc-federated", {"bin": bins, "positives": np.bincount(at, truth).astype(int), "negatives": np.bincount(at, 1 - truth).astype(int)}, exact="true")
    same("scikit-learn", "area from histograms", got["auc"], sk.roc_auc_score(truth, np.round(score, 1)))

# ---------------------------------------------------------------------------------------------------
group("calibration and decision curves")
for n, rng in draws(4):
    size = (120, 300, 800, 200)[n]
    x = rng.normal(size=size) * 1.3 - 0.4
    y = (rng.uniform(size=size) < expit(0.3 + 0.8 * x)).astype(int)
    p = expit(x) if n % 2 == 0 else np.clip(np.round(expit(x), 2), 0.01, 0.99)
    x = logit(p)
    data = {"truth": y, "p": p}
    args = dict(truth="truth", probability="p")
    got = ours("calibration-slope", data, **args)
    large = sm.GLM(y, np.ones(size), family=sm.families.Binomial(), offset=x).fit(tol=1e-14, tol_criterion="params")
    slope = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14, tol_criterion="params")
    null = y @ np.log(p) + (1 - y) @ np.log(1 - p)
    same("statsmodels", "slope and joint intercept: GLM with errors and limits", [got["slope"], got.error("slope"), *got.limits("slope"), got["joint_intercept"], got.error("joint_intercept")], [slope.params[1], slope.bse[1], *slope.conf_int()[1], slope.params[0], slope.bse[0]])
    ratio = [2 * (slope.llf - large.llf), 2 * (slope.llf - null)]
    same("statsmodels", "likelihood ratios of slope 1, and of slope 1 and intercept 0", [got["slope_likelihood_ratio"], got["slope_likelihood_ratio_p_value"], got["joint_likelihood_ratio"], got["joint_likelihood_ratio_p_value"]], [ratio[0], stats.chi2.sf(ratio[0], 1), ratio[1], stats.chi2.sf(ratio[1], 2)], 1e-7, "the small difference of two log-likelihoods")
    got = ours("calibration-in-the-large", data, **args)
    same("statsmodels", "calibration in the large: GLM with offset", [got["calibration_in_the_large"], got.error("calibration_in_the_large"), *got.limits("calibration_in_the_large"), got["wald_p_value"]], [large.params[0], large.bse[0], *large.conf_int()[0], large.pvalues[0]])
    same("numpy", "observed to expected", got["observed_expected_ratio"], y.sum() / p.sum())
    cluster = rng.integers(0, size // 4, size)
    got = ours("calibration-slope", data | {"c": cluster}, cluster="c", sandwich="cr0", **args)
    gee = sm.GEE(y, sm.add_constant(x), groups=cluster, family=sm.families.Binomial(), cov_struct=sm.cov_struct.Independence()).fit(ctol=1e-13)
    same("statsmodels", "slope's error with clusters: GEE sandwich", [got.error("slope"), got.error("joint_intercept")], [gee.bse[1], gee.bse[0]])
    got = ours("brier", data, **args)
    iso = sklearn.isotonic.IsotonicRegression(y_min=0, y_max=1).fit(p, y).predict(p)
    uncertainty = y.mean() * (1 - y.mean())
    same("scikit-learn", "Brier score", got["brier"], sk.brier_score_loss(y, p))
    same("scikit-learn", "Brier score: CORP decomposition by isotonic regression", [got["miscalibration"], got["discrimination"], got["uncertainty"]], [sk.brier_score_loss(y, p) - ((iso - y) ** 2).mean(), uncertainty - ((iso - y) ** 2).mean(), uncertainty])
    same("scikit-learn", "logarithmic loss", ours("log-loss", data, **args)["log_loss"], sk.log_loss(y, p))
    got = ours("calibration-error", data, edges="linspace", replicates=100, **args)
    observed, predicted = sklearn.calibration.calibration_curve(y, p, n_bins=10)
    same("scikit-learn", "bins of equal width: mean probability and share", [*got.column("bins", "mean_predicted"), *got.column("bins", "observed")], [*predicted, *observed])
    weight = np.array(got.column("bins", "n")) / size
    gap = abs(observed - predicted)
    same("numpy", "ECE, root mean square and maximum error", [got["ece"], got["rmsce"], got["mce"]], [weight @ gap, np.sqrt(weight @ gap**2), gap.max()])
    z = ((y - p) * (1 - 2 * p)).sum() / np.sqrt(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    got = ours("spiegelhalter-z", data, **args)
    same("numpy", "Spiegelhalter's z", [got["z"], got["p_value"]], [z, 2 * stats.norm.sf(abs(z))])
    edges = np.unique(np.quantile(p, np.linspace(0, 1, 11)))
    cell = np.clip(np.searchsorted(edges, p, "left") - 1, 0, len(edges) - 2)
    o, e, count = np.bincount(cell, y), np.bincount(cell, p), np.bincount(cell)
    chi = ((o - e) ** 2 / e + (o - e) ** 2 / (count - e)).sum()
    got = ours("hosmer-lemeshow", data, **args)
    same("numpy", "Hosmer-Lemeshow", [got["chi_squared"], got["p_value"]], [chi, stats.chi2.sf(chi, len(o))])
    got = ours("calibration-curve", data, smoother="lowess", replicates=100, **args)
    smooth = sm.nonparametric.lowess(y, p, frac=2 / 3, it=0, delta=0, return_sorted=False)
    gaps = abs(p - smooth)
    same("statsmodels", "calibration curve by lowess: ICI, E50, E90, Emax", [got[k] for k in ("ici", "e50", "e90", "emax")], [gaps.mean(), *np.quantile(gaps, [0.5, 0.9]), gaps.max()], 1e-7, "statsmodels rounds off more than that where points are few")
    got = ours("recalibrate", data, **args)
    same("statsmodels", "logistic recalibration: losses after it", [got["log_loss_after"], got["brier_after"]], [-slope.llf / size, ((slope.fittedvalues - y) ** 2).mean()])
    got = ours("recalibrate", data, method="isotonic", **args)
    same("scikit-learn", "isotonic recalibration: Brier score after it", got["brier_after"], ((iso - y) ** 2).mean())
    got = ours("recalibrate", data, method="temperature", **args)
    scale = scipy.optimize.minimize_scalar(lambda b: sk.log_loss(y, expit(b * x)), bounds=(0.01, 10), method="bounded", options={"xatol": 1e-12}).x
    same("scipy", "temperature", got["temperature"], 1 / scale, 1e-6, "a minimum is found to the root of double precision")
    threshold = float(rng.choice([0.1, 0.25, 0.37, 0.5]))
    got = ours("decision-curve", data, threshold=threshold, interval="wald", threshold_from=0.05, threshold_to=0.9, threshold_step=0.05, **args)

    def benefit(t, positive):
        return ((positive & (y == 1)).sum() - (positive & (y == 0)).sum() * t / (1 - t)) / size

    steps = got.column("net benefit", "threshold")
    same("numpy", "decision curve: net benefit of the model and of all", [*got.column("net benefit", "net_benefit"), *got.column("net benefit", "all"), got["net_benefit"], got["net_benefit_of_all"]],
         [*(benefit(t, p >= t) for t in steps), *(benefit(t, p >= 0) for t in steps), benefit(threshold, p >= threshold), benefit(threshold, p >= 0)])
    same("numpy", "decision curve: interventions avoided, standardised benefit", [got["interventions_avoided"], got["standardised_net_benefit"]],
         [100 * (benefit(threshold, p >= threshold) - benefit(threshold, p >= 0)) * (1 - threshold) / threshold, benefit(threshold, p >= threshold) / y.mean()])

# ---------------------------------------------------------------------------------------------------
group("agreement")
for n, rng in draws(4):
    size, raters = (30, 80, 150, 60)[n], (3, 4, 3, 5)[n]
    true = rng.integers(1, 5, size)
    ratings = np.stack([np.where(rng.uniform(size=size) < 0.6, true, rng.integers(1, 5, size)) for _ in range(raters)], 1)
    names = [f"r{k}" for k in range(raters)]
    data = dict(zip(names, ratings.T))
    square = sk.confusion_matrix(ratings[:, 0], ratings[:, 1], labels=[1, 2, 3, 4])
    for weights in ("none", "linear", "quadratic"):
        got = ours("kappa", data, rating=names[:2], weights=weights)
        word = None if weights == "none" else weights
        same("scikit-learn", f"kappa, weights {weights}", got["kappa"], sk.cohen_kappa_score(ratings[:, 0], ratings[:, 1], weights=word))
        k = statsmodels.stats.inter_rater.cohens_kappa(square, wt=word)
        same("statsmodels", f"kappa, weights {weights}: errors, limits, test", [got["kappa"], got.error("kappa"), got["null_standard_error"], *got.limits("kappa"), got["z"], got["p_value"]], [k.kappa, k.std_kappa, k.std_kappa0, k.kappa_low, k.kappa_upp, k.z_value, k.pvalue_two_sided])
    counts = statsmodels.stats.inter_rater.aggregate_raters(ratings)[0]
    same("statsmodels", "Fleiss' kappa", ours("kappa-fleiss", data, rating=names)["kappa"], statsmodels.stats.inter_rater.fleiss_kappa(counts, "fleiss"))
    same("scikit-learn", "Light's kappa: the mean over pairs", ours("kappa", data, rating=names, replicates=100)["kappa"], np.mean([sk.cohen_kappa_score(ratings[:, a], ratings[:, b]) for a, b in itertools.combinations(range(raters), 2)]))
    holes = ratings.astype(float)
    holes[rng.uniform(size=holes.shape) < 0.15] = np.nan
    cells = {k: [None if np.isnan(v) else int(v) for v in column] for k, column in zip(names, holes.T)}
    for measurement in ("nominal", "ordinal", "interval", "ratio"):
        got = ours("krippendorff-alpha", cells, rating=names, measurement=measurement, replicates=100, missing_results="complete-case")
        same("krippendorff", f"alpha with gaps, {measurement}", got["alpha"], krippendorff.alpha(holes.T, level_of_measurement=measurement))
    share = counts / raters
    prevalence = share.mean(0)
    agreed = ((counts**2).sum(1) - raters).mean() / (raters * (raters - 1))
    chance = (prevalence * (1 - prevalence)).sum() / (counts.shape[1] - 1)
    same("numpy", "Gwet's AC1", ours("agreement-ac1", data, rating=names)["ac"], (agreed - chance) / (1 - chance))
    # Continuous.
    values = rng.normal(size=(size, 1)) * 2 + rng.normal(size=raters) * 0.4 + rng.normal(size=(size, raters))
    if n == 1:
        values = np.round(values)
    data = dict(zip(names, values.T))
    got = ours("icc", data, rating=names)
    grand, k = values.mean(), raters
    bms = k * ((values.mean(1) - grand) ** 2).sum() / (size - 1)
    jms = size * ((values.mean(0) - grand) ** 2).sum() / (k - 1)
    ems = ((values - values.mean(1, keepdims=True) - values.mean(0) + grand) ** 2).sum() / ((size - 1) * (k - 1))
    wms = ((values - values.mean(1, keepdims=True)) ** 2).sum() / (size * (k - 1))
    same("numpy", "ICC, all six forms (Shrout and Fleiss)", [got[f"icc_{f}"] for f in ("1_1", "2_1", "3_1", "1_k", "2_k", "3_k")],
         [(bms - wms) / (bms + (k - 1) * wms), (bms - ems) / (bms + (k - 1) * ems + k * (jms - ems) / size), (bms - ems) / (bms + (k - 1) * ems), (bms - wms) / bms, (bms - ems) / (bms + (jms - ems) / size), (bms - ems) / bms])
    f = bms / ems
    low, high = f / stats.f.ppf(0.975, size - 1, (size - 1) * (k - 1)), f * stats.f.ppf(0.975, (size - 1) * (k - 1), size - 1)
    same("numpy", "ICC(3,1): limits", got.limits("icc_3_1"), [(low - 1) / (low + k - 1), (high - 1) / (high + k - 1)])
    a, b = values[:, 0], values[:, 1]
    data = {"first": a, "second": b}
    d = a - b
    got = ours("bland-altman", data)
    # 1.96 for a coverage of 0.95, as the authors write it, or the quantile: both are in use.
    z = 1.96 if abs((got["upper_limit"] - d.mean()) / d.std(ddof=1) - 1.96) < 1e-9 else Z
    t = stats.t.ppf(0.975, size - 1)
    half = t * d.std(ddof=1) * np.sqrt(1 / size + z**2 / (2 * (size - 1)))
    same("numpy", "Bland-Altman: bias and limits with their intervals", [got["bias"], *got.limits("bias"), got["lower_limit"], *got.limits("lower_limit"), got["upper_limit"], *got.limits("upper_limit")],
         [d.mean(), *(d.mean() + t * d.std(ddof=1) / np.sqrt(size) * np.array([-1, 1])), *(d.mean() - z * d.std(ddof=1) + half * np.array([0, -1, 1])), *(d.mean() + z * d.std(ddof=1) + half * np.array([0, -1, 1]))])
    ols = sm.OLS(d, sm.add_constant((a + b) / 2)).fit()
    same("statsmodels", "Bland-Altman: proportional bias", [got["proportional_bias"], got["proportional_bias_p_value"]], [ols.params[1], ols.pvalues[1]])
    same("numpy", "Lin's concordance", ours("ccc", data)["ccc"], 2 * np.cov(a, b, ddof=0)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))
    got = ours("linearity", {"m": a, "t": b}, measurement="m", reference="t")
    fit = sm.OLS(a, sm.add_constant(b)).fit()
    same("statsmodels", "linearity: least squares with limits", [got["slope"], *got.limits("slope"), got["intercept"], *got.limits("intercept")], [fit.params[1], *fit.conf_int()[1], fit.params[0], *fit.conf_int()[0]])
    same("scipy", "linearity: Theil-Sen", ours("linearity", {"m": a, "t": b}, measurement="m", reference="t", fit="theil-sen")["slope"], stats.theilslopes(a, b).slope)

# ---------------------------------------------------------------------------------------------------
group("multiplicity, drift, pooling")
METHODS = {"holm": "holm", "hochberg": "simes-hochberg", "hommel": "hommel", "bonferroni": "bonferroni", "sidak": "sidak", "holm-sidak": "holm-sidak", "bh": "fdr_bh", "by": "fdr_by"}
for n, rng in draws(4):
    p = np.round(rng.uniform(size=(5, 12, 30, 2)[n]) ** 3, 3 if n % 2 else 12)
    for method, name in METHODS.items():
        got = ours("multiplicity", {"p_value": p}, method=method)
        reject, adjusted, *_ = statsmodels.stats.multitest.multipletests(p, 0.05, name)
        same("statsmodels", f"adjusted p-values: {method}", [*(got[f"adjusted_p.{k + 1}"] for k in range(len(p))), got["rejected"]], [*adjusted, reject.sum()])
    size = (20, 60, 500, 90)[n]
    reference, current = rng.normal(size=size), rng.normal(0.3, 1.2, size=size + 13)
    if n == 1:
        reference, current = np.round(reference, 1), np.round(current, 1)
    data = {"value": np.concatenate([reference, current]), "current": [0] * len(reference) + [1] * len(current)}
    test = stats.ks_2samp(reference, current, method="exact")
    got = ours("drift-ks", data, p_value="exact")
    same("scipy", "Kolmogorov-Smirnov: exact", [got["distance"], got["p_value"]], [test.statistic, test.pvalue])
    limit = stats.kstwobign.sf(np.sqrt(size * (size + 13) / (2 * size + 13)) * test.statistic)
    same("scipy", "Kolmogorov-Smirnov: Kolmogorov's limit", ours("drift-ks", data, p_value="asymptotic")["p_value"], limit)
    got = ours("drift-wasserstein", data, replicates=99)
    same("scipy", "Wasserstein and energy distance", [got["distance"], got["energy_distance"]], [stats.wasserstein_distance(reference, current), stats.energy_distance(reference, current)])
    got = ours("drift-psi", data)
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, 11)[1:-1]))
    cells = [np.bincount(np.searchsorted(inner, v, "right"), minlength=len(inner) + 1) / len(v) for v in (reference, current)]
    r, c = (np.where(v == 0, 1e-4, v) for v in cells)
    same("numpy", "population stability index", got["psi"], ((c - r) * np.log(c / r)).sum())
    same("scipy", "Jensen-Shannon distance of the cells", got["jensen_shannon_distance"], scipy.spatial.distance.jensenshannon(*cells))
    kinds = rng.choice(list("abcd"), size, p=[0.4, 0.3, 0.2, 0.1]), rng.choice(list("abcd"), size, p=[0.25] * 4)
    got = ours("drift-categories", {"category": np.concatenate(kinds), "current": [0] * size + [1] * size}, replicates=100)
    table = np.array([[(k == v).sum() for v in "abcd"] for k in kinds])
    chi = stats.chi2_contingency(table[:, table.sum(0) > 0], correction=False)
    same("scipy", "categories: chi-squared and Cramer's V", [got["chi_squared"], got["p_value"], got["cramers_v"]], [chi.statistic, chi.pvalue, stats.contingency.association(table[:, table.sum(0) > 0])])
    k = (3, 5, 12, 8)[n]
    variance = rng.uniform(0.01, 0.1, k)
    effect = rng.normal(0.5, (0.5, 0.2, 0.4, 0.0)[n], k) + rng.normal(size=k) * np.sqrt(variance)
    data = {"estimate": effect, "variance": variance}
    w = 1 / variance
    q = (w * (effect - (w * effect).sum() / w.sum()) ** 2).sum()
    tau2 = max(0.0, (q - (k - 1)) / (w.sum() - (w**2).sum() / w.sum()))
    v = 1 / (variance + tau2)
    mean, se = (v * effect).sum() / v.sum(), np.sqrt(1 / v.sum())
    got = ours("pool-estimates", data, variance="variance", method="dl", test="z")
    same("numpy", "random effects (DerSimonian and Laird)", [got["pooled"], got.error("pooled"), *got.limits("pooled"), got["tau2"], got["q"], got["q_p_value"]], [mean, se, mean - Z * se, mean + Z * se, tau2, q, stats.chi2.sf(q, k - 1)])
    if tau2 > 0:  # statsmodels leaves a negative tau2 as it is
        got = ours("pool-estimates", data, variance="variance", method="dl", test="knha")
        meta = statsmodels.stats.meta_analysis.combine_effects(effect, variance, "dl", use_t=True)
        same("statsmodels", "random effects (DerSimonian and Laird), Hartung-Knapp limits", [got["pooled"], got["tau2"], *got.limits("pooled")], [meta.mean_effect_re, meta.tau2, *meta.conf_int()[3]])

    def excess(t):
        w = 1 / (variance + t)
        return (w * (effect - (w * effect).sum() / w.sum()) ** 2).sum() - (k - 1)

    mandel = scipy.optimize.brentq(excess, 0, 100, xtol=1e-15, rtol=1e-14) if excess(0) > 0 else 0.0
    w = 1 / (variance + mandel)
    got = ours("pool-estimates", data, variance="variance", method="pm", test="knha")
    same("scipy", "random effects (Paule and Mandel), root of Q", [got["pooled"], got["tau2"]], [(w * effect).sum() / w.sum(), mandel])
    trials = rng.integers(20, 300, k)
    hits = rng.binomial(trials, rng.uniform(0.6, 0.9, k))
    y, s2 = logit(hits / trials), 1 / hits + 1 / (trials - hits)
    got = ours("pool-proportions", {"successes": hits, "trials": trials}, method="fixed", test="z") if (hits < trials).all() else None
    if got:
        same("numpy", "pooled proportion, fixed effect on the logit scale", got["proportion"], expit((y / s2).sum() / (1 / s2).sum()))
    got = ours("pool-auc", {"auc": np.clip(effect, 0.1, 0.9), "se": np.sqrt(variance)}, standard_error="se", method="fixed", test="z")
    a = np.clip(effect, 0.1, 0.9)
    w = (a * (1 - a)) ** 2 / variance
    same("numpy", "pooled area, fixed effect on the logit scale", got["auc"], expit((w * logit(a)).sum() / w.sum()))

# ---------------------------------------------------------------------------------------------------
group("masks")
SHAPE = (26, 22, 18)


def blobs(rng, count):
    """Ellipsoids in a volume, indexed [x][y][z]."""
    grid = np.stack(np.meshgrid(*(np.arange(s) for s in SHAPE), indexing="ij"), -1)
    mask = np.zeros(SHAPE, bool)
    for _ in range(count):
        mask |= (((grid - rng.uniform(3, np.array(SHAPE) - 3)) / rng.uniform(1.5, 5, 3)) ** 2).sum(-1) <= 1
    return mask


def axes(rng, oblique):
    """Unit directions of x, y and z in the patient (LPS)."""
    return scipy.spatial.transform.Rotation.from_euler("xyz", rng.uniform(-0.4, 0.4, 3)).as_matrix() if oblique else np.eye(3)


def nifti(array, name, spacing, directions, origin):
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    affine[:3, 3] = origin
    # Left and posterior grow in DICOM, right and anterior in NIfTI.
    image = nibabel.Nifti1Image(array.astype(np.uint8), np.diag([-1.0, -1, 1, 1]) @ affine)
    nibabel.save(image, folder / name)
    return image


def series(spacing, directions, origin):
    """A CT series without content for highdicom to segment."""
    study, whole, frame = (pydicom.uid.generate_uid() for _ in range(3))
    slices = []
    for k in range(SHAPE[2]):
        ds = pydicom.Dataset()
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        ds.SOPClassUID, ds.SOPInstanceUID = pydicom.uid.CTImageStorage, pydicom.uid.generate_uid()
        ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID, ds.Modality = study, whole, frame, "CT"
        ds.PatientID = ds.PatientName = "phantom"
        ds.PatientBirthDate = ds.PatientSex = ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.StudyID = ds.ReferringPhysicianName = ""
        ds.SeriesNumber, ds.InstanceNumber = 1, k + 1
        ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = SHAPE[1], SHAPE[0], 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.PixelSpacing, ds.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        ds.ImageOrientationPatient = [round(float(v), 12) for v in (*directions[:, 0], *directions[:, 1])]
        ds.ImagePositionPatient = [round(float(v), 9) for v in origin + directions[:, 2] * spacing[2] * k]
        ds.PixelData = bytes(2 * SHAPE[0] * SHAPE[1])
        slices.append(ds)
    return slices


def segmentation(arrays, name, kind, images):
    """A DICOM segmentation with one segment for each array."""
    code = highdicom.sr.CodedConcept("49755003", "SCT", "Morphologically abnormal structure")
    described = [highdicom.seg.SegmentDescription(k + 1, f"lesion {k + 1}", code, code, "MANUAL") for k in range(len(arrays))]
    if kind == "LABELMAP":
        pixels = sum((k + 1) * a.astype(np.uint8) for k, a in enumerate(arrays)).transpose(2, 1, 0)
    else:
        pixels = np.stack([a.transpose(2, 1, 0) for a in arrays], -1).astype(float if kind == "FRACTIONAL" else np.uint8)
    highdicom.seg.Segmentation(
        source_images=images, pixel_array=pixels, segmentation_type=kind, segment_descriptions=described, series_instance_uid=pydicom.uid.generate_uid(),
        series_number=2, sop_instance_uid=pydicom.uid.generate_uid(), instance_number=1, manufacturer="none", manufacturer_model_name="none",
        software_versions="1", device_serial_number="1").save_as(folder / name)


def compare(reference, prediction, **arguments):
    return ours("segmentation", reference=folder / reference, prediction=folder / prediction, **arguments)


for n, rng in draws(4):
    spacing = np.round(rng.uniform(0.6, 2.6, 3), 2)
    directions, origin = axes(rng, n % 2), np.round(rng.uniform(-150, 150, 3), 3)
    a = blobs(rng, 3 + n)
    b = np.roll(a, rng.integers(-2, 3, 3), (0, 1, 2)) ^ (blobs(rng, 1) & (rng.uniform(size=SHAPE) < 0.5))
    nifti(a, "a.nii.gz", spacing, directions, origin)
    image = nifti(b, "b.nii", spacing, directions, origin)
    got = compare("a.nii.gz", "b.nii", tolerance_mm=1.4937)
    exact, spacing = spacing, np.linalg.norm(nibabel.load(folder / "b.nii").affine[:3, :3], axis=0)  # single precision in the file
    distances = surface_distance.compute_surface_distances(a, b, spacing)
    asd = surface_distance.compute_average_surface_distance(distances)
    same("surface-distance", "Dice", got["dice"], surface_distance.compute_dice_coefficient(a, b))
    same("surface-distance", "Hausdorff and its 95th percentile", [got["hausdorff"], got["hausdorff_percentile"]], [surface_distance.compute_robust_hausdorff(distances, q) for q in (100, 95)])
    same("surface-distance", "mean distances of the surfaces", [got["mean_distance_from_reference"], got["mean_distance_from_prediction"]], asd)
    same("surface-distance", "surface Dice and overlaps at a tolerance", [got["surface_dice"], got["surface_overlap_reference"], got["surface_overlap_prediction"]],
         [surface_distance.compute_surface_dice_at_tolerance(distances, 1.4937), *surface_distance.compute_surface_overlap_at_tolerance(distances, 1.4937)])
    got = compare("a.nii.gz", "b.nii", surface="voxel-faces", symmetry="pooled", connectivity="faces")
    flat = a.ravel(), b.ravel()
    same("scikit-learn", "F1, Jaccard, recall, precision of the voxels", [got[k] for k in ("dice", "iou", "sensitivity", "positive_predictive_value", "specificity")],
         [sk.f1_score(*flat), sk.jaccard_score(*flat), sk.recall_score(*flat), sk.precision_score(*flat), sk.recall_score(*flat, pos_label=False)])
    # As MedPy 0.5 defines them; it has no wheel.
    edge = [m & ~scipy.ndimage.binary_erosion(m) for m in (a, b)]
    far = [scipy.ndimage.distance_transform_edt(~e, spacing) for e in edge]
    forth, back = far[1][edge[0]], far[0][edge[1]]
    same("scipy", "Hausdorff and pooled 95th percentile of border voxels", [got["hausdorff"], got["hausdorff_percentile"]], [max(forth.max(), back.max()), np.percentile(np.hstack([forth, back]), 95)])
    same("scipy", "average distances of border voxels, relative volume difference", [got[k] for k in ("assd", "masd", "mean_distance_from_reference", "mean_distance_from_prediction", "relative_volume_difference")],
         [np.hstack([forth, back]).mean(), (forth.mean() + back.mean()) / 2, forth.mean(), back.mean(), b.sum() / a.sum() - 1])
    same("numpy", "volumes", [got["reference_ml"], got["prediction_ml"]], [a.sum() * spacing.prod() / 1000, b.sum() * spacing.prod() / 1000])
    same("scipy", "numbers of lesions", [got["lesions_reference"], got["lesions_prediction"]], [scipy.ndimage.label(a)[1], scipy.ndimage.label(b)[1]])
    turned = image.as_reoriented(nibabel.orientations.axcodes2ornt(("P", "S", "L"), (("L", "R"), ("P", "A"), ("I", "S"))))
    nibabel.save(turned, folder / "turned.nii.gz")
    again = compare("a.nii.gz", "turned.nii.gz", surface="voxel-faces", symmetry="pooled", connectivity="faces")
    same("nibabel", "a mask with its axes in another order gives the same", [again[k] for k in got.numbers], [got[k] for k in got.numbers])
    images = series(exact, directions, origin)
    c = blobs(rng, 2) & ~b
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        segmentation([b, c], f"{kind}.dcm", kind, images)
        again = compare("a.nii.gz", f"{kind}.dcm", label=1, surface="voxel-faces", symmetry="pooled", connectivity="faces")
        same("highdicom", f"{kind.lower()} segmentation: one segment gives the same as NIfTI", [again[k] for k in got.numbers], [got[k] for k in got.numbers])
        both = compare(f"{kind}.dcm", f"{kind}.dcm")
        same("highdicom", f"{kind.lower()} segmentation: both segments together", [both["dice"], both["reference_ml"]], [1.0, (b | c).sum() * exact.prod() / 1000])

# ---------------------------------------------------------------------------------------------------
group("formats of tables")
for n, rng in draws(3):
    truth, score, _ = sample(rng, 200, (None, 0.1, 1e-7)[n])
    records = {"truth": [bool(t) for t in truth], "score": [float(s) for s in score], "patient": [f"Ä, \"{k}\"\n" if k % 7 == 0 else f"P{k}" for k in rng.integers(0, 60, 200)], "site": ["Ünï" if k % 3 else "B" for k in range(200)]}
    records["patient"] = [p.strip() for p in records["patient"]]
    first = write(records | {"truth": truth})
    lines = folder / "data.jsonl"
    lines.write_text("".join(json.dumps(dict(zip(records, row)), ensure_ascii=n == 1) + "\n" for row in zip(*records.values())))
    tabs = folder / "data.tsv"
    with open(tabs, "w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([list(records), *zip(*records.values())])
    table = pyarrow.table(records)
    if n == 1:
        table = table.set_column(2, "patient", table["patient"].dictionary_encode())
    pyarrow.parquet.write_table(table, folder / "data.parquet", compression=("snappy", "zstd", "gzip")[n], row_group_size=64, data_page_version=("1.0", "2.0", "1.0")[n])
    for entry, arguments in (("roc-auc", dict(cluster="patient")), ("roc-compare-unpaired", dict(group="site")), ("accuracy", dict(score="score", threshold=0.5, cluster="patient"))):
        reference = ours(entry, first, **arguments)
        values = [v for k in reference.numbers for v in (reference[k], reference.error(k), *reference.limits(k))]
        for path, tool in ((lines, "json (Python)"), (tabs, "csv (Python)"), (folder / "data.parquet", "pyarrow")):
            other = ours(entry, path, **arguments)
            same(tool, f"the same table as .{path.suffix[1:]} gives the same digits", [v for k in other.numbers for v in (other[k], other.error(k), *other.limits(k))], values, 0.0)

# ---------------------------------------------------------------------------------------------------
group("a plan answered")
PLAN = """title = "Interoperability of plan {n}"
version = "1"
[report]
target_population = "Drawn by seed."
reference_standard = "Drawn with the cases."
[data]
key = "case"
{cluster}
[handling]
missing = "worst-case"
indeterminate = "worst-case"
indeterminate_words = ["unsure"]
[statistics]
level = {level}
seed = 5
replicates = 200
[[endpoint]]
id = "sensitivity"
weight = "primary"
statistic = "accuracy"
number = "sensitivity"
truth = "truth"
call = "call"
goal = {{ at_least = 0.55 }}
rationale = "A number."
[[endpoint]]
id = "specificity"
weight = "primary"
statistic = "accuracy"
number = "specificity"
truth = "truth"
call = "call"
goal = {{ at_least = 0.6 }}
rationale = "A number."
[[endpoint]]
id = "accuracy"
weight = "primary"
statistic = "accuracy"
number = "accuracy"
truth = "truth"
call = "call"
goal = {{ at_least = 0.7 }}
rationale = "A number."
[[endpoint]]
id = "auc"
statistic = "roc-auc"
truth = "truth"
score = "score"
[[endpoint]]
id = "auc-women"
statistic = "roc-auc"
include = {{ sex = "F" }}
missing = "complete-case"
truth = "truth"
score = "score"
[[endpoint]]
id = "precision"
statistic = "precision-recall"
missing = "complete-case"
truth = "truth"
score = "score"
[[endpoint]]
id = "brier"
statistic = "brier"
missing = "complete-case"
truth = "truth"
probability = "p"
[[endpoint]]
id = "slope"
statistic = "calibration-slope"
missing = "complete-case"
truth = "truth"
probability = "p"
[[subgroup]]
column = "sex"
endpoints = ["sensitivity"]
[multiplicity]
method = "{method}"
"""


def opposite(cells, truth, positive, negative, wrong=()):
    """Missing and undecided results counted as wrong."""
    return np.array([(negative if t else positive) if c is None or c in wrong else c for c, t in zip(cells, truth)])


for n, rng in draws(3):
    size = (240, 400, 150)[n]
    level = (0.95, 0.9, 0.95)[n]
    truth, score, _ = sample(rng, size, (None, 0.25, 0.5)[n])
    p = np.clip(np.round(expit(1.4 * score - 1), 4), 1e-3, 1 - 1e-3)
    gaps, unsure = rng.uniform(size=size) < 0.04, rng.uniform(size=size) < 0.04
    call = [None if g else "unsure" if u else int(s >= 0.6) for g, u, s in zip(gaps, unsure, score)]
    sex = rng.choice(["F", "M"], size)
    data = write({"case": [f"C{k}" for k in range(size)], "patient": [f"P{k // 2}" for k in range(size)], "truth": ["yes" if t else "no" for t in truth], "call": call,
                  "score": [None if g else s for g, s in zip(gaps, score)], "p": [None if g else v for g, v in zip(gaps, p)], "sex": sex}, "cases.csv")
    plan = folder / "validation.toml"
    method = ("holm", "hochberg", "bonferroni")[n]
    plan.write_text(PLAN.format(n=n, level=level, method=method, cluster='independent = "each case is drawn for itself"' if n < 2 else 'cluster = "patient"'))
    out, workspace = folder / f"report-{n}", folder / f"workspace-{n}"
    sealed = ["--workspace", workspace] if n == 1 else []
    done = run(binary, "validate", plan, "--data", data, "--out", out, *sealed)
    if not (out / "result.json").exists():
        sys.exit(f"validate: exit code {done.returncode}: {done.stderr}")
    result = json.loads((out / "result.json").read_text())
    holds("candour validate", "exit code 0 where every goal of the plan is shown, else 1", done.returncode == (0 if all(d["shown"] for d in result["decisions"]) else 1))
    found = {e["id"]: e["number"] for e in result["endpoints"]}
    limits = lambda e: [found[e]["interval"]["lower"], found[e]["interval"]["upper"]]
    called = opposite(call, truth, 1, 0, ("unsure",)).astype(int)
    same("scikit-learn", "result.json: sensitivity, specificity, accuracy, worst case", [found[k]["value"] for k in ("sensitivity", "specificity", "accuracy")],
         [sk.recall_score(truth, called), sk.recall_score(truth, called, pos_label=0), sk.accuracy_score(truth, called)])
    variants = {v["handling"]: v["number"]["value"] for e in result["endpoints"] if e["id"] == "sensitivity" for v in e["variants"]}
    known = np.array([c in (0, 1) for c in call])
    best = np.where(known, called, truth)
    same("scikit-learn", "result.json: the other ways of counting what is missing", [variants["best-case"], variants["complete-case"]], [sk.recall_score(truth, best), sk.recall_score(truth[known], called[known])])
    if n < 2:
        hits = (truth & called).sum()
        same("statsmodels", "result.json: Wilson's limits of the sensitivity", limits("sensitivity"), smp.proportion_confint(hits, truth.sum(), 1 - level, "wilson"))
        pvalues = [smp.proportions_ztest(x, m, goal, "larger", prop_var=goal)[1] for x, m, goal in ((hits, truth.sum(), 0.55), (((1 - truth) & (1 - called)).sum(), (1 - truth).sum(), 0.6), ((truth == called).sum(), size, 0.7))]
        same("statsmodels", "result.json: p-values by inversion of Wilson's interval", [d["p"] for d in result["decisions"]], pvalues, 1e-8, "inverted to about 1e-12 of the error")
    reject, adjusted, *_ = statsmodels.stats.multitest.multipletests([d["p"] for d in result["decisions"]], (1 - level) / 2, {"hochberg": "simes-hochberg"}.get(method, method))
    same("statsmodels", "result.json: adjusted p-values and decisions", [v for d in result["decisions"] for v in (d["adjusted"], d["shown"])], [v for pair in zip(adjusted, reject) for v in pair])
    worst = opposite([None if g else s for g, s in zip(gaps, score)], truth, 1e9, -1e9).astype(float)
    keep = ~gaps
    women = keep & (sex == "F")
    same("scikit-learn", "result.json: area (worst case, women), average precision, Brier", [found[k]["value"] for k in ("auc", "auc-women", "precision", "brier")],
         [sk.roc_auc_score(truth, worst), sk.roc_auc_score(truth[women], score[women]), sk.average_precision_score(truth[keep], score[keep]), sk.brier_score_loss(truth[keep], p[keep])])
    slope = sm.GLM(truth[keep], sm.add_constant(logit(p[keep])), family=sm.families.Binomial()).fit(tol=1e-14, tol_criterion="params")
    same("statsmodels", "result.json: calibration slope", found["slope"]["value"], slope.params[1])
    levels = {v["name"]: v["number"]["value"] for v in result["subgroups"][0]["levels"]}
    same("scikit-learn", "result.json: sensitivity by sex", [levels["F"], levels["M"]], [sk.recall_score(truth[sex == k], called[sex == k]) for k in "FM"])
    words = re.sub(r"\s+", " ", run("pdftotext", out / "report.pdf", "-").stdout)
    holds("pdftotext (poppler)", "report.pdf: its title and the sensitivity", f"Interoperability of plan {n}" in words and f"{found['sensitivity']['value']:.3f}" in words)
    page = (out / "report.html").read_text()
    holds("html", "report.html: its title and the sensitivity", f"Interoperability of plan {n}" in page and f"{found['sensitivity']['value']:.3f}" in page)

# ---------------------------------------------------------------------------------------------------
group("sites and their pool")
SITES = """title = "Interoperability of sites {n}"
version = "1"
[report]
target_population = "Drawn by seed."
reference_standard = "Drawn with the cases."
[data]
key = "case"
independent = "each case is drawn for itself"
[site]
minimum_cell = {cell}
{bins}
[[endpoint]]
id = "sensitivity"
statistic = "accuracy"
number = "sensitivity"
truth = "truth"
call = "call"
[[endpoint]]
id = "auc"
statistic = "roc-auc"
truth = "truth"
score = "score"
[[endpoint]]
id = "brier"
statistic = "brier"
truth = "truth"
probability = "p"
[[endpoint]]
id = "volume"
statistic = "segmentation-summary"
value = "volume"
"""


def reml(y, v):
    """Estimate and tau2 by restricted maximum likelihood, to the root of its derivative."""
    def slope(t):
        w = 1 / (v + t)
        mean = (w * y).sum() / w.sum()
        return -w.sum() / 2 + (w**2).sum() / w.sum() / 2 + (w**2 * (y - mean) ** 2).sum() / 2
    t = 0.0 if slope(0.0) <= 0 else scipy.optimize.brentq(slope, 0, 100, xtol=1e-15, rtol=1e-14)
    w = 1 / (v + t)
    return (w * y).sum() / w.sum(), t


for n, rng in draws(3):
    size = 900
    truth, score, _ = sample(rng, size, (0.5, 1.0, None)[n])
    p = np.clip(np.round(expit(1.4 * score - 1), 3), 0.01, 0.99)
    call = (score >= 0.6).astype(int)
    volume = np.round(rng.gamma(3, 2, size), 3)
    plan = folder / "sites.toml"
    plan.write_text(SITES.format(n=n, cell=(1, 5, 5)[n], bins="" if n < 2 else "bins = 40\nlow = -3.0\nhigh = 4.0"))
    part = rng.choice(3, size, p=[0.5, 0.3, 0.2])
    summaries, keys, told = [], [], []
    for site in range(3):
        mine = part == site
        data = write({"case": [f"case-{k:04}" for k in np.flatnonzero(mine)], "truth": truth[mine], "call": call[mine], "score": score[mine], "p": p[mine], "volume": volume[mine]}, f"site-{site}.csv")
        out = folder / f"site-{n}-{site}"
        done = run(binary, "validate", plan, "--data", data, "--site", f"Site {site}", "--workspace", folder / f"site-workspace-{n}-{site}", "--out", out)
        if done.returncode:
            sys.exit(f"validate --site: exit code {done.returncode}: {done.stderr}")
        summaries.append(out / "site-summary.txt")
        keys += ["--key", re.search(r"signed with (\S+)", done.stdout)[1]]
        told.append((truth[mine], call[mine]))
    text = "".join(s.read_text() for s in summaries)
    holds("candour validate --site", "no case stands in a summary", "case-" not in text)
    done = run(binary, "pool", *summaries, *keys, "--plan", plan, "--json", "--out", folder / f"pooled-{n}")
    if done.returncode:
        sys.exit(f"pool: exit code {done.returncode}: {done.stderr}")
    pooled = {e["id"]: e for e in json.loads(done.stdout)["pooled"]["endpoints"]}
    hits, positives = (truth & call).sum(), truth.sum()
    joint = pooled["sensitivity"]["joint"]
    same("statsmodels", "the pool equals the whole: sensitivity and its limits", [joint["value"], joint["interval"]["lower"], joint["interval"]["upper"]], [hits / positives, *smp.proportion_confint(hits, positives, 0.05, "wilson")])
    joint, area = pooled["auc"], sk.roc_auc_score(truth, score)
    if joint["joint_is"] == "exact":
        same("scikit-learn", "the pool equals the whole: area from distinct scores", joint["joint"]["value"], area)
        value, v10, v01 = placements(truth, score)
        same("numpy", "the pool equals the whole: its error by DeLong", joint["joint"]["standard_error"], np.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)))
    else:
        holds("scikit-learn", "the pool lies within its bound: area from wide bins", abs(joint["joint"]["value"] - area) <= joint["bound"] + 1e-12 and joint["bound"] < 0.2)
    same("scikit-learn", "the pool equals the whole: Brier score", pooled["brier"]["joint"]["value"], sk.brier_score_loss(truth, p))
    joint = pooled["volume"]["joint"]
    half = stats.t.ppf(0.975, size - 1) * stats.sem(volume)
    same("scipy", "the pool equals the whole: a mean and its limits", [joint["value"], joint["interval"]["lower"], joint["interval"]["upper"]], [volume.mean(), volume.mean() - half, volume.mean() + half])
    estimates = [e for _, e in pooled["sensitivity"]["by_site"]]
    same("scikit-learn", "each site's own sensitivity", [e["value"] for e in estimates], [sk.recall_score(t, c) for t, c in told])
    y = np.array([e["value"] for e in estimates])
    mean, tau2 = reml(logit(y), (np.array([e["standard_error"] for e in estimates]) / (y * (1 - y))) ** 2)
    same("scipy", "random effects over sites: REML by its derivative's root", pooled["sensitivity"]["random_effects"]["value"], expit(mean), 1e-8, "tau2 is iterated")

group(None)
scratch.cleanup()
print(f"\n{compared} numbers compared in {time.monotonic() - began:.0f} s, seed {seed}: {'FAILED: ' + '; '.join(failed) if failed else 'all agree'}")
sys.exit(1 if failed else 0)
