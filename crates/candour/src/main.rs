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

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
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
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            warn(failure.text());
            ExitCode::from(failure.code())
        }
    }
}

/// Prints a line. A reader who went away (a closed pipe) ends the printing, not the work.
fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Tells the user something on standard error.
fn warn(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "candour: {line}");
}

type Done = Result<(), Failure>;
