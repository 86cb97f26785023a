//! The name of a segment file, which says what leaves it holds: `<first>-<end>.parquet`, 20 digits each, `end`
//! exclusive. Names sort as the leaves do.

use onrecord_evidence::LeafRange;

/// The end of the names of files that are being written. They are not segments, and are removed on opening.
pub(crate) const UNFINISHED: &str = ".parquet.tmp";

const FINISHED: &str = ".parquet";
const DIGITS: usize = 20;

/// The file name of a segment.
pub(crate) fn format(leaves: LeafRange) -> String {
    format!("{:0DIGITS$}-{:0DIGITS$}{FINISHED}", leaves.start.0, leaves.end.0)
}

/// The leaves that a file name promises; `None` if it is not the name of a segment.
pub(crate) fn parse(name: &str) -> Option<LeafRange> {
    let (first, end) = name.strip_suffix(FINISHED)?.split_once('-')?;
    let number = |text: &str| {
        let is_number = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok()).flatten()
    };
    let leaves = LeafRange::from(number(first)?..number(end)?);
    (!leaves.is_empty()).then_some(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back() {
        let leaves = LeafRange::from(65_536..131_072);
        assert_eq!(format(leaves), "00000000000000065536-00000000000000131072.parquet");
        assert_eq!(parse(&format(leaves)), Some(leaves));
    }

    #[test]
    fn other_names_are_no_segments() {
        for name in [
            "",
            "a.parquet",
            "00000000000000065536-00000000000000131072.parquet.tmp",
            "00000000000000131072-00000000000000065536.parquet",
            "+0000000000000065536-00000000000000131072.parquet",
            "1-2.parquet",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
