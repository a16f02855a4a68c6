//! Which files of a folder are data. Pure: no I/O, no clock.
//!
//! What begins with `_` or `.` is not data, as Hadoop, Spark and Hive have it: `_SUCCESS`, `_temporary/`, `_delta_log/`,
//! `.part-0.csv.crc`. A folder of a partition may begin so all the same (`_day=1/`).

use std::collections::BTreeMap;

/// Which files of a folder are data; names are keys without the prefix of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSelection {
    /// Patterns of which a file has to fit one; without any, every file does.
    pub include: Vec<FilePattern>,
    /// Patterns of which a file may fit none.
    pub exclude: Vec<FilePattern>,
    /// Whether files in folders below this one are its files.
    pub is_recursive: bool,
    /// Whether side files are data as well.
    pub has_side_files: bool,
}

/// Which files of which folder are data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesConfig {
    /// Of the folders of tables.
    pub loads: FileSelection,
    /// Of the folder of change files.
    pub changes: FileSelection,
    /// Of tables of their own choice, by `schema.table` as the definition has it.
    pub tables: BTreeMap<String, FileSelection>,
    /// Whether the change files of a table lie in its folder, whatever their format.
    pub are_changes_beside_loads: bool,
    /// Whether files that are named as DMS names change files are load files like any other.
    pub are_moments_loads: bool,
}

impl FilesConfig {
    /// Of the folder of a table.
    pub fn of_table(&self, name: &str) -> &FileSelection {
        self.tables.get(name).unwrap_or(&self.loads)
    }
}

/// Why a file of a folder is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Its name, or that of a folder it lies in, is one of side files.
    SideFile,
    /// It lies in a folder below this one.
    Below,
    /// It fits a pattern of `exclude`, or none of `include`.
    Pattern,
    /// It is named as DMS names change files, and no change files are read here.
    NamedAsChanges,
}

impl Default for FileSelection {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            is_recursive: true,
            has_side_files: false,
        }
    }
}

impl FileSelection {
    /// Why a file is not read; `None` for data.
    pub fn leaves_out(&self, name: &str) -> Option<LeftOut> {
        if name.is_empty() || name.ends_with('/') || (!self.has_side_files && is_side_file(name)) {
            return Some(LeftOut::SideFile);
        }
        if !self.is_recursive && name.contains('/') {
            return Some(LeftOut::Below);
        }
        let fits = |pattern: &FilePattern| pattern.fits(name);
        let is_in = self.include.is_empty() || self.include.iter().any(fits);
        (!is_in || self.exclude.iter().any(fits)).then_some(LeftOut::Pattern)
    }
}

/// Whether a file is one that programs leave beside their data.
pub fn is_side_file(name: &str) -> bool {
    let is_hidden = |part: &str| part.starts_with('.') || (part.starts_with('_') && !part.contains('='));
    let is_checksum = name
        .rsplit_once('.')
        .is_some_and(|(_, end)| end.eq_ignore_ascii_case("crc"));
    name.split('/').any(is_hidden) || is_checksum || name.ends_with("_$folder$")
}

/// A pattern of names: `*` and `?` stand for anything within a name, `**` for anything at all. One without a slash is
/// compared with the name alone, one with a slash with the whole path below the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Is(char),
    /// Any character but a slash.
    One,
    /// Any characters but slashes, or none.
    Within,
    /// Any characters, or none.
    Across,
}

impl FilePattern {
    /// A pattern as it is written.
    pub fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        for character in text.chars() {
            match (character, parts.last()) {
                ('*', Some(Part::Within | Part::Across)) => {
                    parts.pop();
                    parts.push(Part::Across);
                }
                ('*', _) => parts.push(Part::Within),
                ('?', _) => parts.push(Part::One),
                (character, _) => parts.push(Part::Is(character)),
            }
        }
        Self {
            text: text.to_owned(),
            parts,
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        let compared = if self.text.contains('/') {
            name
        } else {
            name.rsplit('/').next().unwrap_or(name)
        };
        fits(&self.parts, compared)
    }
}

/// Goes back to the last `**`, or to a `*` after it, when a character does not fit. So the work is bounded by the product
/// of both lengths and that of the name.
fn fits(parts: &[Part], text: &str) -> bool {
    // Which parts may come next, by how much of the text is read.
    let mut open = vec![false; parts.len() + 1];
    enter(parts, &mut open, 0);
    for character in text.chars() {
        let mut next = vec![false; parts.len() + 1];
        for (index, part) in parts.iter().enumerate() {
            if !open.get(index).copied().unwrap_or(false) {
                continue;
            }
            match part {
                Part::Is(wanted) if *wanted == character => enter(parts, &mut next, index + 1),
                Part::One if character != '/' => enter(parts, &mut next, index + 1),
                Part::Within if character != '/' => enter(parts, &mut next, index),
                Part::Across => enter(parts, &mut next, index),
                Part::Is(_) | Part::One | Part::Within => {}
            }
        }
        open = next;
    }
    open.last().copied().unwrap_or(false)
}

/// Opens a part, and those after it as far as the parts between may stand for nothing.
fn enter(parts: &[Part], open: &mut [bool], from: usize) {
    for (index, is_open) in open.iter_mut().enumerate().skip(from) {
        *is_open = true;
        if !matches!(parts.get(index), Some(Part::Within | Part::Across)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_files_of_hadoop_spark_and_hive_are_no_data() {
        let selection = FileSelection::default();
        for name in [
            "_SUCCESS",
            ".part-0.csv.crc",
            "part-0.csv.crc",
            "_temporary/0/part-1.csv",
            "sub/_delta_log/00000000000000000000.json",
            ".hoodie/x",
            ".DS_Store",
            "_metadata",
            "sub_$folder$",
            "sub/",
            "",
        ] {
            assert_eq!(selection.leaves_out(name), Some(LeftOut::SideFile), "{name}");
        }
        for name in [
            "part-0.csv",
            "LOAD00000001.csv",
            "full_000",
            "a_b/c.d/e",
            "_day=2024-01-02/x.csv",
            "x.csv_",
        ] {
            assert_eq!(selection.leaves_out(name), None, "{name}");
        }
        let all = FileSelection {
            has_side_files: true,
            ..selection
        };
        assert_eq!(all.leaves_out("_raw.csv"), None);
        assert_eq!(all.leaves_out("sub/"), Some(LeftOut::SideFile));
    }

    #[test]
    fn patterns_without_a_slash_are_of_names_and_others_of_paths() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "sub/a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("?.csv", "a.csv", true),
            ("?.csv", "ab.csv", false),
            ("sub/*.csv", "sub/a.csv", true),
            ("sub/*.csv", "sub/b/a.csv", false),
            ("sub/**", "sub/b/a.csv", true),
            ("**/b/*", "sub/b/a.csv", true),
            ("**", "sub/b/a.csv", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("manifest", "manifest", true),
            ("manifest", "manifest2", false),
            ("é?", "éü", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(FilePattern::new(pattern).fits(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_file_is_data_if_it_is_included_and_not_excluded() {
        let selection = FileSelection {
            include: vec![FilePattern::new("*.csv"), FilePattern::new("*.gz")],
            exclude: vec![FilePattern::new("old/**")],
            ..FileSelection::default()
        };
        assert_eq!(selection.leaves_out("a.csv"), None);
        assert_eq!(selection.leaves_out("sub/a.csv.gz"), None);
        assert_eq!(selection.leaves_out("manifest"), Some(LeftOut::Pattern));
        assert_eq!(selection.leaves_out("old/a.csv"), Some(LeftOut::Pattern));
        let flat = FileSelection {
            is_recursive: false,
            ..FileSelection::default()
        };
        assert_eq!(flat.leaves_out("a.csv"), None);
        assert_eq!(flat.leaves_out("sub/a.csv"), Some(LeftOut::Below));
    }
}
