//! What `docs/dms-compatibility.md` says of DMS's features, each shown by a run of the binary: from the documents and files to
//! the records with their partition keys.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;

use serde_json::{Value, json};

use crate::task_folder::{Settings, TaskFolder};

/// Largest definition and mapping document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A task into one shard with these keys of the target, of the source, and of the task.
fn task(target: &str, source: &'static str, more: &'static str) -> TaskFolder {
    let task = TaskFolder::new(&Settings {
        target: format!(
            "  ndjson:\n    path: ./out\n    shards: 1\n    message_format: json-unformatted\n{target}"
        ),
        late_files: source,
        limits: more,
        ..Settings::default()
    });
    fs::remove_dir_all(task.path().join("data")).unwrap();
    task
}

fn column(name: &str, column_type: &str, is_key: bool) -> Value {
    json!({"ColumnName": name, "ColumnType": column_type, "ColumnLength": "20", "ColumnPrecision": "5", "ColumnScale": "2",
           "ColumnNullable": (!is_key).to_string(), "ColumnIsPk": is_key.to_string()})
}

/// A definition of tables of `shop`, by name and columns.
fn definition(tables: &[(&str, Vec<Value>)]) -> Value {
    let tables = tables.iter().map(|(name, columns)| {
        json!({"TableName": name, "TablePath": format!("shop/{name}"), "TableOwner": "shop", "TableColumns": columns})
    });
    let tables: Vec<_> = tables.collect();
    json!({"TableCount": tables.len().to_string(), "Tables": tables})
}

fn selection() -> Value {
    json!({"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
           "object-locator": {"schema-name": "shop", "table-name": "%"}})
}

/// The records in the order in which they were sent: partition key and message.
fn records(task: &TaskFolder) -> Vec<(String, Value)> {
    task.brigade(&["run", "--once"]).expect(0);
    let text = fs::read_to_string(task.path().join("out/shard-000.ndjson")).unwrap();
    let record = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let message = serde_json::from_str(line["payload"].as_str().unwrap()).unwrap();
        (line["partition_key"].as_str().unwrap().to_owned(), message)
    };
    text.lines().map(record).collect()
}

/// Of the records those with rows.
fn rows(task: &TaskFolder) -> Vec<(String, Value)> {
    let records = records(task).into_iter();
    records
        .filter(|(_, message)| message["metadata"]["record-type"] == "data")
        .collect()
}

#[test]
fn binary_values_are_hexadecimal_with_and_without_their_prefix() {
    for (setting, expected) in [
        ("", "0x80057D942E"),
        ("    no_hex_prefix: false\n", "0x80057D942E"),
        ("    no_hex_prefix: true\n", "80057D942E"),
    ] {
        let task = task(setting, "process", "  restarts: 0\n");
        let columns = vec![column("id", "BYTES", true), column("raw", "BLOB", false)];
        task.write(
            "table-definition.json",
            &definition(&[("bin", columns)]).to_string(),
        );
        task.write("data/shop/bin/LOAD1.csv", "0x80057d942e,80057D942e\n");
        let rows = rows(&task);
        assert_eq!(rows[0].1["data"], json!({"id": expected, "raw": expected}));
        assert_eq!(rows[0].0, expected, "the key is what the message shows");
    }
}

#[test]
fn no_row_or_one_is_skipped_at_the_head_of_each_load_file() {
    let loaded = |csv: &'static str| {
        let task = task("", csv, "  restarts: 0\n");
        task.write("data/shop/orders/LOAD1.csv", "1,1.00,a\n2,2.00,b\n");
        task.write("data/shop/orders/LOAD2.csv", "3,3.00,c\n4,4.00,d\n");
        task.write("data/cdc/1.csv", "INSERT,orders,shop,5,5.00,e\n");
        let ids = rows(&task)
            .into_iter()
            .map(|(_, message)| message["data"]["id"].as_u64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(loaded("process"), [1, 2, 3, 4, 5]);
    assert_eq!(
        loaded("process\n  csv: { ignore_header_rows: 0 }"),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(loaded("process\n  csv: { ignore_header_rows: 1 }"), [2, 4, 5]);
    let task = task("", "process\n  csv: { ignore_header_rows: 2 }", "  restarts: 0\n");
    let refused = task.brigade(&["validate"]).expect(78);
    assert!(refused.stdout.contains("ignore_header_rows"), "{refused:?}");
}

#[test]
fn a_load_file_may_have_any_name() {
    let task = task("", "process", "  restarts: 0\n");
    let names = [
        "LOAD002.csv",
        "full_000",
        "example.csv",
        "Ümläut +%20.CSV",
        "x.y.z",
        "0",
    ];
    for (name, id) in names.iter().zip(1..) {
        task.write(&format!("data/shop/orders/{name}"), &format!("{id},1.00,\n"));
    }
    let mut ids: Vec<_> = rows(&task)
        .into_iter()
        .map(|(_, message)| message["data"]["id"].as_u64().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_definition_is_json_of_up_to_two_megabytes_with_numbers_as_text_or_bare() {
    let task = task("", "process", "  restarts: 0\n");
    let mut bare = definition(&[("orders", vec![column("id", "INT8", true)])]);
    bare["TableCount"] = json!(1);
    bare["Tables"][0]["TableColumns"][0]["ColumnIsPk"] = json!(true);
    bare["Tables"][0]["TableColumns"][0]["ColumnNullable"] = json!(false);
    let padded = |bytes: usize| {
        let text = bare.to_string();
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    task.write("table-definition.json", &padded(DOCUMENT_BYTES_MAX));
    task.write("data/shop/orders/LOAD1.csv", "7\n");
    assert_eq!(rows(&task)[0].1["data"], json!({"id": 7}));
    task.write("table-definition.json", &padded(DOCUMENT_BYTES_MAX + 1));
    let refused = task.brigade(&["validate"]).expect(78);
    assert!(refused.stdout.contains("more than the 2097152"), "{refused:?}");
    task.write("table-definition.json", "{\"TableCount\": \"1\", ");
    let refused = task.brigade(&["validate"]).expect(78);
    assert!(refused.stdout.contains("is not JSON"), "{refused:?}");
}

/// Type, a value, what the message shows of it, and the type in control records.
const TYPES: &[(&str, &str, &str, &str)] = &[
    ("BYTE", "0aff", "\"0x0AFF\"", "BINARY"),
    ("DATE", "2020-02-29", "\"2020-02-29\"", "DATE32"),
    ("TIME", "22:05:57", "\"22:05:57\"", "TIME32"),
    (
        "DATETIME",
        "2020-02-29 22:05:57.25",
        "\"2020-02-29T22:05:57.25Z\"",
        "TIMESTAMP",
    ),
    ("INT1", "-128", "-128", "INT8"),
    ("INT2", "-32768", "-32768", "INT16"),
    ("INT4", "-2147483648", "-2147483648", "INT32"),
    ("INT8", "-9223372036854775808", "-9223372036854775808", "INT64"),
    ("NUMERIC", "-123.45", "-123.45", "DECIMAL"),
    ("REAL4", "0.5", "0.5", "FLOAT"),
    ("REAL8", "20.25", "20.25", "DOUBLE"),
    ("STRING", "text", "\"text\"", "STRING"),
    ("UINT1", "255", "255", "UINT8"),
    ("UINT2", "65535", "65535", "UINT16"),
    ("UINT4", "4294967295", "4294967295", "UINT32"),
    ("UINT8", "18446744073709551615", "18446744073709551615", "UINT64"),
    ("BLOB", "00", "\"0x00\"", "BINARY"),
    ("CLOB", "large", "\"large\"", "STRING"),
    ("BOOLEAN", "t", "true", "BOOL"),
];

#[test]
fn each_type_has_its_value_and_its_name_in_control_records() {
    let task = task(
        "    include_control_details: true\n",
        "process",
        "  restarts: 0\n",
    );
    let columns = TYPES.iter().map(|(name, ..)| column(name, name, false)).collect();
    task.write(
        "table-definition.json",
        &definition(&[("all", columns)]).to_string(),
    );
    let values: Vec<_> = TYPES.iter().map(|(_, value, ..)| *value).collect();
    task.write("data/shop/all/LOAD1.csv", &format!("{}\n", values.join(",")));
    let records = records(&task);
    let created = &records[1].1;
    let columns = &created["control"]["table-def"]["columns"];
    let loaded = records
        .iter()
        .find(|(_, message)| message["metadata"]["operation"] == "load");
    for (name, _, shown, control) in TYPES {
        assert_eq!(columns[name]["type"], *control, "{name}");
        assert_eq!(loaded.unwrap().1["data"][name].to_string(), *shown, "{name}");
    }
}

#[test]
fn tables_are_loaded_one_after_another_by_their_load_order() {
    let task = task(
        "",
        "process",
        "  restarts: 0\n  files_in_parallel: 1\ntable_mappings: m.json\n",
    );
    let tables = ["a", "b", "c"].map(|name| (name, vec![column("id", "INT4", true)]));
    task.write("table-definition.json", &definition(&tables).to_string());
    let of = |id: u64, table: &str, order: u64| {
        json!({"rule-type": "selection", "rule-id": id, "rule-name": "x", "rule-action": "include",
               "load-order": order, "object-locator": {"schema-name": "shop", "table-name": table}})
    };
    let rules = json!({"rules": [of(1, "a", 1), of(2, "b", 3), of(3, "c", 2)]});
    task.write("m.json", &rules.to_string());
    for name in ["a", "b", "c"] {
        task.write(&format!("data/shop/{name}/LOAD1.csv"), "1\n2\n");
    }
    let tables: Vec<_> = rows(&task)
        .into_iter()
        .map(|(_, message)| message["metadata"]["table-name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(tables, ["b", "b", "c", "c", "a", "a"]);
}

#[test]
fn a_key_of_several_columns_is_one_key_in_records_and_control_records() {
    let target = "    include_control_details: true\n    include_partition_value: true\n    change_partition_key: primary-key\n";
    let task = task(target, "process", "  restarts: 0\n");
    let columns = vec![
        column("shop", "STRING", true),
        column("note", "STRING", false),
        column("number", "INT8", true),
    ];
    task.write(
        "table-definition.json",
        &definition(&[("orders", columns)]).to_string(),
    );
    task.write("data/shop/orders/LOAD1.csv", "north,x,7\n");
    task.write("data/cdc/1.csv", "U,orders,shop,north,y,7\n");
    let records = records(&task);
    assert_eq!(
        records[1].1["control"]["table-def"]["primary-key"],
        json!(["shop", "number"])
    );
    let data = records
        .iter()
        .filter(|(_, message)| message["metadata"]["record-type"] == "data");
    let keys: Vec<_> = data
        .map(|(key, message)| {
            (
                key.as_str(),
                message["metadata"]["partition-key-value"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(keys, [("north.7", "north.7"); 2]);
}

#[test]
fn a_partition_key_is_of_the_table_the_primary_key_a_constant_or_an_attribute() {
    for (parameters, expected) in [
        (json!({}), "7"),
        (json!({"partition-key-type": "schema-table"}), "shop.orders"),
        (json!({"partition-key-type": "primary-key"}), "7"),
        (json!({"partition-key-type": "constant"}), "constant"),
        (
            json!({"partition-key-type": "attribute-name", "partition-key-name": "who", "attribute-mappings": [
                {"target-attribute-name": "who", "attribute-type": "scalar", "value": "${note}!"}]}),
            "Ann!",
        ),
        (
            json!({"partition-key-type": "attribute-name", "partition-key-name": "note"}),
            "Ann",
        ),
    ] {
        let task = task(
            "    include_partition_value: true\n",
            "process",
            "  restarts: 0\ntable_mappings: m.json\n",
        );
        let mapping = json!({"rule-type": "object-mapping", "rule-id": "2", "rule-name": "2",
            "rule-action": "map-record-to-record", "mapping-parameters": parameters,
            "object-locator": {"schema-name": "shop", "table-name": "orders"}});
        task.write("m.json", &json!({"rules": [selection(), mapping]}).to_string());
        task.write("data/shop/orders/LOAD1.csv", "7,1.00,Ann\n");
        let (key, message) = rows(&task).remove(0);
        let metadata = &message["metadata"];
        assert_eq!(key, expected, "{parameters}");
        let key_type = parameters["partition-key-type"].as_str().unwrap_or("primary-key");
        assert_eq!(metadata["partition-key-type"], key_type);
        let shown = (key_type != "schema-table").then_some(expected);
        assert_eq!(metadata["partition-key-value"].as_str(), shown, "{parameters}");
    }
}

#[test]
fn each_table_is_dropped_and_created_before_its_rows_with_details_where_they_are_asked_for() {
    for (details, id) in [(false, None), (true, Some("ABC123"))] {
        let id_line = id
            .map(|id| format!("    task_resource_id: {id}\n"))
            .unwrap_or_default();
        let target = format!("    include_control_details: {details}\n{id_line}");
        let task = task(&target, "process", "  restarts: 0\n");
        task.write("data/shop/orders/LOAD1.csv", "1,1.00,a\n");
        let records = records(&task);
        let place = |operation: &str| {
            records.iter().position(|(_, message)| {
                message["metadata"]["operation"] == operation && message["metadata"]["table-name"] == "orders"
            })
        };
        let (dropped, created) = (place("drop-table").unwrap(), place("create-table").unwrap());
        assert!(
            dropped < created && created < place("load").unwrap(),
            "{records:?}"
        );
        for at in [dropped, created] {
            let (key, message) = &records[at];
            assert_eq!(*key, format!("{}.shop.orders", id.unwrap_or("orders")));
            assert_eq!(message["metadata"]["partition-key-type"], "task-id");
            assert_eq!(message.get("control").is_some(), details);
        }
        if details {
            assert_eq!(records[dropped].1["control"], json!({}));
            let table = &records[created].1["control"]["table-def"];
            assert_eq!(table["primary-key"], json!(["id"]));
            let note = json!({"type": "STRING", "length": 50, "nullable": true});
            assert_eq!(table["columns"]["note"], note);
        }
    }
}

#[test]
fn schema_table_and_column_are_each_renamed_in_each_way() {
    for (action, more, expected) in [
        ("rename", json!({"value": "New"}), "New"),
        ("convert-lowercase", json!({}), "ab_name_yz"),
        ("convert-uppercase", json!({}), "AB_NAME_YZ"),
        ("add-prefix", json!({"value": "x_"}), "x_Ab_Name_yz"),
        ("remove-prefix", json!({"value": "Ab_"}), "Name_yz"),
        (
            "replace-prefix",
            json!({"old-value": "Ab", "value": "Cd"}),
            "Cd_Name_yz",
        ),
        ("add-suffix", json!({"value": "_x"}), "Ab_Name_yz_x"),
        ("remove-suffix", json!({"value": "_yz"}), "Ab_Name"),
        (
            "replace-suffix",
            json!({"old-value": "yz", "value": "w"}),
            "Ab_Name_w",
        ),
    ] {
        let task = task("", "process", "  restarts: 0\ntable_mappings: m.json\n");
        let name = "Ab_Name_yz";
        let mut tables = definition(&[(name, vec![column(name, "INT4", true)])]);
        tables["Tables"][0]["TableOwner"] = json!(name);
        task.write("table-definition.json", &tables.to_string());
        let rule = |id: u64, target: &str| {
            let mut rule = json!({"rule-type": "transformation", "rule-id": id, "rule-name": "x", "rule-target": target,
                "rule-action": action, "object-locator": {"schema-name": name, "table-name": name, "column-name": name}});
            rule.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            rule
        };
        let mut select = selection();
        select["object-locator"]["schema-name"] = json!(name);
        let rules = json!({"rules": [select, rule(2, "schema"), rule(3, "table"), rule(4, "column")]});
        task.write("m.json", &rules.to_string());
        task.write(&format!("data/shop/{name}/LOAD1.csv"), "7\n");
        let (_, message) = rows(&task).remove(0);
        let metadata = &message["metadata"];
        assert_eq!(metadata["schema-name"], expected, "{action}");
        assert_eq!(metadata["table-name"], expected, "{action}");
        assert_eq!(message["data"], json!({ expected: 7 }), "{action}");
    }
}
