//! Planted defects: a build with the feature `planted-defects` can be told to contain one, so that the tests can
//! show that they would catch it. A normal build has none of this.

use std::sync::OnceLock;

/// Variable that names the defect.
pub const VARIABLE: &str = "BRIGADE_PLANTED_DEFECT";

/// The defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// `refused-counted-as-sent`: a record that the stream refused counts as acknowledged.
    RefusedCountedAsSent,
    /// `watermark-runs-ahead`: a chunk counts as settled as soon as it is parsed.
    WatermarkRunsAhead,
}

/// Whether this process contains the defect.
pub fn is_planted(defect: Defect) -> bool {
    static PLANTED: OnceLock<Option<Defect>> = OnceLock::new();
    let planted = PLANTED.get_or_init(|| match std::env::var(VARIABLE).as_deref() {
        Ok("refused-counted-as-sent") => Some(Defect::RefusedCountedAsSent),
        Ok("watermark-runs-ahead") => Some(Defect::WatermarkRunsAhead),
        Ok(_) | Err(_) => None,
    });
    *planted == Some(defect)
}
