//! The one binary: arguments, sockets, pages, clock.

mod cli;
mod commands;
mod demo;
mod dossier;
mod failure;
mod monitor;
mod pages;
mod pool;
mod regulation;
mod regulation_page;
mod statistics;
mod validation;
mod verify;
mod world;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version go to standard output, which can be full as well.
        Err(e) if !e.use_stderr() => {
            printed(e.print().and_then(|()| io::stdout().flush()));
            return ExitCode::from(ended(0));
        }
        Err(e) => e.exit(),
    };
    let done = match cli.command {
        Command::Demo(args) => demo::demo(&args),
        Command::Run(args) => commands::run(&args),
        Command::Oversee(args) => commands::oversee(&args),
        Command::Replay(args) => commands::replay(&args),
        Command::Outcome(args) => commands::outcome(&args),
        Command::Validate(args) => validation::validate(&args),
        Command::Statistics(args) => statistics::statistics(&args),
        Command::PlanStudy(args) => statistics::plan_study(&args),
        Command::Pool(args) => pool::pool(&args),
        Command::Monitor(args) => monitor::monitor(&args),
        Command::Classify(args) => regulation::classify_command(&args),
        Command::Check(args) => regulation::check_command(&args),
        Command::Deadlines(args) => regulation::deadlines_command(&args),
        Command::Dossier(args) => dossier::command(&args),
        Command::Verify(args) => verify::command(&args),
        Command::Ledger(args) => commands::ledger(&args),
        Command::Serve(args) => pages::serve(&args.workspace, args.port),
        Command::Phantom(args) => commands::phantom(&args),
    };
    let code = match done {
        Ok(()) => 0,
        Err(failure) => {
            warn(failure.text());
            failure.code()
        }
    };
    ExitCode::from(ended(code))
}

/// The first fault of standard output: whoever reads it lacks everything from there on.
static OUTPUT: OnceLock<io::Error> = OnceLock::new();

/// Prints a line. A reader who went away (a closed pipe) ends the printing, not the work; so does a full disk,
/// which the exit code tells in the end.
fn say(line: impl std::fmt::Display) {
    // After a gap, more lines would pass for the whole.
    if OUTPUT.get().is_none() {
        let mut out = io::stdout().lock();
        printed(writeln!(out, "{line}").and_then(|()| out.flush()));
    }
}

/// Remembers the first fault of standard output.
fn printed(done: io::Result<()>) {
    if let Err(e) = done {
        let _ = OUTPUT.set(e);
    }
}

/// The exit code of a command that ended with this one: another where standard output could not be written, for
/// then whoever reads it does not have what the command found.
fn ended(code: u8) -> u8 {
    match OUTPUT.get() {
        Some(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let failure = Failure::output(e);
            warn(failure.text());
            failure.code()
        }
        _ => code,
    }
}

/// Tells the user something on standard error.
fn warn(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "candour: {line}");
}

type Done = Result<(), Failure>;
