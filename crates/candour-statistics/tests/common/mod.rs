//! What the tests of several groups share.

#![allow(clippy::panic, reason = "tests")]

use candour_statistics::catalogue::{self, Column, Sample};
use candour_statistics::{Answer, StatisticsError};

/// The answer of an entry by the door that all its users take; each column is called as its role.
pub(crate) fn run(
    id: &str,
    columns: Vec<(&str, Column)>,
    settings: &[(&str, &str)],
) -> Result<Answer, StatisticsError> {
    let entry = catalogue::entry(id).unwrap_or_else(|| panic!("no entry {id}"));
    let columns = columns
        .into_iter()
        .map(|(r, c)| (r.to_owned(), r.to_owned(), c))
        .collect();
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    entry.answer(&Sample::new(entry, columns, &settings)?, &[])
}
