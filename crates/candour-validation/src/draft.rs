//! A plan to start from, written from the names of the columns alone: to look at a value before the
//! plan is fixed would be to look at the result.

use std::fmt::Write as _;

use crate::checklist::{Checklist, Shows};

/// The names that columns of a role usually have, the most telling first.
const TRUTH: &[&str] = &[
    "truth",
    "reference",
    "reference_standard",
    "ground_truth",
    "label",
    "target",
    "histology",
    "pathology",
    "outcome",
    "diagnosis",
    "gold",
    "y_true",
    "y",
];
const SCORE: &[&str] = &[
    "probability",
    "score",
    "prob",
    "ai",
    "prediction",
    "predicted",
    "pred",
    "model",
    "y_score",
    "y_prob",
    "p",
];
const CLUSTER: &[&str] = &[
    "patient",
    "patient_id",
    "patientid",
    "subject",
    "subject_id",
    "participant",
    "person",
];
const KEY: &[&str] = &[
    "case",
    "case_id",
    "study",
    "study_id",
    "lesion",
    "nodule",
    "image",
    "exam",
    "accession",
    "record",
    "id",
];
const GROUPS: &[&str] = &[
    "site",
    "hospital",
    "centre",
    "center",
    "sex",
    "gender",
    "age_group",
    "vendor",
    "scanner",
    "manufacturer",
    "ethnicity",
];

/// A draft for files with these names and columns, in the order in which they will be given with
/// `--data`. It asks for what nobody can guess (texts, goals and their reasons) and cannot be run
/// before that is filled in.
#[must_use]
pub fn draft(files: &[(String, Vec<String>)]) -> String {
    let columns: Vec<&str> = files
        .iter()
        .flat_map(|(_, c)| c.iter().map(String::as_str))
        .collect();
    let guess = |names: &[&str], taken: &[&str]| {
        names.iter().find_map(|name| {
            let own = columns.iter().find(|c| c.eq_ignore_ascii_case(name));
            own.copied().filter(|c| !taken.contains(c))
        })
    };
    let shared: Vec<&str> = files.first().map_or_else(Vec::new, |(_, first)| {
        first
            .iter()
            .filter(|c| files.iter().all(|(_, own)| own.contains(c)))
            .map(String::as_str)
            .collect()
    });
    let truth = guess(TRUTH, &[]);
    let score = guess(SCORE, &[]);
    let cluster = guess(CLUSTER, &[]);
    // Files are joined by what all of them have; the patient is not what names a row.
    let key = match files.len() {
        0 | 1 => guess(KEY, &cluster.into_iter().collect::<Vec<_>>()),
        _ => KEY
            .iter()
            .find_map(|k| shared.iter().find(|c| c.eq_ignore_ascii_case(k)))
            .or_else(|| shared.iter().find(|c| Some(**c) != cluster))
            .copied(),
    };

    let mut out = String::from(
        "# A statistical analysis plan to fill in. It was drafted from the names of the columns; no value was read.\n\
         # What is empty or \"?\" must be filled in, and the goals must be yours. Then seal it before anyone looks\n\
         # at the data, and answer it:\n\
         #   candour validate PLAN --workspace WS\n\
         #   candour validate PLAN --data FILE... --workspace WS\n\
         # docs/validate.md explains every line; `candour statistics --list` shows all statistics.\n\
         title = \"\"\nversion = \"1\"\n\n[report]\n",
    );
    for needed in [true, false] {
        if !needed {
            out.push_str("# Each of these answers an item of the checklists; what stays out is shown as a gap.\n");
        }
        for item in &Checklist::get().item {
            let must = item.needed.is_some();
            if item.shows != Shows::Text || must != needed {
                continue;
            }
            let off = if must { "" } else { "# " };
            let _ = writeln!(
                out,
                "{off}{} = \"\"  # {} ({})",
                item.key,
                item.asks,
                item.cited()
            );
        }
    }
    out.push_str("\n[data]\n");
    for (file, own) in files {
        let _ = writeln!(out, "# {}: {}", comment(file), comment(&own.join(", ")));
    }
    match key {
        Some(key) => {
            let _ = writeln!(
                out,
                "key = {}  # names a row; files are joined by it",
                quoted(key)
            );
        }
        None if files.len() > 1 => {
            out.push_str("key = \"?\"  # the column that names a row in every file\n");
        }
        None => {}
    }
    match cluster {
        Some(cluster) => {
            let _ = writeln!(
                out,
                "cluster = {}  # rows of one patient belong together",
                quoted(cluster)
            );
        }
        None => out.push_str(
            "independent = \"\"  # why rows are independent; where a patient can have several, name the column instead: cluster = \"patient\"\n",
        ),
    }
    out.push_str(
        "# positive = \"malignant\"  # the words of your table, where they are not 1 and 0, true and false, positive and negative\n\
         # negative = \"benign\"\n\n\
         [handling]\n\
         missing = \"worst-case\"        # a case without a result counts as wrong\n\
         indeterminate = \"worst-case\"  # so does a result that says neither\n\
         # indeterminate_words = \"indeterminate\"\n",
    );
    let (truth, score) = (quoted(truth.unwrap_or("?")), quoted(score.unwrap_or("?")));
    let _ = write!(
        out,
        "\n[[endpoint]]\n\
         id = \"auc\"\nweight = \"primary\"\nstatistic = \"roc-auc\"\ntruth = {truth}\nscore = {score}\n\
         goal = {{ at_least = 0.5 }}  # the interval's lower limit must reach it; 0.5 is chance, set yours\n\
         rationale = \"\"  # why this goal is clinically enough\n\
         \n[[endpoint]]\n\
         id = \"sensitivity\"\nweight = \"secondary\"\nstatistic = \"accuracy\"\nnumber = \"sensitivity\"\ntruth = {truth}\nscore = {score}\n\
         threshold = 0.5  # positive from here on; fixed on other data than these\n\
         \n[[endpoint]]\n\
         id = \"specificity\"\nweight = \"secondary\"\nstatistic = \"accuracy\"\nnumber = \"specificity\"\ntruth = {truth}\nscore = {score}\n\
         threshold = 0.5\n\
         \n# Where the score is a probability:\n\
         # [[endpoint]]\n# id = \"calibration\"\n# statistic = \"calibration-curve\"\n# missing = \"complete-case\"\n# truth = {truth}\n# probability = {score}\n",
    );
    let groups: Vec<&&str> = columns
        .iter()
        .filter(|c| GROUPS.iter().any(|g| c.eq_ignore_ascii_case(g)))
        .collect();
    for group in &groups {
        let _ = write!(out, "\n[[subgroup]]\ncolumn = {}\n", quoted(group));
    }
    if groups.is_empty() {
        out.push_str("\n# [[subgroup]]\n# column = \"site\"\n");
    }
    out
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Text that stays on the line of its comment.
fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
