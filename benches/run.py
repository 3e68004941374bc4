"""Runs the side-by-side comparison and writes RESULTS.md.

    pip install onnxruntime numpy; python3 benches/run.py

Peers, in the same run on the same machine: onnxruntime on the same network, SQLite (full
synchronous) and a plain file with fsync for appends; for the statistics those of run_statistics.py, which
runs alone too. The builds take a quarter of an hour on two cores."""
import json
import os
import pathlib
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime as ort

root = pathlib.Path(__file__).parents[1]
# What a newcomer waits for: both README commands' builds, from nothing, one after the other.
built = {}
with tempfile.TemporaryDirectory() as d:
    for what, command in (("`cargo build --release` from nothing (what the first command builds)", ["build", "--release"]),
                          ("`cargo test --release --workspace --no-run` after it", ["test", "--release", "--workspace", "--no-run"])):
        began = time.perf_counter()
        subprocess.run(["cargo", *command, "--locked", "-q"], cwd=root, check=True, env=os.environ | {"CARGO_TARGET_DIR": d})
        built[what] = time.perf_counter() - began
bench = subprocess.run(["cargo", "bench", "-q", "-p", "candour-benches", "--bench", "side_by_side"], cwd=root, capture_output=True, text=True, check=True)
ours = json.loads([l for l in bench.stdout.splitlines() if l.startswith("{")][-1])

options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(str(root / "devices/ct-nodule-phantom/model/model.onnx"), options, providers=["CPUExecutionProvider"])
x = np.random.default_rng(1).random((1, 1, 48, 48, 48), dtype=np.float32)
best = 1e9
for _ in range(3):
    began = time.perf_counter()
    for _ in range(400):
        session.run(None, {"image": x})
    best = min(best, (time.perf_counter() - began) / 400)
onnx_ms = best * 1e3

sqlite = {}
with tempfile.TemporaryDirectory() as d:
    for row in ours["appends"]:
        batch = row["batch"]
        rounds = 2048 // max(batch, 16)
        best = 1e9
        for n in range(3):
            db = sqlite3.connect(f"{d}/{batch}-{n}.db", isolation_level=None)
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")
            db.execute("create table log (entry blob)")
            began = time.perf_counter()
            for _ in range(rounds):
                db.execute("begin")
                db.executemany("insert into log values (?)", [(b"x" * 700,)] * batch)
                db.execute("commit")
            best = min(best, time.perf_counter() - began)
            db.close()
        sqlite[batch] = rounds * batch / best

with tempfile.TemporaryDirectory() as d:
    subprocess.run(["cargo", "build", "--release", "-q"], cwd=root, check=True)
    began = time.perf_counter()
    subprocess.run([root / "target/release/candour", "demo", "--once", "--workspace", f"{d}/demo"], cwd=root, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    demo = time.perf_counter() - began

cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
bare = ours["forwards"] * ours["forward_parallel_ms"]
lines = [
    "# Results", "",
    "Written by `benches/run.py`. Best of three each; the machine is a shared virtual one, so that differences below a fifth mean nothing.", "",
    f"- Machine: {cpu}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
    f"- {rustc}; {ours['engine']}; onnxruntime {ort.__version__}; SQLite {sqlite3.sqlite_version}; {time.strftime('%Y-%m-%d')}", "",
    "## One forward pass of the CT network (48 x 48 x 48), one thread", "",
    "| engine | ms | ratio |", "|---|---:|---:|",
    f"| tract (used) | {ours['forward_ms']:.2f} | {ours['forward_ms'] / onnx_ms:.2f} |",
    f"| onnxruntime | {onnx_ms:.2f} | 1.00 |", "",
    f"## One CT study, whole path against the bare engine ({ours['threads']} threads)", "",
    f"An explained decision runs the network {ours['forwards']} times (prediction, occlusion, deletion against 20 random orders).", "",
    "| what | ms per study | ratio |", "|---|---:|---:|",
    f"| bare engine, the same {ours['forwards']} passes | {bare:.0f} | 1.00 |",
    f"| whole path: 52 DICOM files read, decided, explained, sealed, SR and SC released | {ours['path_ms']:.0f} | {ours['path_ms'] / bare:.2f} |",
    f"| bare engine, one pass | {ours['forward_ms']:.2f} | |", "",
    "## Appends per second, 700-byte entries, each batch durable before the next", "",
    "The ledger hashes, signs a checkpoint and keeps tiles; the peers do not.", "",
    "| entries in a batch | ledger | SQLite (WAL, full) | plain file, fsync | ledger / SQLite |", "|---:|---:|---:|---:|---:|",
]
for row in ours["appends"]:
    lines.append(f"| {row['batch']} | {row['ledger_per_s']:.0f} | {sqlite[row['batch']]:.0f} | {row['plain_file_per_s']:.0f} | {row['ledger_per_s'] / sqlite[row['batch']]:.2f} |")
lines += ["", "## Build and demonstration", "", "| what | seconds |", "|---|---:|", f"| `candour demo --once`, both devices, 274 validation cases | {demo:.0f} |"]
lines += [f"| {what} | {seconds:.0f} |" for what, seconds in built.items()]
(root / "benches/RESULTS.md").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
# The statistics against theirs: a section of its own at the end.
subprocess.run([sys.executable, root / "benches/run_statistics.py"], check=True)
