//! The one place that asks the world: clock, random numbers, name and version.

use std::io;

use candour_device::World;
use candour_record::Timestamp;

/// Name and version, as records state it.
pub(crate) const SOFTWARE: &str = concat!("candour ", env!("CARGO_PKG_VERSION"));

#[expect(
    clippy::expect_used,
    reason = "the clamp keeps the time within the years 0 to 9999"
)]
fn now() -> Timestamp {
    let millis = jiff::Timestamp::now()
        .as_millisecond()
        .clamp(0, 253_402_300_799_999);
    Timestamp::from_millis(millis).expect("in range")
}

fn entropy(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::other)
}

/// The world as libraries take it.
pub(crate) fn world() -> World<'static> {
    World {
        now: &now,
        entropy: &entropy,
        software: SOFTWARE,
    }
}

/// Random bytes, in hex: for names that must not be guessed.
pub(crate) fn random_hex() -> io::Result<String> {
    use std::fmt::Write as _;
    let mut bytes = [0; 16];
    entropy(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    }))
}
