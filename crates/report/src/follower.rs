//! What follows decisions: their reviews and outcomes, and the notes that stand beside one of them.
//!
//! Of several decisions with one id reviews and outcomes follow the first. A note is of a person: it follows those of them that are
//! about that person.

use crate::source::{Error, Rows, Source};

/// What follows a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Follower {
    pub(crate) leaf: u64,
    /// The leaf of the decision.
    pub(crate) decision: u64,
}

/// What follows the decisions that a condition on the table `decisions` holds for. A note has a row for each of its decisions.
///
/// # Errors
/// What the source says.
pub(crate) async fn of<S: Source + ?Sized>(source: &S, condition: &str) -> Result<Vec<Follower>, Error<S::Error>> {
    let of_leaf = |table: &str| {
        format!(
            "SELECT leaf_index, decision_leaf FROM {table} \
             WHERE decision_leaf IN (SELECT leaf_index FROM decisions WHERE {condition})"
        )
    };
    let of_person = format!(
        "SELECT n.leaf_index AS leaf_index, d.decision_leaf AS decision_leaf FROM notes AS n JOIN \
         (SELECT leaf_index AS decision_leaf, decision_id AS of_decision, user_id AS of_user FROM decisions \
         WHERE {condition}) AS d ON n.decision_id = of_decision AND n.user_id = of_user"
    );
    let mut followers = Vec::new();
    for sql in [of_leaf("reviews"), of_leaf("outcomes"), of_person] {
        let rows = Rows::of(source, sql).await?;
        let leaves = rows.counts("leaf_index")?.into_iter().zip(rows.counts("decision_leaf")?);
        followers.extend(leaves.map(|(leaf, decision)| Follower { leaf, decision }));
    }
    Ok(followers)
}
