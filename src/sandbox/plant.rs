//! Planted faults: tampering with what a consumer read, to show that the judge notices. Pure: no I/O, no clock.

use super::consumer::ConsumedRecord;

/// Records that a page needs, so that there is a middle away from the control records at the start of a stream.
const PAGE_RECORDS_MIN: usize = 10;

/// A fault to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// A record is taken away.
    DropRow,
    /// A record comes twice.
    RepeatRow,
    /// Two neighbours change places.
    SwapRows,
}

/// Plants one fault in the first page that is long enough.
#[derive(Debug)]
pub struct Planter {
    fault: Option<Fault>,
}

impl Planter {
    /// A planter of this fault, or of none.
    pub fn new(fault: Option<Fault>) -> Self {
        Self { fault }
    }

    /// Tampers with a page, once.
    pub fn tamper(&mut self, page: &mut Vec<ConsumedRecord>) {
        if page.len() < PAGE_RECORDS_MIN {
            return;
        }
        let middle = page.len() / 2;
        match self.fault.take() {
            Some(Fault::DropRow) => drop(page.remove(middle)),
            Some(Fault::RepeatRow) => {
                if let Some(record) = page.get(middle).cloned() {
                    page.insert(middle, record);
                }
            }
            Some(Fault::SwapRows) => page.swap(middle, middle + 1),
            None => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tampered(fault: Fault, pages: &[u8]) -> Vec<Vec<String>> {
        let mut planter = Planter::new(Some(fault));
        let page = |length: &u8| -> Vec<String> {
            let mut page: Vec<ConsumedRecord> = (0..*length)
                .map(|number| ConsumedRecord {
                    sequence_number: number.to_string(),
                    partition_key: String::new(),
                    payload: Vec::new(),
                })
                .collect();
            planter.tamper(&mut page);
            page.into_iter().map(|record| record.sequence_number).collect()
        };
        pages.iter().map(page).collect()
    }

    #[test]
    fn one_fault_is_planted_in_the_first_long_page() {
        let untouched = tampered(Fault::DropRow, &[9]);
        assert_eq!(untouched[0].len(), 9);
        let dropped = tampered(Fault::DropRow, &[2, 10, 10]);
        assert_eq!(dropped.iter().map(Vec::len).collect::<Vec<_>>(), [2, 9, 10]);
        let repeated = tampered(Fault::RepeatRow, &[10]);
        assert_eq!(repeated[0][4..8], ["4", "5", "5", "6"]);
        let swapped = tampered(Fault::SwapRows, &[10]);
        assert_eq!(swapped[0][4..8], ["4", "6", "5", "7"]);
    }
}
