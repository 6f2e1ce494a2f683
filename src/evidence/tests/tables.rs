//! CSV and Parquet, read back by readers that share nothing with the writers.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use super::support::Made;
use super::support::at;
use super::support::id;
use super::support::refused;
use super::support::walk;
use crate::evidence::Export;
use crate::evidence::columns::COLUMNS;

fn records() -> Vec<Made> {
    let mut order = refused(1);
    order["items"] = json!([
        {"name": "=cmd|' /C calc'!A0", "sku": "A;B", "quantity": 2},
        {"name": "two\nlines, \"quoted\"", "sku": "+49"},
    ]);
    order["value"] = json!({"amount": "49.90", "currency": "EUR"});
    order["retain_until"] = json!("2036-11-02T10:00:00Z");
    let outcome = json!({"kind": "outcome", "id": id(2), "of": id(1), "status": 451, "bytes": 1234,
        "end": "complete", "notice": "page-en"});
    let odd = json!({"kind": "later-kind", "decision": null, "items": null, "evidence": {"account": ["x"]},
        "status": "many", "later": {"deep": [1, {}]}});
    vec![
        (at("2026-11-02T10:00:00.000001Z"), order),
        (at("2026-11-02T10:00:00.5Z"), outcome),
        (at("2026-11-03T00:00:00Z"), odd),
    ]
}

fn csv_of(records: &[Made]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut export = Export::csv(&mut out).unwrap();
    walk(records, |entry| export.put(entry)).unwrap();
    export.finish().unwrap();
    out
}

#[test]
fn rows_read_back_and_no_cell_runs() {
    let out = csv_of(&records());
    let mut reader = csv::Reader::from_reader(&out[..]);
    let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    for cell in rows.iter().flat_map(BTreeMap::values) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
    let is = |row: usize, column: &str, text: &str| assert_eq!(rows[row][column], text, "{column}");
    is(0, "seq", "0");
    is(0, "time", "2026-11-02T10:00:00.000001Z");
    is(0, "kind", "decision");
    is(0, "country", "US");
    is(0, "names", "'=cmd|' /C calc'!A0;two\nlines, \"quoted\"");
    is(0, "skus", "A,B;+49");
    is(0, "quantities", "2;");
    is(0, "products", "kaspersky.covered");
    is(0, "because", "billing_country");
    is(0, "value_amount", "49.90");
    is(0, "geo", "networks.csv 2026-10-01");
    is(0, "retain_until", "2036-11-02T10:00:00.000000Z");
    is(0, "status", "");
    is(1, "of", &id(1));
    is(1, "status", "451");
    is(1, "bytes", "1234");
    is(1, "notice", "page-en");
    is(1, "verdict", "");
    is(2, "kind", "later-kind");
    is(2, "status", "");
    is(2, "account", "");
}

#[test]
fn the_document_tells_of_every_column_in_order() {
    let document = include_str!("../../../docs/reports.md");
    let table = document.split("| column | type | holds |").nth(1).unwrap();
    let rows = table.lines().take_while(|line| line.is_empty() || line.starts_with('|'));
    let told: Vec<_> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(told, COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
}

#[test]
fn jsonl_is_the_record_itself() {
    let records = records();
    let mut out = Vec::new();
    let mut export = Export::jsonl(&mut out);
    walk(&records, |entry| export.put(entry)).unwrap();
    export.finish().unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, records.into_iter().map(|(_, record)| record).collect::<Vec<_>>());
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::*;
    use crate::evidence::columns::Type;

    fn written(records: &[Made]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut export = Export::parquet(file.as_file_mut()).unwrap();
        walk(records, |entry| export.put(entry)).unwrap();
        export.finish().unwrap();
        file
    }

    /// What a typed table holds must be what the CSV file says of the same records, cell by cell.
    #[test]
    fn cells_are_those_of_the_csv_file_and_typed() {
        use ::parquet::file::reader::FileReader;
        use ::parquet::record::Field;

        let records = records();
        let file = written(&records);
        let reader =
            ::parquet::file::serialized_reader::SerializedFileReader::new(file.reopen().unwrap());
        let rows: Vec<_> =
            reader.unwrap().get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let csv = csv_of(&records);
        let mut csv = csv::Reader::from_reader(&csv[..]);
        let csv: Vec<_> = csv.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), csv.len());
        for (row, csv) in rows.iter().zip(&csv) {
            for ((name, field), (cell, column)) in
                row.get_column_iter().zip(csv.iter().zip(&COLUMNS))
            {
                assert_eq!(name, column.name);
                let text = match (field, column.of) {
                    (Field::Null, _) => String::new(),
                    (Field::Long(whole), Type::Whole) => whole.to_string(),
                    (Field::TimestampMicros(micros), Type::Instant) => {
                        let at = jiff::Timestamp::from_microsecond(*micros).unwrap();
                        format!("{at:.6}")
                    }
                    (Field::Str(text), Type::Text) => text.clone(),
                    other => panic!("{name}: {other:?}"),
                };
                assert_eq!(text, cell.strip_prefix('\'').unwrap_or(cell), "{name}");
            }
        }
    }

    #[test]
    fn row_groups_are_bounded() {
        use ::parquet::file::reader::FileReader;

        let one = (at("2026-11-02T10:00:00Z"), refused(1));
        let file = written(&vec![one; 50_003]);
        let reader =
            ::parquet::file::serialized_reader::SerializedFileReader::new(file.reopen().unwrap());
        let reader = reader.unwrap();
        let groups: Vec<_> =
            reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [50_000, 3]);
    }
}
