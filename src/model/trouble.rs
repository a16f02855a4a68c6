//! What went wrong with tables: how many bad rows, and where a table was suspended. Pure: no I/O, no clock.
//!
//! Counts are those *in reading order*: that of an object at its watermark holds every bad row before that mark,
//! in this object and in all before it, and none after it. That is what makes a decision that depends on a count the
//! same one again after a crash, whatever was settled out of order.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// Where and why a table was suspended: nothing of it is sent from there on, until it is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// The object.
    pub object: ObjectId,
    /// Its key.
    pub key: String,
    /// The row, if it was one; otherwise the object as a whole.
    pub row: Option<SuspendedRow>,
    /// What was wrong, one sentence.
    pub reason: String,
    /// Whether what an earlier process sent of the object could not be compared with it.
    #[serde(default)]
    pub is_in_doubt: bool,
}

/// The row that suspended a table; it is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedRow {
    /// 0-based number of the row in its object.
    pub ordinal: u64,
    /// 1-based line at which it starts.
    pub line: u64,
    /// Byte offset in the decompressed object.
    pub byte: u64,
    /// The column at fault, if one is.
    pub column: Option<String>,
}

impl fmt::Display for Suspension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(row) = &self.row {
            write!(f, ", {row}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl fmt::Display for SuspendedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, byte {}", self.line, self.byte)?;
        match &self.column {
            Some(column) => write!(f, ", column {column}"),
            None => Ok(()),
        }
    }
}

/// What went wrong with one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Bad rows since the task began.
    pub bad_rows: u64,
    /// How many of them do not count any more, because the table was resumed after them.
    pub forgiven: u64,
    /// Where the table was suspended, if it is.
    pub suspension: Option<Suspension>,
}

impl Trouble {
    /// Bad rows since the task began, or since the table was resumed.
    pub fn counted(&self) -> u64 {
        self.bad_rows.saturating_sub(self.forgiven)
    }

    /// Takes over what another place in reading order knows: the one further on knows more.
    pub fn absorb(&mut self, other: &Self) {
        self.count(other);
        self.suspend(other);
    }

    /// The same of the counts alone.
    pub fn count(&mut self, other: &Self) {
        self.bad_rows = self.bad_rows.max(other.bad_rows);
        self.forgiven = self.forgiven.max(other.forgiven);
    }

    /// Takes over where the table was suspended; the first place counts.
    pub fn suspend(&mut self, other: &Self) {
        if self.suspension.is_none() {
            self.suspension.clone_from(&other.suspension);
        }
    }
}

/// What went wrong with each table, by their stored names; tables without trouble are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubles(BTreeMap<String, Trouble>);

impl Troubles {
    /// Those of a table.
    pub fn of(&self, table: &str) -> Option<&Trouble> {
        self.0.get(table)
    }

    /// Those of a table, to be changed.
    pub fn of_mut(&mut self, table: &str) -> &mut Trouble {
        self.0.entry(table.to_owned()).or_default()
    }

    /// The same of one table only.
    #[must_use]
    pub fn only(&self, table: &str) -> Self {
        let own = self
            .0
            .get(table)
            .map(|trouble| (table.to_owned(), trouble.clone()));
        Self(own.into_iter().collect())
    }

    /// Takes over what another place in reading order knows.
    pub fn absorb(&mut self, other: &Self) {
        for (table, trouble) in &other.0 {
            self.0.entry(table.clone()).or_default().absorb(trouble);
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Trouble)> {
        self.0.iter().map(|(table, trouble)| (table.as_str(), trouble))
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Trouble)> {
        self.0
            .iter_mut()
            .map(|(table, trouble)| (table.as_str(), trouble))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Trouble)> for Troubles {
    fn from_iter<I: IntoIterator<Item = (String, Trouble)>>(troubles: I) -> Self {
        let troubles = troubles.into_iter();
        Self(
            troubles
                .filter(|(_, trouble)| *trouble != Trouble::default())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QueueName;

    fn suspension(row: Option<SuspendedRow>) -> Suspension {
        Suspension {
            object: ObjectId {
                queue: QueueName::changes(),
                number: 3,
            },
            key: "cdc/3.csv".to_owned(),
            row,
            reason: "`x` is not a number".to_owned(),
            is_in_doubt: false,
        }
    }

    #[test]
    fn a_suspension_names_its_place() {
        let row = SuspendedRow {
            ordinal: 4,
            line: 5,
            byte: 120,
            column: Some("id".to_owned()),
        };
        assert_eq!(
            suspension(Some(row)).to_string(),
            "cdc/3.csv, line 5, byte 120, column id: `x` is not a number"
        );
        assert_eq!(suspension(None).to_string(), "cdc/3.csv: `x` is not a number");
    }

    #[test]
    fn the_place_further_on_knows_more() {
        let trouble = |bad_rows, suspension| Trouble {
            bad_rows,
            forgiven: 1,
            suspension,
        };
        let mut known: Troubles = [("a.b".to_owned(), trouble(2, None))].into_iter().collect();
        let behind: Troubles = [
            ("a.b".to_owned(), trouble(5, Some(suspension(None)))),
            ("a.c".to_owned(), trouble(1, None)),
        ]
        .into_iter()
        .collect();
        let before = known.clone();
        known.absorb(&behind);
        assert_eq!(known, behind);
        known.absorb(&before);
        assert_eq!(known, behind, "what comes before adds nothing");
        assert_eq!(known.of("a.b").map(Trouble::counted), Some(4));
        assert_eq!(known.only("a.c").iter().count(), 1);
    }
}
