//! The vault: everything personal, encrypted under one key per patient.
//!
//! A patient's key is random and lies, wrapped by the workspace key, in one small file. Without
//! that file the patient's blobs cannot be read, the commitments in the ledger cannot be opened,
//! and his pseudonyms cannot be linked to him. `spec/ledger.md` has the bytes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use candour_record::{CaseId, Digest, Part, Phi, SubjectId};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::disk::Disk;

const FORMAT: &str = "candour-vault@v1\n";
const CHUNK: usize = 16_384;
const TAG: usize = 16;
const SALT: usize = 24;
const HEADER: usize = SALT + 32;

/// A source of secret random bytes.
pub type Entropy<'a> = dyn Fn(&mut [u8]) -> io::Result<()> + Sync + 'a;

/// The key that wraps the patients' keys: 32 secret random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct WorkspaceKey([u8; 32]);

impl WorkspaceKey {
    /// A key from its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Why the vault does not give or take something.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no vault, or one made by newer software.
    #[error("{0}: not a vault this release can read")]
    Format(PathBuf),
    /// The patient's key is not there: destroyed, or never known.
    #[error("the patient's key is not in the vault; it was destroyed or never known here")]
    NoKey,
    /// A blob or a key was changed, or is not the one that was asked for, or the key is wrong.
    #[error("blob {0}: changed since it was written, or not readable with this workspace's key")]
    Tampered(String),
    /// The blob is not there.
    #[error("blob {0}: not in the vault")]
    Missing(String),
    /// The disk refused.
    #[error("{path}: {source}", path = path.display())]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// One patient's key, unwrapped.
#[derive(Clone)]
pub struct Patient {
    subject: SubjectId,
    key: Zeroizing<[u8; 32]>,
}

impl Patient {
    /// The patient's pseudonym.
    #[must_use]
    pub const fn subject(&self) -> SubjectId {
        self.subject
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        mac(&*derive(&*self.key, &[], purpose, &[]), parts)
    }

    /// The stable pseudonym of a study of this patient.
    #[must_use]
    pub fn case(&self, study_uid: &Phi<String>) -> CaseId {
        CaseId::from_bytes(first16(&self.mac("case", &[study_uid.expose().as_bytes()])))
    }

    /// 16 bytes that depend on the patient's key, `purpose` and `context`: for UIDs of results and
    /// pseudonyms of readers, which nobody without the key can guess or link.
    #[must_use]
    pub fn keyed_id(&self, purpose: &str, context: &[u8]) -> [u8; 16] {
        first16(&self.mac(purpose, &[context]))
    }
}

fn first16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, so this cannot fail; an empty key would still be a MAC.
    let Ok(mut mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// HKDF-SHA-256 with an unambiguous info: purpose and context, each with its length before it.
fn derive(key: &[u8], salt: &[u8], purpose: &str, context: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut info = b"candour-vault@v1".to_vec();
    for part in std::iter::once(purpose.as_bytes()).chain(context.iter().copied()) {
        info.extend_from_slice(&(part.len() as u64).to_be_bytes());
        info.extend_from_slice(part);
    }
    let mut out = Zeroizing::new([0; 32]);
    // 32 bytes are always within HKDF's limit of 255 blocks.
    let _ = Hkdf::<Sha256>::new(Some(salt), key).expand(&info, &mut *out);
    out
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// Nonce of chunk `n`: seven zero bytes, the counter, and whether it is the last (STREAM).
fn nonce(n: u32, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    let tail = n.to_be_bytes().into_iter().chain([u8::from(last)]);
    nonce
        .iter_mut()
        .skip(7)
        .zip(tail)
        .for_each(|(to, from)| *to = from);
    nonce
}

/// The keys of one blob: one to encrypt with, and a commitment to it.
fn blob_keys(
    patient: &Patient,
    salt: &[u8],
    blob: &str,
    name: &str,
) -> (Zeroizing<[u8; 32]>, [u8; 32]) {
    let context: [&[u8]; 3] = [patient.subject.as_bytes(), blob.as_bytes(), name.as_bytes()];
    (
        derive(&*patient.key, salt, "encrypt", &context),
        *derive(&*patient.key, salt, "commit", &context),
    )
}

fn encrypt(
    patient: &Patient,
    salt: &[u8; SALT],
    blob: &str,
    name: &str,
    clear: &[u8],
) -> Option<Vec<u8>> {
    let (key, commitment) = blob_keys(patient, salt, blob, name);
    let cipher = cipher(&key);
    let mut out = Vec::with_capacity(HEADER + clear.len() + TAG * (clear.len() / CHUNK + 1));
    out.extend_from_slice(salt);
    out.extend_from_slice(&commitment);
    // There is always a last chunk, if only an empty one.
    let count = clear.len().div_ceil(CHUNK).max(1);
    for n in 0..count {
        let chunk = clear.get(n * CHUNK..clear.len().min((n + 1) * CHUNK))?;
        out.extend(
            cipher
                .encrypt(&nonce(u32::try_from(n).ok()?, n + 1 == count).into(), chunk)
                .ok()?,
        );
    }
    Some(out)
}

fn decrypt(patient: &Patient, blob: &str, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let (salt, commitment) = header.split_at_checked(SALT)?;
    let (key, expected) = blob_keys(patient, salt, blob, name);
    if !bool::from(commitment.ct_eq(&expected)) {
        return None;
    }
    let cipher = cipher(&key);
    let mut clear = Vec::with_capacity(body.len());
    let count = body.len().div_ceil(CHUNK + TAG).max(1);
    for n in 0..count {
        let chunk = body.get(n * (CHUNK + TAG)..body.len().min((n + 1) * (CHUNK + TAG)))?;
        let mut opened = cipher
            .decrypt(&nonce(u32::try_from(n).ok()?, n + 1 == count).into(), chunk)
            .ok()?;
        if n > 0 && opened.is_empty() {
            return None;
        }
        clear.append(&mut opened);
    }
    Some(clear)
}

/// The encrypted store.
pub struct Vault {
    dir: PathBuf,
    key: WorkspaceKey,
    disk: Disk,
    making: Mutex<()>,
}

fn storage(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.to_owned();
    |source| VaultError::Storage { path, source }
}

impl Vault {
    /// Makes an empty vault in `dir`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(dir: &Path, key: WorkspaceKey) -> Result<Self, VaultError> {
        let vault = Self {
            dir: dir.to_owned(),
            key,
            disk: Disk::default(),
            making: Mutex::default(),
        };
        vault.put(&dir.join("format"), FORMAT.as_bytes(), "format")?;
        Ok(vault)
    }

    /// Opens a vault.
    ///
    /// # Errors
    /// When there is none, or one of a newer format.
    pub fn open(dir: &Path, key: WorkspaceKey) -> Result<Self, VaultError> {
        let path = dir.join("format");
        match fs::read(&path) {
            Ok(found) if found == FORMAT.as_bytes() => Ok(Self {
                dir: dir.to_owned(),
                key,
                disk: Disk::default(),
                making: Mutex::default(),
            }),
            Ok(_) => Err(VaultError::Format(path)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(VaultError::Format(path)),
            Err(e) => Err(storage(&path)(e)),
        }
    }

    fn put(&self, path: &Path, bytes: &[u8], unique: &str) -> Result<(), VaultError> {
        let scratch = self.dir.join("tmp");
        self.disk.folder(&scratch).map_err(storage(&scratch))?;
        self.disk
            .put(&scratch.join(unique), path, bytes)
            .map_err(storage(path))
    }

    fn key_path(&self, identity: &Phi<String>) -> (PathBuf, String) {
        let name = Digest::from_bytes(mac(
            &*derive(&self.key.0, &[], "identity", &[]),
            &[identity.expose().as_bytes()],
        ))
        .hex();
        (self.dir.join("keys").join(&name), name)
    }

    /// The key of the patient with this identity (such as issuer and Patient ID), made and stored
    /// durably when the patient is new. Calls may come from several threads.
    ///
    /// # Errors
    /// When the key file was changed, no randomness is to be had, or the disk refuses.
    pub fn patient(
        &self,
        identity: &Phi<String>,
        entropy: &Entropy<'_>,
    ) -> Result<Patient, VaultError> {
        let (path, name) = self.key_path(identity);
        // Two studies of one new patient must not make two keys. The guarded value is empty, so a
        // panic elsewhere leaves nothing half done behind the lock.
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::read(&path) {
            Ok(bytes) => {
                let patient = self
                    .unwrap_key(&bytes, &name)
                    .ok_or_else(|| VaultError::Tampered(name.clone()))?;
                // A crash between the two files of a new patient leaves only the first.
                if !self
                    .dir
                    .join("subjects")
                    .join(patient.subject.to_string())
                    .exists()
                {
                    self.index_subject(patient.subject, &name)?;
                }
                Ok(patient)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut fresh = Zeroizing::new([0; 60]);
                entropy(&mut *fresh).map_err(storage(&path))?;
                let (nonce, clear) = fresh.split_at(12);
                let wrap = derive(&self.key.0, &[], "wrap", &[name.as_bytes()]);
                let nonce: [u8; 12] = nonce.try_into().map_err(|_| VaultError::NoKey)?;
                let sealed = cipher(&wrap)
                    .encrypt(&nonce.into(), clear)
                    .map_err(|_| VaultError::NoKey)?;
                let file = [&nonce[..], &sealed].concat();
                self.put(&path, &file, &name)?;
                let subject =
                    SubjectId::from_bytes(clear.first_chunk().copied().unwrap_or_default());
                self.index_subject(subject, &name)?;
                self.unwrap_key(&file, &name)
                    .ok_or(VaultError::Tampered(name))
            }
            Err(e) => Err(storage(&path)(e)),
        }
    }

    /// Notes under which name a subject's wrapped key lies, so that a decision can be replayed
    /// without knowing who the patient is.
    fn index_subject(&self, subject: SubjectId, name: &str) -> Result<(), VaultError> {
        self.put(
            &self.dir.join("subjects").join(subject.to_string()),
            name.as_bytes(),
            name,
        )
    }

    fn unwrap_key(&self, file: &[u8], name: &str) -> Option<Patient> {
        let (nonce, sealed) = file.split_first_chunk::<12>()?;
        let wrap = derive(&self.key.0, &[], "wrap", &[name.as_bytes()]);
        let clear = Zeroizing::new(cipher(&wrap).decrypt(&(*nonce).into(), sealed).ok()?);
        let (subject, key) = clear.split_first_chunk::<16>()?;
        Some(Patient {
            subject: SubjectId::from_bytes(*subject),
            key: Zeroizing::new(key.try_into().ok()?),
        })
    }

    /// The key of a patient by pseudonym.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when it is not there, [`VaultError::Tampered`] when it was changed.
    pub fn patient_by_subject(&self, subject: SubjectId) -> Result<Patient, VaultError> {
        let name = match fs::read_to_string(self.dir.join("subjects").join(subject.to_string())) {
            Ok(name) if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) => name,
            Ok(_) => return Err(VaultError::Tampered(subject.to_string())),
            Err(_) => return Err(VaultError::NoKey),
        };
        let file = fs::read(self.dir.join("keys").join(&name)).map_err(|_| VaultError::NoKey)?;
        let patient = self
            .unwrap_key(&file, &name)
            .filter(|p| p.subject == subject);
        patient.ok_or(VaultError::Tampered(name))
    }

    fn blob_path(&self, blob: &str) -> PathBuf {
        self.dir
            .join("blobs")
            .join(blob.get(..2).unwrap_or(""))
            .join(blob)
    }

    /// Encrypts `body` under the patient's key. Durable when this returns.
    ///
    /// # Errors
    /// When no randomness is to be had or the disk refuses.
    pub fn seal(
        &self,
        patient: &Patient,
        name: &str,
        body: &[u8],
        entropy: &Entropy<'_>,
    ) -> Result<Part, VaultError> {
        let mut random = [0; 16 + SALT + 32];
        entropy(&mut random).map_err(storage(&self.dir))?;
        let (id, rest) = random.split_first_chunk::<16>().ok_or(VaultError::NoKey)?;
        let (salt, opening) = rest.split_first_chunk::<SALT>().ok_or(VaultError::NoKey)?;
        let blob = CaseId::from_bytes(*id).to_string();
        let clear = [opening, body].concat();
        let bytes = encrypt(patient, salt, &blob, name, &clear)
            .ok_or_else(|| VaultError::Tampered(blob.clone()))?;
        self.put(&self.blob_path(&blob), &bytes, &blob)?;
        let commitment = Digest::from_bytes(patient.mac("commitment", &[&clear]));
        Ok(Part {
            name: name.to_owned(),
            blob,
            bytes: body.len() as u64,
            commitment,
        })
    }

    /// Decrypts what a part commits to, and verifies the commitment.
    ///
    /// # Errors
    /// [`VaultError::Tampered`] when anything differs from what was sealed.
    pub fn open_part(&self, patient: &Patient, part: &Part) -> Result<Vec<u8>, VaultError> {
        let named = part.blob.len() == 32 && part.blob.bytes().all(|b| b.is_ascii_hexdigit());
        if !named {
            return Err(VaultError::Missing(part.blob.clone()));
        }
        let path = self.blob_path(&part.blob);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(VaultError::Missing(part.blob.clone()));
            }
            Err(e) => return Err(storage(&path)(e)),
        };
        let tampered = || VaultError::Tampered(part.blob.clone());
        let mut clear = decrypt(patient, &part.blob, &part.name, &bytes).ok_or_else(tampered)?;
        let commitment = patient.mac("commitment", &[&clear]);
        if clear.len() < 32 || !bool::from(commitment.ct_eq(part.commitment.as_bytes())) {
            return Err(tampered());
        }
        let body = clear.split_off(32);
        if body.len() as u64 == part.bytes {
            Ok(body)
        } else {
            Err(tampered())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static NEXT: AtomicU64 = AtomicU64::new(1);

    fn entropy(out: &mut [u8]) -> io::Result<()> {
        for chunk in out.chunks_mut(32) {
            let n = NEXT.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&Digest::of(&n.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
        Ok(())
    }

    fn who(name: &str) -> Phi<String> {
        Phi::new(name.to_owned())
    }

    #[test]
    fn what_goes_in_comes_out_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::create(dir.path(), WorkspaceKey::new([9; 32])).unwrap();
        let anna = vault.patient(&who("ANNA"), &entropy).unwrap();
        let bert = vault.patient(&who("BERT"), &entropy).unwrap();
        for length in [0, 1, CHUNK - 33, CHUNK - 32, CHUNK - 31, 3 * CHUNK] {
            let body: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            let part = vault.seal(&anna, "bytes", &body, &entropy).unwrap();
            let vault = Vault::open(dir.path(), WorkspaceKey::new([9; 32])).unwrap();
            let again = vault.patient_by_subject(anna.subject()).unwrap();
            assert_eq!(vault.open_part(&again, &part).unwrap(), body);
            assert!(matches!(
                vault.open_part(&bert, &part),
                Err(VaultError::Tampered(_))
            ));
            let renamed = Part {
                name: "justification".into(),
                ..part.clone()
            };
            assert!(matches!(
                vault.open_part(&anna, &renamed),
                Err(VaultError::Tampered(_))
            ));
            let path = vault.blob_path(&part.blob);
            let good = fs::read(&path).unwrap();
            // Every byte of the small ones, samples of the large; every truncation at a chunk.
            for at in (0..good.len()).step_by(1 + good.len() / 200) {
                let mut bad = good.clone();
                bad[at] ^= 1;
                fs::write(&path, &bad).unwrap();
                assert!(
                    matches!(vault.open_part(&anna, &part), Err(VaultError::Tampered(_))),
                    "{length} {at}"
                );
            }
            for keep in [0, 10, HEADER, HEADER + CHUNK + TAG, good.len() - 1] {
                if keep < good.len() {
                    fs::write(&path, &good[..keep]).unwrap();
                    assert!(
                        matches!(vault.open_part(&anna, &part), Err(VaultError::Tampered(_))),
                        "{length} {keep}"
                    );
                }
            }
        }
        let other = Vault::open(dir.path(), WorkspaceKey::new([8; 32])).unwrap();
        assert!(matches!(
            other.patient_by_subject(anna.subject()),
            Err(VaultError::Tampered(_))
        ));
    }

    #[test]
    // Verifies SRS-006.
    fn destroying_a_key_ends_every_way_back_and_names_hold_nothing_personal() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::create(dir.path(), WorkspaceKey::new([9; 32])).unwrap();
        let anna = vault.patient(&who("ANNA^CANARY"), &entropy).unwrap();
        let part = vault
            .seal(&anna, "bytes", b"CANARY in the clear", &entropy)
            .unwrap();
        assert_eq!(
            vault
                .patient(&who("ANNA^CANARY"), &entropy)
                .unwrap()
                .subject(),
            anna.subject()
        );
        assert_eq!(anna.case(&who("1.2.3")), anna.case(&who("1.2.3")));
        assert_ne!(anna.case(&who("1.2.3")), anna.case(&who("1.2.4")));
        let mut stack = vec![dir.path().to_owned()];
        while let Some(path) = stack.pop() {
            assert!(!path.to_string_lossy().contains("CANARY"));
            if path.is_dir() {
                stack.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            } else {
                assert!(!fs::read(&path).unwrap().windows(6).any(|w| w == b"CANARY"));
            }
        }
        fs::remove_file(vault.key_path(&who("ANNA^CANARY")).0).unwrap();
        assert!(matches!(
            vault.patient_by_subject(anna.subject()),
            Err(VaultError::NoKey)
        ));
        // The same person, seen again, is another subject.
        let new = vault.patient(&who("ANNA^CANARY"), &entropy).unwrap();
        assert_ne!(new.subject(), anna.subject());
        assert_ne!(new.case(&who("1.2.3")), anna.case(&who("1.2.3")));
        assert!(matches!(
            vault.open_part(&new, &part),
            Err(VaultError::Tampered(_))
        ));
    }
}
