//! The dossier as PDF/A-3, set by Typst. Everything shown is passed as data, never as markup, so
//! that no text of a device file can change the document; the evidence is embedded as a file.

use candour_ledger::View;
use candour_record::Timestamp;
use serde::Serialize;
use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::compile::{Claim, Content, DossierError, Gap, Met, NotApplicable, Statement};

/// What both renderings show, with every number already in words.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    pub(crate) content: &'a Content,
    pub(crate) estimates: Vec<Estimate>,
    pub(crate) counts: Vec<Count>,
    pub(crate) decisions: Vec<[String; 5]>,
    pub(crate) sections: Vec<(&'static str, Vec<Paragraphs<'a>>)>,
    pub(crate) met: &'a [Met],
    pub(crate) gaps: &'a [Gap],
    pub(crate) not_applicable: &'a [NotApplicable],
    pub(crate) vkey: String,
    pub(crate) checkpoint: String,
    pub(crate) compiled: u64,
    pub(crate) digest: String,
    pub(crate) at: String,
}

#[derive(Serialize)]
pub(crate) struct Paragraphs<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: Vec<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct Estimate {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) interval: String,
    pub(crate) method: String,
    pub(crate) n: u64,
    pub(crate) source: String,
    /// Lower limit, value and upper limit for the plot.
    pub(crate) bar: Option<[f64; 3]>,
}

#[derive(Serialize)]
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) n: u64,
    pub(crate) source: String,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(
        view: &View,
        content: &'a Content,
        compiled: u64,
        at: Timestamp,
    ) -> Result<Self, DossierError> {
        let paragraphs = |list: &'a [Statement]| -> Vec<Paragraphs<'a>> {
            list.iter()
                .map(|s| Paragraphs {
                    name: &s.name,
                    text: s
                        .text
                        .split("\n\n")
                        .map(str::trim)
                        .filter(|p| !p.is_empty())
                        .collect(),
                })
                .collect()
        };
        let decisions = content
            .decisions
            .iter()
            .map(|d| {
                let outcome = d.outcome.map_or_else(
                    || format!("refused: {}", d.criterion.as_deref().unwrap_or("")),
                    |o| crate::html::outcome_words(o).to_owned(),
                );
                [
                    format!("#{}", d.index),
                    d.at.to_string(),
                    d.case.map_or_else(|| "none".into(), |c| c.to_string()),
                    outcome,
                    d.probability
                        .map_or_else(String::new, |p| format!("{:.3}", p.get())),
                ]
            })
            .collect();
        Ok(Self {
            content,
            estimates: content
                .claims
                .iter()
                .filter(|c| c.statistic != "count")
                .map(estimate)
                .collect(),
            counts: content
                .claims
                .iter()
                .filter(|c| c.statistic == "count")
                .map(count)
                .collect(),
            decisions,
            sections: vec![
                (
                    "Device description and intended purpose",
                    paragraphs(&content.statements),
                ),
                (
                    "Qualification and classification",
                    paragraphs(&content.classification),
                ),
                ("Manufacturer's texts", paragraphs(&content.texts)),
                (
                    "Installation on this machine",
                    paragraphs(&content.installation),
                ),
                ("Validation", paragraphs(&content.validation)),
            ],
            met: &content.met,
            gaps: &content.gaps,
            not_applicable: &content.not_applicable,
            vkey: view.vkey().to_string(),
            checkpoint: view.note().trim_end().to_owned(),
            compiled,
            digest: content.digest()?.to_string(),
            at: at.to_string(),
        })
    }
}

fn estimate(claim: &Claim) -> Estimate {
    let analysed = claim.statistic == "analysed";
    let (base, suffix) = claim
        .statistic
        .strip_suffix("_complete_case")
        .map_or((claim.statistic.as_str(), ""), |b| {
            (b, ", answered cases only")
        });
    let base = if base == "auc" {
        "AUC".to_owned()
    } else {
        base.to_owned()
    };
    let numbers = claim
        .value
        .zip(claim.lower)
        .zip(claim.upper)
        .map(|((v, l), u)| [l.get(), v.get(), u.get()]);
    Estimate {
        name: if analysed {
            format!(
                "{}, by the analysis plan",
                claim.of.as_deref().unwrap_or("")
            )
        } else {
            format!("{base}{suffix}")
        },
        value: numbers.map_or_else(|| "not estimable".into(), |[_, v, _]| format!("{v:.3}")),
        interval: numbers.map_or_else(String::new, |[l, _, u]| format!("{l:.3} to {u:.3}")),
        method: match claim.method.as_deref() {
            Some("wilson") => "Wilson score".into(),
            Some("delong") => "DeLong".into(),
            other => other.unwrap_or("").to_owned(),
        },
        n: claim.n,
        source: claim
            .validated
            .map_or_else(String::new, |i| format!("record {i}")),
        // The plot runs from 0 to 1; what lies elsewhere is not drawn.
        bar: numbers.filter(|n| n.iter().all(|v| (0.0..=1.0).contains(v))),
    }
}

fn count(claim: &Claim) -> Count {
    let of = claim.of.as_deref().unwrap_or("");
    let name = match of {
        "agree" => "readers agreed",
        "edit" => "readers edited",
        "overrule" => "readers overruled",
        "no_finding" => "no finding",
        other => other,
    };
    let records = claim.records.as_deref().unwrap_or_default();
    let source = match records {
        [] => String::new(),
        [one] => format!("record {one}"),
        [first, .., last] => format!("{} records from {first} to {last}", records.len()),
    };
    Count {
        name: name.to_owned(),
        n: claim.n,
        source,
    }
}

/// Sets the PDF. `compiled` is the index of the `Compiled` record; `evidence` is embedded.
///
/// # Errors
/// When the document cannot be set, which a test holds does not happen for any content.
pub fn render_pdf(
    view: &View,
    content: &Content,
    compiled: u64,
    evidence: &[u8],
    at: Timestamp,
) -> Result<Vec<u8>, DossierError> {
    let shown = Shown::new(view, content, compiled, at)?;
    let model = serde_json::to_vec(&shown).map_err(|e| DossierError::Render(e.to_string()))?;
    set(
        "/dossier.typ",
        include_str!("dossier.typ"),
        vec![(MODEL, model), ("/evidence.json", evidence.to_vec())],
        shown.digest,
        at,
    )
}

/// The name under which a plan is attached that has one which a reader of PDF could not save it by.
const PLAN: &str = "plan.toml";

/// Sets the report of a validation: `report` is the document as JSON, `result` and `plan` (its name
/// and bytes) are attached, `identity` is what the file is called by.
///
/// # Errors
/// When the document cannot be set.
pub fn render_report(
    report: Vec<u8>,
    result: Vec<u8>,
    plan: (&str, Vec<u8>),
    identity: String,
    at: Timestamp,
) -> Result<Vec<u8>, DossierError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    let own = plan.0.chars().all(plain) && plan.0.ends_with(".toml") && !plan.0.starts_with('.');
    let name = if own { plan.0 } else { PLAN };
    let attached = serde_json::to_vec(&serde_json::json!({ "plan": name }))
        .map_err(|e| DossierError::Render(e.to_string()))?;
    set(
        "/report.typ",
        include_str!("report.typ"),
        vec![
            (MODEL, report),
            ("/attached.json", attached),
            ("/result.json", result),
            (&format!("/{name}"), plan.1),
        ],
        identity,
        at,
    )
}

fn set(
    name: &str,
    source: &str,
    files: Vec<(&str, Vec<u8>)>,
    identity: String,
    at: Timestamp,
) -> Result<Vec<u8>, DossierError> {
    let (date, timestamp) =
        datetime(at).ok_or_else(|| DossierError::Render("the time is out of range".into()))?;
    let world = Page::new(name, source, files, date)?;
    let said = |list: &[typst::diag::SourceDiagnostic]| {
        let words: Vec<String> = list.iter().map(|d| d.message.to_string()).collect();
        DossierError::Render(words.join("; "))
    };
    let document = typst::compile::<PagedDocument>(&world)
        .output
        .map_err(|e| said(&e))?;
    let standards = PdfStandards::new(&[PdfStandard::A_3a])
        .map_err(|e| DossierError::Render(e.message().to_string()))?;
    let options = PdfOptions {
        ident: Smart::Custom(identity),
        creator: Smart::Custom(Some("candour".into())),
        timestamp: Some(timestamp),
        standards,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|e| said(&e))
}

fn datetime(at: Timestamp) -> Option<(Datetime, typst_pdf::Timestamp)> {
    let text = at.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u8>().ok();
    let year: i32 = text.get(0..4)?.parse().ok()?;
    let date = Datetime::from_ymd_hms(
        year,
        part(5..7)?,
        part(8..10)?,
        part(11..13)?,
        part(14..16)?,
        part(17..19)?,
    )?;
    Some((date, typst_pdf::Timestamp::new_utc(date)))
}

/// What a page shows, as JSON.
const MODEL: &str = "/model.json";

/// The model with every character that the fonts can set: one that they lack, or that only steers how
/// others are drawn (direction, control, private use), is written as `[U+65E5]`. A report must not
/// fail, or say something else, for a letter in a title.
fn settable(model: &[u8], fonts: &[Font]) -> Result<Vec<u8>, DossierError> {
    fn walk(value: &mut serde_json::Value, known: &dyn Fn(char) -> bool) {
        match value {
            serde_json::Value::String(text) if !text.chars().all(known) => {
                *text = text
                    .chars()
                    .map(|c| {
                        if known(c) {
                            c.to_string()
                        } else {
                            format!("[U+{:04X}]", u32::from(c))
                        }
                    })
                    .collect();
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|v| walk(v, known)),
            serde_json::Value::Object(members) => {
                members.values_mut().for_each(|v| walk(v, known));
            }
            _ => {}
        }
    }
    let wrong = |e: serde_json::Error| DossierError::Render(e.to_string());
    let mut value: serde_json::Value = serde_json::from_slice(model).map_err(wrong)?;
    walk(&mut value, &|c| match c {
        '\n' | '\t' | ' '..='~' => true,
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{f0000}'.. => false,
        _ => {
            !c.is_control()
                && fonts
                    .iter()
                    .any(|f| f.info().coverage.contains(u32::from(c)))
        }
    });
    serde_json::to_vec(&value).map_err(wrong)
}

/// The world Typst sees: one source, its data files, the fonts built in, a given date.
struct Page {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    main: Source,
    files: Vec<(FileId, Bytes)>,
    date: Datetime,
}

impl Page {
    fn new(
        name: &str,
        source: &str,
        files: Vec<(&str, Vec<u8>)>,
        date: Datetime,
    ) -> Result<Self, DossierError> {
        let id = |name: &str| {
            let path = VirtualPath::new(name)
                .map_err(|_| DossierError::Render("a virtual path".into()))?;
            Ok::<_, DossierError>(FileId::new(RootedPath::new(VirtualRoot::Project, path)))
        };
        let fonts: Vec<Font> = typst_assets::fonts()
            .flat_map(|bytes| Font::iter(Bytes::new(bytes)))
            .collect();
        let files = files
            .into_iter()
            .map(|(name, bytes)| match name {
                MODEL => Ok((name, settable(&bytes, &fonts)?)),
                _ => Ok((name, bytes)),
            })
            .collect::<Result<Vec<_>, DossierError>>()?;
        Ok(Self {
            library: LazyHash::new(Library::builder().build()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            main: Source::new(id(name)?, source.to_owned()),
            files: files
                .into_iter()
                .map(|(name, bytes)| Ok((id(name)?, Bytes::new(bytes))))
                .collect::<Result<_, DossierError>>()?,
            date,
        })
    }
}

impl World for Page {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() {
            Ok(self.main.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, b)| b.clone())
            .ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        Some(self.date)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// No font that is built in has Chinese letters, and nothing may turn the direction of a title.
    #[test]
    fn a_letter_that_no_font_has_is_written_by_its_number() {
        let fonts: Vec<Font> = typst_assets::fonts()
            .flat_map(|bytes| Font::iter(Bytes::new(bytes)))
            .collect();
        let model = serde_json::json!({"a": ["Größe ≤ 3 \u{80ba}", {"b": "x\u{202e}y\u{1b}z\u{ffff}\u{e000}"}]});
        let set = settable(&serde_json::to_vec(&model).unwrap(), &fonts).unwrap();
        let set: serde_json::Value = serde_json::from_slice(&set).unwrap();
        assert_eq!(
            set,
            serde_json::json!({"a": ["Größe ≤ 3 [U+80BA]", {"b": "x[U+202E]y[U+001B]z[U+FFFF][U+E000]"}]})
        );
        let at: Timestamp = "2026-01-02T03:04:05.000Z".parse().unwrap();
        let report = serde_json::json!({
            "title": "\u{80ba} \u{1b}[31m \u{1f600}", "facts": [["\u{e000}", "\u{0e01}"]],
            "verdict": ["plain", "\u{ffff}"], "sections": []
        });
        let pdf = render_report(
            serde_json::to_vec(&report).unwrap(),
            b"{}".to_vec(),
            ("../\u{80ba}", b"".to_vec()),
            "x".into(),
            at,
        )
        .unwrap();
        assert!(pdf.starts_with(b"%PDF"));
    }
}
