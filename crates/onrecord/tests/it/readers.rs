//! Segments as others read them: DuckDB and pyarrow, which share nothing with our Parquet writer.

use crate::program::{Directory, text};
use std::io::Write;
use std::process::{Command, Stdio};

const READ: &str = r#"
import glob, sys
import duckdb
import pyarrow.parquet

paths = sorted(glob.glob(sys.argv[1] + "/segments/*.parquet"))
assert paths, "there is no segment"
schema = pyarrow.parquet.read_schema(paths[0])
for name in ["leaf_index", "kind", "event_id", "recorded_at", "timestamp", "decision_id", "user_id", "model_id",
             "confidence", "overridden", "input_features.credit_amount", "input_features.gender", "prediction.approved"]:
    assert name in schema.names, f"{name} in {schema.names}"
assert str(schema.field("timestamp").type) == "timestamp[us, tz=UTC]", schema.field("timestamp").type
assert str(schema.field("confidence").type) == "double", schema.field("confidence").type
table = pyarrow.concat_tables([pyarrow.parquet.read_table(path) for path in paths], promote_options="permissive")
leaves = table.column("leaf_index").to_pylist()
assert leaves == list(range(len(leaves))), "one row a leaf, in order"

decided = duckdb.sql(f"SELECT * FROM read_parquet({paths}, union_by_name = true) WHERE kind = 'decision'")
by_gender = duckdb.sql("""
    SELECT "input_features.gender" AS gender, COUNT(*) AS decisions,
        COUNT(*) FILTER (WHERE "prediction.approved") AS approved, SUM("input_features.credit_amount") AS amount
    FROM decided GROUP BY ALL ORDER BY gender
""")
print(*(f"{gender} {decisions} {approved} {int(amount)}" for gender, decisions, approved, amount in by_gender.fetchall()),
      sep="\n")
"#;

#[test]
#[ignore = "needs duckdb and pyarrow for Python; ./test sets them up and runs it"]
fn other_parquet_readers_find_named_columns_and_the_same_answers() {
    let python = std::env::var_os("ONRECORD_PYTHON").expect("ONRECORD_PYTHON names a Python with duckdb and pyarrow");
    let directory = Directory::demo();
    directory.seal();
    let output = Command::new(python).args(["-c", READ]).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let ours = directory.rows(
        "SELECT input_features->>'gender' AS gender, COUNT(*) AS decisions, \
         SUM(CASE WHEN prediction->>'approved' = 'true' THEN 1 ELSE 0 END) AS approved, \
         SUM(CAST(input_features->>'credit_amount' AS BIGINT)) AS amount FROM decisions GROUP BY 1 ORDER BY 1",
    );
    let ours: String = ours
        .iter()
        .map(|row| {
            let number = |column: &str| row[column].as_u64().unwrap();
            let gender = row["gender"].as_str().unwrap();
            format!("{gender} {} {} {}\n", number("decisions"), number("approved"), number("amount"))
        })
        .collect();
    assert_eq!(text(&output.stdout), ours);
}

const READ_STREAM: &str = r#"
import sys
import pyarrow.ipc

table = pyarrow.ipc.open_stream(sys.stdin.buffer).read_all()
assert table.column_names == ["gender", "decisions", "some"], table.column_names
for gender, decisions in zip(table.column("gender").to_pylist(), table.column("decisions").to_pylist()):
    print(gender, decisions)
"#;

#[test]
#[ignore = "needs duckdb and pyarrow for Python; ./test sets them up and runs it"]
fn an_answer_as_an_arrow_stream_is_read_by_others() {
    let python = std::env::var_os("ONRECORD_PYTHON").expect("ONRECORD_PYTHON names a Python with duckdb and pyarrow");
    let directory = Directory::demo();
    let sql = "SELECT input_features->>'gender' AS gender, leaf_index AS decisions, prediction AS some \
               FROM ai_audit_logs ORDER BY leaf_index LIMIT 20";
    let server = directory.serve();
    let answer = server.sql(sql, "application/vnd.apache.arrow.stream");
    assert_eq!(answer.status, 200, "{}", text(&answer.body));
    let mut reading = Command::new(python);
    let mut reading = reading.args(["-c", READ_STREAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    reading.stdin.take().unwrap().write_all(&answer.body).unwrap();
    let output = reading.wait_with_output().unwrap();
    assert!(output.status.success());
    let ours: String = server
        .rows(sql)
        .iter()
        .map(|row| format!("{} {}\n", row["gender"].as_str().unwrap(), row["decisions"]))
        .collect();
    assert_eq!(text(&output.stdout), ours);
}

const READ_NUMBERS: &str = r#"
import glob, sys
import duckdb

paths = sorted(glob.glob(sys.argv[1] + "/segments/*.parquet"))
rows = duckdb.sql(f"""
    SELECT "input_features.account", input_features_rest, timestamp_sent
    FROM read_parquet({paths}, union_by_name = true) WHERE kind = 'decision'
""")
print(rows.types[0])
for row in rows.fetchall():
    print(*row)
"#;

#[test]
#[ignore = "needs duckdb and pyarrow for Python; ./test sets them up and runs it"]
fn v1_every_digit_of_an_integer_is_read_by_others() {
    let python = std::env::var_os("ONRECORD_PYTHON").expect("ONRECORD_PYTHON names a Python with duckdb and pyarrow");
    let directory = Directory::init();
    let sent = r#"{"model_id":"m","model_version":"1","timestamp":"2026-11-20T10:00:00.123456789Z","input_features":{"account":107505301260286111,"wei":19876543210987654321},"prediction":1}"#;
    directory.ok(&["log", &directory.write("sent.json", sent)]);
    directory.seal();
    let output = Command::new(python).args(["-c", READ_NUMBERS]).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = "BIGINT\n107505301260286111 {\"wei\":19876543210987654321} 2026-11-20T10:00:00.123456789Z\n";
    assert_eq!(text(&output.stdout), expected);
}
