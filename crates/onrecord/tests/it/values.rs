//! Values whole: what a producer sent comes back digit for digit by every way out, or is refused by name on the way in.

use crate::program::Directory;
use arrow::array::{
    ArrayRef, Decimal128Array, Float32Array, Int64Array, StringArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::record_batch::RecordBatch;
use onrecord_evidence::Bundle;
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

const V1: &str = r#"{"decision_id":"v1","model_id":"trial","model_version":"1","input_features":{"account":107505301260286111,"wei":19876543210987654321},"prediction":{"approved":true}}"#;
const V2: &str = r#"{"decision_id":"v2","model_id":"trial","model_version":"1","input_features":{"balance":123456789012345.123456789},"prediction":{"approved":true}}"#;
const V4: &str = r#"{"decision_id":"v4","model_id":"trial","model_version":"1","timestamp":"2026-11-20T10:00:00.123456789Z","input_features":{},"prediction":{"approved":true}}"#;

const FEATURES: &str = r#"{"account":107505301260286111,"wei":19876543210987654321}"#;

#[test]
fn v1_an_account_number_comes_back_digit_for_digit_by_every_way_out() {
    let directory = Directory::init();
    let check = || {
        let server = directory.serve();
        let told = server.get("/v1/decisions/v1").text();
        assert!(told.contains(&format!("\"input_features\":{FEATURES}")), "{told}");
        let bundle = Bundle::parse(&server.get("/v1/decisions/v1/evidence").body).unwrap();
        bundle.verify(&directory.key()).unwrap();
        assert!(String::from_utf8_lossy(bundle.record()).contains(FEATURES));
        let sql = "SELECT input_features, (input_features->>'account')::bigint AS account, input_features->>'wei' AS wei \
                   FROM ai_audit_logs WHERE input_features->>'account' = '107505301260286111'";
        let json = server.sql(sql, "application/x-ndjson").text();
        let expected =
            format!(r#"{{"input_features":{FEATURES},"account":107505301260286111,"wei":"19876543210987654321"}}"#);
        assert_eq!(json.trim_end(), expected);
        let csv = server.sql(sql, "text/csv").text();
        assert!(csv.trim_end().ends_with(",107505301260286111,19876543210987654321"), "{csv}");
        let arrow = server.sql(sql, "application/vnd.apache.arrow.stream").body;
        let batches: Vec<_> =
            arrow::ipc::reader::StreamReader::try_new(arrow.as_slice(), None).unwrap().map(Result::unwrap).collect();
        let account = batches[0].column_by_name("account").unwrap();
        let account = account.as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!(account.value(0), 107_505_301_260_286_111);
        assert_eq!(server.stop().0, Some(0));
    };
    directory.ok(&["log", &directory.write("v1.json", V1)]);
    check();
    directory.seal();
    check();
    let table = directory.ok(&["sql", "SELECT input_features FROM decisions", "--format", "table"]);
    assert!(table.contains(FEATURES), "{table}");
    let bundle = Bundle::parse(directory.ok(&["evidence", "v1"]).as_bytes()).unwrap();
    assert!(String::from_utf8_lossy(bundle.record()).contains(FEATURES));
    directory.ok(&["verify"]);
}

#[test]
fn v1_the_same_account_number_is_the_same_body() {
    let directory = Directory::init();
    let server = directory.serve();
    let body = |account: &str| {
        V1.replacen('{', r#"{"event_id":"01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e11","#, 1)
            .replace("107505301260286111", account)
    };
    assert_eq!(server.post("/v1/decisions", body("107505301260286111")).status, 201);
    assert_eq!(server.post("/v1/decisions", body("107505301260286111")).status, 200);
    // Its neighbour is the same double, and another body.
    assert_eq!(server.post("/v1/decisions", body("107505301260286112")).status, 409);
}

#[test]
fn v2_a_fraction_that_a_double_rounds_is_refused_with_its_place() {
    let directory = Directory::init();
    let server = directory.serve();
    let refused = server.post("/v1/decisions", V2);
    assert_eq!(refused.status, 422);
    let told = refused.text();
    assert!(told.contains("/input_features/balance") && told.contains("send it as a string"), "{told}");
    assert!(!told.contains("123456789012345"), "{told}");
    assert_eq!(
        server.post("/v1/decisions", V2.replace("123456789012345.123456789", "\"123456789012345.123456789\"")).status,
        201
    );
}

#[test]
fn v4_nine_digits_of_fraction_come_back() {
    let directory = Directory::init();
    directory.ok(&["log", &directory.write("v4.json", V4)]);
    directory.seal();
    let rows = directory.ok(&["sql", "SELECT timestamp, timestamp_sent FROM ai_audit_logs", "--format", "jsonl"]);
    let expected = r#"{"timestamp":"2026-11-20T10:00:00.123456Z","timestamp_sent":"2026-11-20T10:00:00.123456789Z"}"#;
    assert_eq!(rows.trim_end(), expected);
    let schema = directory.ok(&["schema"]);
    assert!(schema.contains("timestamp_sent") && schema.contains("to the microsecond"), "{schema}");
    directory.ok(&["verify"]);
}

const MAPPING: &str = r#"
[constants]
model_id = "ledger"
model_version = "1"
"prediction.sound" = true

[fields]
decision_id = "number"
timestamp = "at"
"#;

/// The input features of every decision, in order.
fn features(directory: &Directory) -> Vec<String> {
    let printed =
        directory.ok(&["sql", "SELECT input_features AS f FROM decisions ORDER BY leaf_index", "--format", "csv"]);
    printed.lines().skip(1).map(|line| line.trim_matches('"').replace("\"\"", "\"")).collect()
}

#[test]
fn v2_cells_of_a_csv_file_keep_their_digits() {
    let directory = Directory::init();
    let rows = "number,at,account,balance,rate\n\
        n1,2026-11-20T10:00:00.123456789Z,107505301260286111,123456789012345.123456789,0.10\n";
    let (file, mapping) = (directory.write("rows.csv", rows), directory.write("mapping.toml", MAPPING));
    directory.ok(&["import", &file, "--mapping", &mapping]);
    assert_eq!(
        features(&directory),
        [r#"{"account":107505301260286111,"balance":"123456789012345.123456789","rate":0.1}"#]
    );
    let sent = directory.rows("SELECT timestamp_sent FROM decisions");
    assert_eq!(sent[0]["timestamp_sent"], "2026-11-20T10:00:00.123456789Z");
    let typed = directory.write("typed.toml", format!("{MAPPING}\n[rest.types]\nbalance = \"number\"\n"));
    let refused = directory.fails(&["import", &file, "--mapping", &typed]);
    assert!(refused.contains("row 1: column `balance`: the number would be rounded"), "{refused}");
}

fn parquet(amounts: Vec<i128>) -> Vec<u8> {
    let rows = amounts.len();
    let texts = |of: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new((0..rows).map(|at| Some(of(at))).collect::<StringArray>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("number", texts(&|at| format!("n{at}"))),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![1_795_428_000_123_456_789; rows]).with_timezone("UTC"))),
        ("amount", Arc::new(Decimal128Array::from(amounts).with_precision_and_scale(38, 4).unwrap())),
        ("signed", Arc::new(Int64Array::from(vec![i64::MIN; rows]))),
        ("single", Arc::new(Float32Array::from(vec![0.1; rows]))),
        ("unsigned", Arc::new(UInt64Array::from(vec![u64::MAX; rows]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn v2_cells_of_a_parquet_file_keep_their_digits_or_are_named() {
    let directory = Directory::init();
    let mapping = directory.write("mapping.toml", MAPPING);
    let sound = directory.write("sound.parquet", parquet(vec![1_234_500, 10_000]));
    directory.ok(&["import", &sound, "--mapping", &mapping]);
    let rest = r#""signed":-9223372036854775808,"single":0.1,"unsigned":18446744073709551615}"#;
    assert_eq!(features(&directory), [format!(r#"{{"amount":123.45,{rest}"#), format!(r#"{{"amount":1,{rest}"#)]);
    let sent = directory.rows("SELECT timestamp_sent FROM decisions");
    assert_eq!(sent[0]["timestamp_sent"], "2026-11-23T10:00:00.123456789Z", "v4");
    let rounded = directory.write("rounded.parquet", parquet(vec![10_000, 12_345_678_901_234_567_890]));
    let refused = directory.fails(&["import", &rounded, "--mapping", &mapping]);
    assert!(refused.contains("row 2: /input_features/amount: the number would be rounded"), "{refused}");
}
