//! Table mappings as a user meets them: what `validate` says they do, what a run does by them, and what the other
//! commands show of it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use crate::task_folder::{Settings, TaskFolder};

const MAPPINGS: &str = r#"{"rules": [
{"rule-type": "selection", "rule-id": 1, "rule-name": "1", "rule-action": "include",
 "object-locator": {"schema-name": "shop", "table-name": "orders"},
 "filters": [{"filter-type": "source", "column-name": "amount",
              "filter-conditions": [{"filter-operator": "gte", "value": "2"}]}]},
{"rule-type": "transformation", "rule-id": 2, "rule-name": "2", "rule-target": "table", "rule-action": "rename",
 "value": "sales", "object-locator": {"schema-name": "shop", "table-name": "orders"}},
{"rule-type": "transformation", "rule-id": 3, "rule-name": "3", "rule-target": "column",
 "rule-action": "data-masking-digits-randomize",
 "object-locator": {"schema-name": "shop", "table-name": "orders", "column-name": "note"}},
{"rule-type": "transformation", "rule-id": 4, "rule-name": "4", "rule-target": "column", "rule-action": "add-column",
 "value": "position", "expression": "$AR_H_STREAM_POSITION || ':' || $note", "data-type": {"type": "string", "length": 90},
 "object-locator": {"schema-name": "shop", "table-name": "orders"}}
]}"#;

/// A task over two tables, of which the rules select one.
fn task() -> TaskFolder {
    let settings = Settings {
        limits: "  restarts: 0\ntable_mappings: ./mappings.json\n",
        ..Settings::default()
    };
    let task = TaskFolder::new(&settings);
    let column = json!({"ColumnName": "id", "ColumnType": "INT8", "ColumnIsPk": "true"});
    let columns = json!([
        column,
        {"ColumnName": "amount", "ColumnType": "NUMERIC", "ColumnPrecision": "10", "ColumnScale": "2"},
        {"ColumnName": "note", "ColumnType": "STRING", "ColumnLength": "50", "ColumnNullable": "true"}
    ]);
    let table = |name: &str, columns: &serde_json::Value| json!({"TableName": name, "TablePath": format!("shop/{name}/"), "TableOwner": "shop", "TableColumns": columns});
    let definition =
        json!({"TableCount": "2", "Tables": [table("orders", &columns), table("audit", &json!([column]))]});
    task.write("table-definition.json", &definition.to_string());
    task.write("data/shop/audit/LOAD1.csv", "1\n2\n");
    task.write(
        "data/cdc/b.csv",
        "INSERT,audit,shop,3\nINSERT,orders,shop,4,1.99,order 66\n",
    );
    task.write("data/cdc/c.csv", "UPDATE,orders,shop,3,2.00,order 66\n");
    task.write("mappings.json", MAPPINGS);
    task
}

#[test]
fn validate_says_what_the_rules_do_with_each_table() {
    let task = task();
    let ended = task.brigade(&["validate"]).expect(0);
    for line in [
        "table  shop.orders: sent as shop.sales; rows filtered by amount; column note masked; \
         column position added, by an expression\n",
        "table  shop.audit: not read, no rule selects it\n",
    ] {
        assert!(ended.stdout.contains(line), "{ended:#?}");
    }
    let found = task.json(&["validate"]);
    assert_eq!(found["tables"][0]["sent_as"], "shop.sales");
    assert_eq!(found["tables"][1]["sent_as"], serde_json::Value::Null);
    task.write(
        "mappings.json",
        &MAPPINGS.replace("$note", "$nobody").replace("\"gte\"", "\"gt\""),
    );
    let ended = task.brigade(&["validate"]).expect(78);
    let start = "mappings.json:5:57: error: Invalid table mappings document.\n    rules[0].filters[0].filter-conditions[0]";
    assert!(ended.stdout.contains(start), "{ended:#?}");
}

#[test]
fn a_run_leaves_out_what_the_rules_say_and_verify_finds_the_rest() {
    let task = task();
    let summary = task.json(&["run", "--once"]);
    // Loaded: two orders. Changes: 1.00 and 1.99 are filtered, 2.00 passes, and one row is of the other table.
    assert_eq!(
        (&summary["delivered_rows"], &summary["filtered_rows"]),
        (&3.into(), &3.into())
    );
    assert_eq!(summary["dead_lettered_rows"], 0);
    let report = task.json(&["tables"]);
    assert_eq!(
        report["TableStatistics"][0]["x"]["filtered_rows"], 2,
        "{report:#}"
    );
    assert_eq!(report["TableStatistics"][0]["TableName"], "orders");
    assert_eq!(report["TableStatistics"][1], serde_json::Value::Null);
    assert_eq!(report["not_selected"], json!(["shop.audit"]));
    let text = task.brigade(&["tables"]).expect(0).stdout;
    assert!(
        text.contains("shop.orders: 2 rows left out by a filter"),
        "{text}"
    );
    assert!(
        text.contains("no rule of the table mappings selects them: shop.audit"),
        "{text}"
    );
    let text = task.brigade(&["status"]).expect(0).stdout;
    assert!(
        text.contains("left out      3 rows by the table mappings"),
        "{text}"
    );
    // Masked and computed values come out the same when they are rendered once more.
    task.brigade(&["verify"]).expect(0);
    let again = task.json(&["run", "--once"]);
    assert_eq!(again["counters"]["records"], 0, "{again:#}");
}

/// One time for two files, and an earlier one for the third: the order of reading is what counts.
#[test]
fn change_sequences_rise_in_the_order_of_reading_whatever_the_times_of_the_files_are() {
    let task = task();
    let rules = json!({"rules": [
        {"rule-type": "selection", "rule-id": 1, "rule-name": "1", "rule-action": "include",
         "object-locator": {"schema-name": "shop", "table-name": "orders"}},
        {"rule-type": "transformation", "rule-id": 2, "rule-name": "2", "rule-target": "column",
         "rule-action": "add-column", "value": "seq", "expression": "$AR_H_CHANGE_SEQ",
         "data-type": {"type": "string", "length": 35},
         "object-locator": {"schema-name": "shop", "table-name": "orders"}},
    ]});
    task.write("mappings.json", &rules.to_string());
    let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    for (name, seconds) in [("b", 60), ("c", 60), ("d", 90)] {
        let path = format!("data/cdc/{name}.csv");
        task.write(
            &path,
            &format!("INSERT,orders,shop,1,2.5,{name}0\nUPDATE,orders,shop,1,3.5,{name}1\n"),
        );
        let file = std::fs::File::options()
            .append(true)
            .open(task.path().join(path))
            .unwrap();
        let time = now - std::time::Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    }
    task.json(&["run", "--once"]);
    let mut read: Vec<(String, String)> = Vec::new();
    for message in task.messages() {
        let message: serde_json::Value = serde_json::from_str(&message).unwrap();
        let text = |name: &str| message["data"][name].as_str().unwrap_or_default().to_owned();
        if message["metadata"]["operation"] == "load" {
            assert_eq!(text("seq"), "", "as in DMS, loads have none");
        } else if text("note").len() == 2 {
            read.push((text("note"), text("seq")));
        }
    }
    read.sort();
    let sequences: Vec<_> = read.iter().map(|(_, sequence)| sequence).collect();
    assert_eq!(sequences.len(), 6);
    assert!(
        sequences.is_sorted_by(|earlier, later| earlier < later),
        "{read:?}"
    );
    assert!(sequences.iter().all(|sequence| sequence.len() == 35), "{read:?}");
    task.brigade(&["verify"]).expect(0);
}

/// What a stream per table is: each task selects its tables and sends them to its own stream, with a state of its own.
#[test]
fn two_tasks_send_the_tables_of_one_bucket_to_a_stream_each() {
    let task = task();
    let selection = |table: &str| {
        json!({"rules": [
            {"rule-type": "selection", "rule-id": 1, "rule-name": "1", "rule-action": "include",
             "object-locator": {"schema-name": "shop", "table-name": table}},
        ]})
    };
    // Of orders two loaded rows and three changes, of audit two and one.
    for (table, name, state, rows) in [
        ("orders", "to-orders", "./state-of-orders", 5),
        ("audit", "to-audit", "./state-of-audit", 3),
    ] {
        task.write("mappings.json", &selection(table).to_string());
        task.configure(&Settings {
            task: name,
            state,
            target: format!(
                "  ndjson:\n    path: ./stream-of-{table}\n    message_format: json-unformatted\n"
            ),
            limits: "  restarts: 0\ntable_mappings: ./mappings.json\n",
            ..Settings::default()
        });
        assert_eq!(task.json(&["run", "--once"])["delivered_rows"], rows, "{table}");
        task.brigade(&["verify"]).expect(0);
    }
}
