//! Many numbers as few ranges, for conditions that statistics can answer.

/// At most `ranges_max` ranges, first and last, that cover the numbers, which ascend: cut at the widest gaps.
pub(crate) fn cover(numbers: &[i64], ranges_max: usize) -> Vec<(i64, i64)> {
    let gap = |at: &usize| numbers[*at].abs_diff(numbers[at - 1]);
    let mut cuts: Vec<usize> = (1..numbers.len()).collect();
    let cuts_max = ranges_max.saturating_sub(1);
    if cuts_max < cuts.len() {
        cuts.select_nth_unstable_by_key(cuts_max, |at| std::cmp::Reverse(gap(at)));
        cuts.truncate(cuts_max);
    }
    cuts.sort_unstable();
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain(std::iter::once(numbers.len()));
    let ranges = starts.zip(ends).filter(|(start, end)| start < end);
    ranges.map(|(start, end)| (numbers[start], numbers[end - 1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_is_cut_at_the_widest_gaps() {
        let numbers = [1, 2, 100, 101, 200, 1_000];
        assert_eq!(cover(&numbers, 3), [(1, 101), (200, 200), (1_000, 1_000)]);
        assert_eq!(cover(&numbers, 1), [(1, 1_000)]);
        assert_eq!(cover(&numbers, 100).len(), 6);
        assert_eq!(cover(&[], 4), []);
    }
}
