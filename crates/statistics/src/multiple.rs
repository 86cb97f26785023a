//! Several tests at once: some would be significant by chance.

/// P-values corrected so that the probability of one false finding or more stays that of one test, in the order given.
/// `None` stays, and does not count as a test.
///
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = p_values.iter().enumerate().filter_map(|(at, p)| Some((at, (*p)?))).collect();
    order.sort_by(|(_, left), (_, right)| left.total_cmp(right));
    let mut corrected = vec![None; p_values.len()];
    let (count, mut greatest) = (order.len(), 0.0_f64);
    for (rank, (at, p)) in order.into_iter().enumerate() {
        greatest = greatest.max(p * (count - rank) as f64).min(1.0);
        corrected[at] = Some(greatest);
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_is_multiplied_by_the_tests_that_are_left() {
        let corrected = holm(&[Some(0.02), None, Some(0.01), Some(0.9)]);
        assert_eq!(corrected, [Some(0.04), None, Some(0.03), Some(0.9)]);
        assert_eq!(holm(&[]), []);
    }

    proptest! {
        #[test]
        fn none_gets_smaller_and_the_order_stays(p_values in prop::collection::vec(prop::option::of(0.0..=1.0_f64), 0..20)) {
            let corrected = holm(&p_values);
            for (p, q) in p_values.iter().zip(&corrected) {
                prop_assert_eq!(p.is_some(), q.is_some());
                prop_assert!(q.unwrap_or(1.0) >= p.unwrap_or(0.0) && q.unwrap_or(1.0) <= 1.0);
                for (other, corrected) in p_values.iter().zip(&corrected) {
                    prop_assert!(p.is_none() || other.is_none() || p >= other || q <= corrected);
                }
            }
        }
    }
}
