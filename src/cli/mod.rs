//! The commands, one file each.

#[cfg(feature = "sandbox")]
pub mod demo;
#[cfg(feature = "sandbox")]
mod sandbox_crash;
#[cfg(feature = "sandbox")]
mod sandbox_engine;
#[cfg(feature = "sandbox")]
mod sandbox_folder;
#[cfg(feature = "sandbox")]
mod sandbox_report;
