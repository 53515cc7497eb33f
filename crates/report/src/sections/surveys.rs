//! What customers say.

use evidence::{FEW, Share, counted, grouped};
use understand::Score;
use understand::surveys::{Answer, By, Survey};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::figures::plain;
use crate::pictures::{ROWS_MAX, unbroken};
use crate::telling::{Figure, Kind, Telling};
use crate::text::{push, safe};
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    let answered = || answer.surveys.iter().filter(|survey| survey.score.n > 0);
    let main = answered().find(|survey| survey.score.nps.is_some()).or_else(|| answered().next());
    let Some(main) = main else {
        return Err("no survey of the charter has an answer with a score".to_owned());
    };
    let tiles = answered().map(tile).collect();
    let mut picture = table("Survey", answered().map(|survey| (name(survey), &survey.score)));
    let rows = |title: &str, all: &mut dyn Iterator<Item = (String, &Score)>| {
        // Of few answers a picture would show mostly their interval.
        let known: Vec<(String, &Score)> = all.filter(|(_, score)| score.n >= FEW).collect();
        let title = format!("{}, {title}", name(main));
        if known.len() > 1 { table(&title, known.into_iter()) } else { String::new() }
    };
    let by = |title: &str, all: &[By], label: &dyn Fn(&str) -> String| {
        rows(title, &mut all.iter().map(|by| (label(&by.name), &by.score)))
    };
    picture.push_str(&by("by the moment before the answer", &main.by_moment, &|name| words.label(name).to_owned()));
    picture.push_str(&by("by the channel of that moment", &main.by_channel, &|name| {
        words.of_kind(Noun::Channel, name).to_owned()
    }));
    let segment = |name: &str| words.of_kind(Noun::Segment, name).to_owned();
    picture.push_str(&rows("by segment", &mut main.by_segment.iter().map(|of| (segment(&of.segment), &of.score))));
    picture.push_str(&by("by the reason that was given", &main.reasons, &|name| name.to_owned()));
    Ok(Told { says: says(main), tiles, picture, doubts: answer.doubts.clone() })
}

fn name(survey: &Survey) -> String {
    survey.survey.to_uppercase()
}

/// What sums a score up: NPS in points, otherwise the share of high scores.
fn summary(score: &Score) -> ([Option<f64>; 3], bool) {
    match score.nps {
        Some(_) => ([score.nps, score.nps_low, score.nps_high], true),
        None => ([score.top_share, score.top_share_low, score.top_share_high], false),
    }
}

fn tile(survey: &Survey) -> Tile {
    let answers = counted(survey.score.n, "answer", "answers");
    match summary(&survey.score) {
        ([Some(nps), low, high], true) => Tile {
            figure: plain(nps.round()),
            besides: between(low, high),
            what: format!("{}, in points from −100 to 100; {answers}", name(survey)),
        },
        (share, _) => Tile::share(share, &format!("{}: high scores; {answers}", name(survey))),
    }
}

/// The ends of an interval in points; nothing where there is none, since answers are few or all alike.
fn between(low: Option<f64>, high: Option<f64>) -> String {
    let ends = low.zip(high).map(|(low, high)| format!("{} to {}", plain(low.round()), plain(high.round())));
    ends.unwrap_or_default()
}

fn says(survey: &Survey) -> crate::Finding {
    let score = &survey.score;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count, so a count again")]
    let count = |share: Option<f64>| (share.unwrap_or_default() * score.n as f64).round() as u64;
    let [top, low] = [score.top_share, score.low_share].map(|share| Share::new(count(share).min(score.n), score.n));
    let mut telling = Telling::default();
    telling.say(&name(survey));
    if let ([Some(nps), from, to], true) = summary(score) {
        telling.say(" is ").figure(Figure::Number(nps.round())).say(" points (");
        match from.zip(to) {
            Some((from, to)) => {
                telling.figure(Figure::Number(from.round())).say(" to ").figure(Figure::Number(to.round()));
            }
            None => {
                telling.say("of answers that are too few, or too much alike, for an interval");
            }
        }
        telling.say(")");
    }
    telling.say(": of ").things(score.n, "answer", "answers").say(", ").figure(Figure::Estimate(top));
    telling.say(" give a high score and ").figure(Figure::Estimate(low)).say(" a low one.");
    telling.finding(Kind::Surveys, 0.3, score.n, Unit::Answers)
}

/// Scores as bars: NPS from −100 to 100 with 0 in the middle, others from 0 to 100 %.
fn table<'a>(title: &str, rows: impl Iterator<Item = (String, &'a Score)>) -> String {
    let mut html = format!(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"bars\"><thead><tr><th scope=\"col\">{}</th>\
         <th scope=\"col\">NPS, or share of high scores</th><th scope=\"col\" class=\"n\">Figure</th>\
         <th scope=\"col\" class=\"n\">Mean</th><th scope=\"col\" class=\"n\">Answers</th></tr></thead><tbody>\n",
        safe(title)
    );
    for (name, score) in rows.take(ROWS_MAX) {
        let (figures, is_nps) = summary(score);
        let [value, low, high] = figures;
        let shown = if is_nps {
            let value = value.map(|points| plain(points.round())).unwrap_or_default();
            match between(low, high) {
                none if none.is_empty() => value,
                between => format!("{value} <span class=\"note\">({between})</span>"),
            }
        } else {
            let text =
                [crate::figures::percent(value), crate::figures::interval(low, high)].map(|text| unbroken(&text));
            format!("{} <span class=\"note\">({})</span>", text[0], text[1])
        };
        push(
            &mut html,
            format_args!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"bar\">{}</td><td class=\"n\">{shown}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                safe(&name),
                scale(figures, is_nps),
                score.mean.map(plain).unwrap_or_default(),
                grouped(score.n)
            ),
        );
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn scale(figures: [Option<f64>; 3], is_nps: bool) -> String {
    if !is_nps {
        return crate::charts::bar(figures[0], figures[1].zip(figures[2]));
    }
    let places = figures.map(|points| points.map(|points| f64::midpoint(points, 100.0)));
    let value = places[0].unwrap_or(50.0);
    let whisker =
        places[1].zip(places[2]).map(|(low, high)| format!("M{low:.2} 5H{high:.2}M{low:.2} 2.5V7.5M{high:.2} 2.5V7.5"));
    let whisker = whisker.unwrap_or_default();
    let (from, to) = (value.min(50.0), value.max(50.0));
    let class = if value < 50.0 { "fill under" } else { "fill" };
    format!(
        "<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"100\" height=\"10\"/>\
         <rect class=\"{class}\" x=\"{from:.2}\" width=\"{:.2}\" height=\"10\"/>\
         <path class=\"whisker\" d=\"M50 0V10{whisker}\"/></svg>",
        to - from
    )
}
