//! Diagnostics in the manner of a compiler: how grave, what, where, by which clause, why, and what
//! mends it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information; nothing fails for it.
    Note,
    /// Guidance not followed, or doubtful.
    Warning,
    /// A binding duty not shown as met, or a file that cannot be used.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in a file of the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How grave.
    pub severity: Severity,
    /// The requirement or the check it comes from, such as `GSPR-17.2`.
    pub code: String,
    /// Where.
    pub place: Place,
    /// The line of the file there.
    pub source: String,
    /// What is wrong.
    pub what: String,
    /// Why that matters here, where it needs saying.
    pub why: String,
    /// The clause.
    pub clause: String,
    /// What mends it.
    pub remedy: String,
    /// The command to run, where one helps.
    pub command: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; {}; {}",
            self.place, self.what, self.clause, self.remedy
        )
    }
}

impl Diagnostic {
    /// As a compiler prints it, over several lines.
    #[must_use]
    pub fn long(&self) -> String {
        let code = if self.code.is_empty() {
            String::new()
        } else {
            format!("[{}]", self.code)
        };
        let number = self.place.line.to_string();
        let margin = " ".repeat(number.len());
        let mut out = format!(
            "{}{code}: {}\n{margin}--> {}\n",
            self.severity.name(),
            self.what,
            self.place
        );
        if !self.source.trim().is_empty() {
            let indent: String = self
                .source
                .chars()
                .take(self.place.column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            out.push_str(&format!(
                "{margin} |\n{number} | {}\n{margin} | {indent}^\n",
                self.source
            ));
        }
        for (label, text) in [
            ("clause", &self.clause),
            ("why", &self.why),
            ("remedy", &self.remedy),
            ("run", &self.command),
        ] {
            if !text.is_empty() {
                out.push_str(&format!("{margin} = {label}: {text}\n"));
            }
        }
        out
    }
}

/// Diagnostics in order of place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// How many errors are among them.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.0
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The known name that is at most two edits away (Levenshtein distance), for "did you mean".
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // The longest key has some thirty letters; a longer word is no slip of the pen.
    if word.len() > 64 {
        return None;
    }
    known
        .iter()
        .map(|k| (distance(word, k), *k))
        .filter(|(d, k)| *d <= 2 && *d < k.chars().count())
        .min()
        .map(|(_, k)| k)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((cb, above), (j, diagonal)) in
            b.iter().zip(row.iter().skip(1)).zip(row.iter().enumerate())
        {
            let left = next.get(j).copied().unwrap_or(usize::MAX);
            next.push(
                (diagonal + usize::from(ca != *cb))
                    .min(above + 1)
                    .min(left.saturating_add(1)),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// A text for a message: at most 60 characters, on one line.
pub(crate) fn short(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        // The textbook pair: kitten, sitting, 3.
        for (a, b, d) in [
            ("kitten", "sitting", 3),
            ("", "ab", 2),
            ("ab", "", 2),
            ("a", "a", 0),
            ("naem", "name", 2),
        ] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
        assert_eq!(nearest("vershon", &["version", "vendor"]), Some("version"));
        assert_eq!(nearest("xyz", &["version"]), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), &["version"]), None);
    }

    #[test]
    fn a_long_text_is_cut_for_messages() {
        assert_eq!(short("a\nb"), "a b");
        assert_eq!(short(&"ä".repeat(1 << 20)).chars().count(), 63);
    }
}
