//! Leaves as a record names them: `0-4,7,9-12`, runs of leaf indices with both ends, ascending and apart.

use std::fmt::Write;
use std::ops::Range;

/// The text of some runs, which ascend and do not touch. The bytes of one text are at most about `bytes_max`; there are as many
/// texts as that takes, and none of no runs.
pub fn write_leaves(runs: impl IntoIterator<Item = Range<u64>>, bytes_max: usize) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for Range { start, end } in runs {
        let text = match texts.last_mut().filter(|text| text.len() < bytes_max) {
            Some(text) => {
                text.push(',');
                text
            }
            None => {
                texts.push(String::new());
                let Some(text) = texts.last_mut() else { continue };
                text
            }
        };
        // Writing to a text does not fail.
        let _ = match end.saturating_sub(1) {
            last if last == start => write!(text, "{start}"),
            last => write!(text, "{start}-{last}"),
        };
    }
    texts
}

/// The runs that a text names; `None` if it is not of that form. The empty text names none.
pub fn read_leaves(text: &str) -> Option<Vec<Range<u64>>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let mut next = 0;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let run = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let run = number(first)?..number(last)?.checked_add(1)?;
        let is_behind = run.start >= next && run.start < run.end;
        next = run.end + 1;
        is_behind.then_some(run)
    };
    text.split(',').map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_list_of_runs_is_refused() {
        for wrong in
            [",", "1,", "a", "3-1", "1-", "-1", "1,1", "1-4,5", "2,1", " 1", "1-2-3", "18446744073709551615", "+1"]
        {
            assert_eq!(read_leaves(wrong), None, "{wrong}");
        }
        assert_eq!(read_leaves(""), Some(Vec::new()));
        assert_eq!(write_leaves([], 10), [] as [String; 0]);
        assert_eq!(write_leaves([0..5, 7..8, 9..13], 100), ["0-4,7,9-12"]);
    }

    proptest! {
        #[test]
        fn leaves_read_back(steps in prop::collection::vec((1..50_u64, 1..50_u64), 0..60), bytes_max in 1..80_usize) {
            let mut next = 0;
            let runs: Vec<Range<u64>> = steps
                .iter()
                .map(|(gap, length)| {
                    let start = next + gap;
                    next = start + length;
                    start..next
                })
                .collect();
            let texts = write_leaves(runs.iter().cloned(), bytes_max);
            prop_assert!(texts.iter().all(|text| !text.is_empty() && text.len() < bytes_max + 42));
            let back: Vec<Range<u64>> = texts.iter().flat_map(|text| read_leaves(text).unwrap()).collect();
            prop_assert_eq!(back, runs);
        }
    }
}
