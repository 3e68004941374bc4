//! `.tlog-proof` files (C2SP tlog-proof): one entry, its place in the log and the signed
//! checkpoint, enough to verify offline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use candour_record::Digest;

use crate::checkpoint::{Checkpoint, NoteError, Vkey};
use crate::tree::{self, ProofError};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// An entry in base64, 63 hashes and a checkpoint with room to spare.
const MAX_FILE: usize = 262_144;

/// An inclusion proof with everything needed to verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Candour puts the entry itself here, so that the file stands alone. It is as trustworthy as
    /// the proof, because verifying hashes exactly these bytes.
    pub extra: Option<Vec<u8>>,
    /// The entry's index in the log.
    pub index: u64,
    /// The inclusion proof, the leaf's sibling first.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

/// Why a `.tlog-proof` is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not the format.
    #[error("tlog-proof, line {line}: {what}")]
    Malformed {
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// The entry is neither in the file nor given.
    #[error("the proof holds no entry; give the entry it is about")]
    NoEntry,
    /// The entry in the file is another than the one given.
    #[error("the entry in the proof is another one")]
    OtherEntry,
    /// The checkpoint is not genuine.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// The file's text.
    #[must_use]
    pub fn print(&self) -> String {
        let mut out = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            out += &format!("extra {}\n", STANDARD.encode(extra));
        }
        out += &format!("index {}\n", self.index);
        for hash in &self.hashes {
            out += &format!("{}\n", STANDARD.encode(hash.as_bytes()));
        }
        out + "\n" + &self.checkpoint
    }

    /// Reads a file. Whatever is accepted prints to the same bytes.
    ///
    /// # Errors
    /// [`TlogProofError::Malformed`] with the line.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let bad = |line, what| TlogProofError::Malformed { line, what };
        if text.len() > MAX_FILE {
            return Err(bad(1, "the file is larger than any proof"));
        }
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(bad(1, "no blank line before the checkpoint"))?;
        let mut lines = head
            .split('\n')
            .enumerate()
            .map(|(n, line)| (n + 1, line))
            .peekable();
        if lines.next().is_none_or(|(_, line)| line != HEADER) {
            return Err(bad(1, "expected c2sp.org/tlog-proof@v1"));
        }
        let mut extra = None;
        if let Some((n, text)) = lines
            .peek()
            .and_then(|(n, l)| Some((*n, l.strip_prefix("extra ")?)))
        {
            extra = Some(STANDARD.decode(text).map_err(|_| bad(n, "not base64"))?);
            lines.next();
        }
        let index = lines
            .next()
            .and_then(|(_, l)| l.strip_prefix("index ")?.parse().ok());
        let index = index.ok_or(bad(2, "expected the index"))?;
        let mut hashes = Vec::new();
        for (n, line) in lines {
            if hashes.len() >= tree::MAX_PROOF {
                return Err(bad(n, "more than 63 hashes"));
            }
            let hash = STANDARD.decode(line).ok().and_then(|h| h.try_into().ok());
            hashes.push(Digest::from_bytes(
                hash.ok_or(bad(n, "not a hash in base64"))?,
            ));
        }
        let proof = Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        };
        if proof.print() == text {
            Ok(proof)
        } else {
            Err(bad(2, "a number or a hash is not written canonically"))
        }
    }

    /// Verifies the proof offline and returns the checkpoint it leads to. `entry` may be left out
    /// when the file holds it.
    ///
    /// # Errors
    /// [`TlogProofError`], whenever the entry is not proved to be in the log of `vkey`.
    pub fn verify(&self, entry: Option<&[u8]>, vkey: &Vkey) -> Result<Checkpoint, TlogProofError> {
        let entry = match (entry, &self.extra) {
            (Some(given), Some(held)) if given != held.as_slice() => {
                return Err(TlogProofError::OtherEntry);
            }
            (Some(given), _) => given,
            (None, Some(held)) => held,
            (None, None) => return Err(TlogProofError::NoEntry),
        };
        let checkpoint = Checkpoint::open(&self.checkpoint, vkey)?;
        tree::verify_inclusion(
            &tree::leaf_hash(entry),
            self.index,
            checkpoint.size,
            &self.hashes,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }
}
