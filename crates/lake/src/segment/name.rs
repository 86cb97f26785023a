//! The name of a segment file, which says what leaves it holds: `<first>-<end>.parquet`, 20 digits each, `end`
//! exclusive. Names sort as the leaves do. A segment that was rewritten, some of its rows or sidecars being removed, has
//! the number of its rewrite too: `<first>-<end>-<rewrite>.parquet`. Of several with the same leaves the highest counts.

use onrecord_evidence::LeafRange;

/// The end of the names of files that are being written. They are not segments, and are removed on opening.
pub(crate) const UNFINISHED: &str = ".parquet.tmp";

/// The end of the names of stubs, of segments in the archive.
const STUB: &str = ".archived";

const FINISHED: &str = ".parquet";
const DIGITS: usize = 20;

/// What the name of a segment file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentName {
    /// The leaves that it, and no other segment, can have rows of.
    pub(crate) leaves: LeafRange,
    /// How often it was rewritten.
    pub(crate) rewrite: u32,
}

impl SegmentName {
    /// Of a segment that was not rewritten.
    pub(crate) fn new(leaves: LeafRange) -> Self {
        Self { leaves, rewrite: 0 }
    }

    /// Of the next rewrite of this segment.
    pub(crate) fn rewritten(self) -> Self {
        Self { rewrite: self.rewrite + 1, ..self }
    }

    /// Of the file that is complete.
    pub(crate) fn finished(self) -> String {
        self.ending(FINISHED)
    }

    /// Of the file that is being written.
    pub(crate) fn unfinished(self) -> String {
        self.ending(UNFINISHED)
    }

    /// Of the stub of the segment in the archive.
    pub(crate) fn stub(self) -> String {
        self.ending(STUB)
    }

    /// Reads the file name of a stub; `None` if it is none.
    pub(crate) fn parse_stub(name: &str) -> Option<Self> {
        Self::parse(&format!("{}{FINISHED}", name.strip_suffix(STUB)?))
    }

    fn ending(self, ending: &str) -> String {
        let Self { leaves, rewrite } = self;
        let rewrite = if rewrite == 0 { String::new() } else { format!("-{rewrite}") };
        format!("{:0DIGITS$}-{:0DIGITS$}{rewrite}{ending}", leaves.start.0, leaves.end.0)
    }

    /// Reads a file name; `None` if it is not that of a segment.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (first, rest) = name.strip_suffix(FINISHED)?.split_once('-')?;
        let (end, rewrite) = rest.split_once('-').map_or((rest, None), |(end, rewrite)| (end, Some(rewrite)));
        let number =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
        let padded = |text: &str| number(text).filter(|_| text.len() == DIGITS);
        let rewrite = match rewrite {
            None => 0,
            Some(text) => {
                number(text).filter(|_| !text.starts_with('0')).and_then(|rewrite| u32::try_from(rewrite).ok())?
            }
        };
        let leaves = LeafRange::from(padded(first)?..padded(end)?);
        (!leaves.is_empty()).then_some(Self { leaves, rewrite })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back() {
        let name = SegmentName::new(LeafRange::from(65_536..131_072));
        assert_eq!(name.finished(), "00000000000000065536-00000000000000131072.parquet");
        assert_eq!(SegmentName::parse(&name.finished()), Some(name));
        assert_eq!(SegmentName::parse_stub(&name.stub()), Some(name));
        let again = name.rewritten().rewritten();
        assert_eq!(again.finished(), "00000000000000065536-00000000000000131072-2.parquet");
        assert_eq!(SegmentName::parse(&again.finished()), Some(again));
    }

    #[test]
    fn other_names_are_no_segments() {
        for name in [
            "",
            "a.parquet",
            "00000000000000065536-00000000000000131072.parquet.tmp",
            "00000000000000131072-00000000000000065536.parquet",
            "00000000000000065536-00000000000000131072-0.parquet",
            "00000000000000065536-00000000000000131072-01.parquet",
            "00000000000000065536-00000000000000131072-.parquet",
            "00000000000000065536-00000000000000131072-99999999999.parquet",
            "+0000000000000065536-00000000000000131072.parquet",
            "1-2.parquet",
        ] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}
