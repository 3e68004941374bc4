"""Writes masks/ and masks.json: small masks as NIfTI and DICOM segmentation, and what they compare to.

pip install nibabel highdicom pydicom MedPy surface-distance scipy numpy; python3 masks.py

The two masks A and B lie on one grid (x, y, z) = (12, 10, 6) of 1.0 x 1.5 x 3.0 mm. Every file holds A, or B
in another guise, so the expected numbers are the same for all pairs. Dice is counted; the Hausdorff distance
is by MedPy (border voxels by faces, brute force beside it), the percentile and the surface Dice by
surface-distance (marching surface). The versions stand in masks.json.
"""
import gzip
import importlib.metadata as meta
import io
import json
import pathlib
import sys

import highdicom as hd
import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from scipy import ndimage
from scipy.spatial.distance import cdist

np.NaN, np.Inf = np.nan, np.inf
import surface_distance as sd
from medpy.metric import binary as mp

HERE = pathlib.Path(__file__).parent
OUT = HERE / "masks"
SHAPE, SPACING = (12, 10, 6), (1.0, 1.5, 3.0)
ORIGIN_RAS = np.array([-20.0, 15.0, 40.0])


def masks():
    a = np.zeros(SHAPE, bool)
    a[2:8, 2:7, 1:4] = True
    b = np.zeros(SHAPE, bool)
    b[3:9, 2:6, 1:3] = True
    # Beyond a slice without anything: a frame that a segmentation object leaves out.
    b[4:6, 4:6, 4] = True
    return a, b


A, B = masks()


def affine(rotation=np.eye(3)):
    m = np.eye(4)
    m[:3, :3] = rotation @ np.diag(SPACING)
    m[:3, 3] = ORIGIN_RAS
    return m


def image(data, m, qform=None, sform=1, endianness="<"):
    header = nib.Nifti1Header(endianness=endianness)
    header.set_data_dtype(data.dtype)
    out = nib.Nifti1Image(data, m, header)
    out.set_sform(m if sform else None, code=sform)
    out.set_qform(m if qform else None, code=qform or 0)
    return out


def put(name, img):
    path = OUT / name
    raw = img.to_bytes()
    path.write_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)


def rotation(axis, degrees):
    t = np.radians(degrees)
    c, s = np.cos(t), np.sin(t)
    i, j = [k for k in range(3) if k != axis]
    m = np.eye(3)
    m[i, i], m[i, j], m[j, i], m[j, j] = c, -s, s, c
    return m


def nifti():
    m = affine()
    put("a.nii", image(A.astype(np.uint8), m))
    put("b.nii", image(B.astype(np.uint8), m))
    put("b-gzip.nii.gz", image(B.astype(np.float64), m))
    # The first axis backwards: the array turned, the transform with it.
    flip = m.copy()
    flip[:3, 0] *= -1
    flip[:3, 3] = m[:3, 3] + m[:3, 0] * (SHAPE[0] - 1)
    put("b-flipped.nii", image(B[::-1].astype(np.uint8), flip))
    put("b-transposed.nii", image(np.ascontiguousarray(B.transpose(2, 0, 1)).astype(np.uint8), m[:, [2, 0, 1, 3]]))
    put("b-float32.nii", image(B.astype(np.float32), m))
    put("b-int16.nii", image(B.astype(np.int16), m))
    put("b-int32-big-endian.nii", image(B.astype(np.int32), m, endianness=">"))
    scaled = image((B * 2).astype(np.int16), m)
    raw = bytearray(scaled.to_bytes())
    raw[112:120] = np.array([0.5, 0.0], "<f4").tobytes()
    (OUT / "b-slope.nii").write_bytes(bytes(raw))
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 0, :] = 1
    labels[B] = 3
    labels[11, 9, 0] = 7
    put("b-labels.nii", image(labels, m))
    crop = m.copy()
    crop[:3, 3] = (m @ [2, 1, 1, 1])[:3]
    put("b-cropped.nii", image(B[2:10, 1:8, 1:5].astype(np.uint8), crop))
    wide = m.copy()
    wide[:3, 3] = (m @ [-3, -2, -1, 1])[:3]
    put("b-wider.nii", image(np.pad(B, ((3, 1), (2, 2), (1, 2))).astype(np.uint8), wide))
    oblique = affine(rotation(2, 20) @ rotation(0, -35))
    put("a-oblique-sform.nii", image(A.astype(np.uint8), oblique))
    put("b-oblique-qform.nii", image(B.astype(np.uint8), oblique, qform=1, sform=0))
    # An oblique transform with a mirrored third axis: pixdim[0] is -1.
    mirrored = oblique.copy()
    mirrored[:3, 2] *= -1
    mirrored[:3, 3] = oblique[:3, 3] + oblique[:3, 2] * (SHAPE[2] - 1)
    put("b-oblique-mirrored-qform.nii", image(B[:, :, ::-1].astype(np.uint8), mirrored, qform=1, sform=0))
    for name, data in (("a-sizes-only.nii", A), ("b-sizes-only.nii", B)):
        put(name, image(data.astype(np.uint8), m, sform=0))
    # An sform that holds, beside a qform that says otherwise: the sform goes first.
    both = image(B.astype(np.uint8), m)
    both.set_qform(oblique, code=1)
    put("b-two-forms.nii", both)

    half = m.copy()
    half[:3, 3] = (m @ [0.5, 0, 0, 1])[:3]
    put("refused-between.nii", image(B.astype(np.uint8), half))
    put("refused-turned.nii", image(B.astype(np.uint8), affine(rotation(2, 5))))
    other = m.copy()
    other[:3, 2] *= 5.0 / 3.0
    put("refused-spacing.nii", image(B.astype(np.uint8), other))
    far = m.copy()
    far[:3, 3] = (m @ [5000, 5000, 0, 1])[:3]
    put("refused-far.nii", image(B.astype(np.uint8), far))
    colours = np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    put("refused-colours.nii", nib.Nifti1Image(colours, m))
    put("refused-series.nii.gz", image(np.stack([B, B], -1).astype(np.uint8), m))
    put("b-nifti2.nii", nib.Nifti2Image(B.astype(np.uint8), m))
    # An array of big-endian floats in a big-endian header, compressed.
    big = nib.Nifti2Image(B.astype(">f4"), m, nib.Nifti2Header(endianness=">"))
    big.set_data_dtype(">f4")
    put("b-nifti2-big-endian.nii.gz", big)
    # A mirrored oblique qform alone, and labels of 64 bits that a slope halves.
    turned = nib.Nifti2Image((B[:, :, ::-1] * 2).astype(np.int64), mirrored, dtype=np.int64)
    turned.set_sform(None, code=0)
    turned.set_qform(mirrored, code=1)
    raw = bytearray(turned.to_bytes())
    raw[176:192] = np.array([0.5, 0.0], "<f8").tobytes()
    (OUT / "b-nifti2-mirrored-qform.nii").write_bytes(bytes(raw))
    # The header of an uncompressed pair, of either version.
    for name, kind in (("refused-pair.hdr", nib.Nifti1Pair), ("refused-pair2.hdr", nib.Nifti2Pair)):
        pair = kind(B.astype(np.uint8), m)
        files = kind.make_file_map()
        for part in files.values():
            part.fileobj = io.BytesIO()
        pair.to_file_map(files)
        (OUT / name).write_bytes(files["header"].fileobj.getvalue())
    put("empty.nii", image(np.zeros(SHAPE, np.uint8), m))


def source(z):
    """A slice of a CT on the same grid, in DICOM's axes."""
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID, d.SOPInstanceUID = CTImageStorage, f"1.2.826.0.1.3680043.10.1.{z + 1}"
    d.StudyInstanceUID, d.SeriesInstanceUID = "1.2.826.0.1.3680043.10.2", "1.2.826.0.1.3680043.10.3"
    d.FrameOfReferenceUID = "1.2.826.0.1.3680043.10.4"
    d.PatientID, d.PatientName, d.PatientBirthDate, d.PatientSex = "1", "Nobody", "", ""
    d.StudyID, d.StudyDate, d.StudyTime, d.AccessionNumber, d.ReferringPhysicianName = "", "", "", "", ""
    d.SeriesNumber, d.InstanceNumber, d.Modality, d.Manufacturer = 1, z + 1, "CT", "none"
    d.PositionReferenceIndicator = ""
    d.Rows, d.Columns = SHAPE[1], SHAPE[0]
    d.PixelSpacing, d.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
    # NIfTI grows to the right and to the front, DICOM to the left and to the back.
    d.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
    x, y, height = ORIGIN_RAS
    d.ImagePositionPatient = [-x, -y, height + z * SPACING[2]]
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 0
    d.PixelData = bytes(2 * SHAPE[0] * SHAPE[1])
    return d


def describe(number):
    return hd.seg.SegmentDescription(
        number, f"segment {number}", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Lesion,
        hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )


def segmentation(name, pixels, kind, segments, omit=True, **more):
    seg = hd.seg.Segmentation(
        source_images=[source(z) for z in range(SHAPE[2])], pixel_array=pixels, segmentation_type=kind,
        segment_descriptions=[describe(n) for n in segments], series_instance_uid="1.2.826.0.1.3680043.10.5",
        series_number=2, sop_instance_uid="1.2.826.0.1.3680043.10.6", instance_number=1, manufacturer="none",
        manufacturer_model_name="none", software_versions="1", device_serial_number="1",
        omit_empty_frames=omit, **more,
    )
    # References to the source say nothing about the grid and only fill the file.
    for group in seg.PerFrameFunctionalGroupsSequence:
        if "DerivationImageSequence" in group:
            del group.DerivationImageSequence
    for key in ("ReferencedSeriesSequence", "SourceImageSequence"):
        if key in seg:
            del seg[key]
    seg.save_as(OUT / name, enforce_file_format=True)
    return len(seg.PerFrameFunctionalGroupsSequence)


def dicom():
    frames = lambda m: np.ascontiguousarray(m.transpose(2, 1, 0)).astype(np.uint8)
    kinds = hd.seg.SegmentationTypeValues
    counts = {
        "a.dcm": segmentation("a.dcm", frames(A), kinds.BINARY, [1]),
        # B has no voxel in slices 0, 3 and 5: these frames are left out.
        "b-left-out.dcm": segmentation("b-left-out.dcm", frames(B), kinds.BINARY, [1]),
        "b-all-frames.dcm": segmentation("b-all-frames.dcm", frames(B), kinds.BINARY, [1], omit=False),
        "b-two-segments.dcm": segmentation(
            "b-two-segments.dcm", np.stack([frames(A), frames(B)], -1), kinds.BINARY, [1, 2]),
        # Shares: B has 0.7, around it the lesion fades with 0.4, which is less than half.
        "b-fractional.dcm": segmentation(
            "b-fractional.dcm", np.where(frames(B) > 0, 0.7, np.where(frames(A) > 0, 0.4, 0.0)), kinds.FRACTIONAL,
            [1], max_fractional_value=200, fractional_type=hd.seg.SegmentationFractionalTypeValues.PROBABILITY),
        "b-label-map.dcm": segmentation(
            "b-label-map.dcm", np.where(frames(B) > 0, 2, np.where(frames(A) > 0, 1, 0)).astype(np.uint8),
            kinds.LABELMAP, [1, 2]),
    }
    ct = source(0)
    ct.file_meta.MediaStorageSOPClassUID, ct.file_meta.MediaStorageSOPInstanceUID = ct.SOPClassUID, ct.SOPInstanceUID
    ct.save_as(OUT / "refused-ct.dcm", enforce_file_format=True)
    return counts


def border(m):
    return m & ~ndimage.binary_erosion(m, ndimage.generate_binary_structure(3, 1))


def compared(a, b):
    points = lambda m: np.argwhere(border(m)) * np.array(SPACING)
    d = cdist(points(a), points(b))
    brute = max(d.min(0).max(), d.min(1).max())
    by_medpy = mp.hd(b, a, voxelspacing=SPACING, connectivity=1)
    assert abs(brute - by_medpy) < 1e-12
    surface = sd.compute_surface_distances(a, b, SPACING)
    return {
        "dice": 2 * int((a & b).sum()) / int(a.sum() + b.sum()),
        "iou": int((a & b).sum()) / int((a | b).sum()),
        "reference_ml": int(a.sum()) * float(np.prod(SPACING)) / 1000,
        "prediction_ml": int(b.sum()) * float(np.prod(SPACING)) / 1000,
        "hausdorff_faces": float(by_medpy),
        "hausdorff_marching": float(sd.compute_robust_hausdorff(surface, 100)),
        "hd95_marching": float(sd.compute_robust_hausdorff(surface, 95)),
        "surface_dice_1mm": float(sd.compute_surface_dice_at_tolerance(surface, 1.0)),
    }


def main():
    OUT.mkdir(exist_ok=True)
    nifti()
    frames = dicom()
    tools = {p: meta.version(p) for p in ("numpy", "scipy", "nibabel", "highdicom", "pydicom", "MedPy", "surface-distance")}
    out = {
        "tool": f"Python {sys.version.split()[0]}, " + ", ".join(f"{k} {v}" for k, v in tools.items()),
        "command": "python3 masks.py",
        "frames": frames,
        "a_against_b": compared(A, B),
    }
    (HERE / "masks.json").write_text(json.dumps(out, indent=1) + "\n")


main()
