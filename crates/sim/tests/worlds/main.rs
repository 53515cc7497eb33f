//! Two hundred random worlds, about which every view has to say what the oracle says.
//!
//! A world that fails is told with the command that asks about it alone.

mod asking;
mod compare;
mod laws;
mod program;
mod shares;

use std::fmt::Write;
use std::ops::Range;

use sim::oracle;
use sim::world::World;

/// What stands against a world: the question, and where the two answers differ.
fn against(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for question in &world.questions {
        let found = asking::answer(world, question);
        let wanted = oracle::answer(&world.charter, &world.events, question);
        let differences = match (found, wanted) {
            (Ok(found), Some(wanted)) => compare::differences(question.view, &wanted, &found),
            (Err(_), None) => Vec::new(),
            (Ok(_), None) => vec!["it answers, though the charter has not what it is about".to_owned()],
            (Err(error), Some(_)) => vec![format!("it refuses: {error}")],
        };
        if !differences.is_empty() {
            all.push(format!("{question}\n    {}", differences.join("\n    ")));
        }
    }
    all
}

/// Asks about these worlds, or about the one that is named by `WORLD` if it is among them.
fn ask(mut seeds: Range<u64>) {
    let only = std::env::var("WORLD").ok().map(|world| world.parse::<u64>().expect("WORLD is a number"));
    if let Some(seed) = only {
        seeds = if seeds.contains(&seed) { seed..seed + 1 } else { 0..0 };
    }
    let mut told = String::new();
    for seed in seeds {
        let world = World::new(seed);
        let against = against(&world);
        if against.is_empty() {
            continue;
        }
        writeln!(told, "world {seed}; alone: WORLD={seed} cargo nextest run -p sim --test worlds").expect("a text");
        if only.is_some() {
            writeln!(told, "{}", world.text).expect("a text");
        }
        for line in &against {
            writeln!(told, "  {line}").expect("a text");
        }
    }
    assert!(told.is_empty(), "\n{told}");
}

// Two hundred worlds, in four parts, for as many cores.

#[test]
fn views_say_what_the_oracle_says_of_the_first_fifty_worlds() {
    ask(1..51);
}

#[test]
fn views_say_what_the_oracle_says_of_the_second_fifty_worlds() {
    ask(51..101);
}

#[test]
fn views_say_what_the_oracle_says_of_the_third_fifty_worlds() {
    ask(101..151);
}

#[test]
fn views_say_what_the_oracle_says_of_the_last_fifty_worlds() {
    ask(151..201);
}
