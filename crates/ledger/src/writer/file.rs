//! The current write-ahead file: room in it, its end, and the beginning of the next.
//!
//! Space is reserved before it is written to, so that a full disk shows where nothing is half done. Invariant: a file is
//! trimmed and durable before the next is made, and the next is durable, name and all, before it is written to or its
//! predecessor is handed out for sealing.

use super::{Failure, Writer};
use crate::{
    AppendError, Closed, Error, LeafIndex,
    disk::DiskFile,
    wal::{FRAME_HEADER_BYTES, HEADER_BYTES, Header, NOTE_BYTES_MAX},
};
use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

pub(crate) struct Current {
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn DiskFile>,
    /// Its first leaf.
    pub(crate) first: u64,
    /// Up to here it holds durable frames; its length when no commit is in flight.
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    /// Up to here space is reserved.
    pub(crate) reserved: u64,
}

impl Current {
    /// Gives back what is reserved behind the end.
    pub(super) fn trim(&self) -> Result<(), Error> {
        self.file.set_len(self.bytes).map_err(Error::io("cut", &self.path))?;
        self.file.sync().map_err(Error::io("sync", &self.path))
    }

    /// Reserves space up to `end`, in steps if there is space for a step.
    pub(super) fn reserve(&mut self, end: u64, step_bytes: u64) -> Result<(), Failure> {
        if end <= self.reserved {
            return Ok(());
        }
        let generous = end.max(self.reserved.saturating_add(step_bytes));
        let mut reserved = self.file.reserve(self.reserved, generous).map(|()| generous);
        if reserved.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Unsupported) {
            reserved = self.file.reserve(self.reserved, end).map(|()| end);
        }
        match reserved {
            Ok(end) => self.reserved = end,
            // Without reservation a full disk shows in a write, and costs a reopening.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.reserved = u64::MAX,
            Err(error) => return Err(refused(&Error::io("reserve space in", &self.path)(error))),
        }
        Ok(())
    }
}

/// A refusal after which nothing has changed on disk.
fn refused(error: &Error) -> Failure {
    let is_full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let reason = Arc::from(error.to_string());
    Failure::Refused(match error {
        Error::Io { source, .. } if is_full(source.kind()) => AppendError::Full(reason),
        _ => AppendError::Unwritable(reason),
    })
}

impl Writer {
    /// Sees to it that a commit of so many entries and bytes has a file with room for it.
    pub(super) fn make_room(&mut self, entries: u64, bytes: u64) -> Result<(), Failure> {
        let bytes = bytes + (FRAME_HEADER_BYTES + NOTE_BYTES_MAX) as u64;
        let config = &self.shared.config;
        let (bytes_max, entries_max) = (config.wal_file_bytes_max, config.wal_file_entries_max);
        let fits = |current: &Current| {
            current.entries == 0
                || current.bytes + bytes <= bytes_max && current.entries.saturating_add(entries) <= entries_max
        };
        if !self.current.as_ref().is_some_and(fits) {
            self.wait_for_sealing()?;
            self.rotate()?;
        }
        let step_bytes = self.shared.config.reserve_bytes;
        self.current.as_mut().map_or(Ok(()), |current| current.reserve(current.bytes + bytes, step_bytes))
    }

    /// What is not sealed is in memory too: waits until there is less of it.
    fn wait_for_sealing(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_millis(self.shared.config.stall_ms_max);
        while self.shared.closed().len() >= self.shared.config.unsealed_files_max.max(1) {
            let released = self.shared.queue.wait_released(deadline);
            if released.is_none() {
                tracing::warn!("sealing lags behind: entries are refused");
                return Err(Failure::Refused(AppendError::Busy));
            }
            self.release(released);
        }
        Ok(())
    }

    /// Ends the current file and begins the next. When it fails in between, the next call goes on from there.
    pub(super) fn rotate(&mut self) -> Result<(), Failure> {
        if let Some(current) = &self.current {
            current.trim().map_err(Failure::Broken)?;
            self.slots.sync().map_err(Failure::Broken)?;
            let (first, end) = (LeafIndex(current.first), LeafIndex(self.size));
            self.finished = Some(Closed { first, end, bytes: current.bytes, path: current.path.clone() });
            self.current = None;
        }
        let current = self.begin_file()?;
        self.ids.begin_file(current.first);
        self.current = Some(current);
        if let Some(closed) = self.finished.take() {
            self.shared.closed().push(closed.clone());
            self.follower.closed(&closed);
        }
        Ok(())
    }

    fn begin_file(&self) -> Result<Current, Failure> {
        let (disk, layout) = (&self.shared.disk, &self.shared.layout);
        let path = layout.wal(self.size);
        let root = self.shared.grown.read().unwrap_or_else(PoisonError::into_inner).tree.root();
        let header = Header { first: LeafIndex(self.size), root }.to_bytes();
        let file = disk.create(&path).map_err(|error| refused(&Error::io("create", &path)(error)))?;
        let (first, bytes) = (self.size, HEADER_BYTES as u64);
        let mut current = Current { path, file, first, bytes, entries: 0, reserved: 0 };
        current.reserve(bytes, self.shared.config.reserve_bytes)?;
        let path = &current.path;
        current.file.write_at(&header, 0).map_err(Error::io("write", path)).map_err(Failure::Broken)?;
        current.file.sync().map_err(Error::io("sync", path)).map_err(Failure::Broken)?;
        disk.sync_dir(&layout.wal_dir()).map_err(Error::io("sync", layout.wal_dir())).map_err(Failure::Broken)?;
        Ok(current)
    }
}
