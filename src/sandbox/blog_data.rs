//! The data set of the AWS post that this tool answers, made from a seed. Pure: no I/O, no clock.
//!
//! One table, five full-load files and four change files. Files and rows are made when they are asked for, so a
//! large set needs no memory, and a judge can make each row again.

use std::ops::Range;

use bytes::Bytes;

use super::blog_row::BlogRow;

/// Schema of the table.
pub const SCHEMA: &str = "schema01";
/// The table.
pub const TABLE: &str = "table01";
/// Number of full-load files.
pub const FULL_FILES_COUNT: u64 = 5;
/// Number of change files.
pub const CHANGE_FILES_COUNT: u64 = 4;
/// Size of a full-load file in the post.
const FULL_FILE_BYTES: usize = 5 * 1024 * 1024;
/// Size of a change file in the post: 4.8 MiB.
const CHANGE_FILE_BYTES: usize = 48 * 1024 * 1024 / 10;

/// The table definition, as DMS takes it. Unlike the post's it is valid JSON, and says which columns may be NULL.
pub const TABLE_DEFINITION: &str = r#"{
  "TableCount": "1",
  "Tables": [
    {
      "TableName": "table01",
      "TablePath": "schema01/table01/",
      "TableOwner": "schema01",
      "TableColumns": [
        { "ColumnName": "ingest_time", "ColumnType": "TIMESTAMP", "ColumnNullable": "false", "ColumnIsPk": "true" },
        { "ColumnName": "doi", "ColumnType": "STRING", "ColumnLength": "30", "ColumnNullable": "true" },
        { "ColumnName": "id", "ColumnType": "INT8", "ColumnNullable": "false" },
        { "ColumnName": "value", "ColumnType": "NUMERIC", "ColumnPrecision": "5", "ColumnScale": "2",
          "ColumnNullable": "true" },
        { "ColumnName": "data_sig", "ColumnType": "STRING", "ColumnLength": "10", "ColumnNullable": "true" }
      ],
      "TableColumnsTotal": "5"
    }
  ]
}
"#;

/// How much data to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlogSize {
    /// This many rows, spread evenly over the nine files.
    Rows(u64),
    /// The file sizes of the post: five of 5 MiB, four of 4.8 MiB.
    Post,
}

/// The data set of one size and seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlogData {
    seed: u64,
    load_rows_count: u64,
    files: Vec<BlogFile>,
}

/// One file: its key, and which rows are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlogFile {
    /// Key in the bucket.
    pub key: String,
    /// Numbers of its rows.
    pub rows: Range<u64>,
}

impl BlogData {
    /// The data set of a size and seed. Files that would be empty are left out.
    pub fn new(size: BlogSize, seed: u64) -> Self {
        let mut data = Self {
            seed,
            load_rows_count: u64::MAX,
            files: Vec::new(),
        };
        for number in 0..FULL_FILES_COUNT {
            let key = format!("{SCHEMA}/{TABLE}/full_{number:03}");
            data.push_file(size, key, number, FULL_FILE_BYTES);
        }
        data.load_rows_count = data.rows_count();
        for number in 0..CHANGE_FILES_COUNT {
            let key = format!("cdc/cdc_{number:03}");
            data.push_file(size, key, FULL_FILES_COUNT + number, CHANGE_FILE_BYTES);
        }
        data
    }

    fn push_file(&mut self, size: BlogSize, key: String, index: u64, bytes_count: usize) {
        let start = self.rows_count();
        let end = match size {
            BlogSize::Rows(count) => {
                let files_count = FULL_FILES_COUNT + CHANGE_FILES_COUNT;
                start + count / files_count + u64::from(index < count % files_count)
            }
            BlogSize::Post => self.row_at_size(start, bytes_count),
        };
        if start < end {
            self.files.push(BlogFile {
                key,
                rows: start..end,
            });
        }
    }

    /// The row at which a file that starts with row `start` has reached its size.
    fn row_at_size(&self, start: u64, bytes_count: usize) -> u64 {
        let mut file = Vec::with_capacity(256);
        let mut length = 0;
        let mut number = start;
        while length < bytes_count {
            file.clear();
            self.row(number).write_csv(&mut file);
            length += file.len();
            number += 1;
        }
        number
    }

    /// The files in the order in which they are read: the full load, then the changes.
    pub fn files(&self) -> &[BlogFile] {
        &self.files
    }

    /// The files of the full load.
    pub fn load_files(&self) -> impl Iterator<Item = &BlogFile> {
        let is_load = |file: &&BlogFile| file.rows.end <= self.load_rows_count;
        self.files.iter().filter(is_load)
    }

    /// The files of the changes.
    pub fn change_files(&self) -> impl Iterator<Item = &BlogFile> {
        let is_change = |file: &&BlogFile| file.rows.start >= self.load_rows_count;
        self.files.iter().filter(is_change)
    }

    /// The content of a file of this data set.
    pub fn content(&self, file: &BlogFile) -> Bytes {
        let mut content = Vec::new();
        for number in file.rows.clone() {
            self.row(number).write_csv(&mut content);
        }
        content.into()
    }

    /// Rows in all files together.
    pub fn rows_count(&self) -> u64 {
        self.files.last().map_or(0, |file| file.rows.end)
    }

    /// Rows in the full-load files.
    pub fn load_rows_count(&self) -> u64 {
        self.load_rows_count
    }

    /// The row of a number.
    pub fn row(&self, number: u64) -> BlogRow {
        BlogRow::generate(self.seed, number, self.load_rows_count)
    }

    /// All rows in the order in which they are read.
    pub fn rows(&self) -> impl Iterator<Item = BlogRow> + '_ {
        (0..self.rows_count()).map(|number| self.row(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Operation;

    #[test]
    fn the_files_hold_each_row_once_and_in_order() {
        for count in [1, 8, 9, 1_000] {
            let data = BlogData::new(BlogSize::Rows(count), 42);
            let numbers: Vec<u64> = data.files().iter().flat_map(|file| file.rows.clone()).collect();
            assert_eq!(numbers, (0..count).collect::<Vec<_>>());
            let mut keys: Vec<&str> = data.files().iter().map(|file| file.key.as_str()).collect();
            keys.truncate(2);
            assert_eq!(keys[0], "schema01/table01/full_000");
        }
    }

    #[test]
    fn rows_of_change_files_are_changes_and_no_others_are() {
        let data = BlogData::new(BlogSize::Rows(1_000), 42);
        for file in data.files() {
            for number in file.rows.clone() {
                let is_change = data.row(number).operation != Operation::Load;
                assert_eq!(
                    is_change,
                    file.key.starts_with("cdc/"),
                    "row {number} of {}",
                    file.key
                );
            }
        }
        assert_eq!(data.load_rows_count(), 556);
    }

    #[test]
    fn files_of_the_post_have_its_sizes() {
        let data = BlogData::new(BlogSize::Post, 42);
        let sizes: Vec<usize> = data.files().iter().map(|file| data.content(file).len()).collect();
        for (index, size) in sizes.iter().enumerate() {
            let expected = if index < 5 {
                FULL_FILE_BYTES
            } else {
                CHANGE_FILE_BYTES
            };
            assert!(
                (expected..expected + 256).contains(size),
                "file {index} has {size} bytes"
            );
        }
        assert_eq!(sizes.len(), 9);
    }

    #[test]
    fn the_table_definition_is_json() {
        let document: serde_json::Value = serde_json::from_str(TABLE_DEFINITION).unwrap();
        assert_eq!(document["Tables"][0]["TableColumns"].as_array().unwrap().len(), 5);
    }
}
