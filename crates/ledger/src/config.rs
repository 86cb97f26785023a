//! The bounds of a ledger. Every queue, buffer and file has one, so that memory does not grow with the data.

/// How much may wait, how large files grow. All bounds are checked before the fact; the defaults suit a small server.
#[derive(Clone, Debug)]
pub struct Config {
    /// A write-ahead file is closed before it would grow over this.
    pub wal_file_bytes_max: u64,
    /// A write-ahead file is closed before it would hold more entries than this.
    pub wal_file_entries_max: u64,
    /// With so many closed files unsealed, the writer waits for [`crate::Ledger::release`] before it starts another one:
    /// what is not sealed is in memory too.
    pub unsealed_files_max: usize,
    /// One submit may have so many bytes; it is written by one write.
    pub submit_bytes_max: usize,
    /// One commit takes waiting submits up to so many bytes (and always at least one).
    pub commit_bytes_max: usize,
    /// Submits may wait up to so many bytes; what comes on top is [`crate::AppendError::Busy`].
    pub queue_bytes_max: usize,
    /// How long a blocking append waits for room in the queue, and the writer for sealing, before they answer
    /// [`crate::AppendError::Busy`].
    pub stall_ms_max: u64,
    /// Disk space is reserved in steps of this, so that a full disk shows before a write and not in it.
    pub reserve_bytes: u64,
    /// After a failed write the ledger tries to reopen itself when work comes, at most this often.
    pub reopen_interval_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            wal_file_bytes_max: 96 << 20,
            wal_file_entries_max: 1 << 16,
            unsealed_files_max: 1,
            submit_bytes_max: 64 << 20,
            commit_bytes_max: 8 << 20,
            queue_bytes_max: 64 << 20,
            stall_ms_max: 30_000,
            reserve_bytes: 8 << 20,
            reopen_interval_ms: 1_000,
        }
    }
}
