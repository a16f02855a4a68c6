//! The examples of the user guide of DMS and of the post that this tool answers, from their documents alone: a task's
//! documents go through `brigade import dms`, and the configuration that comes out runs as it is, but for folders in
//! place of bucket and stream.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};

use crate::imported_task::{CONFIGURATION, IMPORT, brigade, expect, run_with_folders, write};

/// A task as the API describes it.
struct Task {
    migration_type: &'static str,
    definition: Value,
    mappings: Value,
    /// Path below the bucket, and content.
    files: Vec<(&'static str, String)>,
}

/// A record of the stream.
#[derive(Debug)]
struct Record {
    key: String,
    data: Value,
    metadata: Value,
}

impl Task {
    /// The rows that arrive, in the order of the stream.
    #[track_caller]
    fn rows(&self) -> Vec<Record> {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (
            "arn:aws:dms:eu-west-1:111122223333:endpoint:A",
            "arn:aws:dms:eu-west-1:111122223333:endpoint:B",
        );
        let task = json!({"ReplicationTasks": [{
            "ReplicationTaskIdentifier": "example", "SourceEndpointArn": from, "TargetEndpointArn": to,
            "MigrationType": self.migration_type, "TableMappings": self.mappings.to_string(),
            "ReplicationTaskSettings": "{\"Logging\":{\"EnableLogging\":true}}", "Status": "ready"}]});
        let endpoints = json!({"Endpoints": [
            {"EndpointIdentifier": "a", "EndpointType": "source", "EngineName": "s3", "EndpointArn": from,
             "S3Settings": {"BucketName": "example-bucket", "CdcPath": "cdc", "CsvDelimiter": ",", "CsvRowDelimiter": "\\n",
                            "ExternalTableDefinition": self.definition.to_string()}},
            {"EndpointIdentifier": "b", "EndpointType": "target", "EngineName": "kinesis", "EndpointArn": to,
             "KinesisSettings": {"StreamArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/example",
                                 "MessageFormat": "json-unformatted"}}]});
        write(folder.path(), "task.json", &task.to_string());
        write(folder.path(), "endpoints.json", &endpoints.to_string());
        for (path, content) in &self.files {
            write(folder.path(), &format!("data/{path}"), content);
        }
        expect(&brigade(folder.path(), IMPORT), 0);
        expect(
            &brigade(folder.path(), &["validate", "--config", CONFIGURATION]),
            0,
        );
        let lines = run_with_folders(folder.path());
        lines.iter().filter_map(|line| Record::of(line)).collect()
    }
}

impl Record {
    /// The record on a line, unless it is a control record.
    fn of(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).unwrap();
        let mut message: Value = serde_json::from_str(line["payload"].as_str().unwrap()).unwrap();
        (message["metadata"]["record-type"] == "data").then(|| Self {
            key: line["partition_key"].as_str().unwrap().to_owned(),
            data: message["data"].take(),
            metadata: message["metadata"].take(),
        })
    }
}

fn table(owner: &str, name: &str, columns: &Value) -> Value {
    let total = columns.as_array().unwrap().len().to_string();
    json!({"TableCount": "1", "Tables": [{
        "TableName": name, "TablePath": format!("{owner}/{name}/"), "TableOwner": owner,
        "TableColumns": columns, "TableColumnsTotal": total}]})
}

fn text(name: &str, length: u32) -> Value {
    json!({"ColumnName": name, "ColumnType": "STRING", "ColumnLength": length.to_string(), "ColumnNullable": "true"})
}

fn selection(schema: &str, table: &str) -> Value {
    json!({"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
           "object-locator": {"schema-name": schema, "table-name": table}})
}

#[test]
fn the_employee_example_is_loaded_and_changed() {
    let columns = json!([
        {"ColumnName": "Id", "ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true"},
        text("LastName", 20),
        text("FirstName", 30),
        {"ColumnName": "HireDate", "ColumnType": "DATETIME"},
        text("OfficeLocation", 20)
    ]);
    let load = "101,Smith,Bob,2014-06-04,New York\n102,Smith,Bob,2015-10-08,Los Angeles\n";
    let changes = "INSERT,employee,hr,103,Smith,Bob,2014-06-04,New York\nUPDATE,employee,hr,103,Smith,Bob,2015-10-08,Los \
                   Angeles\nUPDATE,employee,hr,103,Smith,Bob,2017-03-13,Dallas\nDELETE,employee,hr,103,Smith,Bob,2017-03-13,\
                   Dallas\n";
    let rows = Task {
        migration_type: "full-load-and-cdc",
        definition: table("hr", "employee", &columns),
        mappings: json!({"rules": [selection("hr", "%")]}),
        files: vec![
            ("hr/employee/LOAD1.csv", load.into()),
            ("cdc/CDC1.csv", changes.into()),
        ],
    }
    .rows();
    let told = |record: &Record| {
        let of = |name: &str| record.metadata[name].as_str().unwrap().to_owned();
        (
            of("operation"),
            of("table-name"),
            record.data["Id"].clone(),
            record.data["OfficeLocation"].clone(),
        )
    };
    let expected = [
        ("load", 101, "New York"),
        ("load", 102, "Los Angeles"),
        ("insert", 103, "New York"),
        ("update", 103, "Los Angeles"),
        ("update", 103, "Dallas"),
        ("delete", 103, "Dallas"),
    ];
    let expected = expected.map(|(operation, id, place)| {
        (
            operation.to_owned(),
            "employee".to_owned(),
            json!(id),
            json!(place),
        )
    });
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(rows[0].data["HireDate"], "2014-06-04T00:00:00Z");
    assert_eq!(rows[0].key, "101", "of a load the primary key");
    assert_eq!(rows[2].key, "hr.employee", "of changes the table");
}

fn customers(action: &str, parameters: &Value) -> Record {
    let names = [
        "FirstName",
        "LastName",
        "StoreId",
        "HomeAddress",
        "HomePhone",
        "WorkAddress",
        "WorkPhone",
    ];
    let columns: Vec<_> = names
        .iter()
        .chain(&["DateofBirth"])
        .map(|name| text(name, 60))
        .collect();
    let row =
        "Randy,Marsh,5,221B Baker Street,1234567890,\"31 Spooner Street, Quahog\",9876543210,02/29/1988\n";
    let rule = json!({
        "rule-type": "object-mapping", "rule-id": "2", "rule-name": "TransformToKinesis", "rule-action": action,
        "target-table-name": "CustomerData", "object-locator": {"schema-name": "Test", "table-name": "Customers"},
        "mapping-parameters": parameters});
    let mut rows = Task {
        migration_type: "full-load",
        definition: table("Test", "Customers", &json!(columns)),
        mappings: json!({"rules": [selection("Test", "%"), rule]}),
        files: vec![("Test/Customers/LOAD1.csv", row.to_owned())],
    }
    .rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

#[test]
fn the_customers_example_is_mapped_to_a_record() {
    let scalar = |name: &str, value: &str| json!({"target-attribute-name": name, "attribute-type": "scalar", "attribute-sub-type": "string", "value": value});
    let contact = |address: &str, phone: &str| json!({"Address": address, "Phone": phone});
    let row = customers(
        "map-record-to-record",
        &json!({
            "partition-key-type": "attribute-name", "partition-key-name": "CustomerName",
            "exclude-columns": ["firstname", "lastname", "homeaddress", "homephone", "workaddress", "workphone"],
            "attribute-mappings": [
                scalar("CustomerName", "${lastname}, ${firstname}"),
                {"target-attribute-name": "ContactDetails", "attribute-type": "document", "attribute-sub-type": "json",
                 "value": {"Home": contact("${homeaddress}", "${homephone}"), "Work": contact("${workaddress}", "${workphone}")}}
            ]
        }),
    );
    assert_eq!(
        row.data,
        json!({"StoreId": "5", "DateofBirth": "02/29/1988", "CustomerName": "Marsh, Randy", "ContactDetails": {
            "Home": contact("221B Baker Street", "1234567890"),
            "Work": contact("31 Spooner Street, Quahog", "9876543210")}})
    );
    assert_eq!(row.key, "Marsh, Randy");
    assert_eq!(row.metadata["table-name"], "CustomerData");
}

#[test]
fn the_customers_example_is_mapped_to_a_document() {
    let excluded = json!(["homeaddress", "homephone", "workaddress", "workphone"]);
    let row = customers("map-record-to-document", &json!({"exclude-columns": excluded}));
    assert_eq!(
        row.data,
        json!({"_doc": {"FirstName": "Randy", "LastName": "Marsh", "StoreId": "5", "DateofBirth": "02/29/1988"}})
    );
}

#[test]
fn the_masking_vectors_come_out() {
    let columns = json!([
        {"ColumnName": "EMPID", "ColumnType": "INT8", "ColumnIsPk": "true"},
        text("DIGITS", 20), text("HASHED", 64), text("RANDOM", 20)
    ]);
    let mask = |id: &str, column: &str, action: &str, value: &str| {
        json!({"rule-type": "transformation", "rule-id": id, "rule-name": id, "rule-target": "column",
               "rule-action": action, "value": value,
               "object-locator": {"schema-name": "hr", "table-name": "%", "column-name": column}})
    };
    let rows = Task {
        migration_type: "full-load",
        definition: table("hr", "people", &columns),
        mappings: json!({"rules": [
            selection("hr", "%"),
            mask("2", "DIGITS", "data-masking-digits-mask", "#"),
            mask("3", "HASHED", "data-masking-hash-mask", ""),
            mask("4", "RANDOM", "data-masking-digits-randomize", "")]}),
        files: vec![(
            "hr/people/LOAD1.csv",
            "1,C6BGJ566669K,C6BGJ566669K,C6BGJ566669K\n".into(),
        )],
    }
    .rows();
    let shown = |name: &str| rows[0].data[name].as_str().unwrap().to_owned();
    assert_eq!(shown("DIGITS"), "C#BGJ######K");
    assert_eq!(
        shown("HASHED"),
        "7CB06784764C9030CCC41E25C15339FEB293FFE9B329A72B5FED564E99900C75"
    );
    let random = shown("RANDOM");
    assert_eq!(
        random.replace(|digit: char| digit.is_ascii_digit(), "#"),
        "C#BGJ######K"
    );
    assert_ne!(random, "C6BGJ566669K");
}

#[test]
fn the_example_of_the_post_is_loaded_and_changed() {
    let columns = json!([
        {"ColumnName": "ingest_time", "ColumnType": "TIMESTAMP", "ColumnNullable": "false", "ColumnIsPk": "true"},
        {"ColumnName": "doi", "ColumnType": "STRING", "ColumnLength": "30"},
        {"ColumnName": "id", "ColumnType": "INT8"},
        {"ColumnName": "value", "ColumnType": "NUMERIC", "ColumnPrecision": "5", "ColumnScale": "2"},
        {"ColumnName": "data_sig", "ColumnType": "STRING", "ColumnLength": "10"}
    ]);
    let load = |file: u32| format!("2021-08-16 18:00:0{file}.0,10.1000/{file},{file},12.50,sig{file}\n");
    let change =
        |file: u32| format!("INSERT,table01,schema01,2021-08-16 19:00:0{file}.0,10.1000/9,9,1.25,new\n");
    let rows = Task {
        migration_type: "full-load-and-cdc",
        definition: table("schema01", "table01", &columns),
        mappings: json!({"rules": [selection("schema01", "table01")]}),
        files: vec![
            ("schema01/table01/full_000", load(0)),
            ("schema01/table01/full_001", load(1)),
            ("cdc/cdc_000", change(0)),
            ("cdc/cdc_001", change(1)),
        ],
    }
    .rows();
    let operations: Vec<_> = rows
        .iter()
        .map(|row| row.metadata["operation"].as_str().unwrap())
        .collect();
    assert_eq!(operations, ["load", "load", "insert", "insert"]);
    assert_eq!(
        rows[1].data,
        json!({"ingest_time": "2021-08-16T18:00:01Z", "doi": "10.1000/1", "id": 1, "value": 12.5, "data_sig": "sig1"})
    );
    assert_eq!(rows[3].data["ingest_time"], "2021-08-16T19:00:01Z");
}
