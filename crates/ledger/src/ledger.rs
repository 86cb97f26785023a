//! The handle that callers hold, and what they share with the writer thread.
//!
//! Appending goes through the queue to the one writer. Proving and releasing run on the callers' threads: they read the
//! tree under its lock, at the size of the newest durable checkpoint, never at that of a commit in flight.

use crate::{
    AppendError, Closed, Commit, Config, Disk, Done, Entry, Error, Follower,
    disk::Lock,
    error::out_of_tree,
    layout::Layout,
    open::{self, Recovery},
    queue::{Request, RequestKind, Submit},
    replay,
    shared::{Grown, Head, Shared},
    tree_file::{LEVELS, TreeFiles, complete},
    wal,
    writer::Writer,
};
use onrecord_evidence::{
    ConsistencyProof, Hash, LeafIndex, ReadError, Receipt, Signer, TreeSize, prove_consistency, prove_inclusion,
};
use std::{
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Hashes of a full tile.
const TILE_HASHES: u64 = 256;

/// How the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Durable entries.
    pub size: TreeSize,
    /// Leaves before this are in segments only.
    pub sealed: LeafIndex,
    /// Closed write-ahead files that wait for sealing.
    pub unsealed_files: usize,
    /// Bytes of submits that are not answered yet.
    pub queued_bytes: usize,
    /// Why the ledger refuses work, if it does since a write failed.
    pub poisoned: Option<Arc<str>>,
}

/// An open ledger. Dropping it closes it.
pub struct Ledger {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Makes an empty ledger in a directory, which may exist and hold other files. Everything is durable on return.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Locked`], [`Error::Io`].
    pub fn create(dir: &Path, signer: &Signer, disk: &dyn Disk) -> Result<(), Error> {
        open::create(&Layout::new(dir), signer, disk)
    }

    /// Opens a ledger: takes the lock, checks every unsealed entry against the signed checkpoints, cuts off what a crash
    /// left unfinished, hands the unsealed entries to the follower and starts the writer.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Absent`], [`Error::Corrupt`], [`Error::Key`], [`Error::Io`], [`Error::Read`]. Nothing
    /// is changed then but by an [`Error::Io`].
    pub fn open(
        dir: &Path,
        signer: Signer,
        config: Config,
        disk: Arc<dyn Disk>,
        follower: Arc<dyn Follower>,
    ) -> Result<(Self, Recovery), Error> {
        let layout = Layout::new(dir);
        let lock = open::lock_existing(&layout, &*disk)?;
        let tree_files = TreeFiles::new(Arc::clone(&disk), layout.clone());
        let image = replay::Image::read(&*disk, &layout)?;
        let found = replay::find(&image, &layout, signer.verifier(), &tree_files)?;
        let start = open::repair(&*disk, &layout, &found)?;
        let recovery = found.recovery();
        found.batches.iter().for_each(|batch| follower.committed(batch));
        let head = Head { size: recovery.size.0, root: found.tree.root(), checkpoint: Arc::from(found.checkpoint) };
        let grown = Grown { tree: found.tree, sealed: found.sealed };
        let shared = Arc::new(Shared::new(config, disk, layout, tree_files, grown, head, found.closed));
        let writer = Writer::new(Arc::clone(&shared), signer, follower, found.ids, start);
        let spawned = thread::Builder::new().name("ledger".to_owned()).spawn(move || run(writer, lock));
        let handle = spawned.map_err(Error::io("start the writer of", dir))?;
        Ok((Self { shared, writer: Mutex::new(Some(handle)) }, recovery))
    }

    /// Appends entries, all of them or none, in this order and without others between them. `done` is called once, on
    /// the writer thread when the entries are durable, or on this one when they are refused at once; it must be quick.
    pub fn submit(&self, entries: Vec<Entry>, done: Done) {
        if let Err((submit, error)) = self.enqueue(entries, done, Duration::ZERO) {
            (submit.done)(Err(error));
        }
    }

    /// Appends entries as [`Ledger::submit`] does, and waits: for room in the queue up to [`Config::stall_ms_max`], then
    /// for the outcome.
    ///
    /// # Errors
    /// Those of [`AppendError`].
    pub fn append(&self, entries: Vec<Entry>) -> Result<Commit, AppendError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let done = Box::new(move |outcome| {
            // The other end is waiting below, or its thread is gone and nobody asks.
            let _ = sender.send(outcome);
        });
        let wait = Duration::from_millis(self.shared.config.stall_ms_max);
        self.enqueue(entries, done, wait).map_err(|(_, error)| error)?;
        receiver.recv().unwrap_or(Err(AppendError::Closed))
    }

    fn enqueue(&self, entries: Vec<Entry>, done: Done, wait: Duration) -> Result<(), (Submit, AppendError)> {
        let bytes = entries.iter().map(wal::stored_bytes).fold(0, usize::saturating_add);
        // A frame counts its bytes in 32 bits.
        let bytes_max = self.shared.config.submit_bytes_max.min(u32::MAX as usize / 2);
        let (is_empty, submit) = (entries.is_empty(), Submit { entries, bytes, done });
        if is_empty {
            return Err((submit, AppendError::Empty));
        }
        if bytes > bytes_max {
            return Err((submit, AppendError::TooLarge { bytes, bytes_max }));
        }
        self.shared.queue.push(submit, wait)
    }

    /// The newest signed checkpoint. All entries that it covers are durable.
    #[must_use]
    pub fn checkpoint(&self) -> Arc<str> {
        self.shared.head().checkpoint
    }

    /// How many durable entries there are.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize(self.shared.head().size)
    }

    /// The receipt of any durable leaf, to the newest checkpoint.
    ///
    /// # Errors
    /// [`ReadError::OutOfTree`] when there is no such leaf, else when stored hashes cannot be read.
    pub fn prove(&self, leaf: LeafIndex) -> Result<Receipt, ReadError> {
        let head = self.shared.head();
        self.shared.with_hashes(|hashes| {
            let inclusion_proof = prove_inclusion(leaf, TreeSize(head.size), hashes)?;
            let mut leaf_hash = [Hash::default()];
            hashes.read(0, leaf.0, &mut leaf_hash)?;
            let checkpoint = head.checkpoint.as_ref().to_owned();
            Ok(Receipt { leaf_index: leaf, leaf_hash: leaf_hash[0], inclusion_proof, checkpoint })
        })
    }

    /// The leaf hashes of these leaves, which are all durable.
    ///
    /// # Errors
    /// [`ReadError::OutOfTree`] when some of them are not there yet, else when stored hashes cannot be read.
    pub fn leaf_hashes(&self, leaves: Range<u64>) -> Result<Vec<Hash>, ReadError> {
        let (size, count) = (self.size().0, leaves.end.saturating_sub(leaves.start));
        if leaves.end > size {
            return Err(out_of_tree(leaves.start, count, size));
        }
        let mut hashes = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        let mut start = leaves.start;
        while start < leaves.end {
            let end = leaves.end.min((start / TILE_HASHES + 1) * TILE_HASHES);
            let mut some = [Hash::default(); TILE_HASHES as usize];
            let some = &mut some[..(end - start) as usize];
            // Tile by tile, so that the writer, which grows the tree under the same lock, waits for one read at most.
            self.shared.with_hashes(|reader| reader.read(0, start, some))?;
            hashes.extend_from_slice(some);
            start = end;
        }
        Ok(hashes)
    }

    /// The proof that the tree of `new` leaves begins with that of `old` leaves.
    ///
    /// # Errors
    /// [`ReadError::OutOfTree`] when `new` is smaller than `old` or than there are durable leaves.
    pub fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<ConsistencyProof, ReadError> {
        let size = self.size();
        if new > size {
            return Err(out_of_tree(0, new.0, size.0));
        }
        let consistency_proof = self.shared.with_hashes(|hashes| prove_consistency(old, new, hashes))?;
        Ok(ConsistencyProof { old_size: old, new_size: new, consistency_proof })
    }

    /// The first `width` hashes (1–256) of tile `index` of a level, 32 bytes each, as C2SP `tlog-tiles` serves them.
    ///
    /// # Errors
    /// [`ReadError::Missing`] when the newest checkpoint does not have that many there.
    pub fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<u8>, ReadError> {
        let start = index.saturating_mul(TILE_HASHES);
        let end = start.saturating_add(u64::from(width));
        let is_there =
            level < LEVELS && (1..=TILE_HASHES).contains(&u64::from(width)) && end <= complete(self.size().0, level);
        if !is_there {
            return Err(ReadError::Missing { level, start, end });
        }
        let mut hashes = vec![Hash::default(); usize::from(width)];
        self.shared.with_hashes(|reader| reader.read(level, start, &mut hashes))?;
        Ok(hashes.iter().flat_map(|hash| hash.0).collect())
    }

    /// The closed write-ahead files that wait to be sealed, oldest first.
    #[must_use]
    pub fn sealable(&self) -> Vec<Closed> {
        self.shared.closed().clone()
    }

    /// Closes the current write-ahead file, so that what is in it can be sealed; does nothing when it is empty.
    ///
    /// # Errors
    /// As for an append.
    pub fn rotate(&self) -> Result<(), Error> {
        self.request(RequestKind::Rotate)
    }

    /// After a failed write: cuts off what was not acknowledged, re-reads the current write-ahead file from the device,
    /// checks it against the signed checkpoint, and takes work again if all is sound. The writer does the same by itself
    /// when work comes, at most every [`Config::reopen_interval_ms`]. Does nothing when the ledger is sound.
    ///
    /// # Errors
    /// Why it is still not sound.
    pub fn reopen(&self) -> Result<(), Error> {
        self.request(RequestKind::Reopen)
    }

    /// Runs `work` on the writer thread, between two commits: while it runs, no write-ahead file and no checkpoint
    /// changes. Appends wait for it.
    ///
    /// # Errors
    /// [`AppendError::Closed`].
    pub fn with_writer_paused<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let done = Box::new(move |_| {
            let _ = sender.send(work());
        });
        let request = Request { kind: RequestKind::Pause, done };
        self.shared.queue.request(request).map_err(|_| AppendError::Closed)?;
        receiver.recv().map_err(|_| AppendError::Closed.into())
    }

    fn request(&self, kind: RequestKind) -> Result<(), Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let done = Box::new(move |outcome| {
            let _ = sender.send(outcome);
        });
        self.shared.queue.request(Request { kind, done }).map_err(|_| AppendError::Closed)?;
        receiver.recv().unwrap_or(Err(AppendError::Closed.into()))
    }

    /// The leaves before `end`, which must be the end of a closed file, are sealed and durable elsewhere: their hashes
    /// go to `tree/`, their write-ahead files are removed. Doing it again, also after a failure, is fine.
    ///
    /// # Errors
    /// [`Error::NotAnEnd`], [`Error::Io`].
    pub fn release(&self, end: LeafIndex) -> Result<(), Error> {
        self.shared.release(end)
    }

    /// How the ledger is, for health checks and metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        let shared = &self.shared;
        Status {
            size: self.size(),
            sealed: LeafIndex(shared.grown.read().unwrap_or_else(PoisonError::into_inner).sealed),
            unsealed_files: shared.closed().len(),
            queued_bytes: shared.queue.bytes(),
            poisoned: shared.poisoned.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Takes no more submits, finishes those that wait and lets go of the directory.
    pub fn close(&self) {
        self.shared.queue.close();
        let handle = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if handle.is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("the ledger's writer thread panicked");
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

/// The life of the writer thread, which holds the lock of the directory. Whatever ends it, nobody waits forever.
fn run(mut writer: Writer, lock: Box<dyn Lock>) {
    struct RefuseWhenDone(Arc<Shared>);
    impl Drop for RefuseWhenDone {
        fn drop(&mut self) {
            self.0.queue.refuse_all();
        }
    }
    let _refuse_when_done = RefuseWhenDone(writer.shared());
    writer.run();
    drop(lock);
}
