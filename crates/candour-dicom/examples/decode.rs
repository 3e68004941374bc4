//! Prints, for each DICOM file named, its transfer syntax and the SHA-256 of its stored pixel
//! values as little-endian 32-bit integers, or why it was refused. For the interoperability suite.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use candour_dicom::{Instance, image};
use candour_record::Digest;

fn main() {
    for path in std::env::args().skip(1) {
        let line = match std::fs::read(&path)
            .map_err(|e| e.to_string())
            .and_then(|bytes| describe(&bytes))
        {
            Ok(line) => line,
            Err(why) => format!("refused\t{why}"),
        };
        println!("{path}\t{line}");
    }
}

fn describe(bytes: &[u8]) -> Result<String, String> {
    let instance = Instance::parse(bytes).map_err(|e| e.to_string())?;
    if !instance.has_pixels() {
        return Ok("no pixels".into());
    }
    let p = image::decode(&instance).map_err(|e| e.to_string())?;
    let le: Vec<u8> = p.values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let shape = format!("{}x{}x{}x{}", p.frames, p.rows, p.columns, p.samples);
    Ok(format!(
        "decoded\t{}\t{shape}\t{}",
        instance.transfer_syntax(),
        Digest::of(&le).hex()
    ))
}
