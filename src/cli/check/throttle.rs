//! What shards refuse. Pure: no I/O, no clock.

use super::verdict::{Level, Limits, Measured, Verdict, count, time};
use crate::cli::task_view::TaskView;
use crate::cli::text::counted;
use crate::observe::stall::WaitsFor;

/// The answer.
pub(super) fn judge(view: &TaskView, limits: Limits) -> Verdict {
    let Some(status) = &view.status else {
        return Verdict::new(Level::Unknown, "there is no status");
    };
    let mut findings = Vec::new();
    let (mut worst, mut stalled) = (0, 0);
    for shard in &status.shards {
        let refused = shard.activity.lately.refused_percent;
        worst = worst.max(refused);
        let text = format!("{} refuses {refused} % of its records", shard.shard_id);
        findings.push((limits.level(refused), text));
        let throughput = |waits_for| waits_for == WaitsFor::Throughput;
        if let Some(stall) = shard.activity.stall.filter(|stall| throughput(stall.waits_for)) {
            stalled += 1;
            let lasted = time(stall.lasted_ms / 1_000);
            let text = format!("{} has taken nothing for {lasted}", shard.shard_id);
            findings.push((Level::Critical, text));
        }
    }
    let shards = counted(count(status.shards.len()), "shard");
    let values = vec![
        Measured::judged("refused", worst, "%", limits),
        Measured::plain("stalled", stalled),
    ];
    Verdict::of(findings, format!("{shards}, at most {worst} % refused"), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::status::{ShardStatus, TaskStatus};
    use crate::observe::stall::Stall;

    fn said(shards: Vec<ShardStatus>) -> String {
        let status = TaskStatus {
            shards,
            ..TaskStatus::default()
        };
        judge(&TaskView::running(status, 0), Limits::new(10, 50)).to_string()
    }

    fn shard(id: &str, refused_percent: u64) -> ShardStatus {
        let mut shard = ShardStatus {
            shard_id: id.to_owned(),
            ..ShardStatus::default()
        };
        shard.activity.lately.refused_percent = refused_percent;
        shard
    }

    #[test]
    fn the_shard_that_refuses_most_decides() {
        let fine = said(vec![shard("a", 2), shard("b", 10)]);
        assert_eq!(
            fine,
            "OK - 2 shards, at most 10 % refused | refused=10%;10;50 stalled=0"
        );
        let hot = said(vec![shard("a", 20), shard("b", 60)]);
        assert!(
            hot.starts_with("CRITICAL - b refuses 60 % of its records; a refuses 20 %"),
            "{hot}"
        );
    }

    #[test]
    fn a_shard_that_takes_nothing_is_critical_and_one_that_is_read_back_is_not() {
        let of = |waits_for| {
            let mut shard = shard("a", 0);
            shard.activity.stall = Some(Stall {
                lasted_ms: 12_000,
                waits_for,
            });
            said(vec![shard])
        };
        let stalled = of(WaitsFor::Throughput);
        assert!(
            stalled.starts_with("CRITICAL - a has taken nothing for 12 s | "),
            "{stalled}"
        );
        assert!(of(WaitsFor::Doubt).starts_with("OK"));
    }
}
