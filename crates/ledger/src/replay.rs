//! Reads the unsealed part of a directory and checks that it leads, leaf by leaf, to what was signed. Changes nothing.
//!
//! Invariant: what it finds sound is sound up to the last signed checkpoint: checksums, hashes, roots, and the newest
//! checkpoint of the slots, which was written only after its leaves were durable. What it cannot explain by a crash in
//! the middle of one write, it refuses with the file and the leaf. Repairing is left to [`crate::open`].

use crate::{
    Closed, Committed, Disk, Error,
    ids::Ids,
    layout::Layout,
    slot,
    tree_file::{AllHashes, TreeFiles},
    wal::{self, Flaw, Frame, Frames, hash_entries},
};
use bytes::Bytes;
use onrecord_evidence::{Checkpoint, LeafIndex, Tree, TreeSize, Verifier, root_of};
use std::{io, path::PathBuf, sync::Arc};

/// What a sound directory holds.
pub(crate) struct Found {
    pub(crate) tree: Tree,
    /// The first leaf of the first write-ahead file.
    pub(crate) sealed: u64,
    pub(crate) ids: Ids,
    pub(crate) batches: Vec<Committed>,
    /// All files but the current one.
    pub(crate) closed: Vec<Closed>,
    pub(crate) current: FoundFile,
    /// The newest signed checkpoint.
    pub(crate) checkpoint: String,
    pub(crate) torn: Option<Torn>,
    /// Leaves whose ids were there before, and the leaves that had them.
    pub(crate) repeated: Vec<(u64, u64)>,
    /// The slot that may be overwritten.
    pub(crate) active_slot: usize,
    /// Why one of the slots cannot be read, if so.
    pub(crate) slot_flaw: Option<&'static str>,
}

/// The sound part of a write-ahead file.
pub(crate) struct FoundFile {
    pub(crate) path: PathBuf,
    pub(crate) first: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    /// Offset and bytes of its last frame, or of its header when there is none: what was written last, and so the only
    /// thing that a failed fsync can have left in memory alone.
    pub(crate) last_write: (u64, Bytes),
}

/// The end of the last file, which no acknowledgement covers.
pub(crate) struct Torn {
    pub(crate) path: PathBuf,
    pub(crate) flaw: Flaw,
    pub(crate) bytes: u64,
}

/// The bytes of the files that change with every commit.
pub(crate) struct Image {
    slots: Bytes,
    /// The write-ahead files by their first leaf, in order.
    files: Vec<(u64, Bytes)>,
}

impl Image {
    pub(crate) fn read(disk: &dyn Disk, layout: &Layout) -> Result<Self, Error> {
        let slots = read_slots(disk, layout)?;
        let read = |first| {
            let path = layout.wal(first);
            Ok((first, disk.read(&path).map_err(Error::io("read", path))?))
        };
        let files = list_files(disk, layout)?.into_iter().map(read).collect::<Result<_, Error>>()?;
        Ok(Self { slots, files })
    }

    /// The first leaf of the first file.
    pub(crate) fn sealed(&self) -> Option<u64> {
        self.files.first().map(|(first, _)| *first)
    }
}

/// Checks it all.
pub(crate) fn find(image: &Image, layout: &Layout, key: &Verifier, files: &TreeFiles) -> Result<Found, Error> {
    let Some(sealed) = image.sealed() else {
        return Err(Error::corrupt(layout.wal_dir(), None, "there is no write-ahead file in it"));
    };
    files.check_lengths(sealed)?;
    let tree = Tree::load(TreeSize(sealed), files)?;
    let mut replay = Replay {
        layout,
        key,
        tree,
        ids: Ids::new(sealed),
        batches: Vec::new(),
        files: Vec::new(),
        last_note: None,
        torn: None,
        repeated: Vec::new(),
    };
    for (place, (first, bytes)) in image.files.iter().enumerate() {
        replay.file(layout.wal(*first), *first, bytes.clone(), place + 1 == image.files.len())?;
    }
    replay.finish(sealed, &image.slots, files)
}

fn read_slots(disk: &dyn Disk, layout: &Layout) -> Result<Bytes, Error> {
    let path = layout.checkpoint();
    disk.read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::Absent(layout.dir().to_owned()),
        _ => Error::io("read", path)(error),
    })
}

/// The first leaves of the write-ahead files, in order.
pub(crate) fn list_files(disk: &dyn Disk, layout: &Layout) -> Result<Vec<u64>, Error> {
    let names = disk.list(&layout.wal_dir()).map_err(Error::io("list", layout.wal_dir()))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| wal::first_leaf(name)).map(|leaf| leaf.0).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

struct Replay<'a> {
    layout: &'a Layout,
    key: &'a Verifier,
    tree: Tree,
    ids: Ids,
    batches: Vec<Committed>,
    files: Vec<FoundFile>,
    /// The file and checkpoint of the last frame.
    last_note: Option<(PathBuf, String)>,
    torn: Option<Torn>,
    repeated: Vec<(u64, u64)>,
}

impl Replay<'_> {
    fn size(&self) -> LeafIndex {
        LeafIndex(self.tree.size().0)
    }

    fn file(&mut self, path: PathBuf, first: u64, bytes: Bytes, is_last: bool) -> Result<(), Error> {
        let size = self.size();
        if first < size.0 {
            return Err(Error::corrupt(path, LeafIndex(first), "it overlaps the file before it"));
        }
        if first > size.0 {
            // Which of the two is to blame cannot be seen; the leaves are missing at the end of the earlier one.
            let file = self.files.last().map_or(path, |before| before.path.clone());
            return Err(Error::corrupt(
                file,
                size,
                format!("entries are missing: the next file begins with leaf {first}"),
            ));
        }
        let (header, mut frames) = match Frames::open(bytes.clone()) {
            Ok(opened) => opened,
            // The first file was durable before the directory was a ledger; a later one is made while another is there.
            Err(flaw) if is_last && !self.files.is_empty() => return self.tear(path, &bytes, flaw, size),
            Err(flaw) => return Err(Error::corrupt(path, size, flaw.problem)),
        };
        if header.first != size {
            return Err(Error::corrupt(path, size, "its name and its header disagree"));
        }
        if header.root != self.tree.root() {
            let problem = format!("it does not lead to the root with which {} begins", path.display());
            return Err(match self.files.last() {
                Some(before) => Error::corrupt(&before.path, LeafIndex(before.first), problem),
                None => Error::corrupt(self.layout.tree_dir(), None, problem),
            });
        }
        if !self.files.is_empty() {
            self.ids.begin_file(first);
        }
        let mut sound = Vec::new();
        let flaw = loop {
            match frames.next() {
                Some(Ok(frame)) => sound.push(frame),
                Some(Err(flaw)) => break Some(flaw),
                None => break None,
            }
        };
        let end = sound.last().map_or(wal::HEADER_BYTES as u64, Frame::end_offset);
        let last_write = sound.last().map(|frame| (frame.offset, frame.bytes.clone()));
        let last_write = last_write.unwrap_or_else(|| (0, bytes.slice(..wal::HEADER_BYTES)));
        self.frames(&path, sound)?;
        let entries = self.size().0 - first;
        self.files.push(FoundFile { path: path.clone(), first, bytes: end, entries, last_write });
        match flaw {
            Some(flaw) if is_last => self.tear(path, &bytes, flaw, LeafIndex(self.size().0 + 1)),
            Some(flaw) => Err(Error::corrupt(path, self.size(), flaw.problem)),
            None => Ok(()),
        }
    }

    /// Adds the entries of sound frames, checking after each that the tree has the root of its checkpoint.
    fn frames(&mut self, path: &PathBuf, frames: Vec<Frame>) -> Result<(), Error> {
        let heads: Vec<_> = frames.iter().map(|frame| (frame.first, frame.checkpoint.clone())).collect();
        for ((first, note), entries) in heads.into_iter().zip(hash_entries(frames)) {
            if first != self.size() {
                return Err(Error::corrupt(path, self.size(), "a frame does not follow the one before it"));
            }
            for (leaf, entry) in (first.0..).zip(&entries) {
                self.tree.push(entry.leaf_hash());
                if let Err(earlier) = self.ids.insert(entry.id(), leaf) {
                    self.repeated.push((leaf, earlier));
                }
            }
            let signed = read_checkpoint(&note).map_err(|problem| Error::corrupt(path, first, problem))?;
            if (signed.size, signed.root) != (self.tree.size(), self.tree.root()) {
                let problem = "the entries of a frame do not lead to the root of its checkpoint";
                return Err(Error::corrupt(path, first, problem));
            }
            self.last_note = Some((path.clone(), note));
            self.batches.push(Committed { first, entries: Arc::from(entries) });
        }
        Ok(())
    }

    /// A flaw in the last file is a torn write, unless a later commit got through behind it.
    fn tear(&mut self, path: PathBuf, bytes: &Bytes, flaw: Flaw, leaf_min: LeafIndex) -> Result<(), Error> {
        let is_ours =
            |frame: &Frame| self.key.verify(&frame.checkpoint).is_ok_and(|signed| signed.size.0 == frame.end().0);
        if Frames::find_behind(bytes, flaw.offset, leaf_min, is_ours).is_some() {
            let problem = format!("{}, and sound entries follow it", flaw.problem);
            return Err(Error::corrupt(path, self.size(), problem));
        }
        self.torn = Some(Torn { path, flaw, bytes: bytes.len() as u64 - flaw.offset });
        Ok(())
    }

    fn finish(mut self, sealed: u64, slots: &[u8], files: &TreeFiles) -> Result<Found, Error> {
        let path = self.layout.checkpoint();
        let slots = slot::parse_file(slots);
        let mut signed: [Option<(Checkpoint, &str)>; 2] = [None, None];
        for (signed, note) in signed.iter_mut().zip(slots) {
            if let Ok(note) = note {
                let checkpoint = self.key.verify(note).map_err(|source| Error::Key { file: path.clone(), source })?;
                *signed = Some((checkpoint, note));
            }
        }
        if let Some((file, note)) = &self.last_note {
            self.key.verify(note).map_err(|source| Error::Key { file: file.clone(), source })?;
        }
        let size_of = |slot: &Option<(Checkpoint, &str)>| slot.as_ref().map(|(checkpoint, _)| checkpoint.size);
        let active_slot = usize::from(size_of(&signed[1]) < size_of(&signed[0]));
        let slot_flaw = slots.iter().find_map(|slot| slot.err());
        let newest = signed.into_iter().flatten().max_by_key(|(checkpoint, _)| checkpoint.size);
        let Some((newest, note)) = newest else {
            return Err(Error::corrupt(path, None, slot_flaw.unwrap_or("no slot can be read")));
        };
        let Some(current) = self.files.pop() else {
            return Err(Error::corrupt(self.layout.wal_dir(), None, "no write-ahead file can be read"));
        };
        self.check_against(&newest, &current, sealed, files)?;
        let checkpoint = self.last_note.map_or_else(|| note.to_owned(), |(_, note)| note);
        let closed = self.files.into_iter().map(FoundFile::into_closed).collect();
        let Self { tree, ids, batches, torn, repeated, .. } = self;
        Ok(Found { tree, sealed, ids, batches, closed, current, checkpoint, torn, repeated, active_slot, slot_flaw })
    }

    /// All leaves of a checkpoint that was handed out must be there, and lead to its root.
    fn check_against(
        &self,
        signed: &Checkpoint,
        last: &FoundFile,
        sealed: u64,
        files: &TreeFiles,
    ) -> Result<(), Error> {
        let size = self.size();
        if signed.size.0 > size.0 {
            let problem = format!("acknowledged entries are missing: {} were signed, {size} are there", signed.size);
            let file = self.torn.as_ref().map_or(&last.path, |torn| &torn.path);
            return Err(Error::corrupt(file, size, problem));
        }
        let path = self.layout.checkpoint();
        if signed.size.0 < sealed {
            let problem = format!("it covers {} leaves, but {sealed} are sealed", signed.size);
            return Err(Error::corrupt(path, None, problem));
        }
        let root = root_of(signed.size, &AllHashes { files, tree: &self.tree, sealed })?;
        if root == signed.root {
            Ok(())
        } else {
            Err(Error::corrupt(path, None, format!("the first {} leaves do not lead to its root", signed.size)))
        }
    }
}

impl FoundFile {
    fn into_closed(self) -> Closed {
        let (first, end) = (LeafIndex(self.first), LeafIndex(self.first + self.entries));
        Closed { first, end, bytes: self.bytes, path: self.path }
    }
}

/// What a signed note says, its signature not looked at.
fn read_checkpoint(note: &str) -> Result<Checkpoint, &'static str> {
    let (text, _) = note.split_once("\n\n").ok_or("a checkpoint has no signature")?;
    format!("{text}\n").parse().map_err(|_| "a checkpoint is malformed")
}
