//! The command line: what can be asked of the binary, and the exit code of each answer.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs a medical-imaging AI model as a regulated device, and can prove it.
#[derive(Debug, Parser)]
#[command(name = "candour", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for `verify`, `check` and `replay`: everything checked holds
  1  checked and found wrong: tampered, different, a validation criterion not met, a requirement
     not met, or a change that is significant
  2  misuse: arguments, a file that is not there, a device file with faults
  3  input that could not be read at all (every study still leaves a record)
  4  storage: disk full, workspace read-only, locked, or made by a newer version
  5  the model package cannot be used on this machine";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything at once on the example devices: take studies in, decide, explain, seal,
    /// validate, compile the dossier, verify it from outside, serve the pages.
    Demo(Demo),
    /// Takes studies in and decides: files, folders, zip archives of DICOM, or CSV of measurements.
    Run(Run),
    /// Seals a reader's verdict on a decision.
    Oversee(Oversee),
    /// Computes a decision again from the vault and compares it with what was sealed.
    Replay(Replay),
    /// Seals what the reference standard says of a decided study.
    Outcome(OutcomeArgs),
    /// Answers a statistical analysis plan from data, or validates a device on its cohort: the plan
    /// is sealed first, then the data, then the result; a report is written.
    Validate(Validate),
    /// One statistic of the catalogue on one table, without a plan.
    Statistics(Statistics),
    /// How many cases or readers a study needs, or what power it has.
    PlanStudy(Statistics),
    /// Pools the signed summaries of several sites.
    Pool(Pool),
    /// Watches the sealed decisions of a workspace for drift.
    Monitor(Monitor),
    /// Is it a medical device, under which regulation, which class by which rule, which route:
    /// clause by clause, with the line of the device file behind each answer.
    Classify(Classify),
    /// Holds every requirement against a device, as a compiler does; or says what a change means.
    Check(Check),
    /// The reporting deadlines of an event: MDR, IVDR, NIS2, GDPR, AI Act.
    Deadlines(Deadlines),
    /// Compiles the technical documentation to PDF and HTML with its evidence attached.
    Dossier(Dossier),
    /// Verifies a dossier, evidence, proof or structured report offline.
    Verify(Verify),
    /// The ledger itself.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Serves the pages on this machine.
    Serve(Serve),
    /// Writes generated CT phantom studies as DICOM, for trying things out.
    Phantom(Phantom),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder for the demonstration's workspace; made anew each time.
    #[arg(long, default_value = "candour-demo")]
    pub(crate) workspace: PathBuf,
    /// End after the summary instead of serving the pages.
    #[arg(long)]
    pub(crate) once: bool,
    /// Where the example devices lie.
    #[arg(long, default_value = "devices")]
    pub(crate) devices: PathBuf,
    /// Port for the pages.
    #[arg(long, default_value_t = 8642)]
    pub(crate) port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The device's folder (`device.toml`, `model/`).
    #[arg(long)]
    pub(crate) device: PathBuf,
    /// The workspace; made if it is not there.
    #[arg(long)]
    pub(crate) workspace: PathBuf,
    /// One line of JSON on standard output for each study, once its record is durable.
    #[arg(long)]
    pub(crate) json: bool,
    /// Files, folders or archives.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("verdict").required(true)))]
pub(crate) struct Oversee {
    /// Index of the decision's record in the ledger.
    pub(crate) decision: u64,
    /// The workspace.
    #[arg(long)]
    pub(crate) workspace: PathBuf,
    /// The reader agrees.
    #[arg(long, group = "verdict")]
    pub(crate) agree: bool,
    /// The reader agrees in part; the reason says what the report will say instead.
    #[arg(long, group = "verdict")]
    pub(crate) edit: bool,
    /// The reader overrules the device.
    #[arg(long, group = "verdict")]
    pub(crate) overrule: bool,
    /// Why; needed to edit or overrule.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// The reader's name; kept in the vault only.
    #[arg(long)]
    pub(crate) by: String,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Index of the decision's record in the ledger.
    pub(crate) decision: u64,
    /// The device's folder.
    #[arg(long)]
    pub(crate) device: PathBuf,
    /// The workspace.
    #[arg(long)]
    pub(crate) workspace: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The statistical analysis plan (`validation.toml`).
    pub(crate) plan: Option<PathBuf>,
    /// Data, in the order of the plan: CSV, TSV, JSON lines or Parquet. Repeat for further files.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// Print a plan to start from, with the columns of the files of --data; their values are not looked
    /// at.
    #[arg(long, conflicts_with_all = ["plan", "device", "sealed", "site", "workspace"])]
    pub(crate) draft: bool,
    /// Validate this device (`device.toml`, `model/`) on its cohort instead.
    #[arg(long, conflicts_with_all = ["plan", "data", "sealed", "site"])]
    pub(crate) device: Option<PathBuf>,
    /// Seal plan, data and result in this workspace, in that order; made if it is not there. With a
    /// plan and no data, only the plan is sealed.
    #[arg(long)]
    pub(crate) workspace: Option<PathBuf>,
    /// The data are the workspace's own sealed decisions in use, joined with their outcomes.
    #[arg(long, conflicts_with = "data")]
    pub(crate) sealed: bool,
    /// Where the report is written [default: validation-report; of sealed decisions, a folder of the
    /// workspace].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write a signed summary of this site for `candour pool`, with nothing of a single patient,
    /// instead of a report.
    #[arg(long, value_name = "NAME")]
    pub(crate) site: Option<String>,
    /// Print the results as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Statistics {
    /// Print the catalogue with formula and source.
    #[arg(long)]
    pub(crate) list: bool,
    /// With --list: as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// An entry of the catalogue and its arguments; ENTRY --help lists them.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ENTRY"
    )]
    pub(crate) rest: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Pool {
    /// Summaries of sites, as `candour validate --site` wrote them.
    #[arg(required = true)]
    pub(crate) summaries: Vec<PathBuf>,
    /// The public key of a site, or a file that holds it; repeat it for each site.
    #[arg(long, required = true)]
    pub(crate) key: Vec<String>,
    /// The plan that the sites followed.
    #[arg(long)]
    pub(crate) plan: PathBuf,
    /// Where the report is written.
    #[arg(long, default_value = "pooled-report", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Print the results as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Monitor {
    /// The workspace.
    #[arg(long)]
    pub(crate) workspace: PathBuf,
    /// Which model's decisions, as `NAME VERSION`; needed where the workspace holds those of several.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// What is watched and how (`monitoring.toml`); without it, the built-in design.
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
    /// Print the readings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OutcomeArgs {
    /// Index of the decision's record in the ledger.
    pub(crate) decision: u64,
    /// The workspace.
    #[arg(long)]
    pub(crate) workspace: PathBuf,
    /// What the reference standard says.
    #[arg(long, value_parser = ["positive", "negative"])]
    pub(crate) reference: String,
    /// What the reference standard is, such as `histology`.
    #[arg(long)]
    pub(crate) standard: String,
}

#[derive(Debug, Args)]
pub(crate) struct Classify {
    /// The device's folder or its device file.
    #[arg(required_unless_present = "schema")]
    pub(crate) device: Option<PathBuf>,
    /// The whole report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Also every rule that does not apply, with its reason, and the implementing rules.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Ask for what is not answered, and write the answers into the device file.
    #[arg(long)]
    pub(crate) ask: bool,
    /// Seal the result in this workspace; made if it is not there.
    #[arg(long)]
    pub(crate) workspace: Option<PathBuf>,
    /// Write a page with the decision path and the map of requirements.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print the JSON Schema of the device file, for editors, and end.
    #[arg(long)]
    pub(crate) schema: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The device's folder or its device file.
    #[arg(required_unless_present = "explain")]
    pub(crate) device: Option<PathBuf>,
    /// Count the evidence sealed in this workspace under this very device file.
    #[arg(long)]
    pub(crate) workspace: Option<PathBuf>,
    /// Everything as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The long form of one requirement, such as GSPR-17.2.
    #[arg(long, value_name = "ID")]
    pub(crate) explain: Option<String>,
    /// What the change from this earlier version of the device means.
    #[arg(long, value_name = "OLD", conflicts_with_all = ["explain", "html", "summary", "notes", "workspace"])]
    pub(crate) against: Option<PathBuf>,
    /// Also the notes.
    #[arg(long)]
    pub(crate) notes: bool,
    /// Only the summary.
    #[arg(long)]
    pub(crate) summary: bool,
    /// Write a page with the decision path and the map of requirements.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Deadlines {
    /// What happened; without it, the events are listed.
    pub(crate) event: Option<String>,
    /// The moment of awareness with its offset, such as 2026-11-25T09:30:00+01:00.
    #[arg(long)]
    pub(crate) aware: Option<String>,
    /// Only the clocks that run for this device.
    #[arg(long)]
    pub(crate) device: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Dossier {
    /// The device's folder.
    #[arg(long)]
    pub(crate) device: PathBuf,
    /// The workspace.
    #[arg(long)]
    pub(crate) workspace: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A dossier (PDF or HTML), an `evidence.json`, a `.tlog-proof`, or a DICOM structured report.
    pub(crate) file: PathBuf,
    /// The public key you trust (`name+hash+key`), or a file that holds it. Without it, the key in
    /// the file is used and named, and you must compare it yourself.
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Also look the file up in this workspace's ledger: whether these very bytes are what left it.
    #[arg(long)]
    pub(crate) workspace: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Recomputes every leaf, tile, root and signature.
    Check {
        /// The ledger's folder, or a workspace.
        dir: PathBuf,
        /// The public key it must be signed with.
        #[arg(long)]
        key: Option<String>,
    },
    /// Prints the records, one line of canonical JSON each.
    Show {
        /// The ledger's folder, or a workspace.
        dir: PathBuf,
        /// Only this record.
        #[arg(long)]
        index: Option<u64>,
        /// Write this record's `.tlog-proof` to standard output instead.
        #[arg(long, requires = "index")]
        proof: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The workspace.
    #[arg(long)]
    pub(crate) workspace: PathBuf,
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 8642)]
    pub(crate) port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Phantom {
    /// First seed.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many studies, one folder each.
    #[arg(long, default_value_t = 1)]
    pub(crate) count: u64,
    /// Where to write them.
    #[arg(long)]
    pub(crate) out: PathBuf,
}
