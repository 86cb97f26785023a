//! Reports: one path each, as JSON, CSV or a page that prints.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::node::Node;
use crate::session::Session;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use onrecord_report::confidence::{self, Confidence};
use onrecord_report::drivers::Drivers;
use onrecord_report::fairness::{self, Fairness, Grouping};
use onrecord_report::overrides::Overrides;
use onrecord_report::release::Question;
use onrecord_report::usage::Usage;
use onrecord_report::volume::Volume;
use onrecord_report::{Binary, Cell, Condition, Path, Period, PeriodError, Privacy, ProbabilityOf, Report, Scope};
use onrecord_service::detector::Detector;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

/// The days of a period, if nothing is said.
const DAYS_DEFAULT: u32 = 30;

/// The period of a report.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // Says what `Asked::scope` reads.
pub(super) struct InPeriod {
    /// The period: so many times 24 hours before now; 30 if nothing is said
    #[param(minimum = 1)]
    days: Option<u32>,
    /// Instead of days: from this time on, RFC 3339 or a day of UTC
    since: Option<String>,
    /// Instead of days: before this time
    until: Option<String>,
}

/// What came of decisions, and how sure the model was.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // Says what `Asked::binary` reads.
pub(super) struct Judged {
    /// Which prediction counts as positive: PATH=VALUE, as prediction.approved=true
    positive: Option<String>,
    /// Which outcome does: PATH=VALUE, as outcome.repaid=true
    outcome: Option<String>,
    /// Where the probability is; confidence if nothing is said
    probability: Option<String>,
    /// What the probability is of; of the prediction made if nothing is said
    #[param(inline)]
    probability_of: Option<ProbabilityOf>,
}

/// How private the answer is to be.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // Says what `Asked::privacy` reads.
pub(super) struct InPrivate {
    /// Add noise: the ε of differential privacy that the answer costs, from the budget of the model. Days end with yesterday
    epsilon: Option<f64>,
    /// Decisions of a person that count, 1 if nothing is said
    #[param(minimum = 1, maximum = 1000)]
    max_contributions: Option<u64>,
}

/// How groups are made.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // Says what `Asked::grouping` reads.
pub(super) struct Grouped {
    /// By what groups are made, as input_features.gender; twice for crossed groups
    group: Vec<String>,
    /// Smaller groups are suppressed; 10 if nothing is said
    #[param(minimum = 1)]
    min_group: Option<u64>,
    /// How numbers are put together: a count, or edges as 18,30,50,65
    bins: Option<String>,
    /// The group to compare with, by its value; twice for crossed groups; the one with the highest rate if nothing is said
    reference: Option<Vec<String>>,
}

/// Report on the usage of a model.
///
/// How many decisions it made each day, how sure it was, how often people overrode it, how long it took. Totals are
/// weighted by volume. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/usage", params(("model_id" = String, Query, description = "The model"), InPeriod, InPrivate),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a day",
            content((Usage = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period is none", body = Problem),
        (status = 403, description = "the privacy budget does not allow this", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn usage(asking: Asking) -> Result<Response, Problem> {
    let Asking { session, headers, mut asked } = asking;
    let (scope, privacy) = (asked.scope_of_one()?, asked.privacy()?);
    asked.nothing_else()?;
    let report = match privacy {
        None => session.report("usage", &scope, async |source: &_| Usage::ask(source, &scope).await).await?,
        Some(privacy) => {
            let question = question("usage", &scope, &privacy, json!({}), Vec::new());
            let ask = async |source: &_| Usage::ask_private(source, &scope, &privacy).await;
            session.release(&scope, question, &privacy, ask).await?
        }
    };
    answer(&headers, report)
}

/// Report on the confidence of a model.
///
/// How sure it says it is, how often people overrode it all the same, and, where outcomes are known, whether it is as sure as
/// it should be: reliability diagram, Brier score, expected calibration error. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/confidence",
    params(("model_id" = String, Query, description = "The model"), InPeriod, Judged, InPrivate,
        ("bins" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Bins of calibration, 10 if nothing is said")),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a bucket",
            content((Confidence = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period, a path or a number is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn confidence(asking: Asking) -> Result<Response, Problem> {
    let Asking { session, headers, mut asked } = asking;
    let (scope, binary, privacy) = (asked.scope_of_one()?, asked.binary()?, asked.privacy()?);
    let bins = asked.number("bins")?.unwrap_or(confidence::BINS_DEFAULT);
    asked.nothing_else()?;
    let report = match privacy {
        None => {
            let ask = async |source: &_| Confidence::ask(source, &scope, &binary, bins).await;
            session.report("confidence", &scope, ask).await?
        }
        Some(privacy) => {
            let (probability, positive) =
                (binary.probability.to_string(), binary.positive.as_ref().map(ToString::to_string));
            let of = json!({
                "probability": probability, "probability_of": binary.probability_of, "positive": positive,
            });
            let texts = [probability].into_iter().chain(positive).collect();
            let question = question("confidence", &scope, &privacy, of, texts);
            let ask = async |source: &_| Confidence::ask_private(source, &scope, &binary, &privacy).await;
            session.release(&scope, question, &privacy, ask).await?
        }
    };
    answer(&headers, report)
}

/// Report on the fairness of a model.
///
/// How groups of people fare, by the model's own decisions, after human review, and, where outcomes are known, by its errors.
/// A measurement, not a verdict. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/fairness",
    params(("model_id" = String, Query, description = "The model"), InPeriod, Judged, Grouped, InPrivate,
        ("group_value" = Option<Vec<String>>, Query, description = "With epsilon: the groups, by their values; once for each")),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a group",
            content((Fairness = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period, a path or a number is none, or no groups can be made", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn fairness(asking: Asking) -> Result<Response, Problem> {
    let Asking { session, headers, mut asked } = asking;
    let (scope, binary, privacy) = (asked.scope_of_one()?, asked.binary()?, asked.privacy()?);
    let bins = asked.0.get("bins").cloned();
    let (grouping, values) = (asked.grouping()?, asked.all("group_value"));
    asked.nothing_else()?;
    let report = match privacy {
        None if !values.is_empty() => {
            return Err(Problem::bad_request("group_value is for reports with epsilon; else all groups are given"));
        }
        None => {
            let ask = async |source: &_| Fairness::ask(source, &scope, &binary, &grouping).await;
            session.report("fairness", &scope, ask).await?
        }
        Some(privacy) => {
            let edges = bins.iter().flatten().flat_map(|edges| edges.split(','));
            values.iter().map(String::as_str).chain(edges).try_for_each(names_nobody)?;
            let by: Vec<String> = grouping.by.iter().map(ToString::to_string).collect();
            let positive = binary.positive.as_ref().map(ToString::to_string);
            let of = json!({"group": by, "group_value": values, "bins": bins, "positive": positive});
            let texts = by.into_iter().chain(positive).chain(values.iter().cloned()).collect();
            let question = question("fairness", &scope, &privacy, of, texts);
            let ask =
                async |source: &_| Fairness::ask_private(source, &scope, &binary, &grouping, &values, &privacy).await;
            session.release(&scope, question, &privacy, ask).await?
        }
    };
    answer(&headers, report)
}

/// Report on overrides.
///
/// How often people decided otherwise than the model: by model and version, reviewer and reason, and how long it took until
/// somebody looked. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/overrides",
    params(("model_id" = Option<String>, Query, description = "The model; all of them if nothing is said"), InPeriod),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a version",
            content((Overrides = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn overrides(asking: Asking) -> Result<Response, Problem> {
    let Asking { session, headers, mut asked } = asking;
    let scope = asked.scope()?;
    asked.nothing_else()?;
    let ask = async |source: &_| Overrides::ask(source, &scope).await;
    answer(&headers, session.report("overrides", &scope, ask).await?)
}

/// Report on what drives a model.
///
/// Which features its explanations named most, for all decisions and for groups of them. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/drivers",
    params(("model_id" = String, Query, description = "The model"), InPeriod,
        ("group" = Option<String>, Query, description = "By what groups are made, as input_features.gender")),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a feature",
            content((Drivers = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period or a path is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn drivers(asking: Asking) -> Result<Response, Problem> {
    let Asking { session, headers, mut asked } = asking;
    let scope = asked.scope_of_one()?;
    let by: Option<Path> = asked.parsed("group")?;
    asked.nothing_else()?;
    let ask = async |source: &_| Drivers::ask(source, &scope, by.as_ref()).await;
    answer(&headers, session.report("drivers", &scope, ask).await?)
}

/// Report on volume.
///
/// Is everything logged? Decisions, refusals, errors and repeats by the hour, and hours without a decision where there
/// usually are some. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/volume",
    params(("model_id" = Option<String>, Query, description = "The model; all of them if nothing is said"), InPeriod),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row an hour",
            content((Volume = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period is none, or too long", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn volume(asking: Asking) -> Result<Response, Problem> {
    let Asking { session, headers, mut asked } = asking;
    let scope = asked.scope()?;
    asked.nothing_else()?;
    let ask = async |source: &_| Volume::ask(source, &scope).await;
    answer(&headers, session.report("volume", &scope, ask).await?)
}

/// A private question. `of` is what its answer depends on beside model, period and privacy, and `texts` what the caller
/// wrote of it.
fn question(report: &'static str, scope: &Scope, privacy: &Privacy, of: Value, texts: Vec<String>) -> Question {
    let asked = json!({
        "model_id": scope.model_id,
        "since": scope.period.since.to_string(),
        "until": scope.period.until.to_string(),
        "epsilon": privacy.epsilon.value(),
        "max_contributions": privacy.max_contributions,
        "of": of,
    });
    Question { report, asked, texts }
}

/// Refuses a group of a private report that is a person.
fn names_nobody(value: &str) -> Result<(), Problem> {
    match Detector::default().find(value).first() {
        None => Ok(()),
        Some((_, finding)) => {
            let noun = finding.noun();
            Err(Problem::bad_request(format!("a group holds {noun}: groups of a private report must name nobody")))
        }
    }
}

/// What every report is asked with.
pub(super) struct Asking {
    /// Who asks.
    pub(super) session: Session,
    /// In which form the report is to come.
    pub(super) headers: HeaderMap,
    /// What it is to be about.
    pub(super) asked: Asked,
}

impl FromRequestParts<Arc<Node>> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Problem> {
        let Caller(actor) = Caller::from_request_parts(parts, node).await?;
        let input::Query(pairs) = input::Query::from_request_parts(parts, node).await?;
        Ok(Self {
            session: Session::new(node.clone(), actor),
            headers: parts.headers.clone(),
            asked: Asked::new(pairs),
        })
    }
}

/// The parameters of a report that nothing has taken yet.
pub(super) struct Asked(HashMap<String, Vec<String>>);

impl Asked {
    fn new(pairs: Vec<(String, String)>) -> Self {
        let mut asked: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in pairs {
            asked.entry(name).or_default().push(value);
        }
        Self(asked)
    }

    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    pub(super) fn one(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        let value = values.pop();
        if values.is_empty() { Ok(value) } else { Err(Problem::bad_request(format!("{name} is given twice"))) }
    }

    pub(super) fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let unread = |_| Problem::bad_request(format!("{name} must be a whole number, and not too large"));
        self.one(name)?.map(|value| value.parse().map_err(unread)).transpose()
    }

    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        self.one(name)?.as_deref().map(|value| read(name, value)).transpose()
    }

    /// How private the answer is to be; to be asked for after the scope.
    fn privacy(&mut self) -> Result<Option<Privacy>, Problem> {
        let epsilon = self.one("epsilon")?;
        let max_contributions = self.number("max_contributions")?;
        let Some(epsilon) = epsilon else {
            return match max_contributions {
                None => Ok(None),
                Some(_) => Err(Problem::bad_request("max_contributions is for reports with epsilon")),
            };
        };
        // What is no number is refused as one that is too small is.
        Privacy::new(epsilon.parse().unwrap_or(f64::NAN), max_contributions).map(Some).map_err(Problem::bad_request)
    }

    pub(super) fn scope(&mut self) -> Result<Scope, Problem> {
        self.scope_of_days(DAYS_DEFAULT)
    }

    /// The same, of so many days if nothing is said.
    pub(super) fn scope_of_days(&mut self, days_default: u32) -> Result<Scope, Problem> {
        let model_id = self.one("model_id")?;
        let (days, since, until) = (self.number("days")?, self.one("since")?, self.one("until")?);
        let mut now = jiff::Timestamp::now();
        let is_private = self.0.contains_key("epsilon");
        let (began, bad) = (now, |error: PeriodError| Problem::bad_request(error.to_string()));
        if is_private {
            // The same question again, later on the same day, is about the same time.
            let day = i64::from(24 * 60 * 60);
            now = jiff::Timestamp::from_second(now.as_second().div_euclid(day) * day).unwrap_or(now);
        }
        let period = Period::new(days, since.as_deref(), until.as_deref(), now, days_default).map_err(bad)?;
        if is_private && period.until > began {
            return Err(bad(PeriodError::Unfinished));
        }
        Ok(Scope { model_id, period })
    }

    pub(super) fn scope_of_one(&mut self) -> Result<Scope, Problem> {
        let scope = self.scope()?;
        match scope.model_id {
            Some(_) => Ok(scope),
            None => Err(Problem::bad_request("model_id is missing: which model the report is about")),
        }
    }

    fn binary(&mut self) -> Result<Binary, Problem> {
        let outcome = self.one("outcome")?;
        let outcome = outcome.as_deref().map(Condition::of_outcome).transpose();
        let probability_of = match self.one("probability_of")?.as_deref() {
            None | Some("prediction") => ProbabilityOf::Prediction,
            Some("positive") => ProbabilityOf::Positive,
            Some(_) => return Err(Problem::bad_request("probability_of must be prediction or positive")),
        };
        Ok(Binary {
            positive: self.parsed("positive")?,
            outcome: outcome.map_err(|error| Problem::bad_request(format!("outcome: {error}")))?,
            probability: match self.parsed("probability")? {
                Some(path) => path,
                None => read("probability", "confidence")?,
            },
            probability_of,
        })
    }

    fn grouping(&mut self) -> Result<Grouping, Problem> {
        let by: Vec<Path> = self.all("group").iter().map(|path| read("group", path)).collect::<Result<_, _>>()?;
        let reference = self.all("reference");
        if !reference.is_empty() && reference.len() != by.len() {
            return Err(Problem::bad_request("reference must be given as often as group"));
        }
        let min_group = self.number("min_group")?.unwrap_or(fairness::MIN_GROUP_DEFAULT);
        Ok(Grouping { by, bins: self.parsed("bins")?, min_group, reference })
    }

    /// Refuses what is left: it would be passed over.
    pub(super) fn nothing_else(self) -> Result<(), Problem> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Problem::bad_request("a parameter is unknown; /openapi.json lists those of each report")),
        }
    }
}

pub(super) fn read<T: FromStr<Err: std::fmt::Display>>(name: &str, written: &str) -> Result<T, Problem> {
    written.parse().map_err(|error: T::Err| Problem::bad_request(format!("{name}: {error}")))
}

/// The report in the form that is asked for.
pub(super) fn answer<R: Report + Serialize>(headers: &HeaderMap, report: R) -> Result<Response, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        return Ok(Html(report.page()).into_response());
    }
    if accept.contains("text/csv") {
        let content_type = [(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
        return Ok((content_type, csv(&report)?).into_response());
    }
    Ok(Json(report).into_response())
}

/// The first table of a report: RFC 4180 with a header. Of a private one the last columns say in each row that its figures have
/// noise, and how much.
fn csv(report: &impl Report) -> Result<Vec<u8>, Problem> {
    let unwritable = |_| Problem::unavailable("the report cannot be written as CSV");
    let mut writer = csv::Writer::from_writer(Vec::new());
    if let Some(table) = report.tables().first() {
        let (names, values) = match report.privacy() {
            None => (vec![], vec![]),
            Some(privacy) => (
                vec!["noisy", "epsilon", "max_contributions"],
                vec!["true".to_owned(), privacy.epsilon.to_string(), privacy.max_contributions.to_string()],
            ),
        };
        writer.write_record(table.columns.iter().chain(&names)).map_err(unwritable)?;
        for row in &table.rows {
            writer.write_record(row.iter().map(Cell::plain).chain(values.iter().cloned())).map_err(unwritable)?;
        }
    }
    writer.into_inner().map_err(|_| Problem::unavailable("the report cannot be written as CSV"))
}
