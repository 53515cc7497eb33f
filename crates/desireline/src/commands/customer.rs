//! `customer`, `erase`, `unmerge`, `compact`: one person, and keeping the lake right.

use std::collections::BTreeSet;
use std::process::ExitCode;

use engine::Forgotten;
use evidence::counted;
use lake::{Lake, Receipt, Standing};
use listen::stitch::said;
use serde_json::json;
use understand::person::{self, LinkStanding};

use crate::args::{CustomerArgs, EraseArgs, UnmergeArgs};
use crate::backup::BACKUPS;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::live::Live;

fn key(text: &str) -> Result<(&str, &str), Error> {
    let wrong = || Error::Usage(format!("`{text}` is not a key: write it as KIND:VALUE, such as user_id:u17"));
    text.split_once(':').filter(|(kind, value)| !kind.is_empty() && !value.is_empty()).ok_or_else(wrong)
}

/// A key as people write it.
fn shown((kind, value): &(String, String)) -> String {
    format!("{kind}:{value}")
}

/// Shows a person: the timeline, the keys, and the evidence that joins them.
pub(crate) async fn show(home: &Home, args: &CustomerArgs, as_json: bool) -> Result<ExitCode, Error> {
    let text = args.key.key.as_str();
    let lake = Lake::open(&home.path).await?;
    let found = match lake.person(text, &home.rules()).await? {
        Ok(found) => found,
        Err(alike) => return Err(nobody(text, &alike)),
    };
    let events: Vec<_> = found.events.iter().map(lake::PersonEvent::event).collect();
    let mut answer = person::timeline(&home.charter, &events, lake.ends().await?.until_us);
    answer.keys = found.keys.iter().map(shown).collect();
    let mut links: Vec<_> = found.links.iter().collect();
    links.sort_by_key(|link| (link.at_us, &link.a, &link.b));
    let link = |link: &lake::Link| person::Link {
        a: shown(&link.a),
        b: shown(&link.b),
        since: if said::is_said(link.at_us) {
            "said by a person".to_owned()
        } else {
            person::shown(link.at_us, &home.charter)
        },
        standing: match link.standing {
            Standing::Followed => LinkStanding::Followed,
            Standing::TakenBack => LinkStanding::TakenBack,
            Standing::Refused => LinkStanding::Refused,
        },
    };
    answer.links = links.into_iter().map(link).collect();
    home.say_simulated();
    if as_json {
        draw::data(&serde_json::to_string(&answer).expect("an answer is made of texts, numbers and lists"));
    } else if args.csv {
        draw::data(&person::tables(&answer).first().map(understand::Table::csv).unwrap_or_default());
    } else {
        let tables: Vec<String> = person::tables(&answer).iter().map(draw::table).collect();
        draw::data(&tables.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The error for a key that nobody has, with those that it may have been.
fn nobody(text: &str, alike: &[String]) -> Error {
    let value = |key: &str| key.split_once(':').map_or_else(String::new, |(_, value)| value.to_owned());
    let same: Vec<&String> = alike.iter().filter(|key| value(key) == text).collect();
    if let [_, _, ..] = same.as_slice() {
        let same: Vec<&str> = same.into_iter().map(String::as_str).collect();
        return Error::NotFound(format!("`{text}` is a key of several kinds: write `{}`", same.join("` or `")));
    }
    let mut near = event::similar(text, alike.iter().map(String::as_str));
    if near.is_empty() {
        let values: Vec<String> = alike.iter().map(|key| value(key)).collect();
        let like = event::similar(text, values.iter().map(String::as_str));
        near = alike.iter().filter(|key| like.contains(&value(key))).take(3).cloned().collect();
    }
    let hint = match near.as_slice() {
        [] if text.contains(':') => "there is none like it".to_owned(),
        [] => "give a key as KIND:VALUE, such as user_id:u17".to_owned(),
        near => format!("did you mean `{}`?", near.join("`, `")),
    };
    Error::NotFound(format!("no event came with `{text}`: {hint}"))
}

/// The error of the lake, or, where nobody has one of these keys, that with those that it may have been.
async fn misspelt(lake: &Lake, home: &Home, keys: &[&str], error: lake::Error) -> Result<Error, Error> {
    for text in keys {
        if let Err(alike) = lake.person(text, &home.rules()).await? {
            return Ok(nobody(text, &alike));
        }
    }
    Ok(error.into())
}

/// Erases a customer and prints the receipt.
pub(crate) async fn erase(home: &Home, args: &EraseArgs) -> Result<ExitCode, Error> {
    let text = args.key.key.as_str();
    let key = key(text)?;
    let live = Live::existing(home, args.live.keep.as_deref()).await?;
    let done = erase_everywhere(home, live.as_ref(), key).await;
    if let Some(live) = &live {
        live.keep.close().await;
    }
    let (lake, receipt, from_live) = done?;
    // Who was only asked about, or has only said what they consent to, is known live alone.
    let were_known_live = from_live.as_ref().is_some_and(|erased| !erased.keys.is_empty() || erased.states > 0);
    if receipt.is_of_nobody() && !were_known_live {
        return Err(match lake.person(text, &home.rules()).await? {
            Err(alike) => nobody(text, &alike),
            // Found by less than a key.
            Ok(found) => {
                let keys: Vec<String> = found.keys.iter().take(3).map(shown).collect();
                Error::NotFound(format!("no event came with `{text}`: did you mean `{}`?", keys.join("`, `")))
            }
        });
    }
    if receipt.keys.is_empty() && !were_known_live {
        let rows = counted(receipt.quarantined_rows, "rejected row", "rejected rows");
        draw::note(&format!("nobody is known by `{text}`: {rows} in which it stands are gone, and nothing else"));
    }
    let mut receipt = json!({
        "request_sha256": receipt.request_sha256,
        "at": receipt.at,
        "keys": receipt.keys,
        "events": receipt.events,
        "links": receipt.links,
        "quarantined_rows": receipt.quarantined_rows,
        "places": receipt.places,
    });
    if let Some(erased) = from_live {
        receipt["live"] = json!({
            "states": erased.states,
            "timers": erased.timers,
            "deliveries": erased.deliveries,
            "keys": erased.keys.len(),
            "links": erased.links,
            "entries": erased.entries,
        });
    }
    draw::data(&format!("{receipt:#}"));
    let backups = home.path.join(BACKUPS);
    if std::fs::read_dir(&backups).is_ok_and(|mut there| there.next().is_some()) {
        draw::note(&format!("backups still hold what was erased: those in {}, and all others", backups.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Erases a customer from live state, if there is any, and from the lake, by the keys by which either knows them; gives the lake,
/// what it says of that, and what live state had.
async fn erase_everywhere(
    home: &Home,
    live: Option<&Live>,
    key: (&str, &str),
) -> Result<(Lake, Receipt, Option<keep::Erased>), Error> {
    // Until the lake has forgotten them, too: other nodes may be learning from it.
    let _nobody_tells = match live {
        Some(live) => {
            // Or either would know customers otherwise, and whoever is one of them in one place would go from both.
            live.learn_now().await?;
            Some(live.history.nobody_tells().await?)
        }
        None => None,
    };
    let mut lake = match live {
        Some(live) => {
            live.export().await?;
            // What is known live alone need not have come to a lake yet.
            Lake::open_or_create(&home.path).await?
        }
        None => Lake::open(&home.path).await?,
    };
    let mut forgotten = None::<Forgotten>;
    let forget = async |keys: &[(String, String)]| {
        let Some(live) = live else { return Ok(BTreeSet::new()) };
        let more = live.engine.erase(keys).await?;
        let theirs = more.keys.clone();
        forgotten.get_or_insert_default().add(more);
        Ok::<_, Error>(theirs)
    };
    let now = jiff::Timestamp::now().to_string();
    let erased = lake.erase_with_live(key, &home.rules(), &now, forget).await;
    let known_by: Vec<String> = forgotten.iter().flat_map(|forgotten| &forgotten.keys).map(shown).collect();
    if erased.is_err() && !known_by.is_empty() {
        // Nobody else knows any more that they are one customer's.
        let known_by = known_by.join("`, `");
        draw::note(&format!(
            "live state has forgotten them, and the lake may not have: erase each of `{known_by}` again"
        ));
    }
    Ok((lake, erased?, forgotten.map(|forgotten| forgotten.erased)))
}

/// Takes back the link between two keys.
pub(crate) async fn unmerge(home: &Home, args: &UnmergeArgs, as_json: bool) -> Result<ExitCode, Error> {
    let (a, b) = (args.key.as_str(), args.other.as_str());
    let keys = (key(a)?, key(b)?);
    let mut found = false;
    if let Some(live) = Live::existing(home, args.live.keep.as_deref()).await? {
        let unlinked = unlink(&live, keys).await;
        live.keep.close().await;
        found = unlinked?;
    }
    let mut lake = Lake::open(&home.path).await?;
    match lake.unmerge(keys.0, keys.1, &home.rules()).await {
        Err(lake::Error::NotFound { .. }) if found => {}
        Err(error @ lake::Error::NotFound { .. }) => return Err(misspelt(&lake, home, &[a, b], error).await?),
        done => done?,
    }
    if as_json {
        draw::data(&json!({ "unmerged": [a, b] }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    draw::note(&format!("{a} and {b} are no longer linked; every answer from now on knows it"));
    Ok(ExitCode::SUCCESS)
}

/// Takes a link back live, and says whether there was one.
async fn unlink(live: &Live, (a, b): ((&str, &str), (&str, &str))) -> Result<bool, Error> {
    // First: of a link that it learns of later it would not know that it is taken back.
    live.learn_now().await?;
    live.export().await?;
    let found = match live.engine.unlink(a, b, &[]).await {
        Ok(found) => found,
        // One of the keys is not known here, or is none: of that the lake tells.
        Err(engine::Error::Invalid(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    live.export().await?;
    Ok(found)
}

/// Merges the lake's files.
pub(crate) async fn compact(home: &Home, as_json: bool) -> Result<ExitCode, Error> {
    let done = Lake::open(&home.path).await?.compact(&home.rules()).await?;
    if as_json {
        let json = json!({"files_before": done.files_before, "files_after": done.files_after, "events": done.events});
        draw::data(&json.to_string());
    } else {
        draw::note(&format!(
            "{} files became {}, with {}",
            done.files_before,
            done.files_after,
            counted(done.events, "event", "events")
        ));
    }
    Ok(ExitCode::SUCCESS)
}
