//! `onrecord-verify`: what a third party runs, offline, to check evidence against a public key. Says yes or no and why.
//!
//! Takes its arguments apart by hand and links nothing but the proofs, so that who must trust it can read and build it in
//! a minute. Invariant: exit code 0 is given only after a signature and a proof were checked; what cannot be read or
//! understood is never a yes.

use onrecord_evidence::{BatchReceipt, Bundle, Checkpoint, ConsistencyProof, Error, Receipt, Verifier};
use std::{
    fs::File,
    io::{Read, Write},
    process::ExitCode,
};

const HELP: &str = "\
onrecord-verify: checks evidence of an onrecord log, offline

  onrecord-verify bundle FILE --key KEY [--show]
  onrecord-verify receipt FILE [--record FILE] --key KEY
  onrecord-verify batch-receipt FILE [--record FILE] --key KEY
  onrecord-verify consistency OLD NEW PROOF --key KEY

  FILE          evidence as onrecord gave it, JSON; - reads standard input. For a receipt also the whole answer
                that it came in, as `onrecord log` prints it. For a bundle also several, a line each: all must hold
  OLD NEW       two signed checkpoints; PROOF shows that NEW continues OLD
  --key KEY     the log's public key, or a file with one or several, a line each; may be given more than once
  --record FILE the exact bytes of the record that must be the one in the receipt
  --show        after the answer, write the bundle's record

Get the public key from whom you trust, not from where the evidence came.
Exit code: 0 yes, 1 no (or the evidence could not be read), 2 wrong usage.
";

/// More than any evidence: a batch receipt of a million records has some 50 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The ways to end without a yes.
enum Failure {
    No(String),
    Misuse(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::No(error.to_string())
    }
}

/// A yes: the sentence, and bytes to show after it.
struct Yes {
    sentence: String,
    record: Option<Vec<u8>>,
}

#[derive(Default)]
struct Arguments {
    files: Vec<String>,
    keys: Vec<Verifier>,
    record: Option<String>,
    show: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = match std::env::args_os().skip(1).map(|text| text.into_string()).collect() {
        Ok(arguments) => arguments,
        Err(_) => return misuse("an argument is not UTF-8"),
    };
    match arguments.first().map(String::as_str) {
        Some("-h" | "--help" | "help") => return say(HELP.as_bytes(), ExitCode::SUCCESS),
        Some("-V" | "--version") => {
            return say(concat!("onrecord-verify ", env!("CARGO_PKG_VERSION"), "\n").as_bytes(), ExitCode::SUCCESS);
        }
        _ => {}
    }
    match run(&arguments) {
        Ok(yes) => {
            let mut answer = format!("yes: {}\n", yes.sentence).into_bytes();
            answer.extend(yes.record.into_iter().flatten());
            say(&answer, ExitCode::SUCCESS)
        }
        Err(Failure::No(why)) => say(format!("no: {why}\n").as_bytes(), ExitCode::from(1)),
        Err(Failure::Misuse(problem)) => misuse(&problem),
    }
}

fn run(arguments: &[String]) -> Result<Yes, Failure> {
    let (command, rest) = arguments.split_first().ok_or_else(|| Failure::Misuse("no command".to_owned()))?;
    let arguments = parse(rest)?;
    if arguments.show && command != "bundle" {
        return Err(Failure::Misuse("--show is for bundle".to_owned()));
    }
    if arguments.record.is_some() && !matches!(command.as_str(), "receipt" | "batch-receipt") {
        return Err(Failure::Misuse("--record is for receipt and batch-receipt".to_owned()));
    }
    match command.as_str() {
        "bundle" => bundle(&arguments),
        "receipt" => receipt(&arguments),
        "batch-receipt" => batch_receipt(&arguments),
        "consistency" => consistency(&arguments),
        _ => Err(Failure::Misuse(format!("no such command: {command}"))),
    }
}

fn bundle(arguments: &Arguments) -> Result<Yes, Failure> {
    let [file] = files(arguments)?;
    let bytes = read(file)?;
    match Bundle::parse(&bytes) {
        Ok(bundle) => one_bundle(arguments, &bundle),
        Err(error) => {
            let lines: Vec<&[u8]> =
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
            if lines.len() > 1 { many_bundles(arguments, &lines) } else { Err(error.into()) }
        }
    }
}

/// Each must hold; the first that does not is named by its line.
fn many_bundles(arguments: &Arguments, lines: &[&[u8]]) -> Result<Yes, Failure> {
    let mut records = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let checked = Bundle::parse(line).map_err(Failure::from).and_then(|bundle| one_bundle(arguments, &bundle));
        let yes = checked.map_err(|failure| of(&format!("bundle {} of {}", at + 1, lines.len()), failure))?;
        if let Some(record) = yes.record {
            records.extend(record);
            records.push(b'\n');
        }
    }
    let sentence =
        format!("each of these {} records is on the log, under a checkpoint that a given key signed", lines.len());
    Ok(Yes { sentence, record: arguments.show.then_some(records) })
}

fn one_bundle(arguments: &Arguments, bundle: &Bundle) -> Result<Yes, Failure> {
    let checkpoint = any_key(arguments, |key| bundle.verify(key)).map_err(|failure| match failure {
        Failure::No(why) => Failure::No(format!("{why} (the bundle names the key {:?})", bundle.key_name())),
        misuse @ Failure::Misuse(_) => misuse,
    })?;
    let (record, leaf) = (bundle.record(), bundle.receipt().leaf_index);
    let sentence = format!("this record of {} bytes is leaf {leaf} of {}", record.len(), log(&checkpoint));
    Ok(Yes { sentence, record: arguments.show.then(|| record.to_vec()) })
}

fn receipt(arguments: &Arguments) -> Result<Yes, Failure> {
    let [file] = files(arguments)?;
    let receipt = Receipt::parse_answer(&read(file)?)?;
    let record = arguments.record.as_deref().map(read).transpose()?;
    let checkpoint = any_key(arguments, |key| match &record {
        Some(record) => receipt.verify_record(record, key),
        None => receipt.verify(key),
    })?;
    let (leaf, log) = (receipt.leaf_index, log(&checkpoint));
    let sentence = match record {
        Some(record) => format!("this record of {} bytes is leaf {leaf} of {log}", record.len()),
        None => format!("a record with the leaf hash {} is leaf {leaf} of {log}", receipt.leaf_hash),
    };
    Ok(Yes { sentence, record: None })
}

fn batch_receipt(arguments: &Arguments) -> Result<Yes, Failure> {
    let [file] = files(arguments)?;
    let receipt = BatchReceipt::parse(&read(file)?)?;
    let record = arguments.record.as_deref().map(read).transpose()?;
    let checkpoint = any_key(arguments, |key| receipt.verify(key))?;
    let (first, count, log) = (receipt.first_leaf_index, receipt.leaf_hashes.len(), log(&checkpoint));
    let sentence = match record {
        Some(record) => {
            let leaf =
                receipt.find(&record).ok_or_else(|| Failure::No("the record is not in this batch".to_owned()))?;
            format!("this record of {} bytes is leaf {leaf} of {log}", record.len())
        }
        None => format!("records with these {count} leaf hashes are the leaves from {first} on of {log}"),
    };
    Ok(Yes { sentence, record: None })
}

fn consistency(arguments: &Arguments) -> Result<Yes, Failure> {
    let [old, new, proof] = files(arguments)?;
    let (old, new) = (read_text(old)?, read_text(new)?);
    let proof = ConsistencyProof::parse(&read(proof)?)?;
    let older = any_key(arguments, |key| key.verify(&old)).map_err(|failure| of("the older checkpoint", failure))?;
    let newer = any_key(arguments, |key| key.verify(&new)).map_err(|failure| of("the newer checkpoint", failure))?;
    proof.verify(&older, &newer)?;
    let sentence = format!("the first {} leaves are still there, unchanged, in {}", older.size, log(&newer));
    Ok(Yes { sentence, record: None })
}

/// The first yes; else the most telling no: a key that has nothing to do with the evidence says least.
fn any_key<T>(arguments: &Arguments, check: impl Fn(&Verifier) -> Result<T, Error>) -> Result<T, Failure> {
    let mut verdict = None;
    for key in &arguments.keys {
        match check(key) {
            Ok(yes) => return Ok(yes),
            Err(error) => match verdict {
                Some(ref earlier) if !matches!(earlier, Error::UntrustedKey { .. }) => {}
                _ => verdict = Some(error),
            },
        }
    }
    Err(verdict.map_or_else(|| Failure::Misuse("--key is missing".to_owned()), Failure::from))
}

fn log(checkpoint: &Checkpoint) -> String {
    format!("the log {} with {} leaves and the root {}", checkpoint.origin, checkpoint.size, checkpoint.root)
}

fn of(what: &str, failure: Failure) -> Failure {
    match failure {
        Failure::No(why) => Failure::No(format!("{what}: {why}")),
        misuse @ Failure::Misuse(_) => misuse,
    }
}

fn parse(arguments: &[String]) -> Result<Arguments, Failure> {
    let mut parsed = Arguments::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (flag, joined) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let mut value = || {
            joined
                .clone()
                .or_else(|| rest.next().cloned())
                .ok_or_else(|| Failure::Misuse(format!("{flag} needs a value")))
        };
        match flag {
            "--key" => parsed.keys.extend(keys(&value()?)?),
            "--record" => parsed.record = Some(value()?),
            "--show" if joined.is_none() => parsed.show = true,
            _ if flag.starts_with("--") => return Err(Failure::Misuse(format!("no such option: {flag}"))),
            _ => parsed.files.push(argument.clone()),
        }
    }
    Ok(parsed)
}

/// A public key, or those in a file of that name. What is neither is misuse: no answer can be given with it.
fn keys(text: &str) -> Result<Vec<Verifier>, Failure> {
    let as_key = match Verifier::parse(text) {
        Ok(key) => return Ok(vec![key]),
        Err(error) => error,
    };
    let file = read_text(text).map_err(|failure| match failure {
        Failure::No(why) | Failure::Misuse(why) => {
            Failure::Misuse(format!("--key is no key ({as_key}) and no file ({why})"))
        }
    })?;
    let lines = file.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Vec<_> = lines
        .map(Verifier::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::Misuse(format!("the file {text}: {error}")))?;
    if keys.is_empty() { Err(Failure::Misuse(format!("the file {text} holds no key"))) } else { Ok(keys) }
}

fn files<const N: usize>(arguments: &Arguments) -> Result<[&str; N], Failure> {
    let files: Vec<&str> = arguments.files.iter().map(String::as_str).collect();
    files.try_into().map_err(|files: Vec<_>| Failure::Misuse(format!("{N} file(s) needed, {} given", files.len())))
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let source: Result<Box<dyn Read>, _> =
        if file == "-" { Ok(Box::new(std::io::stdin())) } else { File::open(file).map(|file| Box::new(file) as _) };
    let read = source.and_then(|source| source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(Failure::No(format!("{file} cannot be read: {error}"))),
        Ok(_) if bytes.len() as u64 > FILE_BYTES_MAX => Err(Failure::No(format!("{file} is larger than 256 MiB"))),
        Ok(_) => Ok(bytes),
    }
}

fn read_text(file: &str) -> Result<String, Failure> {
    String::from_utf8(read(file)?).map_err(|_| Failure::No(format!("{file} is not UTF-8 text")))
}

/// An answer that cannot be written was not given: a closed pipe must not look like a yes.
fn say(answer: &[u8], code: ExitCode) -> ExitCode {
    let mut out = std::io::stdout().lock();
    if out.write_all(answer).and_then(|()| out.flush()).is_err() { ExitCode::from(1) } else { code }
}

fn misuse(problem: &str) -> ExitCode {
    // Nothing is left to be done when even this cannot be written.
    let _ = writeln!(std::io::stderr(), "onrecord-verify: {problem}\n\n{HELP}");
    ExitCode::from(2)
}
