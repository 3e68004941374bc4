//! Checkpoints (C2SP tlog-checkpoint) as signed notes (C2SP signed-note), signed with Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use candour_record::Digest;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// The signed-note type of an Ed25519 key.
const ED25519: u8 = 0x01;
/// More than any honest note has; bounds what a hostile one can cost.
const MAX_SIGNATURES: usize = 64;
const MAX_NOTE: usize = 65_536;

/// Why a note, a key or a checkpoint is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a verifier key.
    #[error(
        "not a verifier key; expected NAME+8 hex digits+base64, with the hash that belongs to the key"
    )]
    Key,
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// A line of the checkpoint's body is wrong.
    #[error("not a checkpoint: line {line} {what}")]
    Body {
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no signature by the key.
    #[error("no signature by {0}")]
    Unsigned(String),
    /// The signature by the key is wrong.
    #[error("the signature by {0} is not genuine")]
    Forged(String),
    /// The origin line does not name the key's log.
    #[error("the checkpoint is of another log than {0}")]
    Origin(String),
}

/// A named Ed25519 public key in the notation of signed-note: `NAME+HASH+KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    key: VerifyingKey,
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(key.as_bytes())
        .finalize();
    let mut id = [0; 4];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

fn name_is_good(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

impl Vkey {
    /// The key's name, which is the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Display for Vkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut typed = vec![ED25519];
        typed.extend_from_slice(self.key.as_bytes());
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            u32::from_be_bytes(key_id(&self.name, &self.key)),
            STANDARD.encode(typed)
        )
    }
}

impl std::str::FromStr for Vkey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
        let (_, key) = rest.split_once('+').ok_or(NoteError::Key)?;
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let [ED25519, key @ ..] = key.as_slice() else {
            return Err(NoteError::Key);
        };
        let key = VerifyingKey::from_bytes(key.try_into().map_err(|_| NoteError::Key)?)
            .map_err(|_| NoteError::Key)?;
        let vkey = Self {
            name: name.to_owned(),
            key,
        };
        // Printing again covers the key hash, its case and any other way to write the same key.
        if name_is_good(name) && !vkey.key.is_weak() && vkey.to_string() == text {
            Ok(vkey)
        } else {
            Err(NoteError::Key)
        }
    }
}

/// A log's private key. Wiped from memory when dropped.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl Signer {
    /// A signer for the log of this origin from 32 secret random bytes (RFC 8032).
    ///
    /// # Errors
    /// When `name` is not a possible key name: empty, or with a space, a `+` or a control character.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self, NoteError> {
        if !name_is_good(name) {
            return Err(NoteError::Key);
        }
        Ok(Self {
            name: name.to_owned(),
            key: SigningKey::from_bytes(secret),
        })
    }

    /// The public half.
    #[must_use]
    pub fn vkey(&self) -> Vkey {
        Vkey {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }

    /// Signs a note's text, which must end in a newline.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let mut blob = key_id(&self.name, &self.key.verifying_key()).to_vec();
        blob.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(blob))
    }
}

/// Checks a signed note and returns its text. Signatures by other keys are ignored.
///
/// # Errors
/// When it is not a note, when it holds no signature by `vkey`, or a wrong one.
pub fn open<'a>(note: &'a str, vkey: &Vkey) -> Result<&'a str, NoteError> {
    if note.len() > MAX_NOTE {
        return Err(NoteError::Malformed("it is larger than 64 KiB"));
    }
    if note.contains(|c: char| c.is_control() && c != '\n') {
        return Err(NoteError::Malformed("it has a control character"));
    }
    let at = note
        .rfind("\n\n")
        .ok_or(NoteError::Malformed("no blank line before the signatures"))?;
    let (text, signatures) = (
        note.get(..=at).unwrap_or(""),
        note.get(at + 2..).unwrap_or(""),
    );
    let lines = signatures
        .strip_suffix('\n')
        .ok_or(NoteError::Malformed("the last line does not end"))?;
    let mut genuine = false;
    for (n, line) in lines.split('\n').enumerate() {
        let parsed = line
            .strip_prefix("\u{2014} ")
            .and_then(|rest| rest.split_once(' '));
        let (name, blob) = parsed
            .filter(|(name, _)| name_is_good(name))
            .ok_or(NoteError::Malformed("a signature line is wrong"))?;
        let blob = STANDARD
            .decode(blob)
            .map_err(|_| NoteError::Malformed("a signature is not base64"))?;
        let (id, signature) = blob
            .split_first_chunk::<4>()
            .ok_or(NoteError::Malformed("a signature is too short"))?;
        if n >= MAX_SIGNATURES {
            return Err(NoteError::Malformed("more than 64 signatures"));
        }
        if name != vkey.name || *id != key_id(&vkey.name, &vkey.key) {
            continue;
        }
        let signature =
            Signature::from_slice(signature).map_err(|_| NoteError::Forged(name.to_owned()))?;
        vkey.key
            .verify_strict(text.as_bytes(), &signature)
            .map_err(|_| NoteError::Forged(name.to_owned()))?;
        genuine = true;
    }
    if genuine {
        Ok(text)
    } else {
        Err(NoteError::Unsigned(vkey.name.clone()))
    }
}

/// A log's state: how many entries it has and the hash over them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The tree's root hash.
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed: three lines, no extension lines.
    #[must_use]
    pub fn body(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root.as_bytes())
        )
    }

    /// Checks a signed checkpoint of the log whose key is given.
    ///
    /// # Errors
    /// As [`open`], and when the text is no checkpoint of that log.
    pub fn open(note: &str, vkey: &Vkey) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(open(note, vkey)?)?;
        if checkpoint.origin != vkey.name {
            return Err(NoteError::Origin(vkey.name.clone()));
        }
        Ok(checkpoint)
    }

    /// Reads a checkpoint's text; what it prints is what was read.
    ///
    /// # Errors
    /// [`NoteError::Body`] with the line that is wrong.
    pub fn parse(body: &str) -> Result<Self, NoteError> {
        let bad = |line, what| NoteError::Body { line, what };
        let mut lines = body.split('\n');
        let mut next = |n| lines.next().ok_or(bad(n, "is missing"));
        let origin = next(1)?.to_owned();
        let size = next(2)?.parse().map_err(|_| bad(2, "is not a tree size"))?;
        let root = STANDARD
            .decode(next(3)?)
            .ok()
            .and_then(|r| r.try_into().ok())
            .ok_or(bad(3, "is not 32 bytes in base64"))?;
        let checkpoint = Self {
            origin,
            size,
            root: Digest::from_bytes(root),
        };
        if checkpoint.origin.is_empty() {
            return Err(bad(1, "is empty"));
        }
        // Leading zeros, other spellings of base64 and extension lines all end here.
        if checkpoint.body() != body {
            return Err(bad(
                4,
                "or another way to write the same is not accepted; three canonical lines are",
            ));
        }
        Ok(checkpoint)
    }
}
