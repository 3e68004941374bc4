//! The reader of device files: every fault found in one pass, each with place, clause and remedy.
//! Which keys there are, the schema says; nothing here knows one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::description::{
    Block, Description, FILE_BYTES_MAX, Fact, Source, TEXT_CHARS_MAX, Value, hidden,
};
use crate::diagnostic::{Diagnostic, Place, Severity, nearest, short};
use crate::law::Law;
use crate::schema::{Absent, Field, Kind, MODULE, Section};

/// How many files a device file may include in all.
const INCLUDES_MAX: usize = 64;
/// More faults than this tell the user nothing more.
const FAULTS_MAX: usize = 500;
/// The longest list, and the most blocks of one repeated section.
const ENTRIES_MAX: usize = 1000;

struct Reader<'a> {
    law: &'a Law,
    include: &'a dyn Fn(&str) -> io::Result<Vec<u8>>,
    folder: String,
    out: Description,
    /// Included files, and where each was asked for.
    read: BTreeMap<String, Place>,
    dropped: usize,
}

/// Reads a device file and what it includes.
pub(crate) fn read(
    law: &Law,
    name: &str,
    root: Vec<u8>,
    include: &dyn Fn(&str) -> io::Result<Vec<u8>>,
) -> Description {
    let mut reader = Reader {
        law,
        include,
        folder: name
            .rsplit_once(['/', '\\'])
            .map_or(String::new(), |(f, _)| format!("{f}/")),
        out: Description::default(),
        read: BTreeMap::new(),
        dropped: 0,
    };
    reader.file(name, root, &mut Vec::new());
    reader.languages();
    reader.finish()
}

impl Reader<'_> {
    fn fault(
        &mut self,
        severity: Severity,
        place: Place,
        what: String,
        clause: &str,
        remedy: String,
    ) {
        if self.out.faults.0.len() >= FAULTS_MAX {
            self.dropped += 1;
            return;
        }
        let source = self.out.line(&place);
        self.out.faults.0.push(Diagnostic {
            severity,
            code: String::new(),
            place,
            source,
            what,
            why: String::new(),
            clause: if clause.is_empty() {
                self.law.device_file_clause()
            } else {
                clause.to_owned()
            },
            remedy,
            command: String::new(),
        });
    }

    fn error(&mut self, place: Place, what: String, clause: &str, remedy: impl Into<String>) {
        self.fault(Severity::Error, place, what, clause, remedy.into());
    }

    fn too_many(&mut self, place: Place, key: &str, count: usize, clause: &str) {
        self.error(
            place,
            format!("{key} has {count} entries; at most {ENTRIES_MAX} are taken"),
            clause,
            "shorten the list, or put the matter into a text of its own",
        );
    }

    fn at(&self, source: usize, offset: usize) -> Place {
        self.out
            .sources
            .get(source)
            .map_or_else(Place::default, |s| s.place(offset))
    }

    fn file(&mut self, name: &str, bytes: Vec<u8>, chain: &mut Vec<String>) {
        // Bytes that are no UTF-8 are replaced, so that the rest of the file is still checked.
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        let index = self.out.sources.len();
        self.out
            .sources
            .push(Source::new(name.to_owned(), text.clone()));
        if !chain.is_empty() {
            self.out.bytes.extend_from_slice(b"\0");
            self.out
                .bytes
                .extend_from_slice(chain.last().map_or("", String::as_str).as_bytes());
            self.out.bytes.extend_from_slice(b"\0");
        }
        self.out.bytes.extend_from_slice(&bytes);
        self.encoding(name, &bytes);
        if bytes.len() as u64 > FILE_BYTES_MAX {
            let place = self.at(index, 0);
            self.error(
                place,
                format!("the file is longer than {} MiB", FILE_BYTES_MAX >> 20),
                "",
                "put long texts into files of their own and name them under [texts]",
            );
            return;
        }
        let (root, errors) = DeTable::parse_recoverable(&text);
        self.dropped += errors.len().saturating_sub(FAULTS_MAX);
        for error in errors.iter().take(FAULTS_MAX) {
            let place = self.at(index, error.span().map_or(0, |s| s.start));
            self.error(
                place,
                short(error.message().lines().next().unwrap_or("not TOML")),
                "TOML 1.0",
                "mend the TOML syntax",
            );
        }
        self.table(index, root.get_ref(), chain);
    }

    fn encoding(&mut self, name: &str, bytes: &[u8]) {
        let mut rest = bytes;
        let (mut line, mut column) = (1, 1);
        while let Err(error) = std::str::from_utf8(rest) {
            let (good, bad) = rest.split_at(error.valid_up_to());
            for c in String::from_utf8_lossy(good).chars() {
                if c == '\n' {
                    line += 1;
                    column = 1;
                } else {
                    column += 1;
                }
            }
            let byte = bad.first().copied().unwrap_or(0);
            self.error(
                Place {
                    file: name.to_owned(),
                    line,
                    column,
                },
                format!("byte 0x{byte:02X} is not UTF-8"),
                "TOML 1.0",
                "save the file as UTF-8; older editors write Latin-1 or Windows-1252",
            );
            column += 1;
            rest = bad
                .get(error.error_len().unwrap_or(bad.len())..)
                .unwrap_or(&[]);
        }
    }

    fn table(&mut self, source: usize, root: &DeTable<'_>, chain: &mut Vec<String>) {
        let law = self.law;
        let names: Vec<&str> = law
            .schema
            .section
            .iter()
            .map(|s| s.name.as_str())
            .chain(["format", "include"])
            .collect();
        let mut format = false;
        let mut include = None;
        for (key, value) in root {
            let name: &str = key.get_ref().as_ref();
            let place = self.at(source, key.span().start);
            if name == "format" {
                format = true;
                let one = value
                    .get_ref()
                    .as_integer()
                    .is_some_and(|i| i.as_str() == "1");
                if !one {
                    self.error(
                        place,
                        "format is not 1".into(),
                        "",
                        "write format = 1, or use a newer release of Candour for a newer format",
                    );
                }
            } else if name == "include" {
                // After the file's own sections, so that these come first where both answer.
                include = Some(value);
            } else if let Some(section) = law.schema.section(name) {
                self.section(source, section, value, place);
            } else if self.out.faults.0.len() >= FAULTS_MAX {
                self.dropped += 1;
            } else {
                let remedy = nearest(name, &names).map_or_else(
                    || format!("remove it; a device file knows {}", names.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                self.error(place, format!("unknown key `{}`", short(name)), "", remedy);
            }
        }
        if let Some(value) = include {
            self.includes(source, value, chain);
        }
        if !format && source == 0 {
            let place = self.at(source, 0);
            self.error(
                place,
                "format is missing".into(),
                "",
                "write format = 1 as the first line",
            );
        }
    }

    fn includes(&mut self, source: usize, value: &Spanned<DeValue<'_>>, chain: &mut Vec<String>) {
        let list = self
            .out
            .sources
            .get(source)
            .map_or(String::new(), |s| s.name.clone());
        let Some(items) = value.get_ref().as_array() else {
            let place = self.at(source, value.span().start);
            self.error(
                place,
                "include is not a list".into(),
                "",
                "write include = [\"file.toml\"]",
            );
            return;
        };
        let items: Vec<(Option<String>, usize)> = items
            .iter()
            .map(|i| (i.get_ref().as_str().map(str::to_owned), i.span().start))
            .collect();
        for (name, offset) in items {
            let place = self.at(source, offset);
            let Some(name) = name.filter(|n| inside(n)) else {
                self.error(
                    place,
                    "include does not name a file in the device's folder".into(),
                    "",
                    "give a path below the folder with `/`, without `..`",
                );
                continue;
            };
            let shown = format!("{}{name}", self.folder);
            if chain.contains(&name) || (self.out.sources.first().is_some_and(|s| s.name == shown))
            {
                let way: Vec<&str> = chain
                    .iter()
                    .map(String::as_str)
                    .chain([name.as_str()])
                    .collect();
                self.error(
                    place,
                    format!(
                        "{} includes itself, by way of {}",
                        short(&name),
                        short(&way.join(", "))
                    ),
                    "",
                    "remove this include",
                );
                continue;
            }
            if let Some(before) = self.read.get(&name) {
                let what = format!("{} is included twice; first at {before}", short(&name));
                self.error(place, what, "", "remove one of the two");
                continue;
            }
            if self.read.len() >= INCLUDES_MAX {
                self.error(
                    place,
                    format!("more than {INCLUDES_MAX} files are included"),
                    "",
                    "join some of them",
                );
                return;
            }
            self.read.insert(name.clone(), place.clone());
            match (self.include)(&name) {
                Ok(bytes) => {
                    chain.push(name);
                    self.file(&shown, bytes, chain);
                    chain.pop();
                }
                Err(error) => self.error(
                    place,
                    format!("{} cannot be read: {error}", short(&name)),
                    "",
                    format!(
                        "put the file beside the device file, or remove it from include in {list}"
                    ),
                ),
            }
        }
    }

    fn section(
        &mut self,
        source: usize,
        section: &Section,
        value: &Spanned<DeValue<'_>>,
        place: Place,
    ) {
        let bracket = if section.repeat {
            format!("[[{}]]", section.name)
        } else {
            format!("[{}]", section.name)
        };
        match (section.repeat, value.get_ref()) {
            (false, DeValue::Table(table)) => {
                let block = self.block(source, section, table, place);
                match self.out.sections.remove(&section.name) {
                    None => {
                        self.out.sections.insert(section.name.clone(), block);
                    }
                    Some(before) => {
                        let merged = self.merge(section, before, block);
                        self.out.sections.insert(section.name.clone(), merged);
                    }
                }
            }
            (true, DeValue::Array(items)) => {
                if items.len() > ENTRIES_MAX {
                    self.too_many(place.clone(), &section.name, items.len(), &section.cite);
                }
                for item in items.iter().take(ENTRIES_MAX) {
                    let at = self.at(source, item.span().start);
                    if let DeValue::Table(table) = item.get_ref() {
                        let block = self.block(source, section, table, at);
                        self.needed(&section.field, &block, &bracket);
                        self.twice(section, &block);
                        self.out
                            .repeated
                            .entry(section.name.clone())
                            .or_default()
                            .push(block);
                    } else {
                        self.error(
                            at,
                            format!(
                                "an entry of {} is {}",
                                section.name,
                                item.get_ref().type_str()
                            ),
                            &section.cite,
                            format!("write each as {bracket}"),
                        );
                    }
                }
            }
            (_, other) => self.error(
                place,
                format!("{} is {}, not a section", section.name, other.type_str()),
                &section.cite,
                format!("write it as {bracket}"),
            ),
        }
    }

    /// What a block must hold and does not.
    fn needed(&mut self, fields: &[Field], block: &Block, whole: &str) {
        for field in fields.iter().filter(|f| f.needed.is_some()) {
            if !block.written.contains(&field.key) {
                self.error(
                    block.place.clone(),
                    format!("{} is missing in {whole}", field.key),
                    &field.cite,
                    format!("add {} = {}", field.key, field.kind.example()),
                );
            }
        }
    }

    /// Things of one kind are told apart by their identifier or name.
    fn twice(&mut self, section: &Section, block: &Block) {
        for key in ["id", "name"] {
            let Some(field) = section.field.iter().find(|f| f.key == key) else {
                continue;
            };
            let Some(mine) = block.text(key) else {
                continue;
            };
            let first = self
                .out
                .each(&section.name)
                .iter()
                .find(|b| b.text(key) == Some(mine))
                .and_then(|b| Some(b.facts.get(key)?.place.clone()));
            if let (Some(first), Some(fact)) = (first, block.facts.get(key)) {
                self.error(
                    fact.place.clone(),
                    format!(
                        "{key} `{}` of [[{}]] stands twice; first at {first}",
                        short(mine),
                        section.name
                    ),
                    &field.cite,
                    "give each its own",
                );
            }
        }
    }

    /// The same section in two files: each key may stand in one of them only.
    fn merge(&mut self, section: &Section, mut before: Block, block: Block) -> Block {
        for (key, fact) in block.facts {
            if let Some(first) = before.facts.get(&key) {
                let what = format!(
                    "{key} of [{}] is answered twice; first at {}",
                    section.name, first.place
                );
                let cite = section
                    .field
                    .iter()
                    .find(|f| f.key == key)
                    .map_or("", |f| f.cite.as_str());
                self.error(fact.place, what, cite, "keep one of the two");
            } else {
                before.facts.insert(key, fact);
            }
        }
        before.written.extend(block.written);
        before
    }

    fn block(
        &mut self,
        source: usize,
        section: &Section,
        table: &DeTable<'_>,
        place: Place,
    ) -> Block {
        let mut block = Block {
            place,
            ..Block::default()
        };
        let law = self.law;
        if section.free && table.len() > ENTRIES_MAX {
            self.too_many(
                block.place.clone(),
                &section.name,
                table.len(),
                &section.cite,
            );
        }
        for (n, (key, value)) in table.iter().enumerate() {
            if section.free && n >= ENTRIES_MAX {
                break;
            }
            if self.out.faults.0.len() >= FAULTS_MAX {
                self.dropped += 1;
                continue;
            }
            let name: &str = key.get_ref().as_ref();
            let at = self.at(source, key.span().start);
            if section.free {
                if name.chars().count() > 200 {
                    self.error(
                        at,
                        format!("the key `{}` is longer than 200 characters", short(name)),
                        &section.cite,
                        "give it a short name",
                    );
                    continue;
                }
                let kind = section.value.unwrap_or(Kind::Text);
                if let Some(value) = self.string(source, value, name, &section.cite, kind) {
                    block.facts.insert(
                        name.to_owned(),
                        Fact {
                            value: Value::Text(value),
                            place: at,
                        },
                    );
                }
                continue;
            }
            if let Some(field) = section.field.iter().find(|f| f.key == name) {
                block.written.insert(name.to_owned());
                if let Some(value) = self.value(source, field, value) {
                    block
                        .facts
                        .insert(name.to_owned(), Fact { value, place: at });
                }
                continue;
            }
            let inner = law
                .schema
                .section(name)
                .filter(|s| s.module && section.name == MODULE);
            if let Some(inner) = inner {
                if let DeValue::Table(table) = value.get_ref() {
                    let read = self.block(source, inner, table, at);
                    block.inner.insert(name.to_owned(), read);
                } else {
                    self.error(
                        at,
                        format!("{name} is {}, not a section", value.get_ref().type_str()),
                        &inner.cite,
                        format!("write it as [module.{name}]"),
                    );
                }
                continue;
            }
            let mut known: Vec<&str> = section.field.iter().map(|f| f.key.as_str()).collect();
            if section.name == MODULE {
                known.extend(
                    law.schema
                        .section
                        .iter()
                        .filter(|s| s.module)
                        .map(|s| s.name.as_str()),
                );
            }
            let elsewhere = law
                .schema
                .section
                .iter()
                .find(|s| s.field.iter().any(|f| f.key == name));
            let remedy = match (nearest(name, &known), elsewhere) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, Some(other)) => format!("`{name}` belongs into [{}]", other.name),
                (None, None) => format!("remove it; {} knows {}", section.name, known.join(", ")),
            };
            self.error(
                at,
                format!("unknown key `{}`", short(name)),
                &section.cite,
                remedy,
            );
        }
        block
    }

    fn value(
        &mut self,
        source: usize,
        field: &Field,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        let raw = value.get_ref();
        let at = self.at(source, value.span().start);
        let key = &field.key;
        if raw.as_str() == Some("unknown")
            && field.absent == Absent::Unknown
            && matches!(field.kind, Kind::Boolean | Kind::Choice | Kind::Choices)
        {
            return Some(Value::Unknown);
        }
        match field.kind {
            Kind::Text | Kind::Path => Some(Value::Text(self.string(
                source,
                value,
                key,
                &field.cite,
                field.kind,
            )?)),
            Kind::Boolean => match raw {
                DeValue::Boolean(b) => Some(Value::Boolean(*b)),
                _ => {
                    self.error(
                        at,
                        format!("{key} is {}, not true or false", raw.type_str()),
                        &field.cite,
                        "write true, false or \"unknown\", the first two without quotes",
                    );
                    None
                }
            },
            Kind::Share => {
                let number = raw
                    .as_float()
                    .map(|f| f.as_str().replace('_', ""))
                    .or_else(|| raw.as_integer().map(|i| i.as_str().to_owned()))
                    .and_then(|t| t.parse::<f64>().ok())
                    .filter(|v| {
                        if field.exclusive {
                            *v > 0.0 && *v < 1.0
                        } else {
                            (0.0..=1.0).contains(v)
                        }
                    });
                if number.is_none() {
                    self.error(
                        at,
                        format!("{key} is not a share"),
                        &field.cite,
                        "write a number between 0 and 1, such as 0.95",
                    );
                }
                number.map(Value::Number)
            }
            Kind::Choice => {
                let text = self.string(source, value, key, &field.cite, Kind::Text)?;
                self.choice(field, &text, at).then_some(Value::Text(text))
            }
            Kind::Texts | Kind::Choices => {
                let Some(items) = raw.as_array() else {
                    self.error(
                        at,
                        format!("{key} is {}, not a list", raw.type_str()),
                        &field.cite,
                        "write it as [\"...\"]",
                    );
                    return None;
                };
                if items.is_empty() && field.kind == Kind::Texts {
                    self.error(
                        at,
                        format!("{key} is empty"),
                        &field.cite,
                        "name at least one, or remove the key",
                    );
                    return None;
                }
                if items.len() > ENTRIES_MAX {
                    self.too_many(at.clone(), key, items.len(), &field.cite);
                }
                let mut out: Vec<(String, Place)> = Vec::new();
                for item in items.iter().take(ENTRIES_MAX) {
                    let at = self.at(source, item.span().start);
                    let Some(text) = self.string(source, item, key, &field.cite, Kind::Text) else {
                        continue;
                    };
                    if field.kind == Kind::Choices && !self.choice(field, &text, at.clone()) {
                        continue;
                    }
                    if let Some((_, first)) = out.iter().find(|(t, _)| *t == text) {
                        let what =
                            format!("`{}` stands twice in {key}; first at {first}", short(&text));
                        self.fault(
                            Severity::Warning,
                            at,
                            what,
                            &field.cite,
                            "remove one of the two".into(),
                        );
                        continue;
                    }
                    out.push((text, at));
                }
                if out.len() > 1 && out.iter().any(|(t, _)| t == "none") {
                    self.error(
                        at,
                        format!("`none` stands beside others in {key}"),
                        &field.cite,
                        "keep `none` alone, or remove it",
                    );
                    return None;
                }
                // A list of which nothing could be read says nothing; it must not read as "none".
                (items.is_empty() || !out.is_empty()).then_some(Value::List(out))
            }
            Kind::Tables => {
                let items = raw.as_array().filter(|a| !a.is_empty());
                if items.is_none() {
                    self.error(
                        at,
                        format!("{key} is not a list with at least one entry"),
                        &field.cite,
                        format!("write {key} = [{{ ... }}]"),
                    );
                }
                let section = Section {
                    name: field.key.clone(),
                    title: field.ask.clone(),
                    cite: field.cite.clone(),
                    module: false,
                    repeat: true,
                    free: false,
                    value: None,
                    needed: None,
                    field: field.item.clone(),
                };
                let mut out = Vec::new();
                for item in items?.iter().take(ENTRIES_MAX) {
                    let at = self.at(source, item.span().start);
                    let DeValue::Table(table) = item.get_ref() else {
                        self.error(
                            at,
                            format!("an entry of {key} is {}", item.get_ref().type_str()),
                            &field.cite,
                            "write each as { ... }",
                        );
                        continue;
                    };
                    let block = self.block(source, &section, table, at);
                    self.needed(&section.field, &block, key);
                    out.push(block);
                }
                Some(Value::Tables(out))
            }
        }
    }

    fn choice(&mut self, field: &Field, text: &str, at: Place) -> bool {
        let values: Vec<&str> = field.choice.iter().map(|c| c.value.as_str()).collect();
        if values.contains(&text) {
            return true;
        }
        let lower = text.to_lowercase().replace([' ', '-'], "_");
        let near = values
            .iter()
            .find(|v| v.eq_ignore_ascii_case(&lower))
            .copied()
            .or_else(|| nearest(&lower, &values));
        let remedy = near.map_or_else(
            || format!("one of: {}", values.join(", ")),
            |n| format!("did you mean `{n}`?"),
        );
        self.error(
            at,
            format!("`{}` is no {}", short(text), field.key),
            &field.cite,
            remedy,
        );
        false
    }

    fn string(
        &mut self,
        source: usize,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        clause: &str,
        kind: Kind,
    ) -> Option<String> {
        let at = self.at(source, value.span().start);
        let key = short(key);
        let Some(text) = value.get_ref().as_str() else {
            self.error(
                at,
                format!("{key} is {}, not a text", value.get_ref().type_str()),
                clause,
                "write it in quotes",
            );
            return None;
        };
        let text = text.trim();
        if text.is_empty() {
            self.error(
                at,
                format!("{key} is empty"),
                clause,
                "say it, or remove the key",
            );
            return None;
        }
        let length = text.chars().count();
        if length > TEXT_CHARS_MAX {
            self.error(
                at,
                format!("{key} has {length} characters; at most {TEXT_CHARS_MAX} are taken"),
                clause,
                "put the long text into a file and name it under [texts]",
            );
            return None;
        }
        if let Some((what, remedy)) = odd_characters(text) {
            self.fault(
                Severity::Warning,
                at.clone(),
                format!("{key} {what}"),
                clause,
                remedy.into(),
            );
        }
        if kind == Kind::Path && !inside(text) {
            self.error(
                at,
                format!("{key} does not lie in the device's folder"),
                clause,
                "give a path below it with `/`, without `..`",
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// Texts in several languages are a slip more often than a wish: Art. 10(11) MDR asks for
    /// translations of the whole, not for a mixture.
    fn languages(&mut self) {
        let mut seen: BTreeMap<&'static str, Vec<(String, Place)>> = BTreeMap::new();
        for (section, block) in &self.out.sections {
            for (key, fact) in &block.facts {
                let texts: Vec<(&String, &Place)> = match &fact.value {
                    Value::Text(t) => vec![(t, &fact.place)],
                    Value::List(items) => items.iter().map(|(t, p)| (t, p)).collect(),
                    _ => continue,
                };
                for (text, place) in texts {
                    if text.chars().count() < 60 {
                        continue;
                    }
                    let sample: String = text.chars().take(2000).collect();
                    if let Some(info) =
                        whatlang::detect(&sample).filter(whatlang::Info::is_reliable)
                    {
                        seen.entry(info.lang().eng_name())
                            .or_default()
                            .push((format!("{section}.{key}"), place.clone()));
                    }
                }
            }
        }
        let Some(main) = seen.iter().max_by_key(|(_, v)| v.len()).map(|(l, _)| *l) else {
            return;
        };
        let others: Vec<(&'static str, String, Place)> = seen
            .iter()
            .filter(|(l, _)| **l != main)
            .flat_map(|(l, v)| v.iter().map(|(k, p)| (*l, k.clone(), p.clone())))
            .collect();
        for (language, key, place) in others {
            self.fault(
                Severity::Warning,
                place,
                format!("{key} reads as {language}, most of the file as {main}"),
                "MDR Art. 10(11); IVDR Art. 10(10)",
                "write the device file in one language, and keep translations as texts of their own".into(),
            );
        }
    }

    fn finish(mut self) -> Description {
        let mut seen = BTreeSet::new();
        self.out
            .faults
            .0
            .retain(|d| seen.insert((d.place.clone(), d.what.clone())));
        let order: BTreeMap<String, usize> = self
            .out
            .sources
            .iter()
            .enumerate()
            .map(|(i, s)| (s.name.clone(), i))
            .collect();
        self.out.faults.0.sort_by_key(|d| {
            (
                order.get(&d.place.file).copied(),
                d.place.line,
                d.place.column,
            )
        });
        if self.dropped > 0
            && let Some(last) = self.out.faults.0.last().cloned()
        {
            self.out.faults.0.push(Diagnostic {
                what: format!("{} further faults are not listed", self.dropped),
                remedy: "mend those listed first".into(),
                ..last
            });
        }
        self.out
    }
}

/// Whether a path stays below the folder it is relative to.
fn inside(path: &str) -> bool {
    !path.is_empty()
        && path
            .split('/')
            .all(|p| !p.is_empty() && p != "." && p != "..")
        && !path.contains(['\\', ':'])
        && !path.chars().any(char::is_control)
}

/// Letters of another script inside a word, and characters that cannot be seen.
fn odd_characters(text: &str) -> Option<(String, &'static str)> {
    if let Some(c) = text.chars().find(|c| hidden(*c)) {
        return Some((
            format!("holds the invisible character U+{:04X}", u32::from(c)),
            "retype the text; invisible characters come with copying",
        ));
    }
    let latin = |c: char| c.is_alphabetic() && u32::from(c) < 0x0250;
    // A Greek letter beside Latin ones is common in medicine (β, µ, α-fetoprotein); a Cyrillic one
    // is a look-alike.
    let cyrillic = |c: &char| matches!(u32::from(*c), 0x0400..=0x052F) && c.is_alphabetic();
    for word in text.split(|c: char| !c.is_alphabetic()) {
        if word.chars().any(latin)
            && let Some(c) = word.chars().find(cyrillic)
        {
            return Some((
                format!(
                    "mixes scripts in `{}`: U+{:04X} is a Cyrillic letter",
                    short(word),
                    u32::from(c)
                ),
                "retype the word in one script",
            ));
        }
    }
    None
}
