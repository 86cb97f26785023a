//! Which records' time is over: decisions by their retention policy, with their reviews and outcomes, but for what is held.

use crate::follower;
use crate::source::{Error, Rows, Source};
use crate::sql::text;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Conditions of one query.
const CONDITIONS_AT_ONCE: usize = 200;

/// How long decisions of a retention policy are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub policy: String,
    /// Days from when a decision was recorded.
    pub days: u32,
    /// What a decision's own `data_retention_days` cannot go below.
    pub min_days: u32,
    /// Days more: what is archived first is deleted after them.
    pub more_days: u32,
    /// Whether it is also for decisions that name none.
    pub is_standard: bool,
}

/// Decisions that are held: those that fit all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Of this subject, by its token.
    pub subject: Option<String>,
    /// Of this model.
    pub model_id: Option<String>,
    /// From this time on (RFC 3339).
    pub since: Option<String>,
    /// Before this time (RFC 3339).
    pub until: Option<String>,
}

/// What there is of one retention policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    /// Its name, as decisions have it.
    pub policy: String,
    /// Decisions.
    pub decisions: u64,
    /// Those whose time is over.
    pub due: u64,
    /// Those of them that a hold keeps.
    pub held: u64,
    /// Those whose time is over within 30 days from now, the due ones among them.
    pub due_in_30_days: u64,
    /// Those whose time is over within 365 days from now, the due ones among them.
    pub due_in_365_days: u64,
    /// When the oldest was recorded (RFC 3339).
    pub oldest_recorded_at: Option<String>,
}

/// What is due of one retention policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Decisions recorded before this time may be.
    pub cutoff: Timestamp,
    /// The leaves of the decisions.
    pub decisions: Vec<u64>,
    /// The leaves of their reviews and outcomes, and of the notes beside one of them.
    pub followers: Vec<u64>,
}

impl Rule {
    /// The condition that a decision is of this policy.
    fn is_of(&self) -> String {
        let is = format!("data_retention_policy = {}", text(&self.policy));
        if self.is_standard { format!("({is} OR data_retention_policy IS NULL)") } else { is }
    }

    /// The days that a decision is kept.
    fn days_sql(&self) -> String {
        format!(
            "CASE WHEN data_retention_days IS NULL THEN {} ELSE greatest(data_retention_days, {}) END + {}",
            self.days, self.min_days, self.more_days
        )
    }

    /// The condition that a decision's time is over at an instant.
    fn is_over(&self, at: Timestamp) -> String {
        // The first part is a bound that segments are ruled out by, the second says it exactly.
        format!(
            "(recorded_at <= TIMESTAMPTZ '{}' AND {} <= extract(epoch FROM TIMESTAMPTZ '{at}' - recorded_at) / {DAY})",
            self.cutoff(at),
            self.days_sql()
        )
    }

    fn cutoff(&self, at: Timestamp) -> Timestamp {
        let days = SignedDuration::from_secs((i64::from(self.min_days) + i64::from(self.more_days)) * DAY);
        at.checked_sub(days).unwrap_or(Timestamp::MIN)
    }
}

impl Held {
    /// The condition on a decision.
    pub(crate) fn sql(&self) -> String {
        let of =
            |column: &str, value: &Option<String>| value.as_deref().map(|value| format!("{column} = {}", text(value)));
        let at = |compared: &str, time: &Option<String>| {
            time.as_deref().map(|time| format!("timestamp {compared} TIMESTAMPTZ {}", text(time)))
        };
        let parts =
            [of("user_id", &self.subject), of("model_id", &self.model_id), at(">=", &self.since), at("<", &self.until)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "true".to_owned() } else { format!("({})", parts.join(" AND ")) }
    }
}

/// The condition that one of the holds reaches a decision.
fn is_held(held: &[Held]) -> String {
    let parts: Vec<String> = held.iter().map(Held::sql).collect();
    if parts.is_empty() { "false".to_owned() } else { format!("({}) IS TRUE", parts.join(" OR ")) }
}

/// What there is of each policy: those of the rules, and those that decisions name and no rule is for, of which nothing is due.
///
/// # Errors
/// What the source says.
pub async fn status<S: Source + ?Sized>(
    source: &S,
    rules: &[Rule],
    held: &[Held],
    now: Timestamp,
) -> Result<Vec<Status>, Error<S::Error>> {
    let in_days = |days: i64| now.checked_add(SignedDuration::from_secs(days * DAY)).unwrap_or(Timestamp::MAX);
    let mut all = Vec::new();
    for rule in rules {
        let over = |at| rule.is_over(at);
        let sql = format!(
            "SELECT count(*) AS decisions, count(*) FILTER (WHERE {due}) AS due, \
             count(*) FILTER (WHERE {due} AND {held}) AS held, count(*) FILTER (WHERE {month}) AS month, \
             count(*) FILTER (WHERE {year}) AS year, min(recorded_at) AS oldest FROM decisions WHERE {of}",
            due = over(now),
            held = is_held(held),
            month = over(in_days(30)),
            year = over(in_days(365)),
            of = rule.is_of(),
        );
        let rows = Rows::of(source, sql).await?;
        all.push(Status {
            policy: rule.policy.clone(),
            decisions: rows.count("decisions")?,
            due: rows.count("due")?,
            held: rows.count("held")?,
            due_in_30_days: rows.count("month")?,
            due_in_365_days: rows.count("year")?,
            oldest_recorded_at: rows.timestamps("oldest")?.pop().flatten().map(|oldest| oldest.to_string()),
        });
    }
    let names: Vec<String> = rules.iter().map(|rule| text(&rule.policy)).collect();
    let sql = format!(
        "SELECT data_retention_policy AS policy, count(*) AS decisions, min(recorded_at) AS oldest FROM decisions \
         WHERE data_retention_policy NOT IN ({}) GROUP BY policy ORDER BY policy",
        names.join(", ")
    );
    let rows = Rows::of(source, sql).await?;
    let (policies, decisions, oldest) = (rows.texts("policy")?, rows.counts("decisions")?, rows.timestamps("oldest")?);
    for ((policy, decisions), oldest) in policies.into_iter().zip(decisions).zip(oldest) {
        let (policy, oldest_recorded_at) = (policy.unwrap_or_default(), oldest.map(|oldest| oldest.to_string()));
        all.push(Status { policy, decisions, oldest_recorded_at, ..Status::default() });
    }
    Ok(all)
}

/// What is due of a policy now, but for what is held: by a condition, or at its leaf.
///
/// # Errors
/// What the source says.
pub async fn due<S: Source + ?Sized>(
    source: &S,
    rule: &Rule,
    held: &[Held],
    is_held_at: Option<&(dyn Fn(u64) -> bool + Sync)>,
    now: Timestamp,
) -> Result<Due, Error<S::Error>> {
    let condition = format!("{} AND {} AND NOT ({})", rule.is_of(), rule.is_over(now), is_held(held));
    let rows = Rows::of(source, format!("SELECT leaf_index FROM decisions WHERE {condition}")).await?;
    let mut decisions = rows.counts("leaf_index")?;
    let found = follower::of(source, &condition).await?;
    let (mut followers, mut kept): (BTreeSet<u64>, _) = (found.iter().map(|one| one.leaf).collect(), HashSet::new());
    if let Some(is_held_at) = is_held_at {
        decisions.retain(|leaf| !is_held_at(*leaf));
        kept.extend(found.iter().filter(|one| is_held_at(one.decision)).map(|one| one.leaf));
        followers.retain(|leaf| !kept.contains(leaf));
    }
    let followers = followers.into_iter().collect();
    Ok(Due { cutoff: rule.cutoff(now), decisions, followers })
}

/// The leaves of all that is held: decisions that a hold reaches by a condition or at their leaves, and their reviews,
/// outcomes and notes.
///
/// # Errors
/// What the source says.
pub async fn held_leaves<S: Source + ?Sized>(
    source: &S,
    held: &[Held],
    at_leaves: &[Range<u64>],
) -> Result<Vec<u64>, Error<S::Error>> {
    let mut parts: Vec<String> = held.iter().map(Held::sql).collect();
    parts.extend(at_leaves.iter().map(|run| format!("(leaf_index >= {} AND leaf_index < {})", run.start, run.end)));
    let mut leaves = Vec::new();
    // A condition for each of very many runs would be more than a query can say.
    for some in parts.chunks(CONDITIONS_AT_ONCE) {
        let condition = some.join(" OR ");
        let decisions = format!("SELECT leaf_index FROM decisions WHERE {condition}");
        leaves.extend(Rows::of(source, decisions).await?.counts("leaf_index")?);
        leaves.extend(follower::of(source, &condition).await?.into_iter().map(|one| one.leaf));
    }
    Ok(leaves)
}

/// How many decisions there are at some leaves, and reviews, outcomes and notes of decisions.
///
/// # Errors
/// What the source says.
pub async fn records_within<S: Source + ?Sized>(source: &S, leaves: &Range<u64>) -> Result<u64, Error<S::Error>> {
    let within = format!("leaf_index >= {} AND leaf_index < {}", leaves.start, leaves.end);
    let mut records = 0;
    for rows in [
        "entries WHERE kind IN ('decision', 'review', 'outcome')",
        // One that is beside all decisions about a person follows none of them.
        "notes WHERE decision_id IS NOT NULL",
    ] {
        let sql = format!("SELECT count(*) AS records FROM {rows} AND {within}");
        records += Rows::of(source, sql).await?.count("records")?;
    }
    Ok(records)
}

/// The notes beside all decisions about a person of whom no decision stays: the leaf of each, and by which rule one of these decisions
/// goes; `None` where there was none any more. `due_by` says by which rule the decision at a leaf goes, if it does.
///
/// # Errors
/// What the source says.
pub async fn notes_left_alone<S: Source + ?Sized>(
    source: &S,
    due_by: &(dyn Fn(u64) -> Option<usize> + Sync),
) -> Result<Vec<(u64, Option<usize>)>, Error<S::Error>> {
    let of_persons = "FROM notes WHERE decision_id IS NULL";
    let notes = Rows::of(source, format!("SELECT leaf_index, user_id {of_persons}")).await?;
    if notes.len() == 0 {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT leaf_index, user_id FROM decisions WHERE user_id IN (SELECT user_id {of_persons})");
    let decisions = Rows::of(source, sql).await?;
    let (mut stays, mut goes) = (HashSet::new(), HashMap::new());
    for (leaf, user) in decisions.counts("leaf_index")?.into_iter().zip(decisions.texts("user_id")?) {
        match due_by(leaf) {
            Some(rule) => {
                goes.insert(user, rule);
            }
            None => {
                stays.insert(user);
            }
        }
    }
    let notes = notes.counts("leaf_index")?.into_iter().zip(notes.texts("user_id")?);
    Ok(notes.filter(|(_, user)| !stays.contains(user)).map(|(leaf, user)| (leaf, goes.get(&user).copied())).collect())
}

/// How many decisions a hold would reach.
///
/// # Errors
/// What the source says.
pub async fn reached<S: Source + ?Sized>(source: &S, held: &Held) -> Result<u64, Error<S::Error>> {
    Rows::of(source, format!("SELECT count(*) AS decisions FROM decisions WHERE {}", held.sql()))
        .await?
        .count("decisions")
}

/// The leaves of the decisions that a hold would reach.
///
/// # Errors
/// What the source says.
pub async fn reached_leaves<S: Source + ?Sized>(source: &S, held: &Held) -> Result<Vec<u64>, Error<S::Error>> {
    Rows::of(source, format!("SELECT leaf_index FROM decisions WHERE {}", held.sql())).await?.counts("leaf_index")
}

/// The query for the leaves of decisions that a hold and a condition reach.
pub fn reached_sql(held: &Held, condition: &str) -> String {
    // On a line of its own, so that a comment at its end takes nothing away.
    format!("SELECT leaf_index FROM ai_audit_logs WHERE {} AND (\n{condition}\n)", held.sql())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hold_says_becomes_a_condition() {
        let held = Held { subject: Some("sub_1".to_owned()), model_id: Some("it's".to_owned()), ..Held::default() };
        assert_eq!(held.sql(), "(user_id = 'sub_1' AND model_id = 'it''s')");
        assert_eq!(Held::default().sql(), "true");
        assert_eq!(is_held(&[]), "false");
        assert_eq!(is_held(&[Held::default(), held]), "(true OR (user_id = 'sub_1' AND model_id = 'it''s')) IS TRUE");
    }
}
