//! What reading a small file may cost: one damaged byte must not make a reader ask for gigabytes.
//!
//! One test alone in its file, since it watches the memory of the whole process. A counting allocator would need
//! unsafe code, which this workspace forbids; the kernel counts the address space instead.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::PathBuf;

use candour_dicom::{Instance, image, read_segmentation};

/// What one damaged file of a few kilobytes may add.
const MOST_KIB: u64 = 64 * 1024;

fn stored(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/validation/masks")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The most address space that this process has had, KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmPeak:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn read(bytes: &[u8]) {
    if let Ok(instance) = Instance::parse(bytes) {
        let _ = image::decode(&instance);
        let _ = read_segmentation(&instance, None);
        let _ = read_segmentation(&instance, Some(1));
    }
}

/// An explicit little endian element with a short length.
fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut out = group.to_le_bytes().to_vec();
    out.extend(number.to_le_bytes());
    out.extend(vr);
    out.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    out.extend(value);
    out
}

/// A compressed image of 2 x 2 pixels: one frame, one fragment.
fn compressed(syntax: &[u8], allocated: u16, frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    out.extend(element(2, 0x10, b"UI", syntax));
    out.extend(element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0"));
    out.extend(element(8, 0x18, b"UI", b"2.25.11\0"));
    out.extend(element(0x20, 0x0d, b"UI", b"2.25.12\0"));
    out.extend(element(0x20, 0x0e, b"UI", b"2.25.13\0"));
    let us = |number, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
    out.extend(us(0x02, 1));
    out.extend(element(0x28, 0x04, b"CS", b"MONOCHROME2 "));
    out.extend(element(0x28, 0x08, b"IS", b"1 "));
    out.extend(us(0x10, 2));
    out.extend(us(0x11, 2));
    out.extend(us(0x0100, allocated));
    out.extend(us(0x0101, allocated));
    out.extend(us(0x0102, allocated - 1));
    out.extend(us(0x0103, 0));
    out.extend([0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 255, 255, 255, 255]);
    out.extend([0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0, 0xe0]);
    out.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
    out.extend(frame);
    out.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    out
}

/// A frame of RLE (PS3.5 Annex G): `bytes` segments, each of four bytes as they are.
fn rle(bytes: u32) -> Vec<u8> {
    let mut out = bytes.to_le_bytes().to_vec();
    for n in 0..15 {
        let start = if n < bytes { 64 + 6 * n } else { 0 };
        out.extend(start.to_le_bytes());
    }
    for n in 0..bytes {
        out.extend([3, 1, 2, 3, 4, 128].map(|v: u8| if v == 4 { 4 + n as u8 } else { v }));
    }
    out
}

/// A frame of JPEG Lossless (ITU-T T.81 Annex H): process 14, predictor 1, all differences zero, so that every pixel is
/// the first prediction, half of the range.
fn jpeg_lossless() -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    out.extend([0xff, 0xc3, 0, 11, 8, 0, 2, 0, 2, 1, 1, 0x11, 0]);
    // One code of one bit: category 0.
    out.extend([0xff, 0xc4, 0, 20, 0, 1]);
    out.extend([0; 15]);
    out.push(0);
    out.extend([0xff, 0xda, 0, 8, 1, 1, 0, 1, 0, 0]);
    out.extend([0x0f, 0xff, 0xd9, 0]);
    out
}

/// Verifies SRS-008.
#[test]
fn no_damaged_byte_makes_reading_a_small_file_costly() {
    let rle_syntax = b"1.2.840.10008.1.2.5\0";
    let images = [
        compressed(rle_syntax, 8, &rle(1)),
        compressed(rle_syntax, 16, &rle(2)),
        compressed(rle_syntax, 32, &rle(4)),
        compressed(b"1.2.840.10008.1.2.4.70", 8, &jpeg_lossless()),
    ];
    for (image, first) in images.iter().zip([1, 0x0101, 0x0101_0101, 128]) {
        let pixels = image::decode(&Instance::parse(image).unwrap()).unwrap();
        assert_eq!((pixels.values.len(), pixels.values[0]), (4, first));
    }
    let mut files: Vec<Vec<u8>> = ["a.dcm", "b-two-segments.dcm", "b-label-map.dcm"]
        .map(stored)
        .to_vec();
    for file in &files {
        read_segmentation(&Instance::parse(file).unwrap(), None).unwrap();
    }
    files.extend(images);
    // Value representations known and unknown, whose lengths are of two bytes or of four.
    let representations: [&[u8; 2]; 9] = [
        b"OB", b"OW", b"UN", b"UT", b"SQ", b"LO", b"UC", b"ZZ", b"OX",
    ];
    let before = peak_kib();
    for (n, file) in files.iter().enumerate() {
        let mut damaged = file.clone();
        let check = |damaged: &[u8], at: usize, now: &[u8]| {
            read(damaged);
            let more = peak_kib() - before;
            assert!(
                more <= MOST_KIB,
                "file {n}, byte {at} as {now:?}: {more} KiB more for {} bytes",
                damaged.len()
            );
        };
        for at in 0..file.len() {
            let own = file[at];
            for byte in [
                0,
                1,
                0x10,
                0x7f,
                0x80,
                0xff,
                b'A',
                b'B',
                b'N',
                b'O',
                b'S',
                b'U',
                b'W',
                b'Z',
                b'9',
                own ^ 1,
                own ^ 0x20,
                own.wrapping_add(1),
            ] {
                damaged[at] = byte;
                check(&damaged, at, &[byte]);
            }
            damaged[at] = own;
            let Some(pair) = file.get(at..at + 2) else {
                continue;
            };
            if pair.iter().all(u8::is_ascii_uppercase) {
                for vr in representations {
                    damaged[at..at + 2].copy_from_slice(vr);
                    check(&damaged, at, vr);
                }
                damaged[at..at + 2].copy_from_slice(pair);
            }
        }
    }
}
