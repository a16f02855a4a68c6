//! Control records: drop-table and create-table, one pair per table at the start of a task.
//! Pure: no I/O, no clock.

use super::layout::ObjectWriter;
use super::partition_key::shorten;
use crate::model::{Column, ColumnType, Table};
use crate::settings::MessageConfig;
use crate::value::timestamp::MessageTimestamp;

/// What a control record announces; becomes `metadata.operation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlOperation {
    /// The target table is about to be replaced.
    DropTable,
    /// The table as it is defined.
    CreateTable,
}

impl ControlOperation {
    /// The text of `metadata.operation`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropTable => "drop-table",
            Self::CreateTable => "create-table",
        }
    }
}

/// A control record, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRecord {
    /// `task.schema.table`.
    pub partition_key: Vec<u8>,
    /// The message.
    pub payload: Vec<u8>,
}

/// The control record of a table. The task's name stands where DMS puts the id of its task resource, unless that id is
/// configured.
pub fn encode_control(
    task: &str,
    table: &Table,
    operation: ControlOperation,
    message: &MessageConfig,
    timestamp: &MessageTimestamp,
) -> ControlRecord {
    let task = message.task_resource_id.as_deref().unwrap_or(task);
    let mut writer = ObjectWriter::new(message.format);
    if message.include_control_details {
        writer.object("control");
        match operation {
            ControlOperation::DropTable => {}
            ControlOperation::CreateTable => write_table_definition(&mut writer, table),
        }
        writer.end();
    }
    writer.object("metadata");
    writer.text("timestamp", &String::from_utf8_lossy(timestamp.as_bytes()));
    writer.text("record-type", "control");
    writer.text("operation", operation.as_str());
    writer.text("partition-key-type", "task-id");
    if message.include_partition_value {
        writer.text("partition-key-value", task);
    }
    writer.text("schema-name", &table.owner);
    writer.text("table-name", &table.name);
    writer.end();
    let partition_key = format!("{task}.{}", table.full_name());
    ControlRecord {
        partition_key: shorten(&partition_key).unwrap_or(partition_key).into_bytes(),
        payload: writer.finish(),
    }
}

/// DMS's table of rows that could not be applied, which a task with changes announces. Its schema has no name.
pub fn exceptions_table() -> Table {
    let column = |name: &str, column_type| Column {
        name: name.to_owned(),
        column_type,
        nullable: false,
        is_primary_key: false,
    };
    let text = |length| ColumnType::String { length: Some(length) };
    Table {
        owner: String::new(),
        name: "awsdms_apply_exceptions".to_owned(),
        path: String::new(),
        columns: vec![
            column("TASK_NAME", text(128)),
            column("TABLE_OWNER", text(128)),
            column("TABLE_NAME", text(128)),
            column(
                "ERROR_TIME",
                ColumnType::DateTime {
                    scale: 6,
                    format: None,
                },
            ),
            column("STATEMENT", ColumnType::Clob),
            column("ERROR", ColumnType::Clob),
        ],
    }
}

fn write_table_definition(writer: &mut ObjectWriter, table: &Table) {
    writer.object("table-def");
    writer.object("columns");
    for column in &table.columns {
        write_column(writer, column);
    }
    writer.end();
    if table.primary_key().next().is_some() {
        let names = table.primary_key().map(|(_, column)| column.name.as_str());
        writer.texts("primary-key", names);
    }
    writer.end();
}

fn write_column(writer: &mut ObjectWriter, column: &Column) {
    writer.object(&column.name);
    writer.text("type", type_name(column.column_type));
    if let ColumnType::String { length: Some(length) } = column.column_type {
        writer.number("length", length);
    }
    if let ColumnType::Numeric { precision, scale } = column.column_type {
        writer.number("precision", precision);
        writer.number("scale", scale);
    }
    writer.boolean("nullable", column.nullable);
    writer.end();
}

/// DMS's own name of a type, which counts bits where the table definition counts bytes.
fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Int1 => "INT8",
        ColumnType::Int2 => "INT16",
        ColumnType::Int4 => "INT32",
        ColumnType::Int8 => "INT64",
        ColumnType::Uint1 => "UINT8",
        ColumnType::Uint2 => "UINT16",
        ColumnType::Uint4 => "UINT32",
        ColumnType::Uint8 => "UINT64",
        ColumnType::Numeric { .. } => "DECIMAL",
        ColumnType::Real4 => "FLOAT",
        ColumnType::Real8 => "DOUBLE",
        ColumnType::Boolean => "BOOL",
        ColumnType::Date { .. } => "DATE32",
        ColumnType::Time { .. } => "TIME32",
        ColumnType::DateTime { .. } => "TIMESTAMP",
        ColumnType::String { .. } | ColumnType::Clob => "STRING",
        ColumnType::Byte { .. } | ColumnType::Blob => "BINARY",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            owner: "hr".into(),
            name: "pay".into(),
            path: "hr/pay/".into(),
            columns: vec![Column {
                name: "amount".into(),
                column_type: ColumnType::Numeric {
                    precision: 5,
                    scale: 2,
                },
                nullable: false,
                is_primary_key: true,
            }],
        }
    }

    fn payload(operation: ControlOperation, include_control_details: bool) -> String {
        let message = MessageConfig {
            include_control_details,
            ..MessageConfig::default()
        };
        let timestamp = MessageTimestamp::from_unix_us(0);
        let record = encode_control("nightly", &table(), operation, &message, &timestamp);
        assert_eq!(record.partition_key, b"nightly.hr.pay");
        String::from_utf8(record.payload).unwrap()
    }

    #[test]
    fn details_come_first_and_only_if_asked_for() {
        let metadata = "\t\"metadata\":\t{\n\t\t\"timestamp\":\t\"1970-01-01T00:00:00.000000Z\",\n\t\t\"record-type\":\t\
                        \"control\",\n\t\t\"operation\":\t\"drop-table\",\n\t\t\"partition-key-type\":\t\"task-id\",\n\
                        \t\t\"schema-name\":\t\"hr\",\n\t\t\"table-name\":\t\"pay\"\n\t}\n}";
        assert_eq!(
            payload(ControlOperation::DropTable, false),
            format!("{{\n{metadata}")
        );
        let with_details = format!("{{\n\t\"control\":\t{{\n\t}},\n{metadata}");
        assert_eq!(payload(ControlOperation::DropTable, true), with_details);
    }

    #[test]
    fn the_id_of_a_task_of_dms_stands_for_its_name_where_it_is_configured() {
        let message = MessageConfig {
            task_resource_id: Some("ABC123".to_owned()),
            include_partition_value: true,
            ..MessageConfig::default()
        };
        let timestamp = MessageTimestamp::from_unix_us(0);
        let record = encode_control(
            "nightly",
            &table(),
            ControlOperation::DropTable,
            &message,
            &timestamp,
        );
        assert_eq!(record.partition_key, b"ABC123.hr.pay");
        let text = String::from_utf8(record.payload).unwrap();
        assert!(text.contains("\"partition-key-value\":\t\"ABC123\""), "{text}");
    }

    #[test]
    fn a_decimal_column_shows_precision_and_scale() {
        let text = payload(ControlOperation::CreateTable, true);
        let compact: String = text.split_whitespace().collect();
        assert!(
            compact.contains(
                "{\"amount\":{\"type\":\"DECIMAL\",\"precision\":5,\"scale\":2,\"nullable\":false}},\"primary-key\":[\"amount\"]"
            ),
            "{text}"
        );
    }
}
