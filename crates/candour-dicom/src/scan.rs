//! A look at a data set's structure before anything is allocated for it: every length lies within
//! what contains it, and nesting is bounded (PS3.5 7).

use std::cell::RefCell;

use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

use crate::DicomError;

/// Deeper than any information object definition nests.
pub(crate) const MAX_DEPTH: usize = 64;

const UNDEFINED: u32 = u32::MAX;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);

/// How many bytes one value of this representation has (PS3.5 6.2); 1 for text and bytes.
fn unit(vr: [u8; 2]) -> u32 {
    match &vr {
        b"US" | b"SS" | b"OW" => 2,
        b"AT" | b"FL" | b"OF" | b"OL" | b"SL" | b"UL" => 4,
        b"FD" | b"OD" | b"OV" | b"SV" | b"UV" => 8,
        _ => 1,
    }
}

fn vr_bytes(vr: VR) -> [u8; 2] {
    match *vr.to_string().as_bytes() {
        [a, b] => [a, b],
        _ => *b"UN",
    }
}

/// How a data set is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) explicit: bool,
    pub(crate) big_endian: bool,
}

/// One element's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) tag: Tag,
    pub(crate) vr: Option<[u8; 2]>,
    pub(crate) length: u32,
    /// Where the value begins.
    pub(crate) value: usize,
}

pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    /// Added to offsets in errors, which count from the file's start.
    base: usize,
    pub(crate) encoding: Encoding,
    unknown: RefCell<Vec<Unknown>>,
}

/// An element of unknown value representation and undefined length: its items are in implicit VR little
/// endian, whatever is around them (PS3.5 6.2.2 note 2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown {
    /// Where its length stands.
    pub(crate) length_at: usize,
    /// How many bytes its value has, the delimiter included.
    pub(crate) length: u32,
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(bytes: &'a [u8], base: usize, encoding: Encoding) -> Self {
        Self {
            bytes,
            base,
            encoding,
            unknown: RefCell::new(Vec::new()),
        }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let [a, b] = *self.bytes.get(at..at + 2)? else {
            return None;
        };
        Some(if self.encoding.big_endian {
            u16::from_be_bytes([a, b])
        } else {
            u16::from_le_bytes([a, b])
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let [a, b, c, d] = *self.bytes.get(at..at + 4)? else {
            return None;
        };
        Some(if self.encoding.big_endian {
            u32::from_be_bytes([a, b, c, d])
        } else {
            u32::from_le_bytes([a, b, c, d])
        })
    }

    pub(crate) fn header(&self, at: usize, explicit: bool) -> Result<Header, DicomError> {
        let cut = DicomError::Structure {
            offset: self.base + at,
            what: "the file ends within an element's header; it was cut off",
        };
        let tag = Tag(
            self.u16(at).ok_or(cut.clone())?,
            self.u16(at + 2).ok_or(cut.clone())?,
        );
        if tag.0 == 0xFFFE || !explicit {
            return Ok(Header {
                tag,
                vr: None,
                length: self.u32(at + 4).ok_or(cut)?,
                value: at + 8,
            });
        }
        let Some([a, b]) = self.bytes.get(at + 4..at + 6) else {
            return Err(cut);
        };
        let vr = [*a, *b];
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(DicomError::Structure {
                offset: self.base + at + 4,
                what: "no value representation stands here",
            });
        }
        // PS3.5 7.1.2: the length of all others, unknown ones among them, has four bytes.
        let short = matches!(
            &vr,
            b"AE"
                | b"AS"
                | b"AT"
                | b"CS"
                | b"DA"
                | b"DS"
                | b"DT"
                | b"FL"
                | b"FD"
                | b"IS"
                | b"LO"
                | b"LT"
                | b"PN"
                | b"SH"
                | b"SL"
                | b"SS"
                | b"ST"
                | b"TM"
                | b"UI"
                | b"UL"
                | b"US"
        );
        let (length, value) = if short {
            (self.u16(at + 6).map(u32::from), at + 8)
        } else {
            (self.u32(at + 8), at + 12)
        };
        Ok(Header {
            tag,
            vr: Some(vr),
            length: length.ok_or(cut)?,
            value,
        })
    }

    /// Walks the whole data set. Gives the elements of unknown representation and undefined length.
    pub(crate) fn check(self) -> Result<Vec<Unknown>, DicomError> {
        self.elements(0, self.bytes.len(), 0, self.encoding.explicit, false)?;
        Ok(self.unknown.into_inner())
    }

    fn elements(
        &self,
        mut at: usize,
        end: usize,
        depth: usize,
        explicit: bool,
        delimited: bool,
    ) -> Result<usize, DicomError> {
        if depth > MAX_DEPTH {
            return Err(DicomError::TooDeep {
                offset: self.base + at,
                limit: MAX_DEPTH,
            });
        }
        while at < end {
            let header = self.header(at, explicit)?;
            if header.tag == ITEM_END && delimited {
                return Ok(header.value);
            }
            if header.tag.0 == 0xFFFE {
                return Err(DicomError::Structure {
                    offset: self.base + at,
                    what: "an item or a delimiter stands where an element belongs",
                });
            }
            let listed = || StandardDataDictionary.by_tag(header.tag).map(|e| e.vr());
            let known = || listed().map(VirtualVr::relaxed);
            let sequence = match header.vr {
                Some(vr) => &vr == b"SQ",
                None => known() == Some(VR::SQ),
            };
            at = if header.length == UNDEFINED {
                // UN of undefined length holds items in implicit VR (PS3.5 6.2.2).
                let unknown = header.vr == Some(*b"UN");
                let after = self.items(
                    header.value,
                    end,
                    depth,
                    explicit && !unknown,
                    true,
                    // A sequence by its own word has items, whatever its tag.
                    header.tag == PIXEL_DATA && !sequence,
                )?;
                if unknown && let Ok(length) = u32::try_from(after - header.value) {
                    let length_at = header.value - 4;
                    self.unknown
                        .borrow_mut()
                        .push(Unknown { length_at, length });
                }
                after
            } else {
                let next = self.within(header, at, end)?;
                // A reader of whole numbers would stop short of the value's end, and take the rest for a header.
                let name = header.vr.or_else(|| Some(vr_bytes(known()?)));
                // Where Pixel Representation tells signed words from unsigned ones, the library goes by the tag.
                if name.is_some_and(|vr| !header.length.is_multiple_of(unit(vr)))
                    || (listed() == Some(VirtualVr::Xs) && !header.length.is_multiple_of(2))
                {
                    return Err(DicomError::Value { tag: header.tag });
                }
                if sequence {
                    self.items(header.value, next, depth, explicit, false, false)?;
                }
                next
            };
        }
        if delimited {
            return Err(DicomError::Structure {
                offset: self.base + end,
                what: "an item of undefined length never ends; the file was cut off",
            });
        }
        Ok(at)
    }

    fn within(&self, header: Header, at: usize, end: usize) -> Result<usize, DicomError> {
        let left = end.saturating_sub(header.value);
        if header.length as usize > left {
            return Err(DicomError::Truncated {
                tag: header.tag,
                offset: self.base + at,
                length: u64::from(header.length),
                left,
            });
        }
        Ok(header.value + header.length as usize)
    }

    fn items(
        &self,
        mut at: usize,
        end: usize,
        depth: usize,
        explicit: bool,
        delimited: bool,
        fragments: bool,
    ) -> Result<usize, DicomError> {
        let mut first = true;
        while at < end {
            let header = self.header(at, false)?;
            // The first item of fragments is a table of offsets, of four bytes each (PS3.5 A.4).
            let table = std::mem::take(&mut first) && fragments;
            match header.tag {
                SEQUENCE_END if delimited => return Ok(header.value),
                ITEM if table && !header.length.is_multiple_of(4) => {
                    return Err(DicomError::Structure {
                        offset: self.base + at,
                        what: "the table of offsets of the pixel data holds no whole number of them",
                    });
                }
                ITEM if fragments => at = self.within(header, at, end)?,
                ITEM if header.length == UNDEFINED => {
                    at = self.elements(header.value, end, depth + 1, explicit, true)?
                }
                ITEM => {
                    let next = self.within(header, at, end)?;
                    self.elements(header.value, next, depth + 1, explicit, false)?;
                    at = next;
                }
                _ => {
                    return Err(DicomError::Structure {
                        offset: self.base + at,
                        what: "no item stands where a sequence must have one",
                    });
                }
            }
        }
        if delimited {
            return Err(DicomError::Structure {
                offset: self.base + end,
                what: "a sequence of undefined length never ends; the file was cut off",
            });
        }
        Ok(at)
    }
}
