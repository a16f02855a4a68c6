//! `brigade pause`, `brigade resume` and `brigade stop`: orders that only a running task can have.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::orders;
use super::status::file::{self as status_file, Activity};
use super::{ConfigPath, Output};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::serve::desk::Order;

/// How often it is looked whether a process is gone.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a process may take besides the requests in flight.
const END_TIME: Duration = Duration::from_secs(15);
/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `pause`, `resume` and `stop`.
#[derive(Debug, Args)]
pub(super) struct SteerArgs {
    #[command(flatten)]
    config: ConfigPath,
    #[command(flatten)]
    output: Output,
}

/// Has a running task read and send nothing more, or go on.
///
/// # Errors
/// If it does not run, or takes no orders.
pub(super) fn run(args: &SteerArgs, order: &Order) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    if !is_running(&config)? {
        return Err(orders::not_running(&config));
    }
    orders::print(&orders::give(&config, order)?, args.output)
}

/// Has a running task end, and waits until it has.
///
/// # Errors
/// If it takes no orders, or does not end.
pub(super) fn stop(args: &SteerArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let task = &config.task;
    let report =
        |has_stopped: bool| json!({ "schema_version": SCHEMA_VERSION, "task": task, "changed": has_stopped });
    if !is_running(&config)? {
        let outcome = orders::done(format!("task {task} does not run\n"), &report(false))?;
        return orders::print(&outcome, args.output);
    }
    orders::give(&config, &Order::Stop)?;
    let limit = config.limits.drain_timeout + END_TIME;
    let mut waited = Duration::ZERO;
    while is_running(&config)? {
        if waited >= limit {
            let message = format!(
                "task {task} was asked to stop and still runs after {} s",
                limit.as_secs()
            );
            return Err(Fault::new(FaultKind::Hang, message));
        }
        std::thread::sleep(LOOK_INTERVAL);
        waited += LOOK_INTERVAL;
    }
    let outcome = orders::done(format!("task {task} has stopped\n"), &report(true))?;
    orders::print(&outcome, args.output)
}

fn is_running(config: &Config) -> Result<bool, Fault> {
    let status = status_file::read(&config.state.path)?;
    Ok(status_file::activity(&config.state.path, status.as_ref()) == Activity::Running)
}
