//! `view`: one or several questions about all journeys, in one pass.

use std::process::ExitCode;

use evidence::Doubt;
use lake::Lake;
use report::{MapOptions, MapPicture, Words, draw_map, draw_map_by_type};
use understand::map::{self, ByType, OfType};
use understand::{Answered, View};

use crate::args::{SelectArgs, ViewArgs};
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
    if args.svg && views.len() > 1 {
        return Err(Error::Usage("--svg draws one map: ask for `view map --svg` alone".to_owned()));
    }
    let lake = Lake::open(&home.path).await?;
    let answered = match objects(args, &views)?.as_slice() {
        several @ [_, _, ..] => map_by_type(&lake, home, &args.select, &views, several).await.map(|map| vec![map]),
        _ => answer(&lake, home, &args.select, &views).await,
    };
    let mut answers = answered.inspect_err(|error| {
        // Names of journeys, segments and moments are the charter's.
        let lacks = matches!(
            error,
            Error::NotFound(_)
                | Error::View(
                    understand::Error::CharterLacks { .. }
                        | understand::Error::NoSegments
                        | understand::Error::UnknownMoment { .. }
                )
        );
        if lacks && home.charter_path.is_none() {
            draw::note(&format!(
                "note: there is no charter in {}: give --charter FILE, or put charter.yaml into it; `desireline init FILES > \
                 charter.yaml` proposes a first one",
                home.path.display()
            ));
        }
    })?;
    if home.is_simulated() {
        for answer in &mut answers {
            answer.doubt(Doubt::Simulated);
        }
    }
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
        let picture = picture(home, answers[0].as_ref())?;
        draw::data(&picture.svg);
        picture.notes.iter().for_each(|note| draw::note(note));
    } else if args.csv {
        csv(answers[0].as_ref(), args.table.as_deref())?;
    } else {
        let tables: Vec<String> = answers.iter().flat_map(|answer| answer.tables()).map(|t| draw::table(&t)).collect();
        draw::data(&tables.join("\n"));
        if let Some(of) = &args.select.of {
            draw::note(&format!("note: customers are `{of}` here"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One table as CSV. What a table says besides its rows, and which others there are, goes where it is no data.
fn csv(answer: &dyn Answered, name: Option<&str>) -> Result<(), Error> {
    let tables = answer.raw_tables();
    let titles: Vec<String> = tables.iter().map(|table| short(&table.title)).collect();
    let place = match name {
        None => 0,
        Some(name) => titles.iter().position(|title| *title == short(name)).ok_or_else(|| {
            Error::NotFound(format!("--table: there is no table `{name}`; there are {}", titles.join(", ")))
        })?,
    };
    let Some(table) = tables.get(place) else { return Ok(()) };
    draw::data(&table.csv());
    table.notes.iter().for_each(|note| draw::note(&format!("note: {note}")));
    let others: Vec<&str> = (0..).zip(&titles).filter(|(n, _)| *n != place).map(|(_, title)| title.as_str()).collect();
    if name.is_none() && !others.is_empty() {
        draw::note(&format!(
            "note: this is the table {}; --table NAME gives another: {}",
            titles[0],
            others.join(", ")
        ));
    }
    Ok(())
}

/// A title as it is typed: `Typical paths` is `typical-paths`.
fn short(title: &str) -> String {
    let letters = title.to_lowercase();
    letters.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Whose journeys are asked about, where somebody said so.
fn objects<'a>(args: &'a ViewArgs, views: &[View]) -> Result<Vec<&'a str>, Error> {
    let objects: Vec<&str> = args.select.of.iter().flat_map(|of| of.split(',')).map(str::trim).collect();
    if objects.iter().any(|name| name.is_empty()) {
        return Err(Error::Usage("--of: give a name, such as case_id, or names with commas between them".to_owned()));
    }
    let is_map = matches!(views, [View::Map(_)]);
    if objects.len() > 1 && !(is_map && args.select.compare.is_none()) {
        let of = objects.join(",");
        return Err(Error::Usage(format!(
            "--of {of}: only `view map`, alone and without --compare, answers for several at once"
        )));
    }
    Ok(objects)
}

/// The maps of several types of objects.
async fn map_by_type(
    lake: &Lake,
    home: &Home,
    select: &SelectArgs,
    views: &[View],
    names: &[&str],
) -> Result<Box<dyn Answered>, Error> {
    let mut types = Vec::new();
    for name in names {
        let select = SelectArgs { of: Some((*name).to_owned()), ..select.clone() };
        let answers = answer(lake, home, &select, views).await?;
        let answer = answers[0].answer().downcast_ref::<map::Answer>().expect("a map was asked for").clone();
        types.push(OfType { of: (*name).to_owned(), answer });
    }
    Ok(Box::new(ByType { types }))
}

/// The picture of a map.
fn picture(home: &Home, answer: &dyn Answered) -> Result<MapPicture, Error> {
    let (words, options) = (Words::of(&home.charter), MapOptions::default());
    let answer = answer.answer();
    if let Some(map) = answer.downcast_ref::<map::Answer>() {
        return Ok(draw_map(map, &words, &options));
    }
    let several = answer.downcast_ref::<ByType>();
    let several = several.ok_or_else(|| Error::Usage("--svg draws one map, without --compare".to_owned()))?;
    Ok(draw_map_by_type(several, &words, &options))
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
        let unsaid = !options.iter().any(|(option, _)| *option == "limit");
        if !machine && *name == "variants" && unsaid {
            options.push(("limit", TABLE_ROWS));
        }
        // Whoever reads a file has room for all rows.
        if args.csv && unsaid && known.iter().any(|(option, _)| *option == "limit") {
            options.push(("limit", "0"));
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
