//! Faults of a device file: what, where, by which clause, and what mends it.

use std::fmt;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// The clause that asks for it, where one does.
    pub clause: Option<&'static str>,
    /// What mends it.
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.what
        )?;
        if let Some(clause) = self.clause {
            write!(f, "; {clause}")?;
        }
        write!(f, "; {}", self.remedy)
    }
}

/// Every fault of a file, in order of place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

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

/// Line and column of a byte offset, both from 1.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The known name that is at most two edits away (Levenshtein distance), for "did you mean".
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|k| (distance(word, k), *k))
        .filter(|(d, _)| *d <= 2)
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
    }

    #[test]
    fn places_count_characters() {
        assert_eq!(place("a\nbä = 1", 6), (2, 4));
        assert_eq!(place("", 10), (1, 1));
    }
}
