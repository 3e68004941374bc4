//! A report as blocks, drawn alike as HTML and, by the dossier's typesetter, as PDF.

use serde::Serialize;

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What stands under the title: plan, data, seal.
    pub facts: Vec<(String, String)>,
    /// The verdict in one sentence, and whether it is good, bad or neither.
    pub verdict: (Tone, String),
    /// The sections.
    pub sections: Vec<Section>,
}

/// How a statement is meant; each has its own sign beside its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Shown.
    Good,
    /// Not shown, or wrong.
    Bad,
    /// Neither.
    Plain,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// Its items.
    pub items: Vec<Entry>,
}

/// An item of a checklist, with what answers it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its anchor.
    pub key: String,
    /// Its heading.
    pub heading: String,
    /// Which items of which checklist it answers: `STARD-AI 18, STARD 14, CLAIM 28`.
    pub numbers: String,
    /// What it shows.
    pub blocks: Vec<Block>,
}

/// A piece of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// Its text.
        text: String,
    },
    /// A heading within an item.
    Heading {
        /// Its text.
        text: String,
    },
    /// Terms, each with what it stands for.
    Terms {
        /// Term and text.
        rows: Vec<(String, String)>,
    },
    /// Which item of which checklist is answered where.
    Index {
        /// Its lines.
        rows: Vec<IndexLine>,
    },
    /// A command to be copied, which stands as it is typed.
    Command {
        /// Its words, each as a shell reads it.
        words: Vec<String>,
    },
    /// What is missing, shown as such.
    Gap {
        /// What, and where to say it.
        text: String,
    },
    /// A statement with its tone.
    Verdict {
        /// How it is meant.
        tone: Tone,
        /// Its text.
        text: String,
    },
    /// A table.
    Table {
        /// Its caption.
        caption: String,
        /// Headings.
        headings: Vec<String>,
        /// Which columns hold numbers, set to the right.
        numeric: Vec<bool>,
        /// Rows, each as long as the headings.
        rows: Vec<Vec<String>>,
    },
    /// A figure.
    Figure {
        /// Its caption.
        caption: String,
        /// What it shows, in words, for those who cannot see it.
        alt: String,
        /// The picture.
        svg: String,
    },
}

/// A line of an index of checklists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndexLine {
    /// The item's numbers, by checklist in the order of [`crate::checklist::Item::numbers`].
    pub numbers: Vec<String>,
    /// The [`Entry::key`] of what answers it.
    pub key: String,
    /// Its heading.
    pub heading: String,
    /// Whether anything answers it.
    pub answered: bool,
    /// By what: a line of the plan, the analysis, or nothing.
    pub by: String,
}

impl Block {
    /// A heading within an item.
    #[must_use]
    pub fn heading(text: impl Into<String>) -> Self {
        Self::Heading { text: text.into() }
    }

    /// A paragraph.
    #[must_use]
    pub fn paragraph(text: impl Into<String>) -> Self {
        Self::Paragraph { text: text.into() }
    }

    /// A table; `numeric` says by `#` which columns hold numbers, such as `" ##"`.
    #[must_use]
    pub fn table(
        caption: impl Into<String>,
        headings: &[&str],
        numeric: &str,
        rows: Vec<Vec<String>>,
    ) -> Self {
        Self::Table {
            caption: caption.into(),
            headings: headings.iter().map(|h| (*h).to_owned()).collect(),
            numeric: numeric.chars().map(|c| c == '#').collect(),
            rows,
        }
    }
}
