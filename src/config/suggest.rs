//! "Did you mean": the known word closest to an unknown one. Pure: no I/O, no clock.

/// Below this similarity a suggestion confuses more than it helps.
const SIMILARITY_MIN: f64 = 0.75;

/// The candidate that was probably meant. Case, hyphens and underscores do not count, so DMS's `BucketFolder`
/// finds `bucket_folder`.
pub(super) fn closest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = normalized(given);
    candidates
        .into_iter()
        .map(|candidate| (similarity(&given, &normalized(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// A name without case, hyphens and underscores.
pub(super) fn normalized(name: &str) -> String {
    name.chars()
        .filter(|character| !matches!(character, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

fn similarity(one: &str, other: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(one, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_is_found_and_nonsense_finds_nothing() {
        let names = ["bucket", "bucket_folder", "cdc_path", "region"];
        for (given, expected) in [
            ("BucketFolder", Some("bucket_folder")),
            ("buket", Some("bucket")),
            ("cdc-path", Some("cdc_path")),
            ("regoin", Some("region")),
            ("prefix", None),
            ("", None),
        ] {
            assert_eq!(closest(given, names), expected, "{given}");
        }
    }
}
