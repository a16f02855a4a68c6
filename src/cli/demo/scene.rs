//! What happens between the start of the engine and the verdict.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use super::DemoArgs;
use super::crash::{KillPlan, Lives, mid_load_count, run_over_kills};
use super::folder::WorkFolder;
use super::reshard::{Reshard, Resharder};
use super::stream::DemoStream;
use super::ui;
use crate::fault::{Fault, FaultKind};
use crate::sandbox::blog_data::BlogData;
use crate::sandbox::s3::SandboxS3;

/// What became of the engine.
#[derive(Default)]
pub(super) struct Run {
    pub(super) lives: Lives,
    pub(super) reshards: Vec<Reshard>,
    /// What it was too fast for.
    pub(super) too_early: Option<Fault>,
}

/// All that an engine meets.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) args: &'a DemoArgs,
    pub(super) folder: &'a WorkFolder,
    pub(super) s3: &'a SandboxS3,
    pub(super) stream: &'a DemoStream,
    pub(super) data: &'a BlogData,
    pub(super) seed: u64,
}

impl<'a> Scene<'a> {
    /// An engine with its folder and its servers.
    pub(super) fn of(
        args: &'a DemoArgs,
        (folder, s3, stream): (&'a WorkFolder, &'a SandboxS3, &'a DemoStream),
        data: &'a BlogData,
        seed: u64,
    ) -> Self {
        Self {
            args,
            folder,
            s3,
            stream,
            data,
            seed,
        }
    }

    /// Runs the engine to its end; with a token it is to be watched and steered.
    pub(super) async fn play(&self, token: Option<&str>) -> Result<Run, Fault> {
        let Some(token) = token else {
            return self.run_engine().await;
        };
        let address = self.args.address().unwrap_or_default();
        ui::run(ui::Served { address, token }, self).await?;
        Ok(Run::default())
    }

    /// Runs the engine to its end, with kills and changes of the shards if they are asked for.
    async fn run_engine(&self) -> Result<Run, Fault> {
        let Self {
            args,
            folder,
            stream,
            data,
            seed,
            ..
        } = *self;
        let rows_count = data.rows_count();
        let bar = progress_bar(rows_count)?;
        let progress = || bar.set_position(stream.tally().stored.min(rows_count));
        let plan = KillPlan {
            seed,
            kills_max: if args.crash { args.kills } else { 0 },
            rows_count,
            delivery: args.faults.chaos.delivery,
            recovery_max_ms: args.faults.recovery_max_ms(),
        };
        let mut resharder = Resharder::new(&args.faults, seed, rows_count);
        let lives = run_over_kills(folder, stream, plan, &mut resharder, progress).await?;
        bar.finish_and_clear();
        let missed = if args.crash && mid_load_count(&lives.kills, rows_count) == 0 {
            Some("it could be killed")
        } else {
            (resharder.left_count() > 0).then_some("all shards were split and merged")
        };
        let too_early = missed.map(|what| {
            let message = format!("the engine finished before {what}; give it more --rows");
            Fault::new(FaultKind::Usage, message)
        });
        Ok(Run {
            lives,
            reshards: resharder.into_done(),
            too_early,
        })
    }
}

fn progress_bar(rows_count: u64) -> Result<ProgressBar, Fault> {
    let template = "  {wide_bar} {human_pos}/{human_len} records";
    let style = ProgressStyle::with_template(template).map_err(|error| {
        Fault::new(
            FaultKind::Internal,
            format!("the progress bar is broken: {error}"),
        )
    })?;
    let bar = if io::stderr().is_terminal() {
        ProgressBar::new(rows_count)
    } else {
        ProgressBar::hidden()
    };
    Ok(bar.with_style(style))
}
