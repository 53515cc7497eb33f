//! How probable it is that an action brings what it is for, learnt from what followed.
//!
//! A logistic model for each action over the customer in numbers, moved a little by every lesson, with a step that shrinks for
//! each number by itself, and a pull towards zero; predictions are those of the weights' mean, in which the latest count most,
//! because single lessons make the weights tremble. Lessons are taken one after the other, so the same lessons in the same
//! order give the same model.
//! Sources: Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR 12, 2011;
//! Shamir, Zhang, "Stochastic Gradient Descent for Non-smooth Optimization", ICML 2013 (polynomial-decay averaging).

use std::collections::BTreeMap;

use evidence::Share;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::state::Lesson;

/// How far the first lesson moves a weight.
const STEP: f64 = 0.3;
/// How strongly weights are pulled towards zero.
const PULL: f64 = 1e-4;
/// How much more the latest weights count in the mean than the earlier ones: 0 for not at all.
const DECAY: f64 = 3.0;
/// The brackets of predictions in which what was predicted is compared with what came: equally wide in the logarithm of the odds,
/// because what is rare differs by factors.
const BRACKETS: usize = 48;
/// The logarithm of the odds at which the last bracket begins, about; the first ends at the opposite.
const ODDS_MAX: f64 = 6.0;
/// Groups of predictions that are told, about: each of as many predictions as the others, as far as brackets allow.
const DECILES: u64 = 10;

/// What was predicted in a bracket, before it was known, and what came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Bracket {
    /// How many predictions.
    predictions: u64,
    /// Their sum: what should have come.
    predicted: f64,
    /// How often it came.
    came: u64,
}

/// Predictions that are near each other, and what came of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibrated {
    /// The mean of the predictions, each made before its outcome was known.
    pub predicted_share: f64,
    /// How often it came, of how many predictions.
    pub observed: Share,
}

/// The model of one action.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Model {
    /// How many lessons it has had.
    pub lessons: u64,
    /// The weight of the constant, then those of the numbers.
    weights: Vec<f64>,
    /// The mean of the weights over the lessons.
    means: Vec<f64>,
    /// By weight, the sum of the squares of its moves.
    moved: Vec<f64>,
    /// By bracket, how well predictions came true, each made before its outcome was known.
    calibration: Vec<Bracket>,
}

impl Model {
    /// How probable it is, 0 to 1; one half before the first lesson.
    pub fn propensity(&self, numbers: &[f32]) -> f64 {
        logistic(&self.means, numbers)
    }

    /// Takes a lesson. One with another number of numbers is of another charter, and left out.
    pub fn learn(&mut self, lesson: &Lesson) {
        let length = lesson.features.len() + 1;
        if self.weights.is_empty() {
            [self.weights, self.means, self.moved] = std::array::from_fn(|_| vec![0.0; length]);
        }
        if self.weights.len() != length || lesson.features.iter().any(|number| !number.is_finite()) {
            return;
        }
        let predicted = self.propensity(&lesson.features);
        self.calibration.resize(BRACKETS, Bracket::default());
        let bracket = &mut self.calibration[bracket_of(predicted)];
        bracket.predictions += 1;
        bracket.predicted += predicted;
        bracket.came += u64::from(lesson.came);
        self.lessons += 1;
        let error = logistic(&self.weights, &lesson.features) - f64::from(u8::from(lesson.came));
        let share = (1.0 + DECAY) / (self.lessons as f64 + DECAY);
        let weights = self.weights.iter_mut().zip(&mut self.means).zip(&mut self.moved);
        for (((weight, mean), moved), number) in weights.zip(with_constant(&lesson.features)) {
            let slope = error * number + PULL * *weight;
            *moved += slope * slope;
            if *moved > 0.0 {
                *weight -= STEP * slope / moved.sqrt();
            }
            *mean += share * (*weight - *mean);
        }
    }
}

impl Model {
    /// How well predictions came true, by their height: all in about ten groups, the lowest first.
    pub fn calibration(&self) -> Vec<Calibrated> {
        let all: u64 = self.calibration.iter().map(|bracket| bracket.predictions).sum();
        let (mut groups, mut group) = (Vec::new(), Bracket::default());
        let (mut seen, mut told) = (0, 0);
        for bracket in &self.calibration {
            group.predictions += bracket.predictions;
            group.predicted += bracket.predicted;
            group.came += bracket.came;
            seen += bracket.predictions;
            // A group ends where as many are behind it as there should be.
            if group.predictions > 0 && seen * DECILES >= all * (told + 1) {
                told = seen * DECILES / all;
                groups.push(std::mem::take(&mut group).told());
            }
        }
        groups
    }

    /// The same of all predictions together; `None` before the first lesson.
    pub fn calibration_at_large(&self) -> Option<Calibrated> {
        let sum = |all: Bracket, one: &Bracket| Bracket {
            predictions: all.predictions + one.predictions,
            predicted: all.predicted + one.predicted,
            came: all.came + one.came,
        };
        let all = self.calibration.iter().fold(Bracket::default(), sum);
        (all.predictions > 0).then(|| all.told())
    }
}

impl Bracket {
    fn told(self) -> Calibrated {
        let predicted_share = self.predicted / self.predictions as f64;
        Calibrated { predicted_share, observed: Share::new(self.came, self.predictions) }
    }
}

fn bracket_of(predicted: f64) -> usize {
    let odds = (predicted / (1.0 - predicted)).ln().clamp(-ODDS_MAX, ODDS_MAX);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 up to their number")]
    let bracket = ((odds + ODDS_MAX) / (2.0 * ODDS_MAX) * BRACKETS as f64) as usize;
    bracket.min(BRACKETS - 1)
}

/// The numbers of a customer behind the constant.
fn with_constant(numbers: &[f32]) -> impl Iterator<Item = f64> {
    std::iter::once(1.0).chain(numbers.iter().map(|number| f64::from(*number)))
}

/// The share that weights make of numbers; one half where there are no weights.
fn logistic(weights: &[f64], numbers: &[f32]) -> f64 {
    let sum: f64 = weights.iter().zip(with_constant(numbers)).map(|(weight, number)| weight * number).sum();
    1.0 / (1.0 + (-sum).exp())
}

/// All models, each by [its number](Plan::model).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Models {
    by_number: BTreeMap<u64, Model>,
}

impl Models {
    /// Models that have learnt nothing yet.
    pub fn new(plan: &Plan) -> Self {
        let models = plan.actions.iter().filter_map(|action| action.model);
        Self { by_number: models.map(|model| (model, Model::default())).collect() }
    }

    /// A model, once it has learnt anything.
    pub fn model(&self, model: u64) -> Option<&Model> {
        self.by_number.get(&model)
    }

    /// Takes a lesson.
    pub fn learn(&mut self, lesson: &Lesson) {
        self.by_number.entry(lesson.model).or_default().learn(lesson);
    }

    pub(crate) fn propensity(&self, model: Option<u64>, numbers: &[f32]) -> f64 {
        model.and_then(|model| self.by_number.get(&model)).map_or(0.5, |model| model.propensity(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// Customers with two numbers, for whom the outcome is as probable as `truth` says.
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are plenty for a model")]
    fn lessons(n: u64, truth: fn(f32, f32) -> f64) -> impl Iterator<Item = Lesson> {
        (0..n).map(move |i| {
            let lots = Draw::new(11, i, 0);
            let numbers = [lots.arm as f32 * 4.0 - 2.0, f32::from(u8::from(lots.explore < 0.3))];
            let came = lots.pick < truth(numbers[0], numbers[1]);
            Lesson { model: 0, features: numbers.to_vec(), came }
        })
    }

    fn planted(a: f32, b: f32) -> f64 {
        1.0 / (1.0 + (-(-1.0 + 0.8 * f64::from(a) + 1.2 * f64::from(b))).exp())
    }

    #[test]
    fn a_planted_model_is_found_and_its_predictions_come_true() {
        let mut model = Model::default();
        assert!((model.propensity(&[1.0, 0.0]) - 0.5).abs() < 1e-12);
        lessons(40_000, planted).for_each(|lesson| model.learn(&lesson));
        for (a, b) in [(-2.0, 0.0), (0.0, 0.0), (2.0, 0.0), (0.0, 1.0), (1.5, 1.0)] {
            let (found, truth) = (model.propensity(&[a, b]), planted(a, b));
            assert!((found - truth).abs() < 0.03, "{a} {b}: {found} instead of {truth}");
        }
        let calibration = model.calibration();
        assert!((8..=12).contains(&calibration.len()), "{calibration:?}");
        assert!(calibration.is_sorted_by(|low, high| low.predicted_share < high.predicted_share));
        for group in &calibration {
            assert!((1_000..9_000).contains(&group.observed.of), "{group:?}");
            assert!(group.observed.share.is_some_and(|came| (came - group.predicted_share).abs() < 0.03), "{group:?}");
        }
        let all = model.calibration_at_large().expect("it has learnt");
        assert_eq!(all.observed.of, 40_000);
        assert_eq!(all.observed.count, calibration.iter().map(|group| group.observed.count).sum::<u64>());
    }

    #[test]
    fn what_is_rare_is_told_apart_by_factors() {
        assert!(bracket_of(0.001) < bracket_of(0.005) && bracket_of(0.005) < bracket_of(0.02));
        assert_eq!((bracket_of(0.0), bracket_of(1.0), bracket_of(1e-9)), (0, BRACKETS - 1, 0));
        assert_eq!((Model::default().calibration(), Model::default().calibration_at_large()), (Vec::new(), None));
    }

    #[test]
    fn the_same_lessons_give_the_same_model_and_foreign_ones_are_left_out() {
        let (mut a, mut b) = (Model::default(), Model::default());
        for lesson in lessons(500, planted) {
            a.learn(&lesson);
            b.learn(&lesson);
            b.learn(&Lesson { features: vec![1.0], ..lesson.clone() });
            b.learn(&Lesson { features: vec![f32::NAN, 1.0], ..lesson });
        }
        assert_eq!(a, b);
    }
}
