//! `view`: one or several questions about all journeys, in one pass.

use std::process::ExitCode;

use lake::Lake;
use report::{MapOptions, Words, draw_map};
use understand::{Answered, View};

use crate::args::ViewArgs;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::question::{answer, unknown_members};

/// Rows that a table in the terminal shows where nobody says how many.
const TABLE_ROWS: &str = "20";

/// Answers questions about all journeys.
pub(crate) async fn run(home: &Home, args: &ViewArgs, as_json: bool) -> Result<ExitCode, Error> {
    let views = views(args, as_json || args.csv)?;
    if args.csv && views.len() > 1 {
        return Err(Error::Usage(
            "--csv answers one view at a time: ask for them one by one, or use --json".to_owned(),
        ));
    }
    let lake = Lake::open(&home.path).await?;
    let answers = answer(&lake, home, &args.select, &views).await.inspect_err(|error| {
        let lacks =
            matches!(error, Error::View(understand::Error::CharterLacks { .. } | understand::Error::NoSegments));
        if lacks && home.charter_path.is_none() {
            draw::note(
                "note: there is no charter; `desireline init FILES > charter.yaml` proposes a first one, and --charter \
                 charter.yaml uses it",
            );
        }
    })?;
    for unknown in unknown_members(&lake, &home.charter, &args.select, &answers).await? {
        draw::note(&format!("note: {unknown}"));
    }
    if as_json {
        let named = |answer: &dyn Answered| format!("\"{}\":{}", answer.view(), answer.json(false));
        match answers.as_slice() {
            [one] => draw::data(&one.json(false)),
            all => draw::data(&format!("{{{}}}", all.iter().map(|a| named(a.as_ref())).collect::<Vec<_>>().join(","))),
        }
    } else if args.svg {
        let map = answers[0].answer().downcast_ref::<understand::map::Answer>();
        let map = map.ok_or_else(|| Error::Usage("--svg draws one map, without --compare".to_owned()))?;
        let picture = draw_map(map, &Words::of(&home.charter), &MapOptions::default());
        draw::data(&picture.svg);
        picture.notes.iter().for_each(|note| draw::note(note));
    } else if args.csv {
        draw::data(&answers[0].csv());
    } else {
        let tables: Vec<String> = answers.iter().flat_map(|answer| answer.tables()).map(|t| draw::table(&t)).collect();
        draw::data(&tables.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn views(args: &ViewArgs, machine: bool) -> Result<Vec<View>, Error> {
    let names: Vec<&str> = args.names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    check_flags(args, &names)?;
    let parse = |name: &&str| -> Result<View, Error> {
        let known = View::named(name)?.options();
        // `steps` means moments to a funnel and a number to others; with several views, an option goes to those that
        // know it.
        let is_meant = |option: &str, value: &str| {
            let counts = value.bytes().all(|b| b.is_ascii_digit());
            let knows = known.iter().any(|(name, _)| *name == option);
            names.len() == 1 || (knows && (option != "steps" || counts == (*name != "funnel")))
        };
        let given = args.options.given.iter().map(|(option, value)| (option.as_str(), value.as_str()));
        let mut options: Vec<(&str, &str)> = given.filter(|(option, value)| is_meant(option, value)).collect();
        if !machine && *name == "variants" && !options.iter().any(|(option, _)| *option == "limit") {
            options.push(("limit", TABLE_ROWS));
        }
        Ok(View::parse(name, options).map_err(in_flags)?)
    };
    names.iter().map(parse).collect()
}

/// An option as it is typed.
fn flag(option: &str) -> String {
    format!("--{}", option.replace('_', "-"))
}

/// An option that none of the views knows would be passed over in silence.
fn check_flags(args: &ViewArgs, names: &[&str]) -> Result<(), Error> {
    let mut known = Vec::new();
    for name in names {
        known.extend(View::named(name)?.options().iter().map(|(option, _)| *option));
    }
    let Some((option, _)) = args.options.given.iter().find(|(option, _)| !known.contains(&option.as_str())) else {
        return Ok(());
    };
    let takes = |view: &&View| view.options().iter().any(|(name, _)| name == option);
    let all = View::all();
    let takers: Vec<&str> = all.iter().filter(takes).map(View::name).collect();
    let (asked, takers) = (names.join(", "), takers.join(", "));
    Err(Error::Usage(format!("{} is an option of {takers}, not of {asked}", flag(option))))
}

/// The same error, with options as they are typed.
fn in_flags(error: understand::Error) -> understand::Error {
    match error {
        understand::Error::WrongValue { view, option, value, expected } => {
            understand::Error::WrongValue { view, option: flag(&option), value, expected }
        }
        other => other,
    }
}
