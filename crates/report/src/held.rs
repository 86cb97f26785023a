//! What a hold reaches: decisions, what followed them, and what their persons say. Asked for a part of the ledger at a time, so
//! that the answer to no query grows with the ledger.

use crate::follower;
use crate::retention::Held;
use crate::source::{Error, Rows, Source};
use std::collections::HashSet;
use std::ops::Range;

/// What a hold reaches of a part of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The leaves of the decisions in that part.
    pub decisions: Vec<u64>,
    /// The leaves, anywhere, of their reviews and outcomes, and of the notes that stand beside them.
    pub followers: Vec<u64>,
}

impl Reached {
    /// What a hold reaches of these leaves: the decisions that fit, and of them only those at leaves that `is_held_at` takes.
    ///
    /// # Errors
    /// What the source says.
    pub async fn ask<S: Source + ?Sized>(
        source: &S,
        held: &Held,
        is_held_at: Option<&(dyn Fn(u64) -> bool + Sync)>,
        leaves: Range<u64>,
    ) -> Result<Self, Error<S::Error>> {
        let condition = format!("leaf_index >= {} AND leaf_index < {} AND {}", leaves.start, leaves.end, held.sql());
        let columns = if is_held_at.is_some() { "leaf_index, user_id" } else { "leaf_index" };
        let rows = Rows::of(source, format!("SELECT {columns} FROM decisions WHERE {condition}")).await?;
        let mut decisions = rows.counts("leaf_index")?;
        if decisions.is_empty() {
            return Ok(Self::default());
        }
        let mut users = HashSet::new();
        if let Some(is_held_at) = is_held_at {
            let of_user = decisions.iter().zip(rows.texts("user_id")?);
            users.extend(of_user.filter(|(leaf, _)| is_held_at(**leaf)).filter_map(|(_, user)| user));
            decisions.retain(|leaf| is_held_at(*leaf));
        }
        let mut followers = follower::of(source, &condition).await?;
        followers.retain(|one| is_held_at.is_none_or(|is_held_at| is_held_at(one.decision)));
        let mut followers: Vec<u64> = followers.into_iter().map(|one| one.leaf).collect();
        let of = format!("decision_id IS NULL AND user_id IN (SELECT user_id FROM decisions WHERE {condition})");
        let rows = Rows::of(source, format!("SELECT leaf_index, user_id FROM notes WHERE {of}")).await?;
        let found = rows.counts("leaf_index")?.into_iter().zip(rows.texts("user_id")?);
        let is_theirs = |user: &Option<String>| user.as_ref().is_some_and(|user| users.contains(user));
        followers.extend(found.filter(|(_, user)| is_held_at.is_none() || is_theirs(user)).map(|(leaf, _)| leaf));
        Ok(Self { decisions, followers })
    }
}
