//! What the goals of stages are measured by: outcomes that are worth something, and surveys.

use charter::Charter;
use charter::journeys::{SurveyKind, Worth};
use charter::moments::Goal;
use journey::{Of, Wanted};

use crate::scores::Places;

/// An outcome that is worth something: the condition, and the value or where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Valued {
    pub(super) condition: usize,
    pub(super) number: Option<usize>,
    pub(super) amount: f64,
}

/// All outcomes that are worth something.
pub(super) fn valued(charter: &Charter, wanted: &mut Wanted) -> Vec<Valued> {
    let mut all = Vec::new();
    for outcome in &charter.outcomes {
        let Some(worth) = &outcome.value else { continue };
        let condition = wanted.condition(&outcome.when);
        all.push(match worth {
            Worth::Amount(amount) => Valued { condition, number: None, amount: *amount },
            Worth::Column(column) => {
                let number = wanted.number(column, Of::Condition(condition));
                Valued { condition, number: Some(number), amount: 0.0 }
            }
        });
    }
    all
}

/// By stage: the survey that measures it, an NPS if there is one, and where its score stands.
pub(super) fn asked(charter: &Charter, wanted: &mut Wanted) -> Vec<Option<Asked>> {
    let of_stage = |stage: usize| {
        let is_of = |survey: &usize| {
            let moment = charter.moment(&charter.surveys[*survey].moment);
            moment.and_then(|moment| charter.stage_of(moment)) == Some(stage)
        };
        let of: Vec<usize> = (0..charter.surveys.len()).filter(is_of).collect();
        let nps = of.iter().find(|survey| charter.surveys[**survey].kind == SurveyKind::Nps);
        nps.or(of.first()).copied()
    };
    let advocacy = |stage: &usize| charter.stages[*stage].goal == Some(Goal::Advocacy);
    let survey = |stage: usize| Some(stage).filter(advocacy).and_then(of_stage);
    let surveys: Vec<Option<usize>> = (0..charter.stages.len()).map(survey).collect();
    let mut place = |survey: usize| {
        let score = Places::of(&charter.surveys[survey], wanted).score;
        Asked { survey, kind: charter.surveys[survey].kind, score }
    };
    surveys.into_iter().map(|survey| survey.map(&mut place)).collect()
}

/// A survey that measures a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) survey: usize,
    pub(super) kind: SurveyKind,
    pub(super) score: usize,
}
