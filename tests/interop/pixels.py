"""Compares decoded pixel values with pydicom's, exactly, on all of pydicom's bundled test files; and on
files that dcmtk makes of them in every claimed syntax, each predictor of JPEG Lossless included.

    python3 tests/interop/pixels.py target/release/examples/decode

Prints one row for each transfer syntax. Fails when a file of a claimed syntax differs in one value or is
refused although pydicom reads it."""
import collections
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pydicom
from pydicom.pixels import pixel_array
from pydicom.uid import UID

warnings.simplefilter("ignore")
CLAIMED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
           "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
def ours(files):
    out = subprocess.run([sys.argv[1], *files], capture_output=True, text=True, check=True).stdout
    return {line.split("\t")[0]: line.split("\t")[1:] for line in out.splitlines()}


def transcoded(root):
    """dcmtk encodes uncompressed files without loss; the values must be pydicom's of the original."""
    encoders = {f"dcmcjpeg +el +sv {n}": ("dcmcjpeg", "+el", "+sv", str(n)) for n in range(1, 8)}
    encoders |= {"dcmcjpeg +e1": ("dcmcjpeg", "+e1"), "dcmcrle": ("dcmcrle",), "dcmconv +td": ("dcmconv", "+td"),
                 "dcmconv +te": ("dcmconv", "+te"), "dcmconv +tb": ("dcmconv", "+tb"), "dcmconv +ti": ("dcmconv", "+ti")}
    sources = ["CT_small.dcm", "MR_small.dcm", "rtdose.dcm", "examples_rgb_color.dcm", "examples_palette.dcm", "liver_1frame.dcm"]
    wrong = []
    print(f"\n{'made by dcmtk from files of pydicom':58} {'files':>14} {'exact':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name, command in encoders.items():
            made = exact = 0
            syntaxes = set()
            for source in sources:
                # For 32-bit cells in this retired syntax dcmtk swaps each 16-bit word, pydicom the cell as a
                # whole; pydicom's own such files are compared above.
                if (source, name) == ("rtdose.dcm", "dcmconv +tb"):
                    continue
                out = pathlib.Path(folder) / "x.dcm"
                out.unlink(missing_ok=True)
                run = subprocess.run([command[0], *command[1:], str(root / source), str(out)], capture_output=True)
                # JPEG cannot hold 32-bit cells, nor dcmtk's codecs single bits.
                if run.returncode or not out.exists():
                    continue
                made += 1
                syntaxes.add(str(pydicom.dcmread(out, stop_before_pixels=True).file_meta.TransferSyntaxUID))
                array = pixel_array(pydicom.dcmread(root / source), raw=True)
                expected = hashlib.sha256(np.ascontiguousarray(array).astype("<i4").tobytes()).hexdigest()
                result = ours([str(out)])[str(out)]
                if result[0] == "decoded" and result[3] == expected:
                    exact += 1
                else:
                    wrong.append(f"{source} by {name}: {result}")
            uid = syntaxes.pop() if len(syntaxes) == 1 else "?"
            print(f"{name + ': ' + (UID(uid).name if uid != '?' else 'several'):58.58} {made:14} {exact:6}")
            if made < 3 or uid not in CLAIMED:
                wrong.append(f"{name} made {made} files in {uid}")
    return wrong


def main():
    # The files inside the package; the larger ones that pydicom would download are left alone.
    root = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
    files = sorted(str(f) for f in root.rglob("*") if f.is_file() and f.suffix in ("", ".dcm"))
    mine = ours(files)
    table = collections.defaultdict(lambda: collections.Counter())
    wrong = []
    for file in files:
        name = pathlib.Path(file).name
        try:
            ds = pydicom.dcmread(file, force=True)
            if "PixelData" not in ds:
                continue
            syntax = ds.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2") if hasattr(ds, "file_meta") else "1.2.840.10008.1.2"
            if "TransferSyntaxUID" not in ds.file_meta:
                ds.file_meta.TransferSyntaxUID = syntax
            array = pixel_array(ds, raw=True)
        except Exception as e:
            continue
        result = mine.get(file, ["refused", "no answer"])
        row = table[str(syntax)]
        row["files"] += 1
        if result[0] == "decoded":
            expected = hashlib.sha256(np.ascontiguousarray(array).astype("<i4").tobytes()).hexdigest()
            same = expected == result[3]
            row["exact" if same else "different"] += 1
            if not same:
                wrong.append(f"{name}: values differ ({result[2]}, pydicom {array.shape} {array.dtype})")
        else:
            row["refused"] += 1
            if str(syntax) in CLAIMED:
                wrong.append(f"{name}: {result[1]}")
    print(f"pixel values against pydicom {pydicom.__version__}, its bundled files")
    print(f"{'transfer syntax':58} {'claimed':8} {'files':>5} {'exact':>6} {'refused':>8} {'different':>10}")
    for syntax in sorted(table):
        row = table[syntax]
        print(f"{UID(syntax).name[:57]:58} {'yes' if syntax in CLAIMED else 'no':8} {row['files']:5} {row['exact']:6} {row['refused']:8} {row['different']:10}")
    wrong += transcoded(root)
    for line in wrong:
        print("FAIL", line)
    exact = sum(row["exact"] for row in table.values())
    if exact < 20:
        print("FAIL fewer than 20 files were compared")
    return 1 if wrong or exact < 20 else 0


sys.exit(main())
