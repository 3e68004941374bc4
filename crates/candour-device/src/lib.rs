//! The device at work: intake, decide, seal, release, oversee, replay.
