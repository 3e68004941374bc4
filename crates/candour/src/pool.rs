//! `candour pool`: signed summaries of several sites, checked and put together.

use std::path::Path;

use candour_ledger::{Vkey, open_note};
use candour_statistics::{Curve, Figure};
use candour_validation::document::{Block, Document, Entry, Section, Tone};
use candour_validation::plot;
use candour_validation::report::{self, digits, estimate};
use candour_validation::site::{self, Pooled, PooledEndpoint, Summary};
use serde_json::json;

use crate::commands;
use crate::failure::Failure;
use crate::statistics::read_file;
use crate::world::SOFTWARE;
use crate::{Done, cli, say, validation};

/// The longest summary that is read.
const SUMMARY_BYTES_MAX: u64 = 256 << 20;

pub(crate) fn pool(args: &cli::Pool) -> Done {
    let opened = validation::open(&args.plan)?;
    let keys: Vec<Vkey> = args
        .key
        .iter()
        .map(|k| commands::key(k))
        .collect::<Result<_, _>>()?;
    let mut summaries = Vec::new();
    let mut signed = Vec::new();
    for path in &args.summaries {
        let (summary, key) = read(path, &keys)?;
        signed.push((summary.site.clone(), key));
        summaries.push(summary);
    }
    site::one_key_each(signed.iter().map(|(s, k)| (s.as_str(), k.as_str())))
        .map_err(|e| Failure::Misuse(e.to_string()))?;
    let pooled =
        site::pool(&opened.plan, &summaries).map_err(|e| Failure::Misuse(e.to_string()))?;
    if args.json {
        let sites: Vec<serde_json::Value> = signed
            .iter()
            .map(|(site, key)| json!({"site": site, "key": key}))
            .collect();
        say(serde_json::to_string_pretty(&json!({"plan": opened.plan.digest.to_string(), "sites": sites, "pooled": pooled, "software": SOFTWARE})).unwrap_or_default());
    } else {
        for (site, key) in &signed {
            say(format_args!("{site}: signed by {key}"));
        }
        for endpoint in &pooled.endpoints {
            for line in lines(endpoint) {
                say(line);
            }
            // In the document they stand with the answer's own table.
            for note in heterogeneity_notes(endpoint) {
                say(format_args!("  note: {note}"));
            }
        }
    }
    let document = document(&opened.plan.title, &pooled, &signed);
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Failure::Storage(format!("{}: {e}", args.out.display())))?;
    let path = args.out.join("pooled.html");
    candour_device::write_atomic(&path, report::html(&document).as_bytes())?;
    if !args.json {
        say(format_args!("wrote {}", path.display()));
    }
    Ok(())
}

/// A summary whose signature holds, and the key that signed it.
fn read(path: &Path, keys: &[Vkey]) -> Result<(Summary, String), Failure> {
    let bytes = read_file(path, SUMMARY_BYTES_MAX)?;
    let wrong = |what: String| Failure::Wrong(format!("{}: {what}", path.display()));
    let note = String::from_utf8(bytes)
        .map_err(|_| wrong("not a signed summary: it is no UTF-8".into()))?;
    for key in keys {
        if let Ok(text) = open_note(&note, key) {
            let summary = Summary::read(text).map_err(|e| wrong(e.to_string()))?;
            return Ok((summary, key.to_string()));
        }
    }
    Err(wrong("signed by none of the keys given, or changed since it was signed; ask the site for the file and its key".into()))
}

fn lines(endpoint: &PooledEndpoint) -> Vec<String> {
    let mut out = vec![format!("{} [plan line {}]", endpoint.id, endpoint.line)];
    if let Some(joint) = &endpoint.joint {
        let kind = match (endpoint.joint_is, endpoint.bound) {
            (Some("exact"), _) => "exactly as from all rows together".to_owned(),
            (_, Some(bound)) => format!("within {} of all rows together", digits(bound)),
            _ => String::new(),
        };
        out.push(format!("  joint           {} ({kind})", estimate(joint)));
    }
    if let Some(random) = &endpoint.random_effects {
        out.push(format!("  random effects  {}", estimate(random)));
    }
    if let Some(answer) = &endpoint.heterogeneity {
        for name in ["i2", "i_squared", "tau2", "tau_squared", "q", "q_p_value"] {
            if let Some(n) = answer.number(name) {
                out.push(format!(
                    "  {:<15} {}",
                    n.name,
                    n.value.map_or_else(|| "not estimable".into(), digits)
                ));
            }
        }
    }
    for note in &endpoint.notes {
        out.push(format!("  note: {note}"));
    }
    out
}

/// What the method of random effects adds, such as that an interval was clipped.
fn heterogeneity_notes(endpoint: &PooledEndpoint) -> impl Iterator<Item = &String> {
    endpoint.heterogeneity.iter().flat_map(|a| &a.notes)
}

fn document(title: &str, pooled: &Pooled, signed: &[(String, String)]) -> Document {
    let mut items = Vec::new();
    for endpoint in &pooled.endpoints {
        let mut blocks: Vec<Block> = lines(endpoint)
            .into_iter()
            .skip(1)
            .map(|l| Block::paragraph(l.trim().to_owned()))
            .collect();
        let known: Vec<(&String, f64, f64)> = endpoint
            .by_site
            .iter()
            .filter_map(|(s, e)| e.map(|e| (s, e.value, e.standard_error)))
            .collect();
        if !known.is_empty() {
            let curve = Curve {
                figure: Figure::Forest,
                label: endpoint.id.clone(),
                x: known.iter().map(|k| k.1).collect(),
                y: (0..known.len()).map(|i| i as f64).collect(),
                lower: known.iter().map(|k| k.1 - 1.959_964 * k.2).collect(),
                upper: known.iter().map(|k| k.1 + 1.959_964 * k.2).collect(),
                labels: known.iter().map(|k| k.0.clone()).collect(),
            };
            if let Some(drawing) = plot::draw(Figure::Forest, &[&curve]) {
                blocks.push(Block::Figure {
                    caption: "Sites: estimate and 1.96 standard errors".into(),
                    alt: drawing.alt,
                    svg: drawing.svg,
                });
            }
        }
        if let Some(answer) = &endpoint.heterogeneity {
            report::answer_blocks(
                answer,
                "random effects (on the scale of pooling)",
                &mut blocks,
            );
        }
        items.push(Entry {
            key: endpoint.id.clone(),
            heading: endpoint.id.clone(),
            numbers: format!("plan line {}", endpoint.line),
            blocks,
        });
    }
    let mut facts = vec![("Plan".to_owned(), pooled.plan.to_string())];
    for (site, key) in signed {
        facts.push((site.clone(), format!("signed by {key}")));
    }
    facts.push(("Software".into(), SOFTWARE.into()));
    Document {
        title: format!("Pooled: {title}"),
        facts,
        verdict: (
            Tone::Plain,
            format!(
                "{} sites; every signature was checked with a key that was given.",
                signed.len()
            ),
        ),
        sections: vec![Section {
            heading: "Endpoints".into(),
            items,
        }],
    }
}
