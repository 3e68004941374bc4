//! The Merkle tree of RFC 6962 section 2.1 over SHA-256: hashes, proofs and their verification by
//! RFC 9162 sections 2.1.3.2 and 2.1.4.2.

use candour_record::Digest;
use sha2::{Digest as _, Sha256};

/// The longest proof a tree of 2^63 leaves can have.
pub const MAX_PROOF: usize = 63;

/// The hash of a leaf: `SHA-256(0x00 || entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::from_bytes(
        Sha256::new()
            .chain_update([0])
            .chain_update(entry)
            .finalize()
            .into(),
    )
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::from_bytes(
        Sha256::new()
            .chain_update([1])
            .chain_update(left.as_bytes())
            .chain_update(right.as_bytes())
            .finalize()
            .into(),
    )
}

/// The root over a list of node hashes: MTH of section 2.1 with `hashes` in place of leaf hashes.
/// The last may stand for an incomplete subtree. The root of nothing is `SHA-256("")`.
#[must_use]
pub fn root(hashes: &[Digest]) -> Digest {
    match hashes {
        [] => Digest::of(b""),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(split(hashes.len() as u64) as usize);
            node_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two smaller than `n`, for `n` of at least 2.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The hash of the range `lo..hi` of leaves, from complete subtrees: `node(level, i)` is the hash
/// of the leaves `i << level .. (i + 1) << level`.
///
/// # Errors
/// Those of `node`.
pub fn range<E>(
    lo: u64,
    hi: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Digest, E> {
    let n = hi - lo;
    if n.is_power_of_two() {
        return node(n.trailing_zeros(), lo >> n.trailing_zeros());
    }
    if n == 0 {
        return Ok(Digest::of(b""));
    }
    let k = split(n);
    Ok(node_hash(
        &range(lo, lo + k, node)?,
        &range(lo + k, hi, node)?,
    ))
}

/// The inclusion proof of leaf `index` in a tree of `size` leaves, leaf's sibling first.
/// `index` must be below `size`.
///
/// # Errors
/// Those of `node` (see [`range`]).
pub fn inclusion<E>(
    index: u64,
    size: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Vec<Digest>, E> {
    let (mut lo, mut hi, mut path) = (0, size, Vec::new());
    while hi - lo > 1 {
        let k = split(hi - lo);
        if index < lo + k {
            path.push(range(lo + k, hi, node)?);
            hi = lo + k;
        } else {
            path.push(range(lo, lo + k, node)?);
            lo += k;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof between the trees of `old` and `new` leaves, `0 < old <= new`.
///
/// # Errors
/// Those of `node` (see [`range`]).
pub fn consistency<E>(
    old: u64,
    new: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Vec<Digest>, E> {
    let (mut lo, mut hi, mut path, mut whole) = (0, new, Vec::new(), true);
    while old != hi {
        let k = split(hi - lo);
        if old <= lo + k {
            path.push(range(lo + k, hi, node)?);
            hi = lo + k;
        } else {
            path.push(range(lo, lo + k, node)?);
            lo += k;
            whole = false;
        }
    }
    if !whole {
        path.push(range(lo, hi, node)?);
    }
    path.reverse();
    Ok(path)
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index lies outside the tree, the sizes are out of order, or the tree is empty.
    #[error("the proof is for a leaf or a size that this tree does not have")]
    Range,
    /// Too few or too many hashes.
    #[error("the proof has too few or too many hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root hash")]
    Root,
}

/// Verifies an inclusion proof (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`ProofError`], whenever the leaf is not proved to be in the tree.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut fnode, mut snode, mut r) = (index, size - 1, *leaf);
    for p in proof {
        if snode == 0 {
            return Err(ProofError::Length);
        }
        if fnode & 1 == 1 || fnode == snode {
            r = node_hash(p, &r);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            r = node_hash(&r, p);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    match (snode, r == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Verifies a consistency proof (RFC 9162 section 2.1.4.2).
///
/// # Errors
/// [`ProofError`], whenever the newer tree is not proved to extend the older one.
pub fn verify_consistency(
    old: u64,
    old_root: &Digest,
    new: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Range);
    }
    if old == new {
        return match (proof.is_empty(), old_root == new_root) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    let mut rest = proof.iter();
    let first = if old.is_power_of_two() {
        old_root
    } else {
        rest.next().ok_or(ProofError::Length)?
    };
    let (mut fnode, mut snode) = (old - 1, new - 1);
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    let (mut fr, mut sr) = (*first, *first);
    for c in rest {
        if snode == 0 {
            return Err(ProofError::Length);
        }
        if fnode & 1 == 1 || fnode == snode {
            fr = node_hash(c, &fr);
            sr = node_hash(c, &sr);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            sr = node_hash(&sr, c);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    if snode != 0 {
        return Err(ProofError::Length);
    }
    if fr == *old_root && sr == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}
