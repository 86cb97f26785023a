//! Drivers: which features the explanations named most, for all decisions and for groups of them.

use crate::path::Path;
use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use crate::sql::{UNIT, scaled_sql};
use onrecord_statistics::ratio;
use serde::{Deserialize, Serialize};

/// Features that are listed, of all decisions and of each group.
const FEATURES_MAX: usize = 50;

/// Groups of a report.
const GROUPS_MAX: usize = 200;

/// What the explanations named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Drivers {
    /// The model.
    pub model_id: String,
    /// The days of the period, a part of one as a whole.
    pub period_days: i64,
    /// The first instant of the period (RFC 3339).
    pub since: String,
    /// The first instant after it (RFC 3339).
    pub until: String,
    /// Decisions of the period.
    pub total_predictions: u64,
    /// Those whose explanation names features.
    pub explained: u64,
    /// The features of all decisions, the one named most first.
    pub features: Vec<Driver>,
    /// Features that are not listed because there are too many.
    pub other_features: u64,
    /// By what the groups are made, if they are.
    pub group_by: Option<String>,
    /// The groups, by their names; the one whose value is missing last.
    pub groups: Vec<GroupDrivers>,
}

/// One feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Driver {
    /// Its name.
    pub feature: String,
    /// Decisions whose explanation named it, however often.
    pub named: u64,
    /// The same as a part of the decisions whose explanation names features.
    pub share: Option<f64>,
    /// The mean of its importance, with its sign, of all times that it was named.
    pub mean_importance: Option<f64>,
    /// The mean of its importance without the sign.
    pub mean_absolute_importance: Option<f64>,
    /// How often it raised the model's score: importance above 0.
    pub raised: u64,
    /// How often it lowered it.
    pub lowered: u64,
}

/// The features of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupDrivers {
    /// Its value; null if it is missing.
    pub group: Option<String>,
    /// Decisions in it whose explanation names features.
    pub explained: u64,
    /// The features, the one named most first.
    pub features: Vec<Driver>,
    /// Features that are not listed because there are too many.
    pub other_features: u64,
}

impl Drivers {
    /// Asks what explanations named.
    ///
    /// # Errors
    /// [`Error::Unfit`] if there are too many groups; what the source says.
    pub async fn ask<S: Source + ?Sized>(
        source: &S,
        scope: &Scope,
        by: Option<&Path>,
    ) -> Result<Self, Error<S::Error>> {
        let counted = format!(
            "SELECT count(*) AS decisions, count(*) FILTER (WHERE {EXPLAINED}) AS explained FROM ai_audit_logs WHERE {}",
            scope.sql()
        );
        let rows = Rows::of(source, counted).await?;
        let (total_predictions, explained) = (rows.count("decisions")?, rows.count("explained")?);
        let features = features(source, scope, None).await?;
        let different = features.first().map_or(0, |found| found.of_group);
        let features: Vec<Driver> = features.into_iter().map(|found| found.driver.of(explained)).collect();
        let other_features = different.saturating_sub(features.len() as u64);
        let groups = match by {
            Some(by) if explained > 0 => groups(source, scope, by).await?,
            _ => Vec::new(),
        };
        Ok(Self {
            model_id: scope.model(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            total_predictions,
            explained,
            features,
            other_features,
            group_by: by.map(ToString::to_string),
            groups,
        })
    }
}

impl Driver {
    fn of(mut self, explained: u64) -> Self {
        self.share = ratio(self.named as f64, explained as f64);
        self
    }
}

/// Whether an explanation names features.
const EXPLAINED: &str = "(SELECT count(*) FROM jsonb_to_recordset(explanation->'top_features') AS g(feature text)) > 0";

/// Whether an explanation names a feature twice.
const REPEATS: &str = "(SELECT count(DISTINCT feature) < count(*) \
                       FROM jsonb_to_recordset(explanation->'top_features') AS g(feature text))";

async fn groups<S: Source + ?Sized>(
    source: &S,
    scope: &Scope,
    by: &Path,
) -> Result<Vec<GroupDrivers>, Error<S::Error>> {
    let counted = format!(
        "SELECT * FROM (SELECT {} AS of_group, count(*) FILTER (WHERE {EXPLAINED}) AS explained FROM ai_audit_logs \
         WHERE {} GROUP BY of_group) AS counted WHERE explained > 0 ORDER BY of_group LIMIT {}",
        by.text_sql(),
        scope.sql(),
        GROUPS_MAX + 1
    );
    let rows = Rows::of(source, counted).await?;
    if rows.len() > GROUPS_MAX {
        return Err(Error::Unfit(format!("there are more than {GROUPS_MAX} groups: name another field")));
    }
    let (names, explained) = (rows.texts("of_group")?, rows.counts("explained")?);
    let group = |(group, explained)| GroupDrivers { group, explained, features: Vec::new(), other_features: 0 };
    let mut groups: Vec<GroupDrivers> = names.into_iter().zip(explained).map(group).collect();
    for found in features(source, scope, Some(by)).await? {
        if let Some(group) = groups.iter_mut().find(|group| group.group == found.group) {
            group.features.push(found.driver.of(group.explained));
            group.other_features = found.of_group.saturating_sub(group.features.len() as u64);
        }
    }
    Ok(groups)
}

/// A feature of a group.
struct Found {
    group: Option<String>,
    /// How many different features the group has.
    of_group: u64,
    driver: Driver,
}

/// The features of all decisions, or of each group.
async fn features<S: Source + ?Sized>(
    source: &S,
    scope: &Scope,
    by: Option<&Path>,
) -> Result<Vec<Found>, Error<S::Error>> {
    let of_group = by.map_or_else(|| "NULL::text".to_owned(), Path::text_sql);
    // A decision may name a feature twice, and counts once. Which decisions they are is kept only of those that do so.
    let sql = |importance: &str| {
        format!(
            "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY of_group ORDER BY named DESC, feature) AS place, \
             count(*) OVER (PARTITION BY of_group) AS different FROM (\
             SELECT of_group, feature, count(*) FILTER (WHERE NOT repeats) \
             + count(DISTINCT leaf_index) FILTER (WHERE repeats) AS named, avg({importance}) AS mean, \
             avg(abs({importance})) AS absolute, \
             count(*) FILTER (WHERE importance > 0) AS raised, count(*) FILTER (WHERE importance < 0) AS lowered \
             FROM (SELECT leaf_index, of_group, repeats, feature, importance \
             FROM (SELECT leaf_index, {of_group} AS of_group, {REPEATS} AS repeats, explanation \
             FROM ai_audit_logs WHERE {}) AS explained, \
             jsonb_to_recordset(explanation->'top_features') AS f(feature text, importance double precision)) AS mentioned \
             GROUP BY of_group, feature) AS counted) AS placed WHERE place <= {FEATURES_MAX} ORDER BY of_group, place",
            scope.sql()
        )
    };
    let mut rows = Rows::of(source, sql("importance")).await?;
    let mut unit = 1.0;
    let overflows = |means: &[Option<f64>]| means.iter().flatten().any(|mean| !mean.is_finite());
    if overflows(&rows.numbers("mean")?) || overflows(&rows.numbers("absolute")?) {
        rows = Rows::of(source, sql(&scaled_sql("importance"))).await?;
        unit = UNIT;
    }
    let (groups, features, named) = (rows.texts("of_group")?, rows.texts("feature")?, rows.counts("named")?);
    let (mean, absolute) = (rows.numbers("mean")?, rows.numbers("absolute")?);
    let (raised, lowered, different) = (rows.counts("raised")?, rows.counts("lowered")?, rows.counts("different")?);
    let of_unit = |mean: Option<f64>| mean.map(|mean| mean * unit).filter(|mean| mean.is_finite());
    let row = |at: usize| {
        let driver = Driver {
            feature: features[at].clone().unwrap_or_default(),
            named: named[at],
            share: None,
            mean_importance: of_unit(mean[at]),
            mean_absolute_importance: of_unit(absolute[at]),
            raised: raised[at],
            lowered: lowered[at],
        };
        Found { group: groups[at].clone(), of_group: different[at], driver }
    };
    Ok((0..rows.len()).map(row).collect())
}
