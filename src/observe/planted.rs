//! Planted defects: a build with the feature `planted-defects` can be made to contain one, so that the tests can
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
    /// `cut-not-with-watermark`: a commit holds the watermarks, and not the sequence numbers that belong to them.
    CutNotWithWatermark,
    /// `read-back-too-late`: reading back begins one record too late in each shard.
    ReadBackTooLate,
    /// `doubt-resent-blindly`: what is in doubt is sent again and not looked for.
    DoubtResentBlindly,
    /// `state-not-synced`: a change of the state counts as durable when the system has it, on the disk or not.
    StateNotSynced,
    /// `framing-not-in-fingerprint`: a start under another limit of a row believes the counts made under the old one.
    FramingNotInFingerprint,
    /// `misses-of-all-shards`: rows that were not found close the matching for all former shards, not for their own.
    MissesOfAllShards,
    /// `identity-behind`: the side file of the state is not renewed with its changes.
    IdentityBehind,
    /// `look-without-new-files`: after a state of an earlier time rows are looked for in the files alone that it knows.
    LookWithoutNewFiles,
    /// `gone-place-believed`: a look goes on as if nothing were missing where the stream no longer keeps its place.
    GonePlaceBelieved,
}

/// Whether this process contains the defect.
pub fn is_planted(defect: Defect) -> bool {
    static PLANTED: OnceLock<Option<Defect>> = OnceLock::new();
    let planted = PLANTED.get_or_init(|| match std::env::var(VARIABLE).as_deref() {
        Ok("refused-counted-as-sent") => Some(Defect::RefusedCountedAsSent),
        Ok("watermark-runs-ahead") => Some(Defect::WatermarkRunsAhead),
        Ok("cut-not-with-watermark") => Some(Defect::CutNotWithWatermark),
        Ok("read-back-too-late") => Some(Defect::ReadBackTooLate),
        Ok("doubt-resent-blindly") => Some(Defect::DoubtResentBlindly),
        Ok("state-not-synced") => Some(Defect::StateNotSynced),
        Ok("framing-not-in-fingerprint") => Some(Defect::FramingNotInFingerprint),
        Ok("misses-of-all-shards") => Some(Defect::MissesOfAllShards),
        Ok("identity-behind") => Some(Defect::IdentityBehind),
        Ok("look-without-new-files") => Some(Defect::LookWithoutNewFiles),
        Ok("gone-place-believed") => Some(Defect::GonePlaceBelieved),
        Ok(_) | Err(_) => None,
    });
    *planted == Some(defect)
}
