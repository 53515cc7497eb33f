//! `demo`: the two example organisations, from files to findings.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::{DemoArgs, ReadArgs, SelectArgs};
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
    /// Which journeys are compared with the others, and what both are called.
    compare: &'static str,
    compare_names: &'static str,
}

const EXAMPLES: [Example; 2] = [
    Example {
        name: "grocery",
        journey: "campaign",
        steps: "basket,coupon",
        within: "60d",
        compare: "moment = 'mailing_chosen'",
        compare_names: "campaigns with coupons chosen for the household,campaigns with the same coupons for all",
    },
    Example {
        name: "telecom",
        journey: "purchase",
        steps: "visit,search,product,cart,checkout,order",
        within: "14d",
        compare: "moment = 'checkout_fail'",
        compare_names: "purchases in which a checkout failed,purchases without",
    },
];

/// Imports both and says what is found.
pub(crate) async fn run(args: &DemoArgs) -> Result<ExitCode, Error> {
    std::fs::create_dir_all(&args.output).map_err(Error::file("make the folder", &args.output))?;
    for example in &EXAMPLES {
        show(example, &args.charters.join(example.name), &args.output).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(example: &Example, folder: &Path, output: &Path) -> Result<(), Error> {
    if !folder.is_dir() {
        let what =
            "the example organisations are not here: run this in the project's folder, or give --charters".to_owned();
        return Err(Error::Input { path: folder.to_owned(), what });
    }
    let home_folder = output.join("homes").join(example.name);
    let home = Home::new(&home_folder, Some(&folder.join("charter.yaml")))?;
    let name = home.charter.organisation.clone().unwrap_or_default();
    draw::note(&format!("\n== {name}"));
    let done = import::import(&home, &ReadArgs::of_files(vec![folder.join("data")])).await?;
    import::summarise(&done);
    let path = output.join(format!("{}.html", example.name));
    let select = SelectArgs {
        journey: Some(example.journey.to_owned()),
        compare: Some(example.compare.to_owned()),
        compare_names: Some(example.compare_names.to_owned()),
        ..SelectArgs::default()
    };
    let asks = report::Asks { steps: Some(example.steps), within: Some(example.within) };
    let found = report::write(&home, &select, asks, &path).await?;
    draw::data(&format!("\n{name}: what stands out"));
    for (n, finding) in found.iter().enumerate() {
        draw::data(&format!("{}. {}", n + 1, finding.text));
    }
    draw::data(&format!("The report is in {}", shown(&path)));
    let charter = folder.join("charter.yaml");
    draw::data(&format!(
        "Ask further: desireline --home {} --charter {} view map",
        home_folder.display(),
        charter.display()
    ));
    Ok(())
}

fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)).display().to_string()
}
