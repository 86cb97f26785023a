//! Tiles: the tree cut into files of up to 256 hashes, as C2SP `tlog-tiles` names them.
//!
//! Tile `(level, index)` holds the hashes `256 * index ..` of that level, 32 bytes each. A full tile never changes; the
//! last tile of a level is partial and is named with its width. Where the bytes lie is left to the store.

use crate::{Error, TreeSize};
use std::{fmt, str::FromStr};

/// Heights of the tree per tile level.
pub const HEIGHT: u32 = 8;

/// Hashes in a full tile.
pub const WIDTH: u16 = 1 << HEIGHT;

/// Above it, a level of a tree of at most 2^64 leaves is empty.
pub const LEVEL_MAX: u8 = 7;

/// The name of a tile. Its text form is the path below the log's address: `tile/<level>/<index>[.p/<width>]`, the index
/// in groups of three digits, all but the last behind an `x`: `tile/0/x001/x234/067`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// How many hashes of tile `(level, index)` are complete in a tree of `size` leaves: 0 to 256.
#[must_use]
pub fn width(level: u8, index: u64, size: TreeSize) -> u16 {
    let complete = size.0.checked_shr(u32::from(level) * HEIGHT).unwrap_or(0);
    let before = index.saturating_mul(u64::from(WIDTH));
    // At most WIDTH, so it fits.
    complete.saturating_sub(before).min(u64::from(WIDTH)) as u16
}

impl Tile {
    /// The tile `(level, index)` with `width` hashes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a level above [`LEVEL_MAX`], a width that is not 1 to 256, or an index no tree has.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, Error> {
        let fits = index <= u64::MAX >> HEIGHT;
        if level > LEVEL_MAX || !fits || width == 0 || width > WIDTH {
            return Err(malformed("level, index or width out of range"));
        }
        Ok(Self { level, index, width })
    }

    /// 0 for leaf hashes, 1 for hashes of 256 leaves each, and so on.
    #[must_use]
    pub fn level(self) -> u8 {
        self.level
    }

    /// Which tile of its level.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes: 1 to 256.
    #[must_use]
    pub fn width(self) -> u16 {
        self.width
    }

    /// The first hash of the tile, counted on its level.
    #[must_use]
    pub fn start(self) -> u64 {
        self.index * u64::from(WIDTH)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}", self.level)?;
        let mut divisor = 1;
        while self.index / divisor >= 1000 {
            divisor *= 1000;
        }
        while divisor > 1 {
            write!(f, "/x{:03}", self.index / divisor % 1000)?;
            divisor /= 1000;
        }
        write!(f, "/{:03}", self.index % 1000)?;
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Reads the path; only the one spelling that [`fmt::Display`] writes is accepted.
impl FromStr for Tile {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        let rest = path.strip_prefix("tile/").ok_or_else(|| malformed("must begin with tile/"))?;
        let (level, rest) = rest.split_once('/').ok_or_else(|| malformed("the index is missing"))?;
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => (groups, number(width)?),
            None => (rest, u64::from(WIDTH)),
        };
        let (above, last) = groups.rsplit_once('/').unwrap_or(("", groups));
        let mut index = 0_u64;
        for group in above.split('/').filter(|_| !above.is_empty()) {
            let group = group.strip_prefix('x').ok_or_else(|| malformed("all groups but the last begin with x"))?;
            index = join(index, group)?;
        }
        index = join(index, last)?;
        let level = u8::try_from(number(level)?).map_err(|_| malformed("no such level"))?;
        let width = u16::try_from(width).map_err(|_| malformed("no such width"))?;
        let tile = Self::new(level, index, width)?;
        if tile.to_string() == path { Ok(tile) } else { Err(malformed("not the one spelling of this tile")) }
    }
}

fn join(above: u64, group: &str) -> Result<u64, Error> {
    if group.len() != 3 {
        return Err(malformed("an index is written in groups of three digits"));
    }
    let group = number(group)?;
    above.checked_mul(1000).and_then(|above| above.checked_add(group)).ok_or_else(|| malformed("the index is too big"))
}

fn number(digits: &str) -> Result<u64, Error> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed("not a decimal number"));
    }
    digits.parse().map_err(|_| malformed("not a decimal number"))
}

fn malformed(problem: &str) -> Error {
    Error::malformed("tile path", problem)
}
