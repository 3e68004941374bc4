"""Trains the breast cytology device's model: logistic regression on 30 measurements.

Not needed to build, run or test Candour.   python3 train.py   # scikit-learn, onnx, onnxruntime, scipy

The data are the Wisconsin Diagnostic Breast Cancer set (Wolberg, Mangasarian, Street, Street 1995,
https://doi.org/10.24432/C5DW2B, CC BY 4.0), as scikit-learn distributes it; 569 patients, 212
malignant. Splits are stratified and drawn with a fixed seed: 60 % training, 20 % calibration,
20 % test. The threshold is chosen on the calibration split alone: the largest on a grid of 0.01
whose sensitivity there is at least 0.95."""
import csv
import json
import pathlib

import numpy as np
import onnx
import onnxruntime as ort
import sklearn
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

here = pathlib.Path(__file__).parent
root = here.parent
data = load_breast_cancer()
x, y = data.data, (data.target == 0).astype(int)  # scikit-learn's class 0 is malignant
rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=20260105)
train, cal = train_test_split(rest, test_size=0.25, stratify=y[rest], random_state=20260106)
split = {int(i): name for name, part in (("training", train), ("calibration", cal), ("test", test)) for i in part}
BASE = ["radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave_points", "symmetry", "fractal_dimension"]
NAMES = [f"{b}_{s}" for s in ("mean", "se", "worst") for b in BASE]

mean, std = x[train].mean(0), x[train].std(0)
fit = LogisticRegression(C=0.1, max_iter=1000).fit((x[train] - mean) / std, y[train])
f32 = lambda a, name: numpy_helper.from_array(np.asarray(a, np.float32), name)
graph = helper.make_graph(
    [helper.make_node("Sub", ["measurements", "mean"], ["centred"]),
     helper.make_node("Div", ["centred", "std"], ["standard"]),
     helper.make_node("Gemm", ["standard", "w", "b"], ["logit"], transB=1)],
    "breast-fna",
    [helper.make_tensor_value_info("measurements", TensorProto.FLOAT, [1, 30])],
    [helper.make_tensor_value_info("logit", TensorProto.FLOAT, [1, 1])],
    [f32(mean[None], "mean"), f32(std[None], "std"), f32(fit.coef_, "w"), f32(fit.intercept_, "b")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="train.py")
onnx.checker.check_model(model)
raw = model.SerializeToString()
(root / "model/model.onnx").write_bytes(raw)
session = ort.InferenceSession(raw, providers=["CPUExecutionProvider"])
run = lambda v: float(session.run(None, {"measurements": np.asarray(v, np.float32).reshape(1, 30)})[0][0, 0])
z = np.array([run(v) for v in x])

# Platt scaling with Platt's (1999) smoothed targets, on the calibration split.
pos, neg = y[cal].sum(), (1 - y[cal]).sum()
target = np.where(y[cal] == 1, (pos + 1) / (pos + 2), 1 / (neg + 2))
a, b = minimize(lambda q: np.sum(np.logaddexp(0, q[0] * z[cal] + q[1]) - target * (q[0] * z[cal] + q[1])), [1.0, 0.0], method="BFGS").x
a, b = round(float(a), 6), round(float(b), 6)
p = 1 / (1 + np.exp(-(a * z + b)))
threshold = float(max(t for t in np.arange(0.05, 0.951, 0.01).round(2) if np.mean(p[cal][y[cal] == 1] >= t) >= 0.95))
band = [round(threshold - 0.10, 2), round(threshold + 0.05, 2)]
print(f"training {len(train)}, calibration {len(cal)}, test {len(test)}; platt a {a} b {b}; threshold {threshold}; abstention band {band}")

golden = [{"values": [float(v) for v in x[i]]} for i in (0, 19, 300)] + [{"values": [round(float(m), 6) for m in mean]}]
(root / "model/golden.json").write_text(json.dumps({
    "source": f"onnxruntime {ort.__version__}, CPUExecutionProvider, train.py", "inputs": golden,
    "outputs": [[run(g["values"])] for g in golden]}, indent=1) + "\n")

LIMITS = [(0.0, round(float(x[:, i].max() * 3), 4)) for i in range(30)]
rows = ",\n".join(
    f'  {{ name = "{n}", code = "FNA-{i + 1:02}", scheme = "99CANDOUR", unit = "1", min = {lo}, max = {hi} }}'
    for i, (n, (lo, hi)) in enumerate(zip(NAMES, LIMITS)))
(root / "model/model.toml").write_text(f'''# Written by training/train.py; what the numbers mean stands in card.md.
format = 1
name = "breast-fna"
version = "1.0.0"
purpose = "Gives the probability that a breast mass is malignant from 30 measurements of cell nuclei in a fine needle aspirate."

[input]
kind = "measurements"
tensor = "measurements"
shape = [1, 30]
measurements = [
{rows},
]

[output]
tensor = "logit"
finding = {{ value = "MALIGNANT-CYTO", scheme = "99CANDOUR", meaning = "Cytology suspicious for malignancy" }}
threshold = {threshold}
abstain_band = {band}

[calibration]
method = "platt"
a = {a}
b = {b}
fitted_on = "calibration split, n = {len(cal)}"

[explanation]
method = "shapley_additive"
baseline_values = {[round(float(m), 6) for m in mean]}
faithfulness_random_orders = 20

[golden]
file = "golden.json"
tolerance_abs = 1e-4
''')
with open(root / "cohort/cohort.csv", "w", newline="") as f:
    w = csv.writer(f, lineterminator="\n")
    w.writerow(["case", "split", "reference", *NAMES])
    for i in range(len(y)):
        w.writerow([f"FNA{i + 1:03}", split[i], "positive" if y[i] else "negative", *(repr(float(v)) for v in x[i])])
t = np.sort(test)
decided = (p[t] < band[0]) | (p[t] >= band[1])
positive = p[t] >= threshold
count = lambda m: int(np.sum(m))
expected = {
    "tools": f"onnxruntime {ort.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    "auc": float(roc_auc_score(y[t], p[t])),
    "complete_case": {"true_positive": count(decided & positive & (y[t] == 1)), "positive": count(decided & (y[t] == 1)),
                      "true_negative": count(decided & ~positive & (y[t] == 0)), "negative": count(decided & (y[t] == 0))},
    "worst_case": {"true_positive": count(decided & positive & (y[t] == 1)), "positive": count(y[t] == 1),
                   "true_negative": count(decided & ~positive & (y[t] == 0)), "negative": count(y[t] == 0)},
    "logits": {f"FNA{i + 1:03}": round(float(z[i]), 5) for i in t}}
(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
print({k: v for k, v in expected.items() if k != "logits"})
