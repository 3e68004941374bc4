//! What the ledger says about each study, gathered for people to look at. The index is derived:
//! it is rebuilt from the records and losing it loses nothing.

use std::collections::BTreeMap;

use candour_record::{
    Decided, DecisionOutcome, Digest, Event, Loaded, Overseen, Purpose, Received, Record,
    RecordError, Refused, Released, Timestamp,
};

use crate::workspace::WorkspaceError;

/// A decision with everything that came of it.
#[derive(Clone, Debug)]
pub struct DecisionEntry {
    /// Index of the `Decided` record in the ledger.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Digest,
    /// When it was decided.
    pub at: Timestamp,
    /// Digest of the device file in force.
    pub device: Option<Digest>,
    /// The record's own members.
    pub decided: Decided,
    /// Index and members of the `Released` record, if it was released.
    pub released: Option<(u64, Released)>,
    /// Every reading, oldest first: index, time, members.
    pub overseen: Vec<(u64, Timestamp, Overseen)>,
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct RefusalEntry {
    /// Index of the `Refused` record in the ledger.
    pub index: u64,
    /// When it was refused.
    pub at: Timestamp,
    /// The record's own members.
    pub refused: Refused,
}

/// What came of one study.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The device decided.
    Decision(Box<DecisionEntry>),
    /// It was refused.
    Refusal(Box<RefusalEntry>),
}

/// The derived index of a ledger.
#[derive(Clone, Debug, Default)]
pub struct Index {
    size: u64,
    entries: Vec<Entry>,
    by_index: BTreeMap<u64, usize>,
    by_leaf: BTreeMap<Digest, usize>,
    received: BTreeMap<Digest, Received>,
    loaded: Vec<(u64, Loaded)>,
    last_at: Option<Timestamp>,
}

/// How many studies came to what, in use (validation cases are not counted).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Findings.
    pub finding: usize,
    /// No findings.
    pub no_finding: usize,
    /// Abstentions.
    pub abstained: usize,
    /// Refusals.
    pub refused: usize,
}

impl Index {
    /// Takes in the next record of the ledger; records must come in order, without gaps.
    ///
    /// # Errors
    /// When the record cannot be encoded (it then was not sealed by this software).
    pub fn push(&mut self, record: &Record) -> Result<(), RecordError> {
        let index = self.size;
        self.size = index.saturating_add(1);
        self.last_at = Some(record.at);
        match &record.event {
            Event::Decided(decided) => {
                let leaf = record.leaf_hash()?;
                self.by_leaf.insert(leaf, self.entries.len());
                self.by_index.insert(index, self.entries.len());
                self.entries.push(Entry::Decision(Box::new(DecisionEntry {
                    index,
                    leaf,
                    at: record.at,
                    device: record.device,
                    decided: decided.clone(),
                    released: None,
                    overseen: Vec::new(),
                })));
            }
            Event::Refused(refused) => {
                self.by_index.insert(index, self.entries.len());
                self.entries.push(Entry::Refusal(Box::new(RefusalEntry {
                    index,
                    at: record.at,
                    refused: refused.clone(),
                })));
            }
            Event::Released(released) => {
                if let Some(entry) = self.decision_mut(&released.decision) {
                    entry.released = Some((index, released.clone()));
                }
            }
            Event::Overseen(overseen) => {
                let at = record.at;
                if let Some(entry) = self.decision_mut(&overseen.decision) {
                    entry.overseen.push((index, at, overseen.clone()));
                }
            }
            Event::Received(received) => {
                self.received.insert(record.leaf_hash()?, received.clone());
            }
            Event::Loaded(loaded) => self.loaded.push((index, loaded.clone())),
            _ => {}
        }
        Ok(())
    }

    /// How many records have been taken in.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Time of the latest record.
    #[must_use]
    pub fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// Every study, in the order in which it was decided or refused.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The decision whose record has this ledger index.
    #[must_use]
    pub fn decision(&self, index: u64) -> Option<&DecisionEntry> {
        match self.entries.get(*self.by_index.get(&index)?)? {
            Entry::Decision(entry) => Some(entry),
            Entry::Refusal(_) => None,
        }
    }

    /// The `Received` record that a decision answers.
    ///
    /// # Errors
    /// When the ledger holds none, which no release of this software writes.
    pub fn received(&self, entry: &DecisionEntry) -> Result<&Received, WorkspaceError> {
        self.received
            .get(&entry.decided.received)
            .ok_or(WorkspaceError::NoDecision(entry.index))
    }

    /// Decisions in use that were sealed but never released, as after a crash between the two.
    pub fn unreleased(&self) -> impl Iterator<Item = &DecisionEntry> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Decision(d) if d.released.is_none() && d.decided.purpose == Purpose::Use => {
                Some(&**d)
            }
            _ => None,
        })
    }

    /// Installation qualifications, oldest first.
    #[must_use]
    pub fn loaded(&self) -> &[(u64, Loaded)] {
        &self.loaded
    }

    /// The counts over studies in use.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in &self.entries {
            match entry {
                Entry::Decision(d) if d.decided.purpose == Purpose::Use => {
                    match d.decided.outcome {
                        DecisionOutcome::Finding => counts.finding += 1,
                        DecisionOutcome::NoFinding => counts.no_finding += 1,
                        DecisionOutcome::Abstained => counts.abstained += 1,
                    }
                }
                Entry::Refusal(r) if r.refused.purpose == Purpose::Use => counts.refused += 1,
                _ => {}
            }
        }
        counts
    }

    fn decision_mut(&mut self, leaf: &Digest) -> Option<&mut DecisionEntry> {
        match self.entries.get_mut(*self.by_leaf.get(leaf)?)? {
            Entry::Decision(entry) => Some(entry),
            Entry::Refusal(_) => None,
        }
    }
}
