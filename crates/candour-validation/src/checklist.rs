//! What a report of a diagnostic accuracy study must tell, as data: the items of STARD-AI, STARD
//! 2015 and CLAIM 2024 in the order of the first, each with what answers it (`checklist.toml`).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// What answers an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// A text of the plan's `[report]`.
    Text,
    /// The plan's objectives and endpoints with their goals.
    Objectives,
    /// Data files, keys, inclusion.
    Data,
    /// How missing and indeterminate results count.
    Handling,
    /// The statistics with formula, source and settings.
    Methods,
    /// Subgroups as planned, and multiplicity.
    PlannedSubgroups,
    /// Who was analysed.
    Flow,
    /// The endpoints' numbers with their intervals, and figures.
    Endpoints,
    /// The other ways of counting missing and indeterminate results.
    Indeterminate,
    /// The subgroups' numbers.
    Subgroups,
    /// Plan, data and result digests, and the ledger's records.
    Registration,
    /// Version of the software and how to compute everything again.
    Reproduction,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its key; where a text answers it, also the key in `[report]`.
    pub key: String,
    /// The report's section.
    pub section: String,
    /// Its title.
    pub title: String,
    /// What it asks, in our words.
    pub asks: String,
    /// Item numbers of STARD 2015.
    #[serde(default)]
    pub stard: Vec<String>,
    /// Item numbers of STARD-AI (2025).
    #[serde(default)]
    pub stard_ai: Vec<String>,
    /// Item numbers of CLAIM 2024.
    #[serde(default)]
    pub claim: Vec<String>,
    /// What answers it.
    pub shows: Shows,
    /// What a plan is told that has no text for it; without it the text may be missing, and is a gap.
    #[serde(default)]
    pub needed: Option<String>,
}

/// All items.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// Where the numbers come from, and what could not be verified.
    pub sources: Vec<String>,
    /// The items, in the order of the report.
    pub item: Vec<Item>,
}

impl Item {
    /// The checklists by name, each with the item's numbers there.
    #[must_use]
    pub fn numbers(&self) -> [(&'static str, &[String]); 3] {
        [
            ("STARD-AI", &self.stard_ai),
            ("STARD", &self.stard),
            ("CLAIM", &self.claim),
        ]
    }

    /// The numbers in words: `STARD-AI 18; STARD 14; CLAIM 28, 29`.
    #[must_use]
    pub fn cited(&self) -> String {
        let lists = self.numbers();
        let told: Vec<String> = lists
            .iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| format!("{name} {}", list.join(", ")))
            .collect();
        told.join("; ")
    }
}

static CHECKLIST: LazyLock<Checklist> = LazyLock::new(|| {
    // A test holds that the file reads.
    toml::from_str(include_str!("checklist.toml")).unwrap_or(Checklist {
        sources: Vec::new(),
        item: Vec::new(),
    })
});

impl Checklist {
    /// The checklist.
    #[must_use]
    pub fn get() -> &'static Self {
        &CHECKLIST
    }

    /// The items without whose text no plan is read, each with what such a plan is told.
    pub fn needed() -> impl Iterator<Item = (&'static str, &'static str)> {
        let told = |i: &'static Item| Some((i.key.as_str(), i.needed.as_deref()?));
        CHECKLIST.item.iter().filter_map(told)
    }

    /// The keys of `[report]`: the items that a text answers.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        CHECKLIST
            .item
            .iter()
            .filter(|i| i.shows == Shows::Text)
            .map(|i| i.key.as_str())
    }
}
