//! `view`: one or several questions about all journeys, in one pass.

use std::process::ExitCode;

use journey::{AnyFold, Moments};
use lake::Lake;
use report::{MapOptions, Words, draw_map};
use understand::{Answered, View};

use crate::args::ViewArgs;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::question::{Asked, ask};

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
    let moments = Moments::new();
    let asked = ask(&args.select, &home.charter, &moments, lake.until_us().await?)?;
    let answers = answer(&lake, &asked, &views, &moments).await?;
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

/// Asks the lake and gives the answers in the order of the views.
pub(crate) async fn answer(
    lake: &Lake,
    asked: &Asked,
    views: &[View],
    moments: &Moments,
) -> Result<Vec<Box<dyn Answered>>, Error> {
    let make = || -> Vec<Box<dyn AnyFold>> { views.iter().map(|view| view.fold(moments)).collect() };
    let mut groups = Vec::new();
    for question in &asked.questions {
        groups.extend(lake.ask(question, moments, make).await?.groups);
    }
    let mut groups = groups.into_iter();
    let first = groups.next().expect("a question has at least one group");
    let Some([a, b]) = &asked.groups else {
        return Ok(views.iter().zip(first).map(|(view, fold)| view.finish(fold, moments)).collect::<Result<_, _>>()?);
    };
    let second = groups.next().expect("a comparison has two groups");
    let both = views.iter().zip(first.into_iter().zip(second));
    Ok(both.map(|(view, (x, y))| view.compare((a.clone(), x), (b.clone(), y), moments)).collect::<Result<_, _>>()?)
}

fn views(args: &ViewArgs, machine: bool) -> Result<Vec<View>, Error> {
    let names: Vec<&str> = args.names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    check_flags(args, &names)?;
    let parse = |name: &&str| -> Result<View, Error> {
        let known = View::named(name)?.options();
        let limit = args.limit.map(|n| n.to_string());
        let mut options: Vec<(&str, &str)> = Vec::new();
        for steps in &args.steps {
            let is_number = steps.bytes().all(|b| b.is_ascii_digit());
            if names.len() == 1 || is_number == (*name != "funnel") {
                options.push(("steps", steps));
            }
        }
        options.extend(args.within.as_deref().map(|within| ("within", within)));
        options.extend(args.from_first.then_some(("from_first", "true")));
        options.extend(args.from_moment.as_deref().map(|moment| ("from", moment)));
        options.extend(args.to_moment.as_deref().map(|moment| ("to", moment)));
        match &limit {
            Some(limit) => options.push(("limit", limit)),
            None if !machine && *name == "variants" => options.push(("limit", TABLE_ROWS)),
            None => {}
        }
        // With several views, an option goes to those that know it.
        options.retain(|(option, _)| names.len() == 1 || known.contains(option));
        Ok(View::parse(name, options).map_err(in_flags)?)
    };
    names.iter().map(parse).collect()
}

/// The options of views, and how they are typed: `--from` and `--to` are periods here.
const FLAGS: [(&str, &str); 6] = [
    ("steps", "--steps"),
    ("within", "--within"),
    ("from_first", "--from-first"),
    ("from", "--from-moment"),
    ("to", "--to-moment"),
    ("limit", "--limit"),
];

/// An option that none of the views knows would be passed over in silence.
fn check_flags(args: &ViewArgs, names: &[&str]) -> Result<(), Error> {
    let typed = [
        !args.steps.is_empty(),
        args.within.is_some(),
        args.from_first,
        args.from_moment.is_some(),
        args.to_moment.is_some(),
        args.limit.is_some(),
    ];
    let mut known = Vec::new();
    for name in names {
        known.extend(View::named(name)?.options());
    }
    let unknown = FLAGS.iter().zip(typed).find(|((option, _), typed)| *typed && !known.contains(option));
    let Some(((option, flag), _)) = unknown else { return Ok(()) };
    let all = View::all();
    let takers: Vec<&str> = all.iter().filter(|v| v.options().contains(option)).map(View::name).collect();
    let (asked, takers) = (names.join(", "), takers.join(", "));
    Err(Error::Usage(format!("{flag} is an option of {takers}, not of {asked}")))
}

/// The same error, with options as they are typed.
fn in_flags(error: understand::Error) -> understand::Error {
    let typed =
        |option: String| FLAGS.iter().find(|(name, _)| *name == option).map_or(option, |(_, flag)| (*flag).to_owned());
    match error {
        understand::Error::WrongValue { view, option, value, expected } => {
            understand::Error::WrongValue { view, option: typed(option), value, expected }
        }
        other => other,
    }
}
