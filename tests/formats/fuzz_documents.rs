//! Documents that nobody meant to write: arbitrary bytes, and valid documents with a few things done to them, as
//! configuration, table definition and table mappings. Nothing may panic, and every refusal names the line and the
//! column of what it refuses.
//!
//! `BRIGADE_FUZZ=100 cargo test --test formats fuzz` tries a hundred times as many.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use bucket_brigade::config::dms::import::{Document, Options, import};
use bucket_brigade::limits::RECORD_BYTES_DEFAULT;
use bucket_brigade::map::summary::summarize;
use bucket_brigade::settings::problems::Problem;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::fuzz::{CONFIGURATION, TABLE_DEFINITION, TABLE_MAPPINGS, cases, loaded, mutated};

const REFERENCE: &[u8] = include_bytes!("../../config/reference.yaml");

/// What concerns a file as a whole and has no place in it.
const OF_WHOLE_FILES: [&str; 4] = [
    "is not UTF-8 from byte",
    "is empty",
    "more than the",
    "DMS allows 2 MB",
];

/// What there is to say about documents stands at a place that they have.
fn assert_places(problems: &[Problem], documents: &[(&str, &[u8])]) -> Result<(), TestCaseError> {
    for problem in problems {
        if problem.message.starts_with("cannot be read") {
            // Of whatever file the configuration names by now.
            continue;
        }
        let document = documents.iter().find(|(name, _)| problem.file.ends_with(name));
        prop_assert!(document.is_some(), "of another file: {}", problem);
        let Some(place) = problem.place else {
            let is_whole = OF_WHOLE_FILES.iter().any(|words| problem.message.contains(words));
            prop_assert!(is_whole, "without a place: {}", problem);
            continue;
        };
        let text = String::from_utf8_lossy(document.unwrap().1);
        // To YAML, a lone carriage return ends a line, too.
        let text = if problem.file.ends_with("brigade.yaml") {
            text.replace("\r\n", "\n").replace('\r', "\n")
        } else {
            text.into_owned()
        };
        let lines: Vec<&str> = text.split('\n').collect();
        prop_assert!(
            (1..=lines.len()).contains(&place.line),
            "no such line: {}",
            problem
        );
        let columns = lines[place.line - 1].chars().count() + 1;
        prop_assert!(
            (1..=columns).contains(&place.column),
            "no such column: {}",
            problem
        );
        let is_clean = !problem.message.replace('\n', "").chars().any(char::is_control);
        prop_assert!(
            is_clean && !problem.message.is_empty(),
            "not for people: {:?}",
            problem
        );
    }
    Ok(())
}

fn check(configuration: &[u8], definition: &[u8], mappings: &[u8]) -> Result<(), TestCaseError> {
    let problems = match loaded(configuration, definition, mappings) {
        Ok(loaded) => {
            // What was accepted has to be of use.
            let config = loaded.config;
            prop_assert!(!config.fingerprint(RECORD_BYTES_DEFAULT).is_empty());
            summarize(&config.mappings, &config.tables);
            loaded.warnings
        }
        Err(problems) => {
            prop_assert!(problems.0.iter().any(Problem::is_error), "refused for no reason");
            problems.0
        }
    };
    let documents = [
        ("brigade.yaml", configuration),
        ("definition.json", definition),
        ("mappings.json", mappings),
    ];
    assert_places(&problems, &documents)
}

const TASK: (&[u8], &[u8], &[u8]) = (
    CONFIGURATION.as_bytes(),
    TABLE_DEFINITION.as_bytes(),
    TABLE_MAPPINGS.as_bytes(),
);

#[test]
fn the_documents_are_valid_before_anything_is_done_to_them() {
    let loaded = loaded(TASK.0, TASK.1, TASK.2).unwrap();
    assert_eq!(loaded.config.tables.len(), 2);
    assert!(loaded.config.mappings.tables.iter().all(Option::is_some));
}

/// Descriptions of tasks, each of another form.
const FORMS: [&[u8]; 5] = [
    include_bytes!("../data/import/cloudformation/conditions-and-mappings.yaml"),
    include_bytes!("../data/import/cloudformation/split-and-select.yaml"),
    include_bytes!("../data/import/cloudformation/cdk.json"),
    include_bytes!("../data/import/terraform/plan-modules.json"),
    include_bytes!("../data/import/terraform/cdktf.json"),
];

/// A description of a task is taken over, or refused with a reason.
fn check_import(bytes: &[u8]) -> Result<(), TestCaseError> {
    let document = Document {
        name: "task".to_owned(),
        text: String::from_utf8_lossy(bytes).into_owned(),
    };
    let options = Options {
        name: None,
        parameters: vec![("Tier".to_owned(), "gold".to_owned())],
    };
    match import(&[document], &options) {
        Ok(imported) => {
            for open in &imported.unresolved {
                let is_marked = open.key.is_none() || imported.configuration.contains("${unresolved:");
                prop_assert!(is_marked && !open.reason.is_empty(), "{}", open);
            }
        }
        Err(problems) => prop_assert!(problems.0.iter().any(Problem::is_error), "refused for no reason"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_mutated_description_of_a_task_is_taken_or_refused(
        yaml in mutated(FORMS[0]),
        lists in mutated(FORMS[1]),
        cdk in mutated(FORMS[2]),
        plan in mutated(FORMS[3]),
        cdktf in mutated(FORMS[4]),
    ) {
        for document in [yaml, lists, cdk, plan, cdktf] {
            check_import(&document.0)?;
        }
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_mutated_table_definition_is_taken_or_refused_at_a_place(definition in mutated(TASK.1)) {
        check(TASK.0, &definition.0, TASK.2)?;
    }

    #[test]
    fn mutated_table_mappings_are_taken_or_refused_at_a_place(mappings in mutated(TASK.2)) {
        check(TASK.0, TASK.1, &mappings.0)?;
    }

    #[test]
    fn a_mutated_configuration_is_taken_or_refused_at_a_place(configuration in mutated(TASK.0)) {
        check(&configuration.0, TASK.1, TASK.2)?;
    }

    #[test]
    fn a_mutated_reference_is_taken_or_refused_at_a_place(configuration in mutated(REFERENCE)) {
        check(&configuration.0, TASK.1, TASK.2)?;
    }

    #[test]
    fn arbitrary_bytes_are_refused_at_a_place(bytes in vec(any::<u8>(), 0..200)) {
        check(&bytes, TASK.1, TASK.2)?;
        check(TASK.0, &bytes, TASK.2)?;
        check(TASK.0, TASK.1, &bytes)?;
    }

    #[test]
    fn arbitrary_texts_are_refused_at_a_place(text in "\\PC{0,200}") {
        check(text.as_bytes(), TASK.1, TASK.2)?;
        check(TASK.0, text.as_bytes(), TASK.2)?;
        check(TASK.0, TASK.1, text.as_bytes())?;
    }
}
