//! Reports on duties: what a law asks of the record, and how far the record answers it.

use super::report::{Asking, answer, read};
use crate::api::problem::Problem;
use axum::response::Response;
use onrecord_report::Path;
use onrecord_report::duty::{Circumstances, Duties};
use onrecord_report::fairness::MIN_GROUP_DEFAULT;

/// The days of a period, if nothing is said: laws look at a year rather than at a month.
const DAYS_DEFAULT: u32 = 365;

/// The period of a report on duties.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // Says what `Asked::scope_of_days` reads.
pub(super) struct InYear {
    /// The period: so many times 24 hours before now; 365 if nothing is said
    #[param(minimum = 1)]
    days: Option<u32>,
    /// Instead of days: from this time on, RFC 3339 or a day of UTC
    since: Option<String>,
    /// Instead of days: before this time
    until: Option<String>,
}

/// Report on the EU AI Act.
///
/// How complete the fields are that trace a decision, since when there are logs and for how long there were none, how long they
/// are kept, how people oversee the model, and which article asks for each. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/ai-act",
    params(("model_id" = Option<String>, Query, description = "The model; all of them if nothing is said"), InYear),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a finding",
            content((Duties = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period or a path is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn ai_act(asking: Asking) -> Result<Response, Problem> {
    report("ai-act", asking).await
}

/// Report on HIPAA.
///
/// What the Security Rule asks of systems with health information. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/hipaa",
    params(("model_id" = Option<String>, Query, description = "The model; all of them if nothing is said"), InYear),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a finding",
            content((Duties = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period or a path is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn hipaa(asking: Asking) -> Result<Response, Problem> {
    report("hipaa", asking).await
}

/// Report on the Sarbanes-Oxley Act.
///
/// What internal control over financial reporting asks of the record. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/sox",
    params(("model_id" = Option<String>, Query, description = "The model; all of them if nothing is said"), InYear),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a finding",
            content((Duties = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period or a path is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn sox(asking: Asking) -> Result<Response, Problem> {
    report("sox", asking).await
}

/// Report on Regulation B of the Equal Credit Opportunity Act.
///
/// Whether adverse actions come with their reasons, and how long records are kept. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/ecoa",
    params(("model_id" = Option<String>, Query, description = "The model; all of them if nothing is said"), InYear,
        ("adverse" = String, Query, description = "Which prediction is adverse: PATH=VALUE, as prediction.approved=false")),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a finding",
            content((Duties = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period or a path is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn ecoa(asking: Asking) -> Result<Response, Problem> {
    report("ecoa", asking).await
}

/// Report on New York City's Local Law 144.
///
/// Selection rates and impact ratios by category of people. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/nyc-144",
    params(("model_id" = String, Query, description = "The model"), InYear,
        ("positive" = String, Query, description = "Which prediction selects somebody: PATH=VALUE, as prediction.selected=true"),
        ("group" = Vec<String>, Query, description = "By what categories are made, as input_features.sex; twice for crossed ones, too"),
        ("min_group" = Option<u64>, Query, minimum = 1, description = "Smaller categories are suppressed; 10 if nothing is said")),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a category",
            content((Duties = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period or a path is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn nyc_144(asking: Asking) -> Result<Response, Problem> {
    report("nyc-144", asking).await
}

async fn report(name: &'static str, asking: Asking) -> Result<Response, Problem> {
    let Asking { session, headers, mut asked } = asking;
    let scope = asked.scope_of_days(DAYS_DEFAULT)?;
    let (mut adverse, mut selected, mut categories, mut min_group) = (None, None, Vec::new(), None);
    match name {
        "ecoa" => adverse = asked.parsed("adverse")?,
        "nyc-144" => {
            selected = asked.parsed("positive")?;
            categories = asked.all("group").iter().map(|path| read::<Path>("group", path)).collect::<Result<_, _>>()?;
            min_group = asked.number("min_group")?;
            if scope.model_id.is_none() {
                return Err(Problem::bad_request("model_id is missing: which model the report is about"));
            }
            if categories.len() > 2 {
                return Err(Problem::bad_request("give one group, or two that are crossed"));
            }
        }
        _ => {}
    }
    asked.nothing_else()?;
    let min_group = min_group.unwrap_or(MIN_GROUP_DEFAULT);
    let rules = session.retention_rules().await?;
    let retention_days = &|policy: &str| rules.0.get(policy).map(|rule| rule.days);
    let of = Circumstances { retention_days, adverse, selected, categories, min_group };
    let ask = async |source: &_| Duties::ask(source, name, &scope, &of).await;
    answer(&headers, session.report(name, &scope, ask).await?)
}
