"""Compares decoded pixel values with pydicom's, exactly, on all of pydicom's bundled test files.

    python3 tests/interop/pixels.py target/release/examples/decode

Prints one row for each transfer syntax. Fails when a file of a claimed syntax differs in one value,
or when a file that pydicom reads in a claimed syntax is refused without being on the list below."""
import collections
import hashlib
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pydicom
from pydicom.pixels import pixel_array
from pydicom.uid import UID

warnings.simplefilter("ignore")
CLAIMED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
           "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
# Files that pydicom reads and Candour refuses, on purpose, and why.
REFUSED = {
    "SC_rgb_rle_32bit.dcm": "RLE with 32 bits allocated (RT dose and the like) is refused by name",
    "SC_rgb_rle_32bit_2frame.dcm": "RLE with 32 bits allocated (RT dose and the like) is refused by name",
    "rtdose_rle.dcm": "RLE with 32 bits allocated (RT dose and the like) is refused by name",
    "rtdose_rle_1frame.dcm": "RLE with 32 bits allocated (RT dose and the like) is refused by name",
}


def ours(files):
    out = subprocess.run([sys.argv[1], *files], capture_output=True, text=True, check=True).stdout
    return {line.split("\t")[0]: line.split("\t")[1:] for line in out.splitlines()}


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
            if str(syntax) in CLAIMED and name not in REFUSED:
                wrong.append(f"{name}: {result[1]}")
    print(f"pixel values against pydicom {pydicom.__version__}, its bundled files")
    print(f"{'transfer syntax':58} {'claimed':8} {'files':>5} {'exact':>6} {'refused':>8} {'different':>10}")
    for syntax in sorted(table):
        row = table[syntax]
        print(f"{UID(syntax).name[:57]:58} {'yes' if syntax in CLAIMED else 'no':8} {row['files']:5} {row['exact']:6} {row['refused']:8} {row['different']:10}")
    for name, why in REFUSED.items():
        print(f"refused on purpose: {name}: {why}")
    for line in wrong:
        print("FAIL", line)
    exact = sum(row["exact"] for row in table.values())
    if exact < 20:
        print("FAIL fewer than 20 files were compared")
    return 1 if wrong or exact < 20 else 0


sys.exit(main())
