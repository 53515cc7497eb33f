//! Learnt propensities at rest.

use act::{Models, Plan};
use keep::Keep;

use crate::error::Error;

/// What was learnt by this charter so far.
pub(crate) async fn load(_keep: &dyn Keep, plan: &Plan) -> Result<Models, Error> {
    Ok(Models::new(plan))
}
