//! The bytes of an index file.
//!
//! `ONRECIDX`, the blocks of all sections one after the other, the directory, and a trailer: where the directory begins
//! (u64), its bytes (u32), its CRC-32C (u32), `ONRECIDX`. The directory has the CRC-32C of each block. All numbers are
//! little-endian. `docs/format.md` has it in full.

use super::block::{BlockReader, BlockWriter, Codes, Group};
use super::key::{Coding, Key};
use super::{Rows, key};
use crate::checksum::BlockSums;
use crate::error::{Error, Result};
use crate::row::RowIndex;
use onrecord_ledger::disk::durable::{self, Readers};
use onrecord_ledger::disk::{Disk, DiskFile};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"ONRECIDX";
const VERSION: u32 = 2;
const TRAILER_BYTES: u64 = 24;

/// How the directory says that texts ascend.
const ORDERED: u8 = 255;

/// A directory of the largest segment has some 100 KB; a damaged length is not believed.
const DIRECTORY_BYTES_MAX: u32 = 64 << 20;

/// Bytes that are compared at once.
const COMPARED_BYTES: usize = 64 << 10;

/// An index file that is open, with its directory in memory.
pub(crate) struct Index {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// The checksum of the file of its segment.
    segment: u32,
    /// The checksums of the segment's blocks, until it takes them.
    sums: Option<BlockSums>,
    sections: Vec<Section>,
}

/// What an index says of the file that it is of.
pub(crate) struct Of {
    /// Its checksum.
    pub(crate) segment: u32,
    pub(crate) rows: u64,
    /// The checksums of its blocks, and where the footer begins.
    pub(crate) blocks: (Vec<u32>, u64),
}

struct Section {
    key: Key,
    coding: Coding,
    codes: Codes,
    blocks: Vec<Block>,
    runs: Vec<Run>,
}

/// Rows of a key whose texts ascend: the first text, and its row. It ends where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: String,
    pub(crate) row: u32,
}

struct Block {
    first: u128,
    groups: u32,
    offset: u64,
    bytes: u32,
    crc: u32,
}

/// The values of one key, sorted.
pub(crate) struct Values {
    pub(crate) key: Key,
    pub(crate) coding: Coding,
    pub(crate) entries: Vec<Entry>,
    /// In the place of entries, of texts that ascend.
    pub(crate) runs: Vec<Run>,
}

/// The number of a value, of at most 96 bits, and under it a row that has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry(u128);

impl Entry {
    pub(crate) fn new(number: u128, row: u32) -> Self {
        Self(number << u32::BITS | u128::from(row))
    }

    pub(crate) fn number(self) -> u128 {
        self.0 >> u32::BITS
    }

    pub(crate) fn row(self) -> u32 {
        self.0 as u32
    }
}

/// Where the index of a segment is.
pub(crate) fn path_of(segment: &Path) -> PathBuf {
    segment.with_extension("index")
}

/// Writes an index, durably, under its name.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn write(disk: &dyn Disk, path: &Path, of: &Of, values: &[Values]) -> Result<()> {
    durable::replace(disk, path, &encode(of, values), Readers::All).map_err(Error::io(path))
}

/// The bytes of an index: the same for the same values.
fn encode(of: &Of, values: &[Values]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let sections: Vec<Section> = values.iter().map(|values| write_blocks(of.rows, values, &mut bytes)).collect();
    write_directory(of, &sections, &mut bytes);
    bytes
}

/// Appends the directory and the trailer.
fn write_directory(of: &Of, sections: &[Section], bytes: &mut Vec<u8>) {
    let mut directory = Vec::new();
    directory.extend_from_slice(&VERSION.to_le_bytes());
    directory.extend_from_slice(&of.segment.to_le_bytes());
    directory.extend_from_slice(&of.rows.to_le_bytes());
    directory.extend_from_slice(&of.blocks.1.to_le_bytes());
    directory.extend_from_slice(&(of.blocks.0.len() as u32).to_le_bytes());
    of.blocks.0.iter().for_each(|crc| directory.extend_from_slice(&crc.to_le_bytes()));
    directory.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    sections.iter().for_each(|section| write_section(section, &mut directory));
    let offset = bytes.len() as u64;
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(&offset.to_le_bytes());
    bytes.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&directory).to_le_bytes());
    bytes.extend_from_slice(MAGIC);
}

/// What the directory says of one key.
fn write_section(section: &Section, directory: &mut Vec<u8>) {
    let (kind, names): (u8, &[String]) = match &section.key {
        Key::Subject => (0, &[]),
        Key::DecisionId => (1, &[]),
        Key::Input(path) => (2, path),
    };
    directory.push(kind);
    directory.extend_from_slice(&(names.len() as u16).to_le_bytes());
    for name in names {
        directory.extend_from_slice(&(name.len() as u16).to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    directory.push(match section.coding {
        Coding::Token => 0,
        Coding::Hash { bits } => bits as u8,
        Coding::Ordered => ORDERED,
    });
    directory.extend_from_slice(&[section.codes.key as u8, section.codes.count as u8]);
    directory.extend_from_slice(&(section.runs.len() as u32).to_le_bytes());
    for run in &section.runs {
        directory.extend_from_slice(&run.row.to_le_bytes());
        directory.push(run.first.len() as u8);
        directory.extend_from_slice(run.first.as_bytes());
    }
    directory.extend_from_slice(&(section.blocks.len() as u32).to_le_bytes());
    for block in &section.blocks {
        directory.extend_from_slice(&block.first.to_le_bytes());
        directory.extend_from_slice(&block.groups.to_le_bytes());
        directory.extend_from_slice(&block.offset.to_le_bytes());
        directory.extend_from_slice(&block.bytes.to_le_bytes());
        directory.extend_from_slice(&block.crc.to_le_bytes());
    }
}

/// Appends the blocks of one key.
fn write_blocks(rows: u64, values: &Values, bytes: &mut Vec<u8>) -> Section {
    let groups = || values.entries.chunk_by(|one, next| one.number() == next.number());
    let keys = groups().count() as u64;
    let codes = Codes::new(rows, keys, values.entries.len() as u64, values.coding.bits());
    let mut blocks = Vec::new();
    let mut open: Option<(BlockWriter, u128, u32)> = None;
    let mut close = |open: &mut Option<(BlockWriter, u128, u32)>| {
        if let Some((writer, first, groups)) = open.take() {
            let block = writer.into_bytes();
            let (offset, crc) = (bytes.len() as u64, crc32c::crc32c(&block));
            blocks.push(Block { first, groups, offset, bytes: block.len() as u32, crc });
            bytes.extend_from_slice(&block);
        }
    };
    let mut of_group = Vec::new();
    for group in groups() {
        let key = group[0].number();
        if open.as_ref().is_some_and(|(writer, ..)| writer.is_full()) {
            close(&mut open);
        }
        of_group.clear();
        of_group.extend(group.iter().map(|entry| entry.row()));
        let (writer, _, groups) = open.get_or_insert_with(|| (BlockWriter::new(key, codes), key, 0));
        writer.push(&Group { key, rows: &of_group });
        *groups += 1;
    }
    close(&mut open);
    Section { key: values.key.clone(), coding: values.coding, codes, blocks, runs: values.runs.clone() }
}

impl Index {
    /// Reads the directory of an index that is open.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] if another version wrote it; [`Error::Damaged`].
    pub(crate) fn of_file(path: &Path, file: Box<dyn DiskFile>) -> Result<Self> {
        let len = file.bytes().map_err(Error::io(path))?;
        let damaged = |problem: &str| Error::damaged(path, problem);
        let start = len.checked_sub(TRAILER_BYTES).filter(|start| *start >= MAGIC.len() as u64);
        let start = start.ok_or_else(|| damaged("it is too short for an index"))?;
        let mut trailer = [0; TRAILER_BYTES as usize];
        file.read_at(&mut trailer, start).map_err(Error::io(path))?;
        let mut fields = Fields(&trailer);
        let trailer = (fields.u64(), fields.u32(), fields.u32());
        let (Some(offset), Some(bytes), Some(crc)) = trailer else { return Err(damaged("it has no trailer")) };
        if fields.0 != MAGIC || bytes > DIRECTORY_BYTES_MAX || offset.checked_add(u64::from(bytes)) != Some(start) {
            return Err(damaged("it does not end as an index does"));
        }
        let mut directory = vec![0; bytes as usize];
        file.read_at(&mut directory, offset).map_err(Error::io(path))?;
        if crc32c::crc32c(&directory) != crc {
            return Err(damaged("the checksum of its directory differs"));
        }
        let mut fields = Fields(&directory);
        let version = fields.u32();
        if version != Some(VERSION) {
            return Err(Error::Format { path: path.to_owned(), found: version.map(|version| version.to_string()) });
        }
        let directory = read_directory(fields).ok_or_else(|| damaged("its directory is malformed"))?;
        let (segment, sums, sections) = directory;
        Ok(Self { path: path.to_owned(), file, segment, sums: Some(sums), sections })
    }

    /// Whether it is that of the segment with this checksum, and has all these keys and no other.
    pub(crate) fn is_of(&self, segment: u32, keys: &[Key]) -> bool {
        self.segment == segment && self.keys().eq(keys)
    }

    /// The checksums of the blocks of the segment, if it is that with this checksum; once.
    pub(crate) fn take_sums(&mut self, segment: u32) -> Option<BlockSums> {
        self.sums.take_if(|_| self.segment == segment)
    }

    /// Its keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.sections.iter().map(|section| &section.key)
    }

    /// The rows that may have one of these values; `None` if it has no such key.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn find<'v>(&self, key: &Key, values: impl Iterator<Item = &'v str>) -> Result<Option<Rows>> {
        let Some(section) = self.sections.iter().find(|section| section.key == *key) else { return Ok(None) };
        let mut rows = Vec::new();
        for value in values {
            if section.coding == Coding::Ordered {
                rows.extend(section.rows_of(value));
            } else if let Some(number) = section.coding.number(value) {
                self.find_one(section, number, &mut rows)?;
            }
        }
        rows.sort_unstable();
        rows.dedup();
        let rows = rows.into_iter().map(RowIndex).collect();
        Ok(Some(Rows { rows, exact: section.coding == Coding::Token }))
    }

    fn find_one(&self, section: &Section, number: u128, found: &mut Vec<u32>) -> Result<()> {
        let at = section.blocks.partition_point(|block| block.first <= number);
        let Some(block) = at.checked_sub(1).and_then(|at| section.blocks.get(at)) else { return Ok(()) };
        let bytes = self.read_block(block)?;
        let mut reader = BlockReader::new(&bytes, block.first, block.groups, section.codes);
        let mut rows = Vec::new();
        while let Some(key) = reader.next(&mut rows).map_err(|_| self.malformed())? {
            if key >= number {
                found.extend(rows.iter().filter(|_| key == number));
                break;
            }
        }
        Ok(())
    }

    fn read_block(&self, block: &Block) -> Result<Vec<u8>> {
        let mut bytes = vec![0; block.bytes as usize];
        self.file.read_at(&mut bytes, block.offset).map_err(Error::io(&self.path))?;
        if crc32c::crc32c(&bytes) != block.crc {
            return Err(Error::damaged(&self.path, "the checksum of a block differs"));
        }
        Ok(bytes)
    }

    fn malformed(&self) -> Error {
        Error::damaged(&self.path, "a block is malformed")
    }

    /// Compares every byte with what the values of the segment give. Nothing less would do: a look-up believes where a
    /// block begins and that a key is in one place only.
    pub(crate) fn compare(&self, of: &Of, values: &[Values]) -> Result<()> {
        if self.sums.as_ref().is_none_or(|sums| !sums.are(&of.blocks)) {
            return Err(Error::damaged(&self.path, "the checksums of the segment's blocks are not those of its bytes"));
        }
        let expected = encode(of, values);
        let differs = || Error::damaged(&self.path, "it is not the index that the segment's rows give");
        if self.file.bytes().map_err(Error::io(&self.path))? != expected.len() as u64 {
            return Err(differs());
        }
        let mut found = vec![0; COMPARED_BYTES];
        for (at, expected) in expected.chunks(COMPARED_BYTES).enumerate() {
            let found = &mut found[..expected.len()];
            self.file.read_at(found, (at * COMPARED_BYTES) as u64).map_err(Error::io(&self.path))?;
            if found != expected {
                return Err(differs());
            }
        }
        Ok(())
    }
}

impl Section {
    /// The rows of the runs that may hold the text.
    fn rows_of(&self, value: &str) -> std::ops::Range<u32> {
        // The text may also be at the end of the run before those that begin with it.
        let start = self.runs.partition_point(|run| run.first.as_str() < value).saturating_sub(1);
        let end = self.runs.partition_point(|run| run.first.as_str() <= value);
        if end == 0 {
            return 0..0;
        }
        let row = |at: usize| self.runs.get(at).map_or(self.codes.rows as u32, |run| run.row);
        row(start)..row(end)
    }
}

/// The checksum of the segment, those of its blocks, and the sections, from the fields after the version.
fn read_directory(mut fields: Fields<'_>) -> Option<(u32, BlockSums, Vec<Section>)> {
    let (segment, rows, end, blocks) = (fields.u32()?, fields.u64()?, fields.u64()?, fields.u32()?);
    let crcs = (0..blocks).map(|_| fields.u32()).collect::<Option<Vec<_>>>()?;
    let (sums, count) = (BlockSums::new(crcs, end)?, fields.u32()?);
    let sections = (0..count).map(|_| read_section(&mut fields, rows)).collect::<Option<Vec<_>>>()?;
    fields.0.is_empty().then_some((segment, sums, sections))
}

fn read_section(fields: &mut Fields<'_>, rows: u64) -> Option<Section> {
    let (kind, names) = (fields.u8()?, fields.u16()?);
    let mut path = Vec::new();
    for _ in 0..names {
        let length = fields.u16()?;
        path.push(std::str::from_utf8(fields.bytes(usize::from(length))?).ok()?.to_owned());
    }
    let key = match kind {
        0 => Key::Subject,
        1 => Key::DecisionId,
        2 => Key::Input(path),
        _ => return None,
    };
    let coding = match fields.u8()? {
        0 => Coding::Token,
        ORDERED => Coding::Ordered,
        bits => Coding::Hash { bits: u32::from(bits) },
    };
    let codes = Codes { rows, key: u32::from(fields.u8()?), count: u32::from(fields.u8()?) };
    if codes.key > key::TOKEN_BITS || codes.count > u64::BITS {
        return None;
    }
    let block = |fields: &mut Fields<'_>| {
        Some(Block {
            first: fields.u128()?,
            groups: fields.u32()?,
            offset: fields.u64()?,
            bytes: fields.u32()?,
            crc: fields.u32()?,
        })
    };
    let runs = fields.u32()?;
    let run = |fields: &mut Fields<'_>| {
        let (row, length) = (fields.u32()?, fields.u8()?);
        let first = std::str::from_utf8(fields.bytes(usize::from(length))?).ok()?.to_owned();
        Some(Run { first, row })
    };
    let runs = (0..runs).map(|_| run(fields)).collect::<Option<Vec<_>>>()?;
    let blocks = fields.u32()?;
    let blocks = (0..blocks).map(|_| block(fields)).collect::<Option<Vec<_>>>()?;
    Some(Section { key, coding, codes, blocks, runs })
}

/// Numbers, read one after the other.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_ledger::OsDisk;

    /// The right rows, told so that a look-up does not come to them.
    #[test]
    fn an_index_that_leads_look_ups_astray_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.index");
        let of = Of { segment: 7, rows: 20_000, blocks: (vec![1, 2], 20_000) };
        let entries = (0..20_000).map(|row| Entry::new(u128::from(row) << 60, row)).collect();
        let values = [Values { key: Key::Subject, coding: Coding::Token, entries, runs: Vec::new() }];
        let looked_up = 9_000_u128 << 60;
        let text = format!("sub_{looked_up:024x}");
        type Forge = fn(&mut Vec<Block>, u128);
        let forgeries: [(Forge, usize); 3] = [
            (|_, _| (), 1),
            // An empty block that promises the key.
            (
                |blocks, key| {
                    let at = blocks.partition_point(|block| block.first <= key);
                    let Block { offset, bytes, crc, .. } = blocks[at - 1];
                    blocks.insert(at, Block { first: key, groups: 0, offset, bytes, crc });
                },
                0,
            ),
            // A block whose directory ends before the key.
            (
                |blocks, key| {
                    let at = blocks.partition_point(|block| block.first <= key);
                    blocks[at - 1].groups = 1;
                },
                0,
            ),
        ];
        for (forge, found) in forgeries {
            let mut bytes = MAGIC.to_vec();
            let mut section = write_blocks(of.rows, &values[0], &mut bytes);
            forge(&mut section.blocks, looked_up);
            write_directory(&of, &[section], &mut bytes);
            std::fs::write(&path, &bytes).unwrap();
            let index = Index::of_file(&path, OsDisk.open_to_read(&path).unwrap()).unwrap();
            let rows = index.find(&Key::Subject, std::iter::once(&*text)).unwrap().unwrap();
            assert_eq!(rows.rows.len(), found, "the forgery works");
            assert_eq!(index.compare(&of, &values).is_ok(), found == 1);
        }
    }
}
