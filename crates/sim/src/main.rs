//! `sim`: writes simulated events and organisations from a seed.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, Subcommand};
use sim::telecom;
use sim::traffic::{self, Traffic};
use sim::world::World;

/// Makes events of customers who do not exist; the same seed gives the same bytes.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Events for benchmarks: one year in time order, 40 moments, 6 channels, 20 events per customer in the mean.
    Events {
        /// How many events.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The file: its ending .parquet, .csv or .jsonl chooses the format.
        #[arg(short)]
        output: PathBuf,
    },
    /// A telecom company with its customers, departments, promises and planted truths: nine exports and `truth.json`.
    Telecom {
        /// How many customers it has.
        #[arg(long, default_value_t = 4_000)]
        customers: u32,
        /// The seed.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// The folder for the files.
        #[arg(short)]
        output: PathBuf,
        /// Compress the larger files.
        #[arg(long)]
        gzip: bool,
    },
    /// One of the random worlds of the tests: its charter, its events, and the questions that are asked about it.
    World {
        /// The number of the world.
        #[arg(long)]
        seed: u64,
        /// The folder for the files.
        #[arg(short)]
        output: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Events { events, seed, output } => {
            let begun = Instant::now();
            let mut traffic = Traffic::new(events, seed);
            let written = traffic::write(&mut traffic, &output)?;
            let seconds = begun.elapsed().as_secs_f64();
            let (customers, rate) = (traffic.customers(), written as f64 / seconds);
            writeln!(
                std::io::stderr(),
                "{written} simulated events of {customers} customers in {seconds:.1} s ({rate:.0} a second): {}",
                output.display()
            )?;
        }
        Command::Telecom { customers, seed, output, gzip } => {
            let export = telecom::simulate(telecom::Settings { customers, seed });
            export.write(&output, gzip)?;
            let events = export.events();
            writeln!(std::io::stderr(), "{events} simulated events of {customers} customers: {}", output.display())?;
        }
        Command::World { seed, output } => {
            let world = World::new(seed);
            std::fs::create_dir_all(&output)?;
            std::fs::write(output.join("charter.yaml"), &world.text)?;
            std::fs::write(output.join("events.csv"), world.csv())?;
            world.questions.iter().try_for_each(|question| writeln!(std::io::stdout(), "{question}"))?;
        }
    }
    Ok(())
}
