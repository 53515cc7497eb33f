//! What was learnt, for whoever looks: how probable it was said to be that an action brings its outcome, and how often it did.

use act::Calibrated;
use charter::actions::Propensity;
use serde::Serialize;

use crate::engine::Engine;

/// What was learnt for an action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownModel {
    /// The action.
    pub action: String,
    /// The outcome from which its propensity is learnt.
    pub outcome: String,
    /// From how many decisions it was learnt, each once the time of its outcome was over.
    pub lessons: u64,
    /// All predictions together; null before the first lesson.
    pub calibration: Option<ShownCalibration>,
    /// The same by the height of the predictions, in about ten groups that are as large as each other, the lowest first.
    pub deciles: Vec<ShownCalibration>,
}

/// What was predicted, each time before it was known, and what came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShownCalibration {
    /// How many predictions.
    pub n: u64,
    /// Their mean.
    pub predicted_share: f64,
    /// How often it came.
    pub came: u64,
    /// The same as a share.
    pub observed_share: f64,
    /// The lower end of its 95 % interval.
    pub observed_share_low: f64,
    /// The upper end.
    pub observed_share_high: f64,
}

impl From<Calibrated> for ShownCalibration {
    fn from(of: Calibrated) -> Self {
        let known = |share: Option<f64>| share.unwrap_or_default();
        let observed = of.observed;
        Self {
            n: observed.of,
            predicted_share: of.predicted_share,
            came: observed.count,
            observed_share: known(observed.share),
            observed_share_low: known(observed.low),
            observed_share_high: known(observed.high),
        }
    }
}

impl Engine {
    /// What was learnt for every action whose propensity is, in the order of the charter.
    pub fn learnt(&self) -> Vec<ShownModel> {
        let models = self.models();
        let each = self.charter().actions.iter().enumerate().filter_map(|(position, action)| {
            let Some(Propensity::Learnt(outcome)) = &action.propensity else { return None };
            let model = models.model(self.plan.model(position)?);
            Some(ShownModel {
                action: action.name.clone(),
                outcome: outcome.clone(),
                lessons: model.map_or(0, |model| model.lessons),
                calibration: model.and_then(act::Model::calibration_at_large).map(ShownCalibration::from),
                deciles: model.map(act::Model::calibration).unwrap_or_default().into_iter().map(Into::into).collect(),
            })
        });
        each.collect()
    }
}
