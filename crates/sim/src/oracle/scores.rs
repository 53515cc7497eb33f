//! Scores of surveys (docs/guide/surveys.md).

use charter::journeys::{Survey, SurveyKind};
use serde_json::{Value, json};

use super::figures::{Z, object, share, student};
use super::log::{Seen, number, text};

/// What an answer says on the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Well,
    Neither,
    Badly,
}

/// What an event says to a survey whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Score {
    Counts(f64),
    Missing,
    Unreadable,
    NotWhole,
    OutOfRange,
}

pub(super) fn scale(kind: SurveyKind) -> (f64, f64) {
    match kind {
        SurveyKind::Nps => (0.0, 10.0),
        SurveyKind::Csat => (1.0, 5.0),
        SurveyKind::Ces => (1.0, 7.0),
    }
}

pub(super) fn read(survey: &Survey, seen: &Seen<'_>) -> Score {
    let (low, high) = scale(survey.kind);
    match number(seen.event, &survey.score) {
        None if text(seen.event, &survey.score).is_some_and(|text| !text.is_empty()) => Score::Unreadable,
        None => Score::Missing,
        Some(score) if score.fract().abs() > 0.0 => Score::NotWhole,
        Some(score) if score < low || score > high => Score::OutOfRange,
        Some(score) => Score::Counts(score),
    }
}

pub(super) fn said(kind: SurveyKind, score: f64) -> Said {
    let (neither, well) = match kind {
        SurveyKind::Nps => (7.0, 9.0),
        SurveyKind::Csat => (3.0, 4.0),
        SurveyKind::Ces => (4.0, 5.0),
    };
    if score >= well {
        Said::Well
    } else if score >= neither {
        Said::Neither
    } else {
        Said::Badly
    }
}

pub(super) fn kind_name(kind: SurveyKind) -> &'static str {
    match kind {
        SurveyKind::Nps => "nps",
        SurveyKind::Csat => "csat",
        SurveyKind::Ces => "ces",
    }
}

/// The net promoter score with its standard error from the multinomial variance, in points; nothing without answers. Of
/// fewer than ten answers and of answers that are all alike there is no error.
pub(super) fn nps(scores: &[f64]) -> Option<(f64, Option<f64>)> {
    let n = scores.len() as f64;
    let part = |of: Said| scores.iter().filter(|score| said(SurveyKind::Nps, **score) == of).count() as f64 / n;
    let (p, d) = (part(Said::Well), part(Said::Badly));
    let alike = scores.iter().all(|score| said(SurveyKind::Nps, *score) == said(SurveyKind::Nps, scores[0]));
    let known = scores.len() >= 10 && !alike;
    let error = known.then(|| 100.0 * ((p + d - (p - d).powi(2)) / n).max(0.0).sqrt());
    (!scores.is_empty()).then_some((100.0 * (p - d), error))
}

/// What scores come to.
pub(super) fn summary(kind: SurveyKind, scores: &[f64]) -> Value {
    let n = scores.len() as u64;
    let number = |of: Said| scores.iter().filter(|score| said(kind, **score) == of).count() as u64;
    let [mean, mean_low, mean_high] = student(scores);
    let nps = nps(scores).filter(|_| kind == SurveyKind::Nps);
    object([
        json!({
            "n": n,
            "mean": mean,
            "mean_low": mean_low,
            "mean_high": mean_high,
            "nps": nps.map(|nps| nps.0),
            "nps_standard_error": nps.and_then(|nps| nps.1),
            "nps_low": nps.and_then(|(score, error)| Some((score - Z * error?).max(-100.0))),
            "nps_high": nps.and_then(|(score, error)| Some((score + Z * error?).min(100.0))),
        }),
        share("top_share", number(Said::Well), n),
        share("low_share", number(Said::Badly), n),
    ])
}
