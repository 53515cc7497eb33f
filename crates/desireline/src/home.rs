//! Where things are: the home folder and the charter that holds there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use charter::Charter;
use evidence::Doubt;
use listen::stitch::Rules;

use crate::args::Args;
use crate::draw;
use crate::error::Error;

/// The home, and what is known before a command starts.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    pub(crate) charter: Arc<Charter>,
    /// Where the charter came from; `None` when there is none.
    pub(crate) charter_path: Option<PathBuf>,
}

/// The name of a charter in a home.
const CHARTER: &str = "charter.yaml";

impl Home {
    /// Finds the home and reads its charter.
    pub(crate) fn open(args: &Args) -> Result<Self, Error> {
        Self::new(&args.home, args.charter.as_deref())
    }

    pub(crate) fn new(home: &Path, charter: Option<&Path>) -> Result<Self, Error> {
        let in_home = home.join(CHARTER);
        let charter_path = charter.map(Path::to_owned).or_else(|| in_home.is_file().then_some(in_home));
        let charter = charter_path.as_deref().map_or_else(|| Ok(Charter::without_file()), read_charter)?;
        Ok(Self { path: home.to_owned(), charter: Arc::new(charter), charter_path })
    }

    /// The same with its charter as it is now.
    pub(crate) fn again(&self) -> Result<Self, Error> {
        Self::new(&self.path, self.charter_path.as_deref())
    }

    /// When the file of the charter was written, and how long it is: what is the same was not changed.
    pub(crate) fn charter_stamp(&self) -> Option<(SystemTime, u64)> {
        let path = self.charter_path.clone().unwrap_or_else(|| self.path.join(CHARTER));
        let file = std::fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    }

    /// An organisation that says so itself is simulated, and so is everything that is shown of it.
    pub(crate) fn is_simulated(&self) -> bool {
        is_simulated(&self.charter)
    }

    /// Says so of a simulated one, where the data themselves cannot.
    pub(crate) fn say_simulated(&self) {
        say_simulated([&*self.charter]);
    }

    /// By which rules keys lead to customers.
    pub(crate) fn rules(&self) -> Rules {
        Rules::from(&self.charter.keys)
    }
}

fn is_simulated(charter: &Charter) -> bool {
    charter.organisation.as_deref().is_some_and(|name| name.to_lowercase().contains("simulated"))
}

/// Says so where any of these charters is of a simulated organisation.
pub(crate) fn say_simulated<'a>(charters: impl IntoIterator<Item = &'a Charter>) {
    if charters.into_iter().any(is_simulated) {
        draw::note(&format!("note: {}", Doubt::Simulated));
    }
}

/// Reads a charter; its warnings are shown.
pub(crate) fn read_charter(path: &Path) -> Result<Charter, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, &error))?;
    let name = path.display().to_string();
    match Charter::parse(&text) {
        Ok((charter, warnings)) => {
            for warning in warnings {
                draw::note(&warning.render(&name, &text));
            }
            Ok(charter)
        }
        Err(problems) => {
            let rendered = problems.iter().map(|problem| problem.render(&name, &text)).collect::<Vec<_>>().join("\n");
            Err(Error::Charter { path: path.to_owned(), problems, rendered })
        }
    }
}

/// The room on the disk of a path, which need not be there, as `df` tells it; nothing where there is no `df`.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let told = Command::new("df").arg("-Pk").arg(there).output().ok().filter(|told| told.status.success())?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    Some(text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()?.saturating_mul(1024))
}
