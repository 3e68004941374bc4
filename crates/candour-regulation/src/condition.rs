//! The condition language of the acts: small, three-valued (Kleene), and explained by the facts it
//! was decided on. A missing answer is `Unknown`, never a guess.
//!
//! ```text
//! expr := expr "or" expr | expr "and" expr | "not" expr | "(" expr ")" | "always" | test
//! test := PATH                   a boolean is true
//!       | PATH "is" VALUE        a choice equals
//!       | PATH "in" (A, B)       a choice is one of
//!       | PATH "has" VALUE       a list contains
//!       | PATH "has any" (A, B)  a list contains one of
//!       | PATH "present"         given and not empty
//! ```

use std::collections::BTreeSet;

use serde::Deserialize;

/// A truth value of Kleene's strong three-valued logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// What is known does not settle it.
    Unknown,
}

impl Truth {
    /// From a boolean.
    #[must_use]
    pub const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    /// `yes`, `no` or `unknown`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known about a key of the device file or about a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A boolean.
    Boolean(bool),
    /// The chosen value of a choice.
    Choice(String),
    /// One of several values; which one is not known.
    OneOf(Vec<String>),
    /// The chosen values of a list.
    List(Vec<String>),
    /// Given, of a type that only `present` asks about.
    Given(bool),
    /// Not answered, or answered `unknown`.
    Unknown,
}

/// Where conditions look facts up.
pub trait Lookup {
    /// What is known at a path such as `information.worst_harm`.
    fn known(&self, path: &str) -> Known;
}

/// A condition of an act's file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Condition {
    text: String,
    root: Expr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expr {
    Always,
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    True(String),
    In(String, Vec<String>),
    Has(String, Vec<String>),
    Present(String),
}

/// A condition's truth and the paths that decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its truth.
    pub truth: Truth,
    /// The paths that decided it; for `Unknown`, those whose answer is missing.
    pub because: BTreeSet<String>,
}

/// One test of a condition, for checking an act's file against the device file's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test<'a> {
    /// The path.
    pub path: &'a str,
    /// `boolean`, `choice`, `choices` or `present`.
    pub kind: &'static str,
    /// The values it compares with.
    pub values: Vec<&'a str>,
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let tokens = tokens(&text)?;
        let mut parser = Parser {
            tokens: &tokens,
            at: 0,
            depth: 0,
        };
        let root = parser.or().map_err(|e| format!("`{text}`: {e}"))?;
        if let Some(token) = parser.peek() {
            return Err(format!("`{text}`: `{token}` is one word too many"));
        }
        Ok(Self { text, root })
    }
}

impl Condition {
    /// The condition as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Decides it.
    #[must_use]
    pub fn decide(&self, facts: &dyn Lookup) -> Decision {
        let (truth, because) = self.root.decide(facts);
        Decision { truth, because }
    }

    /// Its truth alone.
    #[must_use]
    pub fn truth(&self, facts: &dyn Lookup) -> Truth {
        self.root.decide(facts).0
    }

    /// All its tests.
    #[must_use]
    pub fn tests(&self) -> Vec<Test<'_>> {
        let mut out = Vec::new();
        self.root.tests(&mut out);
        out
    }
}

impl Expr {
    fn decide(&self, facts: &dyn Lookup) -> (Truth, BTreeSet<String>) {
        let leaf = |path: &String, truth| (truth, BTreeSet::from([path.clone()]));
        match self {
            Self::Always => (Truth::Yes, BTreeSet::new()),
            Self::Not(inner) => {
                let (truth, because) = inner.decide(facts);
                (truth.not(), because)
            }
            // `or` is `and` with both sides turned round (De Morgan), so one fold serves both.
            Self::And(parts) => fold(parts, facts, Truth::No),
            Self::Or(parts) => fold(parts, facts, Truth::Yes),
            Self::True(path) => leaf(
                path,
                match facts.known(path) {
                    Known::Boolean(b) => Truth::of(b),
                    _ => Truth::Unknown,
                },
            ),
            Self::In(path, values) => leaf(
                path,
                match facts.known(path) {
                    Known::Choice(v) => Truth::of(values.contains(&v)),
                    Known::OneOf(possible) => {
                        let hits = possible.iter().filter(|p| values.contains(p)).count();
                        if hits == 0 {
                            Truth::No
                        } else if hits == possible.len() {
                            Truth::Yes
                        } else {
                            Truth::Unknown
                        }
                    }
                    _ => Truth::Unknown,
                },
            ),
            Self::Has(path, values) => leaf(
                path,
                match facts.known(path) {
                    Known::List(list) => Truth::of(list.iter().any(|v| values.contains(v))),
                    _ => Truth::Unknown,
                },
            ),
            Self::Present(path) => leaf(
                path,
                match facts.known(path) {
                    Known::List(list) => Truth::of(!list.is_empty()),
                    Known::Given(given) => Truth::of(given),
                    Known::Boolean(_) | Known::Choice(_) | Known::OneOf(_) => Truth::Yes,
                    Known::Unknown => Truth::Unknown,
                },
            ),
        }
    }

    fn tests<'a>(&'a self, out: &mut Vec<Test<'a>>) {
        let test = |path, kind, values: &'a [String]| Test {
            path,
            kind,
            values: values.iter().map(String::as_str).collect(),
        };
        match self {
            Self::Always => {}
            Self::Not(inner) => inner.tests(out),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.tests(out)),
            Self::True(path) => out.push(test(path, "boolean", &[])),
            Self::In(path, values) => out.push(test(path, "choice", values)),
            Self::Has(path, values) => out.push(test(path, "choices", values)),
            Self::Present(path) => out.push(test(path, "present", &[])),
        }
    }
}

/// The first part that decides (`No` for and, `Yes` for or) decides alone; else unknown parts make
/// it unknown; else all parts together make it the other.
fn fold(parts: &[Expr], facts: &dyn Lookup, decides: Truth) -> (Truth, BTreeSet<String>) {
    let mut unknown = BTreeSet::new();
    let mut all = BTreeSet::new();
    let mut open = false;
    for part in parts {
        let (truth, because) = part.decide(facts);
        if truth == decides {
            return (truth, because);
        }
        if truth == Truth::Unknown {
            open = true;
            unknown.extend(because);
        } else {
            all.extend(because);
        }
    }
    if open {
        (Truth::Unknown, unknown)
    } else {
        (decides.not(), all)
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '.' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        match c {
            ' ' => {}
            '(' | ')' | ',' => out.push(c.to_string()),
            _ => return Err(format!("`{text}`: `{c}` belongs to no condition")),
        }
    }
    if !word.is_empty() {
        out.push(word);
    }
    Ok(out)
}

/// Deeper nesting is no condition that a person reads.
const DEPTH_MAX: usize = 32;

struct Parser<'a> {
    tokens: &'a [String],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> Result<String, String> {
        let word = self.peek().ok_or("ends too early")?;
        if ["(", ")", ",", "and", "or", "is", "in", "has", "any"].contains(&word) {
            return Err(format!("`{word}` where a name is needed"));
        }
        self.at += 1;
        Ok(word.to_owned())
    }

    fn or(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.and()?];
        while self.take("or") {
            parts.push(self.and()?);
        }
        Ok(single(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(single(parts, Expr::And))
    }

    fn not(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        let expr = if self.take("not") {
            Expr::Not(Box::new(self.not()?))
        } else if self.take("(") {
            let inner = self.or()?;
            if !self.take(")") {
                return Err("a `)` is missing".into());
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Result<Expr, String> {
        let path = self.word()?;
        if path == "always" {
            return Ok(Expr::Always);
        }
        Ok(if self.take("is") {
            Expr::In(path, vec![self.word()?])
        } else if self.take("in") {
            Expr::In(path, self.values()?)
        } else if self.take("has") {
            if self.take("any") {
                Expr::Has(path, self.values()?)
            } else {
                Expr::Has(path, vec![self.word()?])
            }
        } else if self.take("present") {
            Expr::Present(path)
        } else {
            Expr::True(path)
        })
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        if !self.take("(") {
            return Err("a `(` is missing".into());
        }
        let mut out = vec![self.word()?];
        while self.take(",") {
            out.push(self.word()?);
        }
        if !self.take(")") {
            return Err("a `)` is missing".into());
        }
        Ok(out)
    }
}

fn single(mut parts: Vec<Expr>, join: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => Expr::Always,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeMap;

    struct Facts(BTreeMap<&'static str, Known>);

    impl Lookup for Facts {
        fn known(&self, path: &str) -> Known {
            self.0.get(path).cloned().unwrap_or(Known::Unknown)
        }
    }

    fn decide(text: &str) -> (Truth, Vec<String>) {
        let list = |v: &[&str]| Known::List(v.iter().map(|s| (*s).to_owned()).collect());
        let facts = Facts(BTreeMap::from([
            ("t", Known::Boolean(true)),
            ("f", Known::Boolean(false)),
            ("c", Known::Choice("red".into())),
            ("r", Known::OneOf(vec!["IIa".into(), "IIb".into()])),
            ("l", list(&["a", "b"])),
            ("e", list(&[])),
            ("g", Known::Given(true)),
        ]));
        let d = Condition::try_from(text.to_owned()).unwrap().decide(&facts);
        (d.truth, d.because.into_iter().collect())
    }

    /// Kleene's strong tables (Kleene, Introduction to Metamathematics, 1952, section 64).
    #[test]
    fn connectives_follow_kleene() {
        use Truth::{No, Unknown, Yes};
        for (text, truth) in [
            ("t and t", Yes),
            ("t and f", No),
            ("t and u", Unknown),
            ("f and u", No),
            ("u and f", No),
            ("u and u", Unknown),
            ("t or u", Yes),
            ("u or t", Yes),
            ("f or u", Unknown),
            ("f or f", No),
            ("not u", Unknown),
            ("not f", Yes),
            ("always", Yes),
            ("not always", No),
            ("f and f or t", Yes),
            ("f and (f or t)", No),
            ("not f and t", Yes),
        ] {
            assert_eq!(decide(text).0, truth, "{text}");
        }
    }

    #[test]
    fn tests_read_choices_lists_and_ranges() {
        use Truth::{No, Unknown, Yes};
        for (text, truth) in [
            ("c is red", Yes),
            ("c is blue", No),
            ("c in (blue, red)", Yes),
            ("u is red", Unknown),
            ("r in (IIa, IIb)", Yes),
            ("r is IIa", Unknown),
            ("r in (I, III)", No),
            ("l has a", Yes),
            ("l has z", No),
            ("l has any (z, b)", Yes),
            ("e has a", No),
            ("u has a", Unknown),
            ("l present", Yes),
            ("e present", No),
            ("g present", Yes),
            ("u present", Unknown),
            ("c present", Yes),
        ] {
            assert_eq!(decide(text).0, truth, "{text}");
        }
    }

    #[test]
    fn a_decision_names_what_decided_it() {
        assert_eq!(decide("t and f and u").1, ["f"]);
        assert_eq!(decide("u and t and v").1, ["u", "v"]);
        assert_eq!(decide("t and c is red").1, ["c", "t"]);
        assert_eq!(decide("f or t").1, ["t"]);
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        for text in [
            "",
            "and t",
            "t and",
            "(t",
            "t)",
            "c in red",
            "c in (red",
            "c is",
            "t t",
            "a = b",
            "l has any b",
        ] {
            let error = Condition::try_from(text.to_owned()).unwrap_err();
            assert!(!error.is_empty(), "{text}");
        }
        let deep = format!("{}t{}", "(".repeat(5000), ")".repeat(5000));
        assert!(Condition::try_from(deep).unwrap_err().contains("nested"));
    }
}
