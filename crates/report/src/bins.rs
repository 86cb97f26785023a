//! Numbers in bins that are closed on the left, the last one on both sides, as those of `numpy.histogram`.

/// The expression of the bin that a number is in, from 0 on; null for null, and for what is in none. `edges` ascend, two or
/// more.
pub(crate) fn sql(number: &str, edges: &[f64]) -> String {
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return "NULL::bigint".to_owned() };
    let inner = edges.get(1..edges.len() - 1).unwrap_or_default();
    if inner.len() > COMPARED_MAX {
        return searched(number, edges, *first, *last);
    }
    let before: String =
        inner.iter().enumerate().map(|(at, edge)| format!("WHEN {number} < {} THEN {at} ", literal(*edge))).collect();
    let (low, high, end) = (literal(*first), literal(*last), inner.len());
    format!("CASE WHEN {number} < {low} THEN NULL {before}WHEN {number} <= {high} THEN {end} END")
}

/// Inner edges that a number is compared with one by one, which is fastest for a few.
const COMPARED_MAX: usize = 20;

/// The same by a search among all edges, in which the number stands a few times only, however many edges there are.
fn searched(number: &str, edges: &[f64], first: f64, last: f64) -> String {
    let all: Vec<String> = edges.iter().map(|edge| format!("{edge:?}")).collect();
    let (low, high, end) = (literal(first), literal(last), edges.len() - 2);
    format!(
        "CASE WHEN {number} < {low} THEN NULL \
         WHEN {number} < {high} THEN width_bucket({number}, '{{{}}}'::double precision[])::bigint - 1 \
         WHEN {number} <= {high} THEN {end} END",
        all.join(",")
    )
}

/// A double that reads back as the same double.
fn literal(number: f64) -> String {
    format!("'{number:?}'::double precision")
}

/// How each bin is called.
pub(crate) fn labels(edges: &[f64]) -> Vec<String> {
    let end = edges.len().saturating_sub(2);
    let label = |(at, edge): (usize, &[f64])| {
        let close = if at == end { ']' } else { ')' };
        format!("[{}, {}{close}", edge[0], edge[1])
    };
    edges.windows(2).enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bin_is_closed_on_both_sides() {
        assert_eq!(
            sql("x", &[0.0, 0.3, 1.0]),
            "CASE WHEN x < '0.0'::double precision THEN NULL WHEN x < '0.3'::double precision THEN 0 \
             WHEN x <= '1.0'::double precision THEN 1 END"
        );
        assert_eq!(labels(&[18.0, 30.5, 65.0]), ["[18, 30.5)", "[30.5, 65]"]);
        assert_eq!(labels(&[0.8, 0.8]), ["[0.8, 0.8]"]);
    }
}
