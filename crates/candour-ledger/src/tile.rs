//! Tiles and entry bundles by C2SP tlog-tiles: which file holds what.

use candour_record::Digest;

use crate::tree::node_hash;

/// Hashes in a full tile, and entries in a full bundle.
pub const WIDTH: u64 = 256;

/// The longest entry: its length is a 16-bit number.
pub const MAX_ENTRY: usize = 65_535;

/// `1234067` as `x001/x234/067`.
fn index_path(index: u64) -> String {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    groups.join("/")
}

fn path(kind: &str, index: u64, width: u64) -> String {
    let full = format!("tile/{kind}/{}", index_path(index));
    if width == WIDTH {
        full
    } else {
        format!("{full}.p/{width}")
    }
}

/// Where the tile of `level` and `index` lies when it holds `width` hashes (1 to 256).
#[must_use]
pub fn tile_path(level: u32, index: u64, width: u64) -> String {
    path(&level.to_string(), index, width)
}

/// Where the bundle of entries `256 * index ..` lies when it holds `width` entries (1 to 256).
#[must_use]
pub fn bundle_path(index: u64, width: u64) -> String {
    path("entries", index, width)
}

/// The widths of the tiles of one level of a tree: how many are full, and how wide the last,
/// partial one is (0: there is none).
#[must_use]
pub const fn widths(size: u64, level: u32) -> (u64, u64) {
    let hashes = if level * 8 >= 64 {
        0
    } else {
        size >> (level * 8)
    };
    (hashes / WIDTH, hashes % WIDTH)
}

/// An entry with its 16-bit big-endian length before it, as bundles hold it. `None` when too long.
#[must_use]
pub fn frame(entry: &[u8]) -> Option<Vec<u8>> {
    let mut out = u16::try_from(entry.len()).ok()?.to_be_bytes().to_vec();
    out.extend_from_slice(entry);
    Some(out)
}

/// The entries of a bundle with the offset of each one's length, as far as they can be read; and
/// whether the bytes ended exactly at the end of an entry.
#[must_use]
pub fn entries(bundle: &[u8]) -> (Vec<(usize, &[u8])>, bool) {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some([a, b]) = bundle.get(at..at + 2) {
        let start = at + 2;
        let Some(entry) = bundle.get(start..start + usize::from(u16::from_be_bytes([*a, *b])))
        else {
            break;
        };
        out.push((at, entry));
        at = start + entry.len();
    }
    (out, at == bundle.len())
}

/// The hashes of a tile's bytes; `None` when they are not a whole number of hashes.
#[must_use]
pub fn hashes(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (whole, rest) = bytes.as_chunks::<32>();
    rest.is_empty()
        .then(|| whole.iter().map(|h| Digest::from_bytes(*h)).collect())
}

/// One tile with the hashes of all complete subtrees inside it, so that a proof only looks up.
#[derive(Clone, Debug)]
pub(crate) struct TileTree(Vec<Vec<Digest>>);

impl TileTree {
    pub(crate) fn new(hashes: Vec<Digest>) -> Self {
        let mut rows = vec![hashes];
        while let Some(last) = rows.last().filter(|row| row.len() >= 2) {
            let next = last
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[l, r]| node_hash(l, r))
                .collect();
            rows.push(next);
        }
        Self(rows)
    }

    /// The `i`-th complete subtree of height `row` inside this tile.
    pub(crate) fn get(&self, row: u32, i: u64) -> Option<Digest> {
        self.0.get(row as usize)?.get(i as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The path is C2SP tlog-tiles' own example; the widths are the worked example of a tree of
    // 70,000 leaves in the same text.
    #[test]
    fn the_specification_s_examples() {
        assert_eq!(tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(bundle_path(273, 112), "tile/entries/273.p/112");
        assert_eq!(widths(70_000, 0), (273, 112));
        assert_eq!(widths(70_000, 1), (1, 17));
        assert_eq!(widths(70_000, 2), (0, 1));
        assert_eq!(widths(70_000, 3), (0, 0));
        assert_eq!(widths(u64::MAX, 8), (0, 0));
    }

    #[test]
    fn bundles_read_as_far_as_they_go() {
        let mut bundle = frame(b"abc").unwrap();
        bundle.extend(frame(b"").unwrap());
        assert_eq!(
            entries(&bundle),
            (vec![(0, &b"abc"[..]), (5, &b""[..])], true)
        );
        assert_eq!(entries(&bundle[..4]), (vec![], false));
        assert_eq!(entries(&[]), (vec![], true));
        assert!(frame(&vec![0; 65_536]).is_none());
    }
}
