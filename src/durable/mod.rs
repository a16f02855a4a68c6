//! Files that outlive the process: how they are created, appended to and replaced, so that neither a crash nor a power
//! cut leaves less than was promised, and nobody but their owner reads them.

pub mod create;
pub mod json_lines;
pub mod replace;
pub mod tighten;
