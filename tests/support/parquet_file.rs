//! Files of the data set as Parquet, and where the engine has to see their rows.

use std::sync::Arc;

use bucket_brigade::model::{Mark, Operation};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::fixtures::{Defect, File, Row, SCHEMA, table_name};

/// Makes the same rows a Parquet file with row groups of this many rows and pages of a few. Changes have an operation in
/// a column of their own; their table has to be that of the folder.
pub(crate) fn make_parquet(file: &mut File, group_rows: usize) {
    let is_change = file.rows.iter().any(|row| row.operation != Operation::Load);
    let operation = if is_change {
        "required binary Op (utf8);"
    } else {
        ""
    };
    // Unlike the definition: in another order, with one column more, and with a key that may be no number.
    let schema = format!(
        "message rows {{ optional binary note (utf8); required int32 unused; {operation} required binary ID (utf8); \
         required int64 mark; }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_data_page_row_count_limit(20)
        .set_write_batch_size(10)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for rows in file.rows.chunks(group_rows) {
        let mut group = writer.next_row_group().unwrap();
        write_group(&mut group, rows, is_change);
        group.close().unwrap();
    }
    file.bytes = writer.into_inner().unwrap().into();
    file.texts = file.rows.iter().map(|row| text(row, is_change)).collect();
    let mut position = 0;
    let ends = (1..).zip(&file.texts).map(|(number, text)| {
        position += u64::try_from(text.len()).unwrap() + 1;
        Mark {
            position,
            ordinal: number,
            line: number,
        }
    });
    file.marks = [Mark::START].into_iter().chain(ends).collect();
}

fn write_group(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, rows: &[Row], is_change: bool) {
    let texts = |text: &dyn Fn(&Row) -> String| -> Vec<ByteArray> {
        rows.iter()
            .map(|row| ByteArray::from(text(row).into_bytes()))
            .collect()
    };
    let write_texts =
        |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[ByteArray], levels: Option<&[i16]>| {
            let mut column = group.next_column().unwrap().unwrap();
            column
                .typed::<ByteArrayType>()
                .write_batch(values, levels, None)
                .unwrap();
            column.close().unwrap();
        };
    let levels = vec![1; rows.len()];
    write_texts(group, &texts(&|row| row.note.clone()), Some(&levels));
    let mut column = group.next_column().unwrap().unwrap();
    let numbers = vec![7; rows.len()];
    column
        .typed::<parquet::data_type::Int32Type>()
        .write_batch(&numbers, None, None)
        .unwrap();
    column.close().unwrap();
    if is_change {
        write_texts(group, &texts(&|row| operation(row.operation).to_owned()), None);
    }
    write_texts(group, &texts(&key), None);
    let mut column = group.next_column().unwrap().unwrap();
    let marks: Vec<_> = rows.iter().map(|row| i64::try_from(row.mark).unwrap()).collect();
    column
        .typed::<Int64Type>()
        .write_batch(&marks, None, None)
        .unwrap();
    column.close().unwrap();
}

fn key(row: &Row) -> String {
    match row.defect {
        Some(Defect::KeyNotANumber) => format!("{}x", row.id),
        Some(Defect::TooLarge | Defect::HeldBack | Defect::Refused) | None => row.id.to_string(),
        Some(defect @ (Defect::FieldMissing | Defect::UnknownTable)) => {
            panic!("{defect:?} cannot be in Parquet")
        }
    }
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Load | Operation::Insert => "I",
        Operation::Update => "U",
        Operation::Delete => "D",
    }
}

fn text(row: &Row, is_change: bool) -> String {
    let is_plain = !row.note.contains([',', '"', '\n', '\r']);
    let note = if is_plain {
        row.note.clone()
    } else {
        format!("\"{}\"", row.note.replace('"', "\"\""))
    };
    let values = format!("{},{},{note}", key(row), row.mark);
    if is_change {
        format!(
            "{},{},{SCHEMA},{values}",
            operation(row.operation),
            table_name(row.table)
        )
    } else {
        values
    }
}
