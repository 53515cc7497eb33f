//! Two hundred random worlds, about which every view has to say what the oracle says.
//!
//! A world that fails is told with the command that asks about it alone.

mod asking;
mod compare;
mod laws;
mod program;

use std::fmt::Write;

use sim::oracle;
use sim::world::World;

const WORLDS: u64 = 200;

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

#[test]
fn every_view_says_of_random_worlds_what_the_oracle_says() {
    let only = std::env::var("WORLD").ok().map(|world| world.parse().expect("WORLD is a number"));
    let seeds = only.map_or(1..WORLDS + 1, |seed: u64| seed..seed + 1);
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
