"""Checks released DICOM objects with other people's tools: dciodvfy (dicom3tools), dcmtk's dsrdump and
dcm2pnm, pydicom and highdicom; and sends them over the wire with dcmtk's storescu and storescp.

    python3 tests/interop/objects.py WORKSPACE

WORKSPACE is one that `candour demo` made. Prints one row for each check; fails when one does not hold."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import warnings

import highdicom
import numpy as np
import pydicom

warnings.simplefilter("ignore")
workspace = pathlib.Path(sys.argv[1])
reports = sorted((workspace / "out").glob("*-report.dcm"))
captures = sorted((workspace / "out").glob("*-capture.dcm"))
wrong = []


def row(tool, what, good, of):
    print(f"{tool:24} {what:66} {good:4} of {of:4}  {'ok' if good == of and of else 'FAIL'}")
    if good != of or not of:
        wrong.append(what)


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace")


def walk(items):
    for item in items:
        yield item
        yield from walk(item.get("ContentSequence", []))


def named(ds, meaning):
    return [i for i in walk(ds.ContentSequence)
            if i.get("ConceptNameCodeSequence") and i.ConceptNameCodeSequence[0].CodeMeaning.startswith(meaning)]


sealed = {}
for line in (workspace / "ledger.jsonl").read_text().splitlines():
    record = json.loads(line)
    sealed[len(sealed)] = record

for kind, files in (("structured report", reports), ("secondary capture", captures)):
    clean = [f for f in files if not re.search(r"^Error", run("dciodvfy", f).stderr, re.M)]
    row("dciodvfy (dicom3tools)", f"{kind}: no error against its IOD", len(clean), len(files))
dumped = [f for f in reports if (r := run("dsrdump", f)).returncode == 0 and "Imaging Measurement Report" in r.stdout + r.stderr]
row("dsrdump (dcmtk)", "reads the report as a tree and names TID 1500's title", len(dumped), len(reports))

agree = proofs = images = 0
for f in reports:
    ds = pydicom.dcmread(f)
    record = sealed[int(f.name[:8])]
    probability = float(named(ds, "Calibrated probability")[0].MeasuredValueSequence[0].NumericValue)
    outcome = named(ds, "Outcome")[0].ConceptCodeSequence[0].CodeValue.lower().replace("-", "_")
    agree += abs(probability - float(record["probability"])) < 1e-9 and outcome == record["outcome"]
    with tempfile.NamedTemporaryFile("w", suffix=".tlog-proof") as proof:
        proof.write(named(ds, "Proof that")[0].TextValue.replace("\r\n", "\n"))
        proof.flush()
        key = named(ds, "Public key")[0].TextValue
        verify = pathlib.Path(__file__).parents[2] / "spec" / "verify.py"
        proofs += run(sys.executable, verify, proof.name, "--key", key).returncode == 0
row("pydicom", "outcome and probability in the report are the sealed ones", agree, len(reports))
row("spec/verify.py", "the proof inside the report verifies", proofs, len(reports))

parsed = 0
for f in reports:
    sr = highdicom.sr.srread(str(f))
    groups = sr.content.get_image_measurement_groups() if hasattr(sr.content, "get_image_measurement_groups") else []
    parsed += isinstance(sr, highdicom.sr.Comprehensive3DSR) and sr.content is not None and groups is not None
row("highdicom", "parses the report as Comprehensive 3D SR", parsed, len(reports))

shown = 0
for f in captures:
    ds = pydicom.dcmread(f)
    with tempfile.TemporaryDirectory() as d:
        # dcm2pnm is dcmtk's own decoder; PPM is plain to compare.
        out = pathlib.Path(d) / "x.ppm"
        if run("dcm2pnm", f, out).returncode == 0:
            raw = out.read_bytes()
            body = raw[-3 * ds.Rows * ds.Columns :]
            shown += np.array_equal(np.frombuffer(body, np.uint8).reshape(ds.Rows, ds.Columns, 3), ds.pixel_array)
row("dcm2pnm (dcmtk), pydicom", "capture's pixels agree between both decoders", shown, len(captures))

with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
with tempfile.TemporaryDirectory() as received:
    server = subprocess.Popen(["storescp", "-od", received, "+uf", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if run("echoscu", "127.0.0.1", port).returncode == 0:
                break
            time.sleep(0.1)
        run("storescu", "-R", "127.0.0.1", port, *reports, *captures)
    finally:
        server.terminate()
        server.wait()
    arrived = {str(pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID) for f in pathlib.Path(received).iterdir()}
sent = {str(pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID) for f in reports + captures}
row("storescu, storescp", "objects are stored over the wire and arrive", len(sent & arrived), len(sent))

if wrong:
    print("FAIL", *wrong, sep="\n  ")
sys.exit(1 if wrong else 0)
