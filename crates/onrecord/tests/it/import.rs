//! Whole files in: the same decisions from every format, all or nothing, nothing twice, bad rows by number.

use crate::program::{Directory, PROGRAM, decision, failed, repository, text, wait_until};
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;

/// One row of a table of loans, in each of the formats.
struct Loan {
    number: String,
    customer: String,
    income: Option<i64>,
    score: f64,
    approved: bool,
    branch: &'static str,
}

fn loans(count: usize) -> Vec<Loan> {
    (0..count)
        .map(|at| Loan {
            number: format!("loan-{at}"),
            customer: format!("customer-{}", at % 7),
            income: (at % 5 > 0).then_some(1000 + at as i64),
            score: (at % 100) as f64 / 100.0,
            approved: at % 3 == 0,
            branch: ["north", "south, \"old town\""][at % 2],
        })
        .collect()
}

const MAPPING: &str = r#"
[constants]
model_id = "loans"
model_version = "7"
"metadata.source" = "archive"

[fields]
decision_id = "number"
user_id = "customer"
confidence = "score"
"prediction.approved" = { column = "approved", type = "boolean" }
"#;

fn csv(loans: &[Loan]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["number", "customer", "income", "score", "approved", "branch"]).unwrap();
    for Loan { number, customer, income, score, approved, branch } in loans {
        let income = income.map_or(String::new(), |income| income.to_string());
        let (score, approved) = (score.to_string(), approved.to_string());
        writer.write_record([number.as_str(), customer, &income, &score, &approved, branch]).unwrap();
    }
    writer.into_inner().unwrap()
}

fn rows_as_json(loans: &[Loan]) -> String {
    let row = |loan: &Loan| {
        json!({ "number": loan.number, "customer": loan.customer, "income": loan.income, "score": loan.score,
            "approved": loan.approved, "branch": loan.branch })
    };
    loans.iter().map(|loan| row(loan).to_string() + "\n").collect()
}

fn records(loans: &[Loan]) -> String {
    let record = |loan: &Loan| {
        let mut inputs = json!({ "branch": loan.branch });
        if let Some(income) = loan.income {
            inputs["income"] = income.into();
        }
        json!({ "model_id": "loans", "model_version": "7", "metadata": { "source": "archive" }, "decision_id": loan.number,
            "user_id": loan.customer, "confidence": loan.score, "prediction": { "approved": loan.approved },
            "input_features": inputs })
    };
    loans.iter().map(|loan| record(loan).to_string() + "\n").collect()
}

fn parquet(loans: &[Loan]) -> Vec<u8> {
    let strings = |of: &dyn Fn(&Loan) -> String| -> ArrayRef {
        Arc::new(loans.iter().map(|loan| Some(of(loan))).collect::<StringArray>())
    };
    let columns = [
        ("number", strings(&|loan| loan.number.clone())),
        ("customer", strings(&|loan| loan.customer.clone())),
        ("income", Arc::new(loans.iter().map(|loan| loan.income).collect::<Int64Array>()) as ArrayRef),
        ("score", Arc::new(loans.iter().map(|loan| Some(loan.score)).collect::<Float64Array>())),
        ("approved", Arc::new(loans.iter().map(|loan| Some(loan.approved)).collect::<BooleanArray>())),
        ("branch", strings(&|loan| loan.branch.to_owned())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// What was recorded, without what differs from one import to the next.
const RECORDED: &str = "SELECT decision_id, user_id, model_id, model_version, confidence, prediction, input_features, \
    metadata, environment FROM ai_audit_logs ORDER BY leaf_index";

/// Imports, and gives how many were added and how many were there already.
#[track_caller]
fn import(directory: &Directory, arguments: &[&str]) -> (u64, u64) {
    let report = directory.json(&[&["import", "--format", "json"], arguments].concat());
    (report["accepted"].as_u64().unwrap(), report["already"].as_u64().unwrap())
}

#[test]
fn every_format_gives_the_same_decisions() {
    let loans = loans(500);
    let expected: Vec<Value> = {
        let directory = Directory::init();
        assert_eq!(import(&directory, &[&directory.write("loans.jsonl", records(&loans))]), (500, 0));
        directory.rows(RECORDED)
    };
    assert_eq!(expected.len(), 500);
    assert_eq!(expected[1]["input_features"], json!({ "income": 1001, "branch": "south, \"old town\"" }));
    assert_eq!((&expected[5]["user_id"], &expected[5]["confidence"]), (&json!("customer-5"), &json!(0.05)));
    let gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &csv(&loans)).unwrap();
        gzip.finish().unwrap()
    };
    let files: [(&str, Vec<u8>); 5] = [
        ("rows.jsonl", rows_as_json(&loans).into_bytes()),
        ("rows.csv", csv(&loans)),
        ("rows.csv.gz", gzip),
        ("rows.ndjson.zst", zstd::encode_all(rows_as_json(&loans).as_bytes(), 1).unwrap()),
        ("rows.parquet", parquet(&loans)),
    ];
    for (name, content) in files {
        let directory = Directory::init();
        let (file, mapping) = (directory.write(name, content), directory.write("mapping.toml", MAPPING));
        assert_eq!(import(&directory, &[&file, "--mapping", &mapping]), (500, 0), "{name}");
        let recorded = directory.rows(RECORDED);
        let differs = recorded.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert!(recorded.len() == 500 && differs.is_none(), "{name}: {differs:?}");
        assert_eq!(import(&directory, &[&file, "--mapping", &mapping]), (0, 500), "{name}: again");
        assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 500, "{name}");
    }
}

#[test]
fn a_running_server_takes_the_import_of_its_directory() {
    let directory = Directory::init();
    let server = directory.serve();
    let file = directory.write("loans.jsonl", records(&loans(300)));
    assert_eq!(import(&directory, &[&file]), (300, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM ai_audit_logs"), 300);
    let remote = ["--url", &server.url(), "--token", &directory.token, "import", "--format", "json", &file];
    assert_eq!(directory.json(&remote)["already"], 300, "the same file through the network adds nothing");
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(import(&directory, &[&file]), (0, 300));
}

/// The lines of `count` good records, those with the numbers `bad` (from 1) made bad.
fn lines_with_bad(count: usize, bad: &[usize]) -> Vec<String> {
    let mut lines: Vec<String> = records(&loans(count)).lines().map(|line| line.to_owned() + "\n").collect();
    for at in bad {
        lines[at - 1] = lines[at - 1].replacen("\"confidence\":0.", "\"confidence\":7.", 1);
    }
    lines
}

#[test]
fn a_file_with_bad_rows_is_refused_as_a_whole_and_the_rows_are_named() {
    let directory = Directory::init();
    let bad = [3, 7, 4099, 4500];
    let file = directory.write("bad.jsonl", lines_with_bad(5000, &bad).concat());
    let printed = directory.fails(&["import", &file]);
    for row in bad {
        assert!(printed.contains(&format!("row {row}: /confidence")), "{row}: {printed}");
    }
    assert!(printed.contains("4 bad rows") && printed.contains("--skip-bad"), "{printed}");
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 0, "all or nothing");

    let many = directory.write("many.jsonl", "{}\n".repeat(1000));
    let printed = directory.fails(&["import", &many]);
    assert!(printed.contains("1000 bad rows") && printed.contains("980 more") && printed.len() < 5000, "{printed}");
}

#[test]
fn bad_rows_are_put_aside_as_they_stand() {
    let directory = Directory::init();
    let bad = [1, 700, 4097];
    let lines = lines_with_bad(4200, &bad);
    let file = directory.write("some.jsonl", lines.concat());
    let aside = directory.beside("aside.jsonl");
    let output = directory.run(&["import", &file, "--skip-bad", aside.to_str().unwrap(), "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["accepted"], &report["bad"]), (&json!(4197), &json!(3)));
    assert!(text(&output.stderr).contains("row 700: /confidence"), "{}", text(&output.stderr));
    let again = directory.beside("again.jsonl");
    let printed = directory.run(&["import", &file, "--skip-bad", again.to_str().unwrap(), "--format", "table"]);
    let printed = text(&printed.stdout) + &text(&printed.stderr);
    assert!(printed.contains("3 bad rows put aside"), "{printed}");
    let put_aside = std::fs::read_to_string(&aside).unwrap();
    assert_eq!(put_aside, [&lines[0], &lines[699], &lines[4096]].map(String::as_str).concat());
    assert_eq!(put_aside, std::fs::read_to_string(&again).unwrap());
    let mended = directory.write("mended.jsonl", put_aside.replace("\"confidence\":7.", "\"confidence\":0."));
    assert_eq!(import(&directory, &[&mended]), (3, 0));
    assert_eq!(directory.count("SELECT COUNT(DISTINCT decision_id) FROM decisions"), 4200);
}

#[test]
fn putting_bad_rows_aside_overwrites_nothing() {
    let directory = Directory::init();
    let lines = lines_with_bad(3, &[2]).concat();
    let file = directory.write("rows.jsonl", &lines);
    let link = directory.beside("link.jsonl").to_str().unwrap().to_owned();
    std::fs::hard_link(&file, &link).unwrap();
    for aside in [&file, &link] {
        let said = directory.fails(&["import", &file, "--skip-bad", aside]);
        assert!(said.contains("that is a file which is read"), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), lines);
    }
    let kept = directory.write("kept.jsonl", "a row of yesterday\n");
    let said = directory.fails(&["import", &file, "--skip-bad", &kept]);
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "a row of yesterday\n");
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 0, "refused before anything is recorded");
    let empty = directory.write("empty.jsonl", "");
    assert!(directory.run(&["import", &file, "--skip-bad", &empty]).status.success());
    assert_eq!(std::fs::read_to_string(&empty).unwrap(), lines_with_bad(3, &[2])[1]);
}

#[test]
fn bad_rows_of_several_files_stand_each_on_its_line() {
    let directory = Directory::init();
    let bad = lines_with_bad(1, &[1]).concat();
    let (one, other) = (directory.write("one.jsonl", bad.trim_end()), directory.write("other.jsonl", bad.trim_end()));
    let aside = directory.beside("aside.jsonl");
    assert!(directory.run(&["import", &one, &other, "--skip-bad", aside.to_str().unwrap()]).status.success());
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), bad.repeat(2));

    // Two tables with one header are one table, which can be imported once it is corrected.
    let mapping = directory.write("mapping.toml", MAPPING);
    let table = "number,customer,income,score,approved,branch\nn-1,c-1,10,7,true,north";
    let (one, other) = (directory.write("one.csv", table), directory.write("other.csv", table));
    let aside = directory.beside("aside.csv");
    let arguments = ["import", &one, &other, "--mapping", &mapping, "--skip-bad", aside.to_str().unwrap()];
    assert!(directory.run(&arguments).status.success());
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), format!("{table}\nn-1,c-1,10,7,true,north\n"));
}

#[test]
fn bad_rows_of_tables_with_other_headers_go_to_files_of_their_own() {
    let directory = Directory::init();
    let mapping = directory.write("mapping.toml", MAPPING);
    let (header, other_header) =
        ("number,customer,income,score,approved,branch", "branch,number,customer,income,score,approved");
    let one = directory.write("one.csv", format!("{header}\nn-1,c-1,10,7,true,north\n"));
    let other = directory.write("other.csv", format!("{other_header}\nnorth,n-2,c-1,10,7,true\n"));
    let third = directory.write("third.csv", format!("{header}\nn-3,c-1,10,7,true,north\n"));
    let aside = directory.beside("aside.csv");
    let arguments = ["import", &one, &other, &third, "--mapping", &mapping, "--skip-bad", aside.to_str().unwrap()];
    let output = directory.run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let aside_2 = directory.beside("aside-2.csv");
    assert!(text(&output.stderr).contains("1 bad row written to ") && text(&output.stderr).contains("aside-2.csv"));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&aside), format!("{header}\nn-1,c-1,10,7,true,north\nn-3,c-1,10,7,true,north\n"));
    assert_eq!(read(&aside_2), format!("{other_header}\nnorth,n-2,c-1,10,7,true\n"));
    // Corrected, both can be imported.
    let mend = |path: &std::path::Path| std::fs::write(path, read(path).replace(",10,7,", ",10,0.7,")).unwrap();
    mend(&aside);
    mend(&aside_2);
    let files = [&aside, &aside_2].map(|path| path.to_str().unwrap().to_owned());
    let output = directory.run(&["import", &files[0], &files[1], "--mapping", &mapping]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions WHERE decision_id IN ('n-1', 'n-2', 'n-3')"), 3);
}

#[test]
fn a_row_about_a_decision_that_is_nowhere_shows_before_anything_is_recorded() {
    let directory = Directory::init();
    let review = |of: &str| format!(r#"{{"kind":"review","decision_id":"{of}","reviewer":"kim","overridden":false}}"#);
    let outcome = |of: &str| format!(r#"{{"kind":"outcome","decision_id":"{of}","outcome":true}}"#);
    let loans = records(&loans(5_000));
    let id = |row: usize| {
        let loan: Value = serde_json::from_str(loans.lines().nth(row).unwrap()).unwrap();
        loan.get("decision_id").or_else(|| loan.get("decisionId")).unwrap().as_str().unwrap().to_owned()
    };
    // Several chunks: what is far behind its decision, in one chunk with it, before it, and about none.
    let (first, last) = (id(0), id(4_999));
    let good = format!("{loans}{}\n{}\n{}\n", review(&first), outcome(&last), review(&last));
    let bad = format!("{}\n{good}{}\n", review(&last), outcome("nowhere"));
    let said = directory.fails(&["import", &directory.write("bad.jsonl", &bad)]);
    assert!(said.contains("2 bad rows; nothing of this file was recorded"), "{said}");
    assert!(said.contains("row 1: /decision_id: the decision with this id comes later in the file"), "{said}");
    assert!(
        said.contains("row 5005: /decision_id: no decision with this id is on the record, nor in the file"),
        "{said}"
    );
    assert_eq!(directory.count("SELECT COUNT(*) FROM entries WHERE kind IN ('decision', 'review', 'outcome')"), 0);
    let good = directory.write("good.jsonl", &good);
    assert_eq!(import(&directory, &[&good]), (5_003, 0));
    assert_eq!(import(&directory, &[&good]), (0, 5_003), "once more adds nothing");
    // Now the decisions are on the record.
    let reviews = directory.write("reviews.jsonl", format!("{}\n{}\n", review(&last), outcome(&first)));
    assert_eq!(import(&directory, &[&reviews]), (2, 0));
    assert_eq!(directory.count("SELECT COUNT(*) FROM ai_audit_logs WHERE human_reviewed"), 2);
}

#[test]
fn a_file_is_the_same_compressed_or_not() {
    let directory = Directory::init();
    let rows = records(&loans(20));
    let plain = directory.write("rows.jsonl", &rows);
    assert_eq!(import(&directory, &[&plain]), (20, 0));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, rows.as_bytes()).unwrap();
    assert_eq!(import(&directory, &[&directory.write("rows.jsonl.gz", gzip.finish().unwrap())]), (0, 20));
    let zstd = zstd::encode_all(rows.as_bytes(), 1).unwrap();
    assert_eq!(import(&directory, &[&directory.write("rows.jsonl.zst", zstd)]), (0, 20));
}

#[test]
fn a_table_that_ends_inside_a_quote_is_refused() {
    let directory = Directory::init();
    let mapping = directory.write("mapping.toml", MAPPING);
    let header = "number,customer,income,score,approved,branch";
    let row = |number: u64, branch: &str| format!("n-{number},c-1,10,0.5,true,{branch}\n");
    let rows: String = (0..50).map(|number| row(number, "north")).collect();
    let file =
        directory.write("open.csv", format!("{header}\n{}{}{rows}", row(50, "\"two\nlines\""), row(51, "\"open")));
    let aside = directory.beside("aside.csv");
    for more in [&[][..], &["--skip-bad", aside.to_str().unwrap()]] {
        let said = directory.fails(&[&["import", &file, "--mapping", &mapping], more].concat());
        assert!(said.contains("the quote that opens on line 4 is never closed"), "{said}");
        assert_eq!(directory.count("SELECT COUNT(*) FROM decisions WHERE decision_id = 'n-51'"), 0);
    }
}

#[test]
fn v6_a_separator_that_is_not_the_files_is_named_with_the_one_that_would_fit() {
    let directory = Directory::init();
    let comma = directory.write("comma.toml", MAPPING);
    let semicolon = directory.write("semicolon.toml", format!("delimiter = \";\"\n{MAPPING}"));
    let (header, row) = ("number;customer;income;score;approved;branch", "n-1;c-1;10;0.5;true;north");
    let of = |name: &str, separator: &str, head: &str| {
        directory.write(name, format!("{head}\n{row}\n").replace(';', separator))
    };
    for (name, separator, mapping, read, fits) in [
        (
            "a.csv",
            ";",
            &comma,
            r#"the delimiter "," the header has 1 column: "number;customer;"#,
            Some(r#"delimiter = ";""#),
        ),
        ("b.csv", "\t", &comma, r#""number\tcustomer\t"#, Some(r#"delimiter = "\t""#)),
        ("c.csv", "|", &comma, r#""number|customer|"#, Some(r#"delimiter = "|""#)),
        (
            "d.csv",
            ",",
            &semicolon,
            r#"the delimiter ";" the header has 1 column: "number,customer,"#,
            Some(r#"delimiter = ",""#),
        ),
        ("e.csv", "#", &comma, r#""number#customer#"#, None),
    ] {
        let said = directory.fails(&["import", &of(name, separator, header), "--mapping", mapping]);
        assert!(said.contains(read) && said.contains("which the file does not have"), "{name}: {said}");
        match fits {
            Some(fits) => assert!(said.contains(fits), "{name}: {said}"),
            None => assert!(!said.contains("would fit"), "{name}: {said}"),
        }
    }
    // Without a header the first line is somebody's data.
    let said = directory.fails(&["import", &of("f.csv", ",", "jane.roe@example.com;n-1;10"), "--mapping", &comma]);
    assert!(!said.contains("jane.roe"), "{said}");
    // What it advises works.
    assert_eq!(
        directory.json(&["import", &of("g.csv", ";", header), "--mapping", &semicolon, "--format", "json"])["accepted"],
        1
    );
}

/// In a file system of its own, which is full after a part of the file and larger afterwards.
#[test]
fn u6_an_import_that_a_full_disk_stops_says_how_much_is_on_the_record() {
    let directory = Directory::absent();
    let noise = |row: u64| {
        let mut random = onrecord_testing::Random::new(row);
        (0..64).map(|_| format!("{:016x}", random.number())).collect::<String>()
    };
    let rows: String =
        (0..60_000).map(|row| decision(&format!(r#","metadata":{{"noise":"{}"}}"#, noise(row))) + "\n").collect();
    let file = directory.write("rows.jsonl", rows);
    let disk = directory.beside("disk");
    std::fs::create_dir(&disk).unwrap();
    let script = r#"
        set -e
        mount -t tmpfs -o size=48m tmpfs "$DISK"
        onrecord() { "$PROGRAM" --data "$DISK/data" "$@"; }
        onrecord init >&2
        if onrecord import "$FILE" 2>"$DISK/../said"; then exit 9; fi
        mount -o remount,size=512m "$DISK"
        onrecord sql "SELECT count(*) AS n FROM decisions" --format jsonl
        onrecord import "$FILE" --format json
        onrecord sql "SELECT count(*) AS n FROM decisions" --format jsonl
        onrecord verify >&2
    "#;
    let mut command = std::process::Command::new("unshare");
    command.args(["--map-root-user", "--mount", "bash", "-c", script]);
    let command = command.env("PROGRAM", PROGRAM).env("DISK", &disk).env("FILE", &file).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = std::fs::read_to_string(directory.beside("said")).unwrap();
    let answers: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let recorded = answers[0]["n"].as_u64().unwrap();
    assert!(recorded > 0 && recorded < 60_000, "{said}");
    assert!(
        said.contains(&format!("rows.jsonl: {recorded} of 60000 rows are on the record; import the file again")),
        "{said}"
    );
    assert!(said.contains("The disk is full") && !said.contains("nothing was recorded"), "{said}");
    assert_eq!(
        (answers[1]["accepted"].as_u64(), answers[1]["already"].as_u64()),
        (Some(60_000 - recorded), Some(recorded))
    );
    assert_eq!(answers[2]["n"], 60_000);
}

#[test]
fn a_table_that_does_not_fit_its_mapping_says_where() {
    let directory = Directory::init();
    let mapping = directory.write("mapping.toml", MAPPING);
    let header = "number,customer,income,score,approved,branch\n";
    let table = |name: &str, rows: &str| directory.write(name, format!("{header}{rows}"));
    let good = "n-1,c-1,10,0.5,true,north\n";
    let refused = |file: &str, named: &[&str]| {
        let printed = directory.fails(&["import", file, "--mapping", &mapping]);
        for name in named {
            assert!(printed.contains(name), "{name} in {printed}");
        }
        assert!(!printed.contains("Xq7-secret"), "{printed}");
    };
    refused(&table("score.csv", &format!("{good}n-2,c-1,10,Xq7-secret,true,north\n")), &["row 2", "score", "number"]);
    refused(&table("flag.csv", &format!("{good}{good}n-3,c-1,1,1,Xq7-secret,n\n")), &["row 3", "approved", "boolean"]);
    refused(&table("cells.csv", &format!("{good}n-2,c-1,Xq7-secret\n")), &["row 2", "cells"]);
    refused(&table("range.csv", "n-1,c-1,10,1.5,true,north\n"), &["row 1", "/confidence"]);
    refused(&directory.write("column.csv", "number,income\n1,2\n"), &["the file does not have"]);
    refused(&directory.write("twice.csv", "number,number\n1,2\n"), &["two columns", "number"]);
    refused(&directory.write("broken.parquet", "PAR1 this is no Parquet file"), &["broken.parquet"]);
    refused(&directory.write("broken.csv.gz", "no gzip"), &["broken.csv.gz"]);
    let printed = directory.fails(&["import", &table("alone.csv", good)]);
    assert!(printed.contains("--mapping"), "{printed}");
    let unknown = directory.write("unknown.toml", format!("{MAPPING}\n[other]\na = 1\n"));
    let printed = directory.fails(&["import", &table("good.csv", good), "--mapping", &unknown]);
    assert!(printed.contains("unknown.toml") && printed.contains("other"), "{printed}");
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 0);
}

#[test]
fn an_import_killed_midway_and_run_again_adds_nothing_twice() {
    const COUNT: u64 = 48_000;
    let directory = Directory::init();
    let file = directory.write("loans.jsonl", records(&loans(COUNT as usize)));
    for killed in 0..2 {
        let before = directory.size_bytes();
        let mut child =
            directory.command(&["import", &file]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait_until("some of it is recorded", || directory.size_bytes() > before + (1 << 20));
        assert!(child.try_wait().unwrap().is_none(), "{killed}: it ended before it could be killed");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let recorded = directory.count("SELECT COUNT(*) FROM decisions");
    assert!(0 < recorded && recorded < COUNT, "{recorded}");
    assert_eq!(import(&directory, &[&file]), (COUNT - recorded, recorded));
    assert_eq!(import(&directory, &[&file]), (0, COUNT));
    let ids = directory.rows("SELECT COUNT(*) AS all, COUNT(DISTINCT event_id) AS different FROM decisions");
    assert_eq!((&ids[0]["all"], &ids[0]["different"]), (&json!(COUNT), &json!(COUNT)));
    directory.verified(&["verify"]);
}

#[test]
fn v5_a_byte_order_mark_is_skipped_at_the_start_of_a_file_only() {
    let directory = Directory::init();
    let (one, other) = (decision(r#","decisionId":"d-1""#), decision(r#","decisionId":"d-2""#));
    let file = directory.write("marked.jsonl", format!("\u{feff}{one}\n{other}\n"));
    assert_eq!(import(&directory, &[&file]), (2, 0));
    let file = directory.write("inside.jsonl", format!("{one}\n\u{feff}{other}\n"));
    assert!(directory.fails(&["import", &file]).contains('2'));
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 2);
}

#[test]
#[ignore = "needs examples/mortgages/loanapp.csv; ./test fetches it and runs it"]
fn the_mortgages_give_the_approvals_by_group_that_are_known() {
    let example = repository().join("examples/mortgages");
    let table = example.join("loanapp.csv");
    assert!(table.exists(), "examples/mortgages/fetch has not been run");
    let directory = Directory::init();
    let mapping = example.join("mapping.toml");
    let arguments = [table.to_str().unwrap(), "--mapping", mapping.to_str().unwrap()];
    assert_eq!(import(&directory, &arguments), (1989, 0));
    let sql = std::fs::read_to_string(example.join("approval_by_group.sql")).unwrap();
    let groups: Vec<(String, u64, u64)> = directory
        .rows(&sql)
        .iter()
        .map(|row| {
            let number = |column: &str| row[column].as_u64().unwrap();
            (row["applicant_group"].as_str().unwrap().to_owned(), number("approvals"), number("total_decisions"))
        })
        .collect();
    let known = [("white", 1527, 1681), ("black", 133, 197), ("hispanic", 85, 111)];
    assert_eq!(groups, known.map(|(group, approvals, total)| (group.to_owned(), approvals, total)));
    assert_eq!(import(&directory, &arguments), (0, 1989));
    let missing = directory.run(&["import", "not-there.csv", "--mapping", arguments[2]]);
    assert!(failed(&missing, "a missing file").contains("not-there.csv"));
}
