//! What becomes of rows whose messages the service refuses: dead letters, which are durable before the batch is settled
//! (D2).

use std::sync::Arc;

use super::messages::Batch;
use crate::checkpoint::messages::{RowsRefused, StoreRefused};
use crate::fault::{Fault, FaultKind};
use crate::flow::edge::{Downstream, Upstream};
use crate::settings::DataErrorPolicy;

/// Who wants to know of refused rows, and what follows from them.
#[derive(Debug)]
pub struct Refusals {
    /// Makes dead letters of them.
    pub dead_letters: Downstream<StoreRefused>,
    /// Counts them.
    pub checkpointer: Upstream<RowsRefused>,
    /// What follows from a bad row. A table cannot be suspended here: rows of it that come later are sent by now.
    pub policy: DataErrorPolicy,
}

impl Refusals {
    /// Makes dead letters of the refused records of a batch, durably, and has them counted.
    ///
    /// # Errors
    /// If they cannot be written, if one of them is not a row, or if a bad row is to stop the task.
    pub(super) async fn keep(&self, batch: &Batch, refused: &[(usize, String)]) -> Result<(), Fault> {
        let mut stores: Vec<StoreRefused> = Vec::new();
        let mut rows = Vec::new();
        for (index, detail) in refused {
            let refusal = batch.refused(*index, detail);
            let refusal = refusal.filter(|_| self.policy != DataErrorPolicy::StopTask);
            let Some(refusal) = refusal else {
                return Err(self.fault(&batch.place(*index), detail));
            };
            refusal.context.trace.refused(1);
            rows.push(refusal.row);
            match stores.last_mut() {
                Some(last) if Arc::ptr_eq(&last.context, refusal.context) => {
                    last.records.push(refusal.letter);
                }
                Some(_) | None => stores.push(StoreRefused {
                    context: Arc::clone(refusal.context),
                    records: vec![refusal.letter],
                }),
            }
        }
        for store in stores {
            let reply = self.dead_letters.push(store).await;
            reply.map_err(|closed| Fault::new(FaultKind::Internal, closed.to_string()))??;
        }
        if !rows.is_empty() {
            self.checkpointer.notify(RowsRefused(rows));
        }
        Ok(())
    }

    fn fault(&self, place: &str, detail: &str) -> Fault {
        if self.policy == DataErrorPolicy::StopTask {
            let message = format!(
                "the message of {place} is refused, and errors.data_error_policy is STOP_TASK: {detail}"
            );
            return Fault::new(FaultKind::Data, message);
        }
        Fault::new(FaultKind::Configuration, format!("{place} is refused: {detail}"))
    }
}
