//! The files into which bad rows go, so that they can be imported again once corrected: one for each header line.
//!
//! Each is new or empty to begin with: nothing that stood there is lost.

use super::chunk::{BadRow, Chunk};
use super::mapping::Kind;
use super::source::{self, Reading};
use super::{NAMED_ROWS_MAX, plural};
use crate::output;
use anyhow::{Context, Result, bail};
use std::fs::{File, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The bad rows of an import.
pub(super) struct BadRows {
    path: PathBuf,
    inputs: Vec<PathBuf>,
    /// The first lies at the path that was given.
    files: Vec<RowsFile>,
    /// The file that rows go to.
    current: usize,
    named: usize,
}

/// A file of rows of one kind, after one header line.
struct RowsFile {
    path: PathBuf,
    file: File,
    /// What the rows in it are; nothing as long as there are none.
    of: Option<(Kind, Vec<u8>)>,
    rows: u64,
}

impl BadRows {
    /// Opens the first file, and refuses one of the `inputs` under whatever name, and a file that holds something.
    pub(super) fn create(path: &Path, inputs: &[&Path]) -> Result<Self> {
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        let mut created = Self { path: path.to_owned(), inputs, files: Vec::new(), current: 0, named: 0 };
        created.add_file(path.to_owned())?;
        Ok(created)
    }

    fn add_file(&mut self, path: PathBuf) -> Result<()> {
        let cannot_write = || format!("cannot write {}", path.display());
        // Not truncated: what it is shows only once it is open.
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(&path).with_context(cannot_write)?;
        let metadata = file.metadata().with_context(cannot_write)?;
        let is_same = |input: &Metadata| (input.dev(), input.ino()) == (metadata.dev(), metadata.ino());
        if self.inputs.iter().filter_map(|input| std::fs::metadata(input).ok()).any(|input| is_same(&input)) {
            bail!("--skip-bad {}: that is a file which is read; name another one for the bad rows", path.display());
        }
        if metadata.len() > 0 {
            bail!("--skip-bad {}: that file is there already; remove it, or name another one", path.display());
        }
        self.files.push(RowsFile { path, file, of: None, rows: 0 });
        Ok(())
    }

    /// The rows that follow are those of a file that is read, whose header line stands before them once.
    pub(super) fn begin(&mut self, reading: &Reading<'_>) -> Result<()> {
        let of = (reading.kind, source::header(reading)?);
        let known = self.files.iter().position(|file| file.of.as_ref().is_none_or(|known| *known == of));
        self.current = match known {
            Some(known) => known,
            None => {
                self.add_file(numbered(&self.path, self.files.len() + 1))?;
                self.files.len() - 1
            }
        };
        let file = &mut self.files[self.current];
        if file.of.is_none() {
            file.write_line(&of.1)?;
            file.of = Some(of);
        }
        Ok(())
    }

    pub(super) fn put(&mut self, chunk: &Chunk, bad: Vec<BadRow>) -> Result<()> {
        let file = &mut self.files[self.current];
        for BadRow { row, reason } in bad {
            if let Some(originals) = &chunk.originals {
                file.write_line(originals.row((row - chunk.first_row) as usize))?;
            }
            if self.named < NAMED_ROWS_MAX {
                output::note(&format!("row {row}: {reason}"));
                self.named += 1;
            }
            file.rows += 1;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<bool> {
        for RowsFile { path, mut file, rows, .. } in self.files {
            file.flush()?;
            // A terminal or /dev/null has nothing to be made durable.
            if file.metadata()?.is_file() {
                file.sync_all()?;
            }
            if rows > 0 {
                output::note(&format!("{rows} bad row{} written to {}", plural(rows), path.display()));
            }
        }
        Ok(true)
    }
}

impl RowsFile {
    /// Writes a line; the last one of a file may have no line end of its own.
    fn write_line(&mut self, line: &[u8]) -> Result<()> {
        let line_end: &[u8] = if line.is_empty() || line.ends_with(b"\n") { b"" } else { b"\n" };
        let written = self.file.write_all(line).and_then(|()| self.file.write_all(line_end));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The path with a number before its ending.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{number}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_before_the_ending() {
        assert_eq!(numbered(Path::new("a/bad.csv"), 2), Path::new("a/bad-2.csv"));
        assert_eq!(numbered(Path::new("bad"), 3), Path::new("bad-3"));
    }
}
