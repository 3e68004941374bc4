//! Pixels: from transfer syntax to stored values, to physical values, to what a display shows.

use dicom_core::value::Value;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntaxIndex as _;
use dicom_pixeldata::PixelDecoder as _;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use crate::{DicomError, Instance};

/// More samples than any one instance has; bounds what decoding may cost.
pub const MAX_SAMPLES: usize = 1 << 28;

/// The transfer syntaxes whose pixels are decoded, every one of them exactly: the interoperability
/// suite compares each with pydicom.
pub const TRANSFER_SYNTAXES: &[&str] = &[
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.2",
    uids::RLE_LOSSLESS,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LOSSLESS_SV1,
];

/// Stored pixel values, before any lookup table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows (0028,0010).
    pub rows: usize,
    /// Columns (0028,0011).
    pub columns: usize,
    /// Number of frames.
    pub frames: usize,
    /// Samples per pixel: 1 or 3, interleaved.
    pub samples: usize,
    /// `[frame][row][column][sample]`.
    pub values: Vec<i32>,
}

fn size(instance: &Instance) -> Result<(usize, usize, usize, usize), DicomError> {
    let read = |tag, attribute| {
        instance
            .unsigned(tag)
            .map(|v| v as usize)
            .ok_or(DicomError::Attribute { attribute })
    };
    let rows = read(tags::ROWS, "Rows")?;
    let columns = read(tags::COLUMNS, "Columns")?;
    let frames = instance
        .unsigned(tags::NUMBER_OF_FRAMES)
        .unwrap_or(1)
        .max(1) as usize;
    let samples = instance.unsigned(tags::SAMPLES_PER_PIXEL).unwrap_or(1) as usize;
    if rows == 0 || columns == 0 || !matches!(samples, 1 | 3) {
        return Err(DicomError::Pixels(
            "Rows, Columns or SamplesPerPixel is impossible",
        ));
    }
    let total = rows
        .checked_mul(columns)
        .and_then(|n| n.checked_mul(frames))
        .and_then(|n| n.checked_mul(samples));
    match total {
        Some(total) if total <= MAX_SAMPLES => Ok((rows, columns, frames, samples)),
        _ => Err(DicomError::TooLarge {
            what: "the pixel data",
            limit: MAX_SAMPLES as u64 * 4,
        }),
    }
}

/// Decodes the stored values of all frames.
///
/// # Errors
/// When the transfer syntax is none of [`TRANSFER_SYNTAXES`] (refused by name), or the pixel data
/// do not fit what the header says.
pub fn decode(instance: &Instance) -> Result<Pixels, DicomError> {
    let syntax = instance.transfer_syntax();
    if !TRANSFER_SYNTAXES.contains(&syntax) {
        let name = TransferSyntaxRegistry
            .get(syntax)
            .map_or("unknown", |t| t.name());
        return Err(DicomError::TransferSyntax {
            uid: syntax.to_owned(),
            name: name.to_owned(),
        });
    }
    let (rows, columns, frames, samples) = size(instance)?;
    let total = rows * columns * frames * samples;
    let allocated = instance
        .unsigned(tags::BITS_ALLOCATED)
        .ok_or(DicomError::Attribute {
            attribute: "BitsAllocated",
        })?;
    let stored = instance.unsigned(tags::BITS_STORED).unwrap_or(allocated);
    let signed = instance.unsigned(tags::PIXEL_REPRESENTATION) == Some(1);
    if !matches!(allocated, 1 | 8 | 16 | 32) || stored == 0 || stored > allocated {
        return Err(DicomError::Pixels(
            "BitsAllocated or BitsStored is none that can be read: 1, 8, 16 or 32",
        ));
    }
    let element = instance
        .object
        .get(tags::PIXEL_DATA)
        .ok_or(DicomError::Pixels("there is none"))?;
    let photometric = instance.text_or_empty(tags::PHOTOMETRIC_INTERPRETATION);
    let planar = instance.unsigned(tags::PLANAR_CONFIGURATION) == Some(1) && samples == 3;
    let (bytes, planar, half_chroma) = match element.value() {
        Value::Primitive(value) => {
            let mut bytes = value.to_bytes().into_owned();
            // Words were read in the file's byte order; a 32-bit cell is two of them, high one first.
            if instance.big_endian
                && allocated == 32
                && value.multiplicity() as usize * 2 == bytes.len()
            {
                bytes
                    .as_chunks_mut::<4>()
                    .0
                    .iter_mut()
                    .for_each(|cell| cell.rotate_left(2));
            }
            (
                bytes,
                planar,
                photometric == "YBR_FULL_422" && allocated == 8,
            )
        }
        Value::PixelSequence(sequence) if syntax == uids::RLE_LOSSLESS => {
            if allocated == 1 {
                return Err(DicomError::Pixels(
                    "compressed with one bit allocated; send them uncompressed",
                ));
            }
            if sequence.fragments().len() != frames {
                return Err(DicomError::Pixels(
                    "RLE needs one fragment for each frame (PS3.5 A.4.2)",
                ));
            }
            let mut bytes = Vec::new();
            for fragment in sequence.fragments() {
                let frame = rle(fragment, rows * columns, samples, allocated as usize / 8);
                bytes.extend(frame.ok_or(DicomError::Pixels(
                    "an RLE frame is damaged: its segments do not hold what Rows and Columns say",
                ))?);
            }
            (bytes, false, false)
        }
        Value::PixelSequence(sequence) => {
            if !matches!(allocated, 8 | 16) {
                return Err(DicomError::Pixels(
                    "compressed with another number of bits allocated than 8 or 16; send them uncompressed",
                ));
            }
            let compressed: usize = sequence.fragments().iter().map(Vec::len).sum();
            // A code has at least one bit (T.81 Annex C), so that a byte holds eight samples at most: a small file that
            // claims a large image is refused before anything is allocated for it.
            if compressed.saturating_mul(8) < total {
                return Err(DicomError::Pixels(
                    "shorter than Rows, Columns and NumberOfFrames say; the file was cut off or is damaged",
                ));
            }
            if !jpeg_fits(sequence.fragments(), rows, columns, samples, allocated) {
                return Err(DicomError::Pixels(
                    "a compressed frame has another size than Rows, Columns, SamplesPerPixel and BitsAllocated say; the file is damaged",
                ));
            }
            let decoded = instance.object.decode_pixel_data().map_err(|_| DicomError::Pixels("the compressed frames cannot be decoded; they are damaged or of an unusual kind"))?;
            let planar = decoded.planar_configuration()
                == dicom_pixeldata::PlanarConfiguration::PixelFirst
                && samples == 3;
            (decoded.into_data(), planar, false)
        }
        Value::Sequence(_) => return Err(DicomError::Pixels("they are a sequence")),
    };
    let short = DicomError::Pixels(
        "shorter than Rows, Columns and NumberOfFrames say; the file was cut off or is damaged",
    );
    let shift = 32 - stored;
    let sign = |raw: u32| {
        if signed {
            ((raw << shift) as i32) >> shift
        } else {
            ((raw << shift) >> shift) as i32
        }
    };
    let mut values: Vec<i32> = match allocated {
        1 if bytes.len() < total.div_ceil(8) => return Err(short),
        1 => (0..total)
            .map(|i| bytes.get(i / 8).map(|b| i32::from((b >> (i % 8)) & 1)))
            .collect::<Option<_>>()
            .ok_or(short.clone())?,
        8 if half_chroma => {
            // Y Y Cb Cr for two pixels (PS3.3 C.7.6.3.1.2).
            let quads = bytes
                .get(..total / 3 * 2)
                .ok_or(short.clone())?
                .as_chunks::<4>()
                .0;
            quads
                .iter()
                .flat_map(|[y0, y1, cb, cr]| [*y0, *cb, *cr, *y1, *cb, *cr])
                .map(i32::from)
                .collect()
        }
        8 => bytes
            .iter()
            .take(total)
            .map(|b| sign(u32::from(*b)))
            .collect(),
        16 => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .take(total)
            .map(|b| sign(u32::from(u16::from_le_bytes(*b))))
            .collect(),
        _ => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .take(total)
            .map(|b| sign(u32::from_le_bytes(*b)))
            .collect(),
    };
    if values.len() != total {
        return Err(short);
    }
    if planar {
        let area = rows * columns;
        let interleave = |frame: &[i32]| {
            (0..area)
                .flat_map(|p| [0, 1, 2].map(|s| frame.get(s * area + p).copied().unwrap_or(0)))
                .collect::<Vec<i32>>()
        };
        values = values.chunks(area * 3).flat_map(interleave).collect();
    }
    Ok(Pixels {
        rows,
        columns,
        frames,
        samples,
        values,
    })
}

/// Whether every frame header that a JPEG decoder could find states the size that the data set states. Entropy-coded
/// data hold no such marker (T.81 F.1.2.3), so that whatever looks like one counts as one.
fn jpeg_fits(
    fragments: &[Vec<u8>],
    rows: usize,
    columns: usize,
    samples: usize,
    allocated: u32,
) -> bool {
    // The decoder reads the fragments as one stream.
    let all = fragments.concat();
    all.windows(10).all(|w| {
        let [0xff, marker, _, _, precision, y0, y1, x0, x1, n] = *w else {
            return true;
        };
        if !(0xc0..=0xcf).contains(&marker) || matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return true;
        }
        usize::from(u16::from_be_bytes([y0, y1])) == rows
            && usize::from(u16::from_be_bytes([x0, x1])) == columns
            && usize::from(n) == samples
            && u32::from(precision) <= allocated
    })
}

/// One RLE frame (PS3.5 Annex G) of cells of so many bytes: a header of up to 15 segment offsets, then for
/// each sample a segment for each byte, the most significant first. Gives little-endian cells, samples
/// interleaved. The library's decoder knows no cells of 32 bits and does not bound what it allocates.
fn rle(frame: &[u8], pixels: usize, samples: usize, cell: usize) -> Option<Vec<u8>> {
    let (header, _) = frame.get(..64)?.as_chunks::<4>();
    let mut words = header.iter().map(|w| u32::from_le_bytes(*w) as usize);
    let segments = samples * cell;
    if words.next() != Some(segments) {
        return None;
    }
    // Two bytes become 128 at most: a small file that claims a large image is refused before it is allocated.
    if frame.len().saturating_mul(64) < pixels * segments {
        return None;
    }
    let starts: Vec<usize> = words.take(segments).collect();
    let mut out = vec![0; pixels * segments];
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(frame.len());
        let segment = unpack_bits(frame.get(*start..end)?, pixels)?;
        let first = n / cell * cell + (cell - 1 - n % cell);
        for (place, byte) in out.iter_mut().skip(first).step_by(segments).zip(segment) {
            *place = byte;
        }
    }
    Some(out)
}

/// One RLE segment (PS3.5 G.3.2) of exactly `length` bytes; what follows is padding.
fn unpack_bits(segment: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(length);
    let mut rest = segment;
    while out.len() < length {
        let (control, tail) = rest.split_first()?;
        rest = match control {
            0..=127 => {
                let (literal, tail) = tail.split_at_checked(usize::from(*control) + 1)?;
                out.extend_from_slice(literal);
                tail
            }
            128 => tail,
            _ => {
                let (byte, tail) = tail.split_first()?;
                out.extend(std::iter::repeat_n(*byte, 257 - usize::from(*control)));
                tail
            }
        };
    }
    (out.len() == length).then_some(out)
}

/// Physical values (HU for CT): stored values through the linear modality transformation
/// (PS3.3 C.11.1).
///
/// # Errors
/// When the rescale attributes are not numbers.
pub fn rescale(instance: &Instance, pixels: &Pixels) -> Result<Vec<f32>, DicomError> {
    let slope = instance.number(tags::RESCALE_SLOPE).unwrap_or(1.0);
    let intercept = instance.number(tags::RESCALE_INTERCEPT).unwrap_or(0.0);
    if !(slope.is_finite() && intercept.is_finite()) {
        return Err(DicomError::Attribute {
            attribute: "RescaleSlope",
        });
    }
    Ok(pixels
        .values
        .iter()
        .map(|v| (f64::from(*v) * slope + intercept) as f32)
        .collect())
}

/// How physical values become grey levels (PS3.3 C.11.2.1.2 and C.11.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Window Center (0028,1050).
    pub centre: f64,
    /// Window Width (0028,1051), at least 1 for `Linear`, above 0 else.
    pub width: f64,
    /// VOI LUT Function (0028,1056).
    pub function: VoiFunction,
}

/// VOI LUT Function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoiFunction {
    /// LINEAR, the default.
    Linear,
    /// LINEAR_EXACT.
    LinearExact,
    /// SIGMOID.
    Sigmoid,
}

impl Window {
    /// A linear window.
    #[must_use]
    pub const fn linear(centre: f64, width: f64) -> Self {
        Self {
            centre,
            width,
            function: VoiFunction::Linear,
        }
    }

    /// The window an instance asks for, if it has a usable one.
    #[must_use]
    pub fn of(instance: &Instance) -> Option<Self> {
        let centre = instance.number(tags::WINDOW_CENTER)?;
        let width = instance.number(tags::WINDOW_WIDTH)?;
        let function = match instance.text_or_empty(tags::VOILUT_FUNCTION).as_str() {
            "LINEAR_EXACT" => VoiFunction::LinearExact,
            "SIGMOID" => VoiFunction::Sigmoid,
            _ => VoiFunction::Linear,
        };
        let least = if function == VoiFunction::Linear {
            1.0
        } else {
            f64::MIN_POSITIVE
        };
        (centre.is_finite() && width.is_finite() && width >= least).then_some(Self {
            centre,
            width,
            function,
        })
    }

    /// A grey level, 0 to 255.
    #[must_use]
    pub fn grey(&self, x: f64) -> u8 {
        let (c, w) = (self.centre, self.width);
        let y = match self.function {
            VoiFunction::Linear if w <= 1.0 => f64::from(x > c - 0.5) * 255.0,
            VoiFunction::Linear if x <= c - 0.5 - (w - 1.0) / 2.0 => 0.0,
            VoiFunction::Linear if x > c - 0.5 + (w - 1.0) / 2.0 => 255.0,
            VoiFunction::Linear => ((x - (c - 0.5)) / (w - 1.0) + 0.5) * 255.0,
            VoiFunction::LinearExact => ((x - c) / w + 0.5) * 255.0,
            VoiFunction::Sigmoid => 255.0 / (1.0 + (-4.0 * (x - c) / w).exp()),
        };
        y.clamp(0.0, 255.0).round() as u8
    }
}

/// An 8-bit picture, grey values repeated in all three colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// [row][column] of red, green, blue.
    pub rgb: Vec<[u8; 3]>,
}

/// Shows one frame of a single image as it asks to be shown: modality and VOI transformation,
/// photometric interpretation (PS3.3 C.7.6.3.1.2).
///
/// # Errors
/// When the pixels cannot be decoded, there is no such frame, or the photometric interpretation is
/// unknown.
pub fn show(instance: &Instance, frame: usize) -> Result<Picture, DicomError> {
    let pixels = decode(instance)?;
    let one = pixels.rows * pixels.columns * pixels.samples;
    let values = pixels
        .values
        .get(frame * one..(frame + 1) * one)
        .ok_or(DicomError::Pixels("there is no such frame"))?;
    let photometric = instance.text_or_empty(tags::PHOTOMETRIC_INTERPRETATION);
    let stored = instance.unsigned(tags::BITS_STORED).unwrap_or(8).min(32);
    let to8 = |v: i32| (v >> stored.saturating_sub(8)).clamp(0, 255) as u8;
    let rgb = match (photometric.as_str(), pixels.samples) {
        ("MONOCHROME1" | "MONOCHROME2", 1) => {
            let of_frame = Pixels {
                frames: 1,
                values: values.to_vec(),
                ..pixels
            };
            let physical = rescale(instance, &of_frame)?;
            let window = Window::of(instance).unwrap_or_else(|| {
                let (lo, hi) = physical
                    .iter()
                    .fold((f32::MAX, f32::MIN), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
                let width = f64::from(hi) - f64::from(lo) + 1.0;
                Window::linear(f64::from(lo) + width / 2.0, width.max(1.0))
            });
            let invert = photometric == "MONOCHROME1";
            physical
                .iter()
                .map(|v| window.grey(f64::from(*v)))
                .map(|g| if invert { 255 - g } else { g })
                .map(|g| [g; 3])
                .collect()
        }
        ("RGB", 3) => values
            .as_chunks::<3>()
            .0
            .iter()
            .map(|p| p.map(to8))
            .collect(),
        ("YBR_FULL" | "YBR_FULL_422", 3) => values
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[y, b, r]| ybr_to_rgb(f64::from(*y), f64::from(*b), f64::from(*r)))
            .collect(),
        ("PALETTE COLOR", 1) => palette(instance, values)?,
        _ => {
            return Err(DicomError::Attribute {
                attribute: "PhotometricInterpretation",
            });
        }
    };
    Ok(Picture {
        rows: pixels.rows,
        columns: pixels.columns,
        rgb,
    })
}

/// The inverse of PS3.3 C.7.6.3.1.2's equations for 8-bit YBR_FULL.
fn ybr_to_rgb(y: f64, cb: f64, cr: f64) -> [u8; 3] {
    let (b, r) = (cb - 128.0, cr - 128.0);
    [
        y + 1.402 * r,
        y - 0.344_136_286 * b - 0.714_136_286 * r,
        y + 1.772 * b,
    ]
    .map(|v| v.round().clamp(0.0, 255.0) as u8)
}

/// Palette colour lookup tables (PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6).
fn palette(instance: &Instance, values: &[i32]) -> Result<Vec<[u8; 3]>, DicomError> {
    let bad = DicomError::Attribute {
        attribute: "RedPaletteColorLookupTableDescriptor",
    };
    let descriptor = instance
        .numbers(tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR)
        .filter(|d| d.len() == 3)
        .ok_or(bad.clone())?;
    let entries = match descriptor.first().map(|n| *n as usize) {
        Some(0) => 65_536,
        Some(n) => n,
        None => return Err(bad),
    };
    let first = descriptor.get(1).map_or(0, |f| *f as i32);
    let wide = descriptor.get(2) == Some(&16.0);
    let mut tables = Vec::new();
    for tag in [
        tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    ] {
        let bytes = instance
            .object
            .get(tag)
            .and_then(|e| e.to_bytes().ok())
            .ok_or(bad.clone())?;
        // 8-bit tables may be packed or stand one to a word.
        let table: Vec<u8> = if wide {
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[_, high]| *high)
                .collect()
        } else if bytes.len() >= entries * 2 {
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[low, _]| *low)
                .collect()
        } else {
            bytes.to_vec()
        };
        if table.len() < entries {
            return Err(bad);
        }
        tables.push(table);
    }
    let entry = |v: i32| (v.saturating_sub(first)).clamp(0, entries as i32 - 1) as usize;
    let [red, green, blue] = tables.as_slice() else {
        return Err(bad);
    };
    Ok(values
        .iter()
        .map(|v| [red, green, blue].map(|t| t.get(entry(*v)).copied().unwrap_or(0)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    // PS3.3 C.11.2.1.2.1's worked example: c = 2048, w = 4096 for 12 bits to 8 bits gives the whole
    // range; and its pseudo-code at the edges.
    #[test]
    fn linear_window_by_the_standard_s_pseudo_code() {
        let window = Window::linear(2048.0, 4096.0);
        assert_eq!((window.grey(0.0), window.grey(4095.0)), (0, 255));
        let window = Window::linear(2048.0, 1.0);
        assert_eq!((window.grey(2047.0), window.grey(2048.0)), (0, 255));
        let window = Window::linear(0.0, 100.0);
        assert_eq!((window.grey(-50.0), window.grey(49.0)), (0, 255));
        let exact = Window {
            function: VoiFunction::LinearExact,
            ..window
        };
        assert_eq!(
            (exact.grey(-50.0), exact.grey(0.0), exact.grey(50.0)),
            (0, 128, 255)
        );
        let sigmoid = Window {
            function: VoiFunction::Sigmoid,
            ..window
        };
        assert_eq!(
            (sigmoid.grey(0.0), sigmoid.grey(1e9), sigmoid.grey(-1e9)),
            (128, 255, 0)
        );
    }

    /// PS3.5 G.3.1 by hand: a literal run, a replicate run, the value 128 that stands for nothing.
    #[test]
    fn rle_by_the_standard_s_rules() {
        let coded = [2, 10, 20, 30, 128, 254, 7];
        assert_eq!(unpack_bits(&coded, 6), Some(vec![10, 20, 30, 7, 7, 7]));
        for (bad, length) in [
            (&coded[..6], 6),
            (&coded[..2], 1),
            (&[], 1),
            (&coded, 7),
            (&coded, 5),
        ] {
            assert_eq!(unpack_bits(bad, length), None);
        }
        let mut frame = vec![4, 0, 0, 0];
        for n in 0..15_u32 {
            frame.extend((if n < 4 { 64 + 2 * n } else { 0 }).to_le_bytes());
        }
        frame.extend([0, 0x12, 0, 0x34, 0, 0x56, 0, 0x78]);
        assert_eq!(rle(&frame, 1, 1, 4), Some(vec![0x78, 0x56, 0x34, 0x12]));
        assert_eq!((rle(&frame, 2, 1, 4), rle(&frame, 1, 3, 4)), (None, None));
        frame[4] = 255;
        assert_eq!(
            (rle(&frame, 1, 1, 4), rle(&frame[..63], 1, 1, 4)),
            (None, None)
        );
    }

    // PS3.3 C.7.6.3.1.2: Y = .299 R + .587 G + .114 B and so on, inverted.
    #[test]
    fn ybr_full_of_pure_colours() {
        for rgb in [
            [255_u8, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [255, 255, 255],
            [0, 0, 0],
            [12, 200, 99],
        ] {
            let [r, g, b] = rgb.map(f64::from);
            let y = 0.299 * r + 0.587 * g + 0.114 * b;
            let cb = -0.168_735_892 * r - 0.331_264_108 * g + 0.5 * b + 128.0;
            let cr = 0.5 * r - 0.418_687_589 * g - 0.081_312_411 * b + 128.0;
            assert_eq!(ybr_to_rgb(y, cb, cr), rgb);
        }
    }
}
