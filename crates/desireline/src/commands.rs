//! One file per command.

mod backup;
mod charter;
mod customer;
mod decisions;
mod demo;
mod diff;
mod doctor;
mod export;
pub(crate) mod import;
mod init;
mod replay;
mod report;
mod serve;
mod sql;
mod view;

use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

use crate::args::{Args, Command};
use crate::error::Error;
use crate::home::Home;

/// Threads that answer requests besides one for each core.
const SERVING_MORE: usize = 2;

/// For how long a thread that waited for a disk stays where nothing else is to be waited for. What is to be waited for goes to such
/// threads in turn: with the 10 s that are usual, a little work now and then keeps all alive that there ever were, each with memory
/// of its own, and the allocator gives back to the system what was freed when a thread ends.
const WAITING_THREADS_STAY: Duration = Duration::from_secs(1);

/// Carries out what was typed.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if matches!(args.command, Command::Serve(_)) {
        // Who asks something is not to wait until large batches have been worked on.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        runtime.worker_threads(cores + SERVING_MORE);
        runtime.thread_keep_alive(WAITING_THREADS_STAY);
    }
    let runtime = runtime.enable_all().build().map_err(Error::file("start", "the runtime"))?;
    runtime.block_on(async {
        match &args.command {
            Command::Check(of) => charter::check(args, of.file.as_deref()),
            Command::Test(of) => charter::test(args, of.file.as_deref()),
            Command::Schema(of) => charter::schema(&of.of),
            Command::Diff(diff) => diff::run(&Home::open(args)?, diff, args.json).await,
            Command::Init(init) => init::run(&Home::open(args)?, init),
            Command::Import(import) => import::run(&Home::open(args)?, import, args.json).await,
            Command::View(view) => view::run(&Home::open(args)?, view, args.json).await,
            Command::Replay(replay) => replay::run(&Home::open(args)?, replay, args.json).await,
            Command::Decisions(live) => decisions::run(&Home::open(args)?, live).await,
            Command::Serve(serve) => serve::run(&Home::open(args)?, serve).await,
            Command::Backup(backup) => backup::run(&Home::open(args)?, backup, args.json).await,
            Command::Doctor(doctor) => doctor::run(args, doctor).await,
            Command::Restore(from) => backup::restore(args, from),
            Command::Sql(sql) => sql::run(&Home::open(args)?, sql, args.json).await,
            Command::Report(report) => report::run(&Home::open(args)?, report, args.json).await,
            Command::Export(export) => export::run(&Home::open(args)?, export, args.json).await,
            Command::Compact => customer::compact(&Home::open(args)?, args.json).await,
            Command::Customer(one) => customer::show(&Home::open(args)?, one, args.json).await,
            Command::Erase(key) => customer::erase(&Home::open(args)?, key).await,
            Command::Unmerge(keys) => customer::unmerge(&Home::open(args)?, keys, args.json).await,
            Command::Demo(demo) => demo::run(args, demo).await,
        }
    })
}
