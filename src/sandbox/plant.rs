//! Planted faults: tampering with what a consumer read, to show that the judge notices. Pure: no I/O, no clock.

use super::consumer::ConsumedRecord;

/// Records that a page needs, so that there is a middle away from the control records at the start of a stream.
const PAGE_RECORDS_MIN: usize = 10;

/// A fault to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PlantedFault {
    /// A record is taken away.
    DropRow,
    /// A record comes twice.
    RepeatRow,
    /// Two neighbours of one partition key change places.
    SwapRows,
}

/// Plants one fault in the first page that has a place for it.
#[derive(Debug)]
pub struct Planter {
    fault: Option<PlantedFault>,
}

impl Planter {
    /// A planter of this fault, or of none.
    pub fn new(fault: Option<PlantedFault>) -> Self {
        Self { fault }
    }

    /// The page; the first long one tampered with.
    pub fn tampered(&mut self, mut page: Vec<ConsumedRecord>) -> Vec<ConsumedRecord> {
        self.tamper(&mut page);
        page
    }

    fn tamper(&mut self, page: &mut Vec<ConsumedRecord>) {
        let Some(fault) = self.fault else { return };
        let middle = page.len() / 2;
        match (fault, page.get(middle).cloned()) {
            (PlantedFault::DropRow, Some(_)) if page.len() >= PAGE_RECORDS_MIN => drop(page.remove(middle)),
            (PlantedFault::RepeatRow, Some(record)) if page.len() >= PAGE_RECORDS_MIN => {
                page.insert(middle, record);
            }
            (PlantedFault::SwapRows, Some(_)) => match neighbours_after(page, middle) {
                Some(first) => page.swap(first, first + 1),
                None => return,
            },
            (PlantedFault::DropRow | PlantedFault::RepeatRow | PlantedFault::SwapRows, _) => return,
        }
        self.fault = None;
    }
}

/// The first record from `start` on whose neighbour has the same partition key.
fn neighbours_after(page: &[ConsumedRecord], start: usize) -> Option<usize> {
    let pairs = page.iter().zip(page.iter().skip(1)).enumerate().skip(start);
    let mut of_one_key = pairs.filter(|(_, (one, other))| one.partition_key == other.partition_key);
    of_one_key.next().map(|(first, _)| first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tampered(fault: PlantedFault, pages: &[u8]) -> Vec<Vec<String>> {
        let mut planter = Planter::new(Some(fault));
        let page = |length: &u8| -> Vec<String> {
            let page = (0..*length)
                .map(|number| ConsumedRecord {
                    sequence_number: number.to_string(),
                    partition_key: number.clamp(1, 5).to_string(),
                    payload: Vec::new(),
                })
                .collect();
            let page = planter.tampered(page);
            page.into_iter().map(|record| record.sequence_number).collect()
        };
        pages.iter().map(page).collect()
    }

    #[test]
    fn one_fault_is_planted_in_the_first_long_page() {
        let untouched = tampered(PlantedFault::DropRow, &[9]);
        assert_eq!(untouched[0].len(), 9);
        let dropped = tampered(PlantedFault::DropRow, &[2, 10, 10]);
        assert_eq!(dropped.iter().map(Vec::len).collect::<Vec<_>>(), [2, 9, 10]);
        let repeated = tampered(PlantedFault::RepeatRow, &[10]);
        assert_eq!(repeated[0][4..8], ["4", "5", "5", "6"]);
        let swapped = tampered(PlantedFault::SwapRows, &[6, 10]);
        assert_eq!(swapped[0], ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(swapped[1][4..8], ["4", "6", "5", "7"]);
    }
}
