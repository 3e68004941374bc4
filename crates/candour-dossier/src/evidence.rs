//! The evidence attached to a dossier (`spec/evidence.md`): the content, every record it cites with
//! its proof, one signed checkpoint and the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use candour_ledger::View;
use candour_record::canonical::{self, Value};

use crate::compile::{Content, DossierError};

/// The evidence of `content`, whose `Compiled` record has the index `compiled`, as canonical JSON.
///
/// # Errors
/// When the ledger cannot prove a cited record.
pub fn evidence(view: &View, content: &Content, compiled: u64) -> Result<Vec<u8>, DossierError> {
    let mut indices = content.records();
    indices.insert(compiled);
    let text = |t: &str| Value::Text(t.to_owned());
    let object = |members: Vec<(&str, Value)>| {
        Value::Object(
            members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect(),
        )
    };
    let mut leaves = Vec::new();
    for proof in view.proofs(indices)? {
        let entry = proof.extra.unwrap_or_default();
        let hashes = proof
            .hashes
            .iter()
            .map(|h| Value::Text(STANDARD.encode(h.as_bytes())))
            .collect();
        leaves.push(object(vec![
            (
                "index",
                Value::Integer(i64::try_from(proof.index).unwrap_or(i64::MAX)),
            ),
            ("entry", text(&String::from_utf8_lossy(&entry))),
            ("proof", Value::Array(hashes)),
        ]));
    }
    let whole = object(vec![
        ("format", text("candour-evidence@v1")),
        ("vkey", text(&view.vkey().to_string())),
        ("checkpoint", text(view.note())),
        ("content", content.value()?),
        ("leaves", Value::Array(leaves)),
    ]);
    Ok(canonical::print(&whole))
}
