//! The one binary: arguments, sockets, pages, clock.
fn main() {}
