//! The dossier as one HTML page without scripts or outside assets, its evidence inside.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use candour_ledger::View;
use candour_record::{DecisionOutcome, Timestamp};

use crate::compile::{Content, DossierError};
use crate::pdf::Shown;

pub(crate) const fn outcome_words(outcome: DecisionOutcome) -> &'static str {
    match outcome {
        DecisionOutcome::Finding => "finding",
        DecisionOutcome::NoFinding => "no finding",
        DecisionOutcome::Abstained => "abstained",
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn table(out: &mut String, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    out.push_str("<div class=\"scroll\"><table><thead><tr>");
    for h in headings {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(h));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{cell}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

/// Renders the page. `compiled` is the index of the `Compiled` record.
///
/// # Errors
/// When the content cannot be encoded.
pub fn render_html(
    view: &View,
    content: &Content,
    compiled: u64,
    evidence: &[u8],
    at: Timestamp,
) -> Result<String, DossierError> {
    let shown = Shown::new(view, content, compiled, at)?;
    let mut out = String::new();
    let device = escape(&content.device);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Technical documentation: {device}</title><style>{STYLE}</style></head><body><main>\n\
         <h1>Technical documentation</h1><p class=\"device\">{device}</p>\n"
    );
    if content.demonstration {
        out.push_str("<p class=\"notice\"><strong>Demonstration.</strong> This device is not placed on the market and is not for clinical use. The document shows how a file is compiled from evidence.</p>\n");
    }
    let _ = write!(
        out,
        "<dl><dt>Act</dt><dd>{}</dd><dt>Compiled</dt><dd>{} from {} records of {}; sealed as record {compiled}</dd>\
         <dt>Content</dt><dd><code>{}</code></dd><dt>Key</dt><dd><code>{}</code></dd>\
         <dt>To verify</dt><dd><code>candour verify FILE --key &#39;...&#39;</code> or <code>python3 spec/verify.py FILE --key &#39;...&#39;</code></dd></dl>\n\
         <p>Every number below cites the records it was computed from. The records, their proofs and the signed checkpoint are attached: \
         <a id=\"candour-evidence\" download=\"evidence.json\" href=\"data:application/json;base64,{}\">evidence.json</a>. \
         The commands above check them offline and compute each number again.</p>\n",
        escape(&content.act),
        shown.at,
        content.size,
        escape(&content.ledger),
        shown.digest,
        escape(&shown.vkey),
        STANDARD.encode(evidence)
    );
    out.push_str("<h2>Claims from the validation</h2>\n");
    if shown.estimates.is_empty() {
        out.push_str(
            "<p>No validation has been sealed under this device file. Nothing is claimed.</p>\n",
        );
    } else {
        table(
            &mut out,
            &[
                "Statistic",
                "Estimate",
                "Interval",
                "0 to 1",
                "Cases",
                "Method",
                "Source",
            ],
            shown.estimates.iter().map(|e| {
                vec![
                    escape(&e.name),
                    e.value.clone(),
                    e.interval.clone(),
                    e.bar.map_or_else(String::new, bar),
                    e.n.to_string(),
                    escape(&e.method),
                    escape(&e.source),
                ]
            }),
        );
    }
    out.push_str("<h2>Studies in use</h2>\n");
    table(
        &mut out,
        &["What came of them", "Studies", "Source"],
        shown
            .counts
            .iter()
            .map(|c| vec![escape(&c.name), c.n.to_string(), escape(&c.source)]),
    );
    for (title, list) in &shown.sections {
        let _ = writeln!(out, "<h2>{}</h2>", escape(title));
        if list.is_empty() {
            out.push_str("<p>Nothing is recorded.</p>\n");
        }
        for s in list {
            let _ = write!(out, "<h3>{}</h3>", escape(s.name));
            for p in &s.text {
                let _ = writeln!(out, "<p>{}</p>", escape(p));
            }
        }
    }
    out.push_str("<h2>Requirements met in this file</h2>\n");
    table(
        &mut out,
        &["Clause", "Asks for", "Met by"],
        shown
            .met
            .iter()
            .map(|m| vec![escape(&m.clause), escape(&m.asks), escape(&m.by)]),
    );
    out.push_str("<h2>Gaps</h2>\n");
    if shown.gaps.is_empty() {
        out.push_str("<p>None.</p>\n");
    } else {
        out.push_str("<p>This file does not meet the following requirements. A notified body will ask for each.</p>\n");
        table(
            &mut out,
            &["Clause", "Asks for", "Missing"],
            shown
                .gaps
                .iter()
                .map(|g| vec![escape(&g.clause), escape(&g.asks), escape(&g.missing)]),
        );
    }
    out.push_str("<h2>Requirements that do not apply</h2>\n");
    table(
        &mut out,
        &["Clause", "Asks for", "Why not"],
        shown
            .not_applicable
            .iter()
            .map(|n| vec![escape(&n.clause), escape(&n.asks), escape(&n.reason)]),
    );
    out.push_str("<h2>Decisions</h2>\n");
    table(
        &mut out,
        &["Record", "At", "Case", "Outcome", "Probability"],
        shown
            .decisions
            .iter()
            .map(|r| r.iter().map(|t| escape(t)).collect()),
    );
    let _ = write!(
        out,
        "<h2>Signed checkpoint</h2><pre>{}</pre>\n</main></body></html>\n",
        escape(&shown.checkpoint)
    );
    Ok(out)
}

fn bar([lower, value, upper]: [f64; 3]) -> String {
    let x = |v: f64| 160.0 * v;
    format!(
        "<svg viewBox=\"0 0 160 14\" width=\"160\" height=\"14\" role=\"img\" aria-label=\"{value:.3}, {lower:.3} to {upper:.3}\">\
         <line x1=\"0\" y1=\"7\" x2=\"160\" y2=\"7\" stroke=\"currentColor\" stroke-opacity=\"0.4\"/>\
         <rect x=\"{:.1}\" y=\"4\" width=\"{:.1}\" height=\"6\" fill=\"currentColor\" fill-opacity=\"0.4\"/>\
         <rect x=\"{:.1}\" y=\"1\" width=\"2\" height=\"12\" fill=\"currentColor\"/></svg>",
        x(lower),
        x((upper - lower).max(0.004)),
        x(value) - 1.0
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1a1a1a;background:#fff}\
main{max-width:62rem;margin:0 auto;padding:1.5rem}h1{margin-bottom:0}.device{font-size:1.2rem;margin-top:0}\
.notice{border:2px solid;padding:.6rem .8rem}dl{display:grid;grid-template-columns:8rem 1fr;gap:.2rem .8rem}dd{margin:0}\
code,pre{font-size:.82rem;overflow-wrap:anywhere}pre{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}\
th{text-align:left;border-bottom:1px solid}td,th{padding:.3rem .6rem .3rem 0;vertical-align:top}td{border-bottom:1px solid #8884}\
.scroll{overflow-x:auto}@media(prefers-color-scheme:dark){body{color:#ddd;background:#101214}a{color:#9cc9ff}}\
@media print{body{font-size:10pt}}";
