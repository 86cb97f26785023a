//! Ended at any moment under load: what was acknowledged is there, once; the rest is there once or not at all; and the
//! directory opens.

use crate::program::{Directory, Server, decision};
use crate::wire::{Answer, Caller};
use onrecord_evidence::Verifier;
use onrecord_testing::Random;
use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

const ROUNDS: u64 = 8;
const CLIENTS: usize = 4;
const BATCH_LINES: usize = 20;

/// What a client sends at once, and must be on the record as a whole or not at all.
#[derive(Clone)]
struct Sending {
    path: &'static str,
    body: String,
    ids: Vec<Uuid>,
}

impl Sending {
    /// Every fifth is a batch.
    fn make(number: usize) -> Self {
        let count = if number % 5 == 4 { BATCH_LINES } else { 1 };
        let path = if count == 1 { "/v1/decisions" } else { "/v1/decisions/batch" };
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
        let line = |id: &Uuid| decision(&format!(r#","eventId":"{id}","userId":"user-{}""#, number % 50)) + "\n";
        Self { path, body: ids.iter().map(line).collect(), ids }
    }

    fn send(&self, caller: &Caller) -> io::Result<Answer> {
        caller.try_call("POST", self.path, &[("content-type", "application/json")], self.body.as_bytes())
    }
}

/// What the clients know.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<Sending>,
    unanswered: Vec<Sending>,
    /// The checkpoint of the last receipt.
    note: Option<String>,
}

/// Clients that send until the server is gone, while what they sent is sealed; each answer must be a success or, at the
/// very end, a refusal for now.
fn load(server: &Server, sent: &Mutex<Sent>, ending: &AtomicBool, end: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for number in 0.. {
                    let sending = Sending::make(number);
                    match sending.send(server) {
                        Ok(answer) if matches!(answer.status, 200 | 201) => {
                            let note = answer.json()["receipt"]["checkpoint"].as_str().unwrap().to_owned();
                            let mut sent = sent.lock().unwrap();
                            sent.acknowledged.push(sending);
                            sent.note = Some(note);
                        }
                        other => {
                            let refused = other.as_ref().is_ok_and(|answer| answer.status == 503);
                            assert!(ending.load(Ordering::SeqCst) && (refused || other.is_err()), "{other:?}");
                            return sent.lock().unwrap().unanswered.push(sending);
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            while server.try_call("POST", "/v1/seal", &[], b"").is_ok_and(|answer| answer.status == 204) {
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(ending.load(Ordering::SeqCst), "sealing ended before the server");
        });
        end();
    });
}

/// Everything that was acknowledged is on the record once, and nothing is there in part or twice.
fn check(server: &Server, sent: &Sent, round: u64) {
    let mut found: HashMap<String, u64> = HashMap::new();
    for row in server.rows("SELECT event_id FROM decisions") {
        *found.entry(row["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(found.values().all(|times| *times == 1), "round {round}: an id is there twice");
    let present = |sending: &Sending| sending.ids.iter().filter(|id| found.contains_key(&id.to_string())).count();
    for sending in &sent.acknowledged {
        assert_eq!(present(sending), sending.ids.len(), "round {round}: an acknowledged decision is gone");
    }
    for sending in &sent.unanswered {
        let present = present(sending);
        assert!(present == 0 || present == sending.ids.len(), "round {round}: {present} of a batch are there");
    }
    let known: usize = sent.acknowledged.iter().chain(&sent.unanswered).map(|sending| sending.ids.len()).sum();
    assert!(found.len() <= known, "round {round}: something is there that nobody sent");
}

/// Whoever got no answer sends again, as a client should.
fn retry(server: &Server, sent: &mut Sent) {
    for sending in std::mem::take(&mut sent.unanswered) {
        let answer = sending.send(server).unwrap();
        assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.text());
        sent.acknowledged.push(sending);
    }
}

#[test]
fn a_killed_server_loses_nothing_that_it_acknowledged() {
    let directory = Directory::init();
    let (mut random, mut sent, mut notes) = (Random::new(0x6b69_6c6c), Sent::default(), Vec::new());
    for round in 0..ROUNDS {
        let server = directory.serve();
        check(&server, &sent, round);
        retry(&server, &mut sent);
        let (shared, ending) = (Mutex::new(sent), AtomicBool::new(false));
        load(&server, &shared, &ending, || {
            std::thread::sleep(Duration::from_millis(30 + random.below(700)));
            ending.store(true, Ordering::SeqCst);
            server.signal("KILL");
        });
        sent = shared.into_inner().unwrap();
        notes.extend(sent.note.take());
    }
    let server = directory.serve();
    check(&server, &sent, ROUNDS);
    retry(&server, &mut sent);
    check(&server, &sent, ROUNDS);
    let count: usize = sent.acknowledged.iter().map(|sending| sending.ids.len()).sum();
    assert_eq!(server.count("SELECT COUNT(*) FROM decisions"), count as u64);
    assert!(count > 100, "{count} decisions are no load");
    assert_eq!(server.stop().0, Some(0));
    still_proven(&directory, &notes);
}

/// The directory verifies, and extends every checkpoint that a client was ever handed.
fn still_proven(directory: &Directory, notes: &[String]) {
    let key: Verifier = directory.key();
    assert!(notes.is_sorted_by_key(|note| key.verify(note).unwrap().size));
    for (at, note) in notes.iter().enumerate().step_by(3) {
        directory.verified(&["verify", "--checkpoint", &directory.write(&format!("note-{at}"), note)]);
    }
}

#[test]
fn a_stopped_server_finishes_or_refuses_what_waits() {
    let directory = Directory::init();
    let server = directory.serve();
    let (shared, ending) = (Mutex::new(Sent::default()), AtomicBool::new(false));
    load(&server, &shared, &ending, || {
        std::thread::sleep(Duration::from_millis(600));
        ending.store(true, Ordering::SeqCst);
        server.signal("TERM");
    });
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("everything acknowledged is durable"), "{log}");
    let mut sent = shared.into_inner().unwrap();
    let server = directory.serve();
    check(&server, &sent, 1);
    retry(&server, &mut sent);
    check(&server, &sent, 2);
    assert!(!sent.acknowledged.is_empty());
    drop(server);
    still_proven(&directory, sent.note.as_slice());
}
