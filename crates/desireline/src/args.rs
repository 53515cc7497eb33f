//! What can be typed.

mod live;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use live::{BackupArgs, DoctorArgs, LiveArgs, LogForm, ReplayArgs, RestoreArgs, ServeArgs};

/// Shows the journeys that customers really take.
#[derive(Debug, Parser)]
#[command(name = "desireline", version, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong input, 4 not found, 5 busy, 130 interrupted."
)]
pub(crate) struct Args {
    /// The folder in which everything is kept.
    #[arg(long, global = true, value_name = "DIR", env = "DESIRELINE_HOME", default_value = "desireline-home")]
    pub(crate) home: PathBuf,
    /// Whether the home was typed, and is not one that the surroundings or nobody named.
    #[arg(skip)]
    pub(crate) home_typed: bool,
    /// The charter; without it, `charter.yaml` in the home, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) charter: Option<PathBuf>,
    /// Answer as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Imports the two example organisations, says what is found in them, and writes their reports.
    Demo(DemoArgs),
    /// Reads files and proposes a charter.
    #[command(after_help = "Example: desireline init orders.csv tickets.csv > charter.yaml")]
    Init(InitArgs),
    /// Reads a charter and reports everything that is wrong with it.
    #[command(after_help = "Example: desireline check charter.yaml")]
    Check(CharterArgs),
    /// Runs the `tests:` of a charter.
    #[command(after_help = "Example: desireline test charter.yaml")]
    Test(CharterArgs),
    /// Compares two charters over the same events: every figure that changes, the largest change first.
    #[command(after_help = "Example: desireline diff charter.yaml new-charter.yaml")]
    Diff(DiffArgs),
    /// Prints the JSON Schema of charters, or of the answer of a view.
    #[command(after_help = "Example: desireline schema map")]
    Schema(SchemaArgs),
    /// Reads files into the lake. Safe to repeat: what is there already is not taken twice.
    #[command(after_help = "Example: desireline import orders.csv --map event=status,customer=email,at=paid")]
    Import(ImportArgs),
    /// Answers one or several questions about all journeys in one pass.
    #[command(after_help = views())]
    View(Box<ViewArgs>),
    /// Takes events in as they happen, over HTTP, keeps every customer's state current and decides what to do next.
    #[command(after_help = "Example: desireline serve --listen 127.0.0.1:8099")]
    Serve(ServeArgs),
    /// Builds the state of every customer anew from the log, and compares it with the one that is kept; or says what
    /// another charter would have decided.
    #[command(
        after_help = "Examples: desireline replay\n          desireline replay --policy new-charter.yaml --examples 5"
    )]
    Replay(ReplayArgs),
    /// Copies everything of a home into a folder. A server that runs makes backups itself: see `docs/guide/operating.md`.
    #[command(after_help = "Example: desireline backup /mnt/backups/monday")]
    Backup(BackupArgs),
    /// Looks at everything that a server needs, and says what to do where it is not as it should be.
    #[command(after_help = "Example: desireline doctor --listen 127.0.0.1:8099")]
    Doctor(DoctorArgs),
    /// Makes a home of a backup.
    #[command(after_help = "Example: desireline --home restored restore /mnt/backups/monday")]
    Restore(RestoreArgs),
    /// Runs SQL over the tables events, customers and links.
    #[command(after_help = "Example: desireline sql 'select event, count(*) from events group by 1 order by 2 desc'")]
    Sql(SqlArgs),
    /// Writes the report: one self-contained HTML file.
    #[command(after_help = "Example: desireline report -o report.html")]
    Report(Box<ReportArgs>),
    /// Writes all events to a file for other tools.
    #[command(after_help = "Example: desireline export log.xes")]
    Export(ExportArgs),
    /// Merges the lake's files and puts every event where it belongs now.
    Compact,
    /// Shows one person: what happened, what was promised, and which keys lead there.
    #[command(
        after_help = "Examples: desireline customer email:ann@example.com\n          desireline customer customer:12"
    )]
    Customer(CustomerArgs),
    /// Erases a customer from every file and from live state, and prints a receipt.
    #[command(after_help = "Example: desireline erase email:ann@example.com")]
    Erase(EraseArgs),
    /// Takes back the link between two keys.
    #[command(after_help = "Example: desireline unmerge user_id:u1 phone:+4930123456")]
    Unmerge(UnmergeArgs),
}

/// All views with what they are about, and how they are asked.
fn views() -> String {
    let mut text = "Views:\n".to_owned();
    for view in understand::View::all() {
        let about = match view.name() {
            "map" => "What directly follows what",
            "variants" => "The typical paths",
            "funnel" => "How many get how far",
            "steps" => "Where they are at their first, second, third step",
            "sankey" => "Where they go from a moment, or come from",
            _ => view.heading().0,
        };
        let _ = writeln!(text, "  {:<14}{about}", view.name());
    }
    text.push_str(
        "\nExamples: desireline view map\n          desireline view funnel --steps visit,cart,order --within 30d\n          \
         desireline view stages,expectations --segment loyal\n          \
         desireline view paths --pattern \"ticket .. ticket\" --compare \"channel = 'app'\"",
    );
    text
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// The folder with the example organisations.
    #[arg(long, value_name = "DIR", default_value = "charters")]
    pub(crate) charters: PathBuf,
    /// Where the reports and the imported data go.
    #[arg(short, long, value_name = "DIR", default_value = "demo")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CharterArgs {
    /// The charter; without it, the one that `--charter` names.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DiffArgs {
    /// The charter as it is.
    pub(crate) old: PathBuf,
    /// The charter as it might become.
    pub(crate) new: PathBuf,
    /// How many figures are listed; 0 for all.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Answer as CSV: all figures, or as many as --limit says.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Read all events, and neither use nor keep what was counted for an earlier answer.
    #[arg(long)]
    pub(crate) afresh: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SchemaArgs {
    /// `charter`, `comparison`, `customer`, `diff`, `map-by-type`, or the name of a view.
    #[arg(default_value = "charter")]
    pub(crate) of: String,
}

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct ReadArgs {
    /// The files; of a folder, all files in it that the charter's sources name, or all.
    #[arg(required = true, value_name = "FILES")]
    pub(crate) files: Vec<PathBuf>,
    /// Which column plays which role: event=COLUMN,customer=COLUMN,at=COLUMN; also start, end, channel, resource,
    /// department, `case_id`, phase, `message_id`, `one_per`, properties=A|B, traits=A|B, any kind of key; 'text' in quotes is always that text.
    #[arg(long, value_name = "ROLE=COLUMN,…")]
    pub(crate) map: Option<String>,
    /// Whether day or month comes first in dates that could be either.
    #[arg(long, value_enum)]
    pub(crate) dates: Option<Dates>,
    /// The time zone of times that have none; without it, the charter's.
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// What separates the fields of delimited text.
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) delimiter: Option<String>,
    /// How text is written: utf-8, utf-16le, utf-16be, windows-1252.
    #[arg(long)]
    pub(crate) encoding: Option<String>,
    /// Who the customer is: of OCEL the object type, of XES the attribute.
    #[arg(long, value_name = "NAME")]
    pub(crate) customer: Option<String>,
    /// Ask nothing: guesses are taken as they are, and what cannot be guessed is an error.
    #[arg(long)]
    pub(crate) yes: bool,
}

impl ReadArgs {
    /// These files, about which nothing else is said.
    pub(crate) fn of_files(files: Vec<PathBuf>) -> Self {
        Self { files, ..Self::default() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dates {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Say how the files would be read, and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The options of every view.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct SelectArgs {
    /// Whose journeys, where not those of customers: objects of this type (of OCEL), keys of this kind, or the values of
    /// this column, such as `case_id`; of a map several, as A,B.
    #[arg(long, value_name = "NAME")]
    pub(crate) of: Option<String>,
    /// Which cut of the charter; without it, a customer's whole run is one journey.
    #[arg(long, value_name = "ID")]
    pub(crate) journey: Option<String>,
    /// Only journeys with at least one event for which this holds; or as --segment, where it cannot be about an event.
    #[arg(long = "where", value_name = "SQL")]
    pub(crate) with: Option<String>,
    /// Only customers of this segment of the charter, or for whom this holds: SQL over their own facts.
    #[arg(long, value_name = "NAME|SQL")]
    pub(crate) segment: Option<String>,
    /// Only events for which this holds.
    #[arg(long, value_name = "SQL")]
    pub(crate) events: Option<String>,
    /// Only journeys that start at this time or later.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only journeys that start before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Two groups: journeys with at least one event for which this holds, and the others; a segment, or customers
    /// for whom it holds where it cannot be about an event, and all others; two segments A,B; or FROM..TO,FROM..TO, two periods.
    #[arg(long, value_name = "SQL")]
    pub(crate) compare: Option<String>,
    /// What the two groups are called.
    #[arg(long, value_name = "A,B", requires = "compare")]
    pub(crate) compare_names: Option<String>,
    /// Read all events, and neither use nor keep what was counted for an earlier answer.
    #[arg(long)]
    pub(crate) afresh: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ViewArgs {
    /// One view, or several with commas between them; all are listed below.
    pub(crate) names: String,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Answer as CSV: the main table, with all its rows unless --limit says how many.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Another table than the main one, as CSV; a wrong name lists them.
    #[arg(long, value_name = "NAME", requires = "csv")]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) options: ViewOptions,
    /// map: the picture as SVG.
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub(crate) svg: bool,
}

/// The options that only some views take, as these views name and explain them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ViewOptions {
    /// Option and value, as given.
    pub(crate) given: Vec<(String, String)>,
}

impl ViewOptions {
    /// Every option once, with the help of each view that takes it.
    fn all() -> BTreeMap<&'static str, Vec<String>> {
        let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for view in understand::View::all() {
            for (name, help) in view.options() {
                all.entry(name).or_default().push(format!("{}: {help}", view.name()));
            }
        }
        all
    }
}

impl clap::Args for ViewOptions {
    fn augment_args(command: clap::Command) -> clap::Command {
        Self::all().into_iter().fold(command, |command, (name, help)| {
            let arg = clap::Arg::new(name).long(name.replace('_', "-")).value_name("VALUE").num_args(0..=1);
            let arg = arg.default_missing_value("true").action(clap::ArgAction::Append).help(help.join("; "));
            // A condition may begin with a minus; other options may stand alone, and what follows them is the next option.
            let arg = arg.allow_hyphen_values(name == "sql");
            command.arg(arg.help_heading("Options of some views"))
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for ViewOptions {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let values = |name| matches.get_many::<String>(name).into_iter().flatten().cloned();
        let all = Self::all().into_keys();
        Ok(Self { given: all.flat_map(|name| values(name).map(|value| (name.to_owned(), value))).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SqlArgs {
    /// The query.
    pub(crate) query: String,
    /// Answer as CSV.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// The file to write.
    #[arg(short, long, value_name = "FILE.html")]
    pub(crate) output: PathBuf,
    /// The moments of the funnel, in order; without it, the commonest moments of the commonest path.
    #[arg(long, value_name = "A,B,…")]
    pub(crate) steps: Option<String>,
    /// The time from the first step of the funnel within which the others count.
    #[arg(long, value_name = "SPAN")]
    pub(crate) within: Option<String>,
    /// A pattern that gets a section of its own, such as "visit .. order"; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) pattern: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// The file to write; its ending says the format: .csv, .parquet, .xes, .jsonocel, .xmlocel, .sqlite; .gz behind a
    /// text format compresses it.
    pub(crate) file: PathBuf,
    /// The format, where the ending does not say it.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportAs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportAs {
    /// Comma-separated.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// XES.
    Xes,
    /// OCEL 2.0 as JSON.
    OcelJson,
    /// OCEL 2.0 as XML.
    OcelXml,
    /// OCEL 2.0 as an `SQLite` database.
    OcelSqlite,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeyArgs {
    /// A key of the customer, as KIND:VALUE.
    pub(crate) key: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CustomerArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The events as CSV.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UnmergeArgs {
    /// One key, as KIND:VALUE.
    pub(crate) key: String,
    /// The other.
    pub(crate) other: String,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}
