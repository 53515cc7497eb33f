//! What the stage board has to know of moments.

/// What is to be known of one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) stage: Option<usize>,
    /// Whether a journey succeeds with it.
    pub(super) succeeds: bool,
    /// Whether it answers a survey.
    pub(super) asks: bool,
}

impl Told {
    /// One more than its stage, where nothing else is to be said of it; 0 otherwise.
    pub(super) fn alone(&self) -> usize {
        self.stage.filter(|_| !self.succeeds && !self.asks).map_or(0, |stage| stage + 1)
    }
}
