//! How many suspended tables a task tolerates. Pure: no I/O, no clock.

use crate::checkpoint::store::TableStatistics;
use crate::fault::{Fault, FaultKind};

/// Tables that a message names.
const NAMED_MAX: usize = 5;

/// Ends a task with too many suspended tables; a maximum of 0 tolerates any number.
///
/// # Errors
/// A fault that names the tables, and how to go on.
pub fn refuse_suspended(tables: &[TableStatistics], maximum: u64) -> Result<(), Fault> {
    let suspended = tables.iter().filter_map(|table| {
        let suspension = table.trouble.suspension.as_ref()?;
        Some(format!("{} since {suspension}", table.full_name()))
    });
    let suspended: Vec<_> = suspended.collect();
    let count = suspended.len();
    if maximum == 0 || u64::try_from(count).is_ok_and(|count| count < maximum) {
        return Ok(());
    }
    let mut named = suspended;
    named.truncate(NAMED_MAX);
    let more = match count.saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Err(Fault::new(
        FaultKind::Data,
        format!(
            "{count} tables are suspended (errors.table_error_escalation_count: {maximum}): {}{more}; correct what is \
             wrong, resume them with `brigade tables resume SCHEMA.TABLE`, or allow more",
            named.join("; ")
        ),
    ))
}
