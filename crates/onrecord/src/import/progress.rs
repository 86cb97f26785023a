//! How far an import is, for the person who waits: share, rows, rate and time left. Silent when nobody watches.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::path::Path;

pub(super) struct Progress {
    bar: ProgressBar,
    rows: Cell<u64>,
}

impl Progress {
    /// A bar over the bytes of the file at `path`.
    pub(super) fn new(doing: &'static str, path: &Path) -> Result<Self> {
        let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix:10} {bar:30} {percent:>3}%  {msg}  {eta} left")?;
        bar.set_style(style);
        bar.set_prefix(doing);
        Ok(Self { bar, rows: Cell::new(0) })
    }

    pub(super) fn advance(&self, position_bytes: u64, rows: usize) {
        self.rows.set(self.rows.get() + rows as u64);
        let rate = self.rows.get() as f64 / self.bar.elapsed().as_secs_f64().max(1e-3);
        self.bar.set_message(format!("{} rows, {rate:.0} rows/s", self.rows.get()));
        self.bar.set_position(position_bytes);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
