//! `demo`: the two example organisations, from files to findings.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::report::Finding;
use serde_json::{Value, json};

use crate::args::{Args, DemoArgs, ReadArgs, SelectArgs};
use crate::commands::{import, report};
use crate::draw;
use crate::error::Error;
use crate::home::Home;

/// What the demo asks of an organisation.
struct Example {
    /// Its folder.
    name: &'static str,
    /// The journey that its report is about.
    journey: &'static str,
    /// The moments of its funnel, and the time that they may take.
    steps: &'static str,
    within: &'static str,
    /// What journeys are looked through for.
    pattern: &'static str,
    /// The period, where the data begin before and end behind the one that they are about.
    period: Option<[&'static str; 2]>,
    /// What is compared with the others, and what both groups are called. A condition on journeys that may hold anywhere
    /// in them would choose the longer ones; a segment puts a customer into one group alone.
    compare: &'static str,
    compare_names: &'static str,
}

const EXAMPLES: [Example; 2] = [
    Example {
        name: "grocery",
        journey: "campaign",
        steps: "mailing_chosen,coupon",
        within: "60d",
        period: None,
        pattern: "mailing_chosen .. big_basket",
        compare: "weekly",
        compare_names: "households that come every other day or more often,households that come less often",
    },
    Example {
        name: "telecom",
        journey: "purchase",
        steps: "visit,search,product,cart,checkout,order",
        within: "14d",
        period: Some(["2025-01-01", "2026-01-01"]),
        pattern: "checkout_fail .. (call | call_lost | help | shop_visit)",
        compare: "moment = 'checkout_fail'",
        compare_names: "journeys in which a checkout failed,journeys without",
    },
];

/// Imports both and says what is found.
pub(crate) async fn run(all: &Args, args: &DemoArgs) -> Result<ExitCode, Error> {
    if all.home_typed || all.charter.is_some() {
        let what = "demo makes a home of its own for each example, inside --output, with the example's charter: leave out \
                    --home and --charter";
        return Err(Error::Usage(what.to_owned()));
    }
    let as_json = all.json;
    let mut organisations = Vec::new();
    for example in &EXAMPLES {
        let shown = Shown::of(example, &args.charters.join(example.name), &args.output).await?;
        if as_json {
            organisations.push(shown.json());
        } else {
            shown.say();
        }
    }
    if as_json {
        draw::data(&json!({ "organisations": organisations }).to_string());
    }
    Ok(ExitCode::SUCCESS)
}

/// An organisation whose events are imported and whose report is written.
struct Shown {
    name: String,
    home: PathBuf,
    charter: PathBuf,
    report: PathBuf,
    found: Vec<Finding>,
}

impl Shown {
    async fn of(example: &Example, folder: &Path, output: &Path) -> Result<Self, Error> {
        let charter = folder.join("charter.yaml");
        if !charter.is_file() {
            let what = "the example organisations are not here, and are not part of the program: run this in a checkout \
                        of the project, or give --charters with the path of its folder `charters`";
            return Err(Error::Input { path: folder.to_owned(), what: what.to_owned() });
        }
        std::fs::create_dir_all(output).map_err(Error::file("make the folder", output))?;
        let home_folder = output.join("homes").join(example.name);
        let home = Home::new(&home_folder, Some(&charter))?;
        let name = home.charter.organisation.clone().unwrap_or_default();
        draw::note(&format!("\n== {name}"));
        let done = import::import(&home, &ReadArgs::of_files(vec![folder.join("data")])).await?;
        import::summarise(&done);
        let path = output.join(format!("{}.html", example.name));
        let select = SelectArgs {
            journey: Some(example.journey.to_owned()),
            compare: Some(example.compare.to_owned()),
            compare_names: Some(example.compare_names.to_owned()),
            from: example.period.map(|[from, _]| from.to_owned()),
            to: example.period.map(|[_, to]| to.to_owned()),
            ..SelectArgs::default()
        };
        let patterns = [example.pattern.to_owned()];
        let asks = report::Asks { steps: Some(example.steps), within: Some(example.within), patterns: &patterns };
        let found = report::write(&home, &select, asks, &path).await?;
        Ok(Self { name, home: home_folder, charter, report: absolute(&path), found })
    }

    fn say(&self) {
        draw::data(&format!("\n{}: what stands out", self.name));
        for (n, finding) in self.found.iter().enumerate() {
            draw::data(&format!("{}. {}", n + 1, finding.text));
        }
        draw::data(&format!("The report is in {}", self.report.display()));
        draw::data(&format!(
            "Ask further: desireline --home {} --charter {} view map",
            self.home.display(),
            self.charter.display()
        ));
    }

    fn json(&self) -> Value {
        json!({
            "organisation": self.name,
            "home": self.home,
            "charter": self.charter,
            "report": self.report,
            "findings": report::texts(&self.found),
        })
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
}
