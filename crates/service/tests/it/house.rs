//! A data directory with everything running in it: the real ledger on a real disk, and records kept in memory by a
//! follower of it, which is what the lake is to the service.

use onrecord_evidence::LeafSet;
use onrecord_ledger::{Closed, Committed, Config, EntryId, Follower, LeafIndex, Ledger, LookupError, OsDisk};
use onrecord_record::{Header, Kind, Parser, StoredDecision};
use onrecord_service::{
    Actor, Keys, Logged, Parts, ReadError, Records, Refusal, Removed, Remover, Service, Stored, Vault, init,
};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What is stored, by leaf, and which records were removed.
#[derive(Default)]
pub(crate) struct Memory {
    stored: Mutex<Vec<Stored>>,
    gone: Mutex<LeafSet>,
    searches: AtomicUsize,
}

impl Memory {
    /// How often decisions were looked for.
    pub(crate) fn searches(&self) -> usize {
        self.searches.load(Ordering::Relaxed)
    }

    /// Changes what is stored, as damage does.
    pub(crate) fn change(&self, leaf: LeafIndex, change: impl FnOnce(&mut Stored)) {
        change(&mut self.stored.lock().unwrap()[leaf.0 as usize]);
    }
}

impl Follower for Memory {
    fn committed(&self, batch: &Committed) {
        let mut stored = self.stored.lock().unwrap();
        for (place, entry) in batch.entries.iter().enumerate() {
            let leaf = LeafIndex(batch.first.0 + place as u64);
            assert_eq!(leaf.0, stored.len() as u64);
            stored.push(Stored { leaf, record: entry.record().to_vec(), sidecar: entry.sidecar().to_vec() });
        }
    }

    fn closed(&self, _: &Closed) {}

    fn find_sealed(&self, ids: &[EntryId]) -> Result<Vec<Option<LeafIndex>>, LookupError> {
        Ok(vec![None; ids.len()])
    }
}

impl Memory {
    pub(crate) fn all(&self) -> Vec<Stored> {
        let gone = self.gone.lock().unwrap();
        let mut stored = self.stored.lock().unwrap().clone();
        stored.retain(|stored| !gone.contains(stored.leaf));
        stored
    }

    fn with_header(&self, keep: impl Fn(&Header<'_>) -> bool) -> Vec<Stored> {
        let mut parser = Parser::new();
        let mut kept = self.all();
        kept.retain(|stored| {
            let document = parser.parse(&stored.record).unwrap();
            keep(&Header::read(document.value()).unwrap())
        });
        kept
    }
}

impl Records for Memory {
    fn by_leaf(&self, leaf: LeafIndex) -> Result<Option<Stored>, ReadError> {
        Ok(self.all().into_iter().find(|stored| stored.leaf == leaf))
    }

    fn by_decision_id(&self, decision_id: &str) -> Result<Vec<Stored>, ReadError> {
        Ok(self.with_header(|header| header.decision_id == Some(decision_id)))
    }

    fn decisions(&self, decision_ids: &[&str]) -> Result<Vec<StoredDecision>, ReadError> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        let mut parser = Parser::new();
        let mut wanted = decision_ids.to_vec();
        let mut decisions = Vec::new();
        for stored in self.all() {
            let found = StoredDecision::read(parser.parse(&stored.record).unwrap().value());
            let found = found.filter(|decision| wanted.contains(&decision.decision_id.as_str()));
            wanted.retain(|id| found.as_ref().is_none_or(|found| found.decision_id != *id));
            decisions.extend(found);
        }
        Ok(decisions)
    }

    fn each_of_kind(&self, kind: Kind, from: LeafIndex, visit: &mut dyn FnMut(Stored)) -> Result<(), ReadError> {
        let found = self.with_header(|header| header.kind == kind);
        found.into_iter().filter(|stored| stored.leaf >= from).for_each(visit);
        Ok(())
    }

    fn leaves_about(&self, subject: &str) -> Result<Vec<LeafIndex>, ReadError> {
        let records = self.all().into_iter().map(|stored| {
            let record: serde_json::Value = serde_json::from_slice(&stored.record).unwrap();
            (stored.leaf, record)
        });
        let records: Vec<_> = records.collect();
        let is_theirs = |record: &serde_json::Value| record["user_id"] == subject;
        let decision = |id: &serde_json::Value| {
            let first = records.iter().find(|(_, record)| record["kind"] == "decision" && record["decision_id"] == *id);
            first.is_some_and(|(_, first)| is_theirs(first))
        };
        let about = records.iter().filter(|(_, record)| {
            let follows = record["kind"] == "review" || record["kind"] == "outcome";
            is_theirs(record) || follows && decision(&record["decision_id"])
        });
        Ok(about.map(|(leaf, _)| *leaf).collect())
    }

    fn last_system(&self, whats: &[&str]) -> Result<Option<Stored>, ReadError> {
        let stored = self.all();
        let newest = stored.into_iter().rev().find(|stored| {
            let record: serde_json::Value = serde_json::from_slice(&stored.record).unwrap();
            record["kind"] == "system" && record["what"].as_str().is_some_and(|what| whats.contains(&what))
        });
        Ok(newest)
    }
}

impl Remover for Memory {
    fn may_lack(&self, _: &LeafSet) {}

    fn may_remain(&self, records: &LeafSet, ciphertexts: &LeafSet) -> (LeafSet, LeafSet) {
        let stored = self.all();
        let leaves = |wanted: &dyn Fn(&Stored) -> bool| {
            stored.iter().filter(|stored| wanted(stored)).map(|stored| stored.leaf).collect()
        };
        let bare = |stored: &Stored| ciphertexts.contains(stored.leaf) && !stored.sidecar.is_empty();
        (leaves(&|stored| records.contains(stored.leaf)), leaves(&bare))
    }

    fn remove(&self, records: &LeafSet, ciphertexts: &LeafSet) -> Result<Removed, ReadError> {
        let rows = self.all().iter().filter(|stored| records.contains(stored.leaf)).count() as u64;
        self.gone.lock().unwrap().insert_all(records);
        let mut stored = self.stored.lock().unwrap();
        let mut sidecars = 0;
        for stored in stored.iter_mut().filter(|stored| ciphertexts.contains(stored.leaf)) {
            sidecars += u64::from(!std::mem::take(&mut stored.sidecar).is_empty());
        }
        Ok(Removed { segments: 0, rows, sidecars, is_gone: true })
    }
}

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) service: Arc<Service>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) admin_token: String,
    runtime: tokio::runtime::Runtime,
}

impl House {
    pub(crate) fn new() -> Self {
        House::with_policy(onrecord_service::policy::DEFAULT_TEXT)
    }

    pub(crate) fn with_policy(policy: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let initial = init(dir.path(), "example.com/test", None).unwrap();
        Ledger::create(dir.path(), initial.keys.signer(), &OsDisk).unwrap();
        std::fs::write(dir.path().join("policy.toml"), policy).unwrap();
        let (service, memory) = open(dir.path(), None).unwrap();
        House { dir, service, memory, admin_token: initial.admin_token, runtime: runtime() }
    }

    /// Closes everything and opens it again.
    pub(crate) fn reopen(self) -> Self {
        let House { dir, service, memory, admin_token, runtime } = self;
        close(&service);
        drop((service, memory));
        let (service, memory) = open(dir.path(), None).unwrap();
        House { dir, service, memory, admin_token, runtime }
    }

    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn log(&self, body: impl Into<String>) -> Result<Logged, Refusal> {
        self.run(self.service.log(body.into(), &Actor::local()))
    }

    /// The stored record of an entry, as text and as JSON.
    pub(crate) fn stored(&self, logged: &Logged) -> (String, serde_json::Value) {
        let stored = self.memory.by_leaf(logged.receipt.leaf_index).unwrap().unwrap();
        let json = serde_json::from_slice(&stored.record).unwrap();
        (String::from_utf8(stored.record).unwrap(), json)
    }

    /// All entries of one kind, as JSON.
    pub(crate) fn entries(&self, kind: &str) -> Vec<serde_json::Value> {
        let all = self.memory.all().into_iter().map(|stored| serde_json::from_slice(&stored.record).unwrap());
        all.filter(|record: &serde_json::Value| record["kind"] == kind).collect()
    }

    /// Whether a text occurs in any byte of any file of the directory, as it is now.
    pub(crate) fn holds(&self, text: &str) -> bool {
        holds(self.dir.path(), text.as_bytes())
    }
}

fn holds(dir: &Path, text: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            holds(&path, text)
        } else {
            memchr::memmem::find(&std::fs::read(&path).unwrap(), text).is_some()
        }
    })
}

pub(crate) fn open(dir: &Path, started_as: Option<&'static str>) -> Result<(Arc<Service>, Arc<Memory>), Refusal> {
    let keys = Keys::open(dir, None)?;
    let vault = Arc::new(Vault::open(dir, keys.kek())?);
    let memory = Arc::new(Memory::default());
    let signer = keys.ledger_signer()?;
    let (ledger, recovery) = Ledger::open(dir, signer, Config::default(), Arc::new(OsDisk), memory.clone()).unwrap();
    let parts = Parts {
        sent_bytes_max: onrecord_record::limit::SENT_BYTES_DEFAULT,
        dir: dir.to_owned(),
        keys,
        vault,
        ledger: Arc::new(ledger),
        records: memory.clone(),
        remover: memory.clone(),
        recovery,
        started_as,
    };
    Ok((Service::open(parts)?, memory))
}

pub(crate) fn close(service: &Service) {
    service.close().unwrap();
    service.ledger().close();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// A decision with these members besides the required ones.
pub(crate) fn decision(members: &str) -> String {
    let mut body = r#"{"model_id":"loan","model_version":"1","prediction":{"approved":true}"#.to_owned();
    if !members.contains(r#""input_features""#) {
        body.push_str(r#","input_features":{"age":41}"#);
    }
    if !members.is_empty() {
        body.push(',');
    }
    body + members + "}"
}
