//! `onrecord report`: figures about the decisions of a model.

use crate::client::{Ask, Client};
use crate::http::path_with_query;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use axum::http::{Method, header};
use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use onrecord_report::confidence::Confidence;
use onrecord_report::drivers::Drivers;
use onrecord_report::duty::Duties;
use onrecord_report::fairness::Fairness;
use onrecord_report::overrides::Overrides;
use onrecord_report::usage::Usage;
use onrecord_report::volume::Volume;
use onrecord_report::{Cell, Report as Told, Table, private_note};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

/// Report on the decisions of a model, as a table, JSON, CSV or a page that prints (`--format html`). The reading goes on
/// the record.
#[derive(Args)]
pub(crate) struct Report {
    #[command(subcommand)]
    name: Name,
}

#[derive(Subcommand)]
enum Name {
    /// How many decisions a day, how sure, how often overridden, how long they took
    Usage(OfUsage),
    /// How sure, and whether rightly: buckets, calibration, Brier score
    Confidence(OfConfidence),
    /// How groups of people fare: rates, ratios, tests, errors
    Fairness(OfFairness),
    /// How often people decided otherwise, who, why, and how soon
    Overrides(AnyModel),
    /// Which features the explanations named most
    Drivers(OfDrivers),
    /// Is everything logged? Decisions, refusals and repeats by the hour, and gaps
    Volume(AnyModel),
    /// What the EU AI Act asks of logs, and how far the record answers it
    AiAct(AnyModel),
    /// What HIPAA's Security Rule asks of systems with health information
    Hipaa(AnyModel),
    /// What internal control over financial reporting asks (Sarbanes-Oxley)
    Sox(AnyModel),
    /// Reasons of adverse actions, and how long records are kept (Regulation B)
    Ecoa(OfEcoa),
    /// Impact ratios by category of people (New York City's Local Law 144)
    #[command(name = "nyc-144")]
    Nyc144(OfNyc144),
}

/// What a report is about: one model.
#[derive(Args)]
struct OneModel {
    /// The model
    #[arg(long, value_name = "MODEL")]
    model: String,
    #[command(flatten)]
    period: Period,
}

/// What a report is about: one model, or all of them.
#[derive(Args)]
struct AnyModel {
    /// The model; all of them if it is left out
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    period: Period,
}

#[derive(Args)]
struct Period {
    /// The period: so many times 24 hours before now [default: 30; of what a law asks, 365]
    #[arg(long, value_name = "N", conflicts_with_all = ["since", "until"], value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// From this time on: RFC 3339, or a day of UTC
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Args)]
struct OfUsage {
    #[command(flatten)]
    about: OneModel,
    #[command(flatten)]
    privacy: Privacy,
}

/// Whether the answer is exact, or tells next to nothing of any one person.
#[derive(Args)]
struct Privacy {
    /// Add noise: the ε of differential privacy that the answer costs, from the budget of the model in policy.toml
    #[arg(long, value_name = "E")]
    epsilon: Option<f64>,
    /// With --epsilon: decisions of a person that count [default: 1]
    #[arg(long, value_name = "N", requires = "epsilon")]
    max_contributions: Option<u64>,
}

#[derive(Args)]
struct OfConfidence {
    #[command(flatten)]
    about: OneModel,
    /// Which prediction counts as positive, as prediction.approved=true
    #[arg(long, value_name = "PATH=VALUE")]
    positive: Option<String>,
    #[command(flatten)]
    judged: Judged,
    /// Bins of calibration [default: 10]
    #[arg(long, value_name = "N")]
    bins: Option<u32>,
    #[command(flatten)]
    privacy: Privacy,
}

#[derive(Args)]
struct OfFairness {
    #[command(flatten)]
    about: OneModel,
    /// By what groups are made, as input_features.gender; twice for crossed groups
    #[arg(long = "group", value_name = "PATH", required = true)]
    groups: Vec<String>,
    /// Which prediction counts as positive, as prediction.approved=true
    #[arg(long, value_name = "PATH=VALUE")]
    positive: String,
    #[command(flatten)]
    judged: Judged,
    /// Smaller groups are suppressed, and others with them where the total would give them away [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    min_group: Option<u64>,
    /// How numbers are put together: a count of bins, or edges as 18,30,50,65
    #[arg(long, value_name = "BINS")]
    bins: Option<String>,
    /// The group to compare with, by its value; twice for crossed groups [default: the one with the highest rate]
    #[arg(long, value_name = "VALUE")]
    reference: Vec<String>,
    #[command(flatten)]
    privacy: Privacy,
    /// With --epsilon: a group, by its value; once for each
    #[arg(long = "group-value", value_name = "VALUE", requires = "epsilon")]
    group_values: Vec<String>,
}

/// What came of decisions, and how sure the model was.
#[derive(Args)]
struct Judged {
    /// Which outcome counts as positive, as outcome.repaid=true
    #[arg(long, value_name = "PATH=VALUE")]
    outcome: Option<String>,
    /// Where the probability is [default: confidence]
    #[arg(long, value_name = "PATH")]
    probability: Option<String>,
    /// What the probability is of [default: prediction]
    #[arg(long, value_name = "WHAT")]
    probability_of: Option<ProbabilityOf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProbabilityOf {
    /// Of the prediction that was made, whichever it was
    Prediction,
    /// Of the positive one
    Positive,
}

#[derive(Args)]
struct OfEcoa {
    #[command(flatten)]
    about: AnyModel,
    /// Which prediction is adverse, as prediction.approved=false
    #[arg(long, value_name = "PATH=VALUE")]
    adverse: String,
}

#[derive(Args)]
struct OfNyc144 {
    #[command(flatten)]
    about: OneModel,
    /// Which prediction selects somebody, as prediction.selected=true
    #[arg(long, value_name = "PATH=VALUE")]
    positive: String,
    /// By what categories are made, as input_features.sex; twice for crossed ones, too
    #[arg(long = "group", value_name = "PATH", required = true)]
    groups: Vec<String>,
    /// Smaller categories are suppressed [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    min_group: Option<u64>,
}

#[derive(Args)]
struct OfDrivers {
    #[command(flatten)]
    about: OneModel,
    /// By what groups are made, as input_features.gender
    #[arg(long, value_name = "PATH")]
    group: Option<String>,
}

/// The parameters of a path.
type Pairs = Vec<(&'static str, String)>;

impl Report {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        match self.name {
            Name::Usage(about) => show::<Usage>(target, client, "usage", about.pairs()).await,
            Name::Confidence(asked) => show::<Confidence>(target, client, "confidence", asked.pairs()).await,
            Name::Fairness(asked) => show::<Fairness>(target, client, "fairness", asked.pairs()).await,
            Name::Overrides(about) => show::<Overrides>(target, client, "overrides", about.pairs()).await,
            Name::Drivers(asked) => show::<Drivers>(target, client, "drivers", asked.pairs()).await,
            Name::Volume(about) => show::<Volume>(target, client, "volume", about.pairs()).await,
            Name::AiAct(about) => show::<Duties>(target, client, "ai-act", about.pairs()).await,
            Name::Hipaa(about) => show::<Duties>(target, client, "hipaa", about.pairs()).await,
            Name::Sox(about) => show::<Duties>(target, client, "sox", about.pairs()).await,
            Name::Ecoa(asked) => show::<Duties>(target, client, "ecoa", asked.pairs()).await,
            Name::Nyc144(asked) => show::<Duties>(target, client, "nyc-144", asked.pairs()).await,
        }
    }
}

impl OneModel {
    fn pairs(self) -> Pairs {
        [vec![("model_id", self.model)], self.period.pairs()].concat()
    }
}

impl AnyModel {
    fn pairs(self) -> Pairs {
        self.model.map(|model| ("model_id", model)).into_iter().chain(self.period.pairs()).collect()
    }
}

impl Period {
    fn pairs(self) -> Pairs {
        let days = self.days.map(|days| ("days", days.to_string()));
        let ends = [self.since.map(|since| ("since", since)), self.until.map(|until| ("until", until))];
        days.into_iter().chain(ends.into_iter().flatten()).collect()
    }
}

impl OfUsage {
    fn pairs(self) -> Pairs {
        [self.about.pairs(), self.privacy.pairs()].concat()
    }
}

impl Privacy {
    fn pairs(self) -> Pairs {
        let epsilon = self.epsilon.map(|epsilon| ("epsilon", epsilon.to_string()));
        let max = self.max_contributions.map(|max| ("max_contributions", max.to_string()));
        epsilon.into_iter().chain(max).collect()
    }
}

impl OfConfidence {
    fn pairs(self) -> Pairs {
        let mut pairs = self.about.pairs();
        pairs.extend(self.positive.map(|positive| ("positive", positive)));
        pairs.extend(self.judged.pairs());
        pairs.extend(self.bins.map(|bins| ("bins", bins.to_string())));
        pairs.extend(self.privacy.pairs());
        pairs
    }
}

impl OfFairness {
    fn pairs(self) -> Pairs {
        let mut pairs = self.about.pairs();
        pairs.extend(self.groups.into_iter().map(|group| ("group", group)));
        pairs.push(("positive", self.positive));
        pairs.extend(self.judged.pairs());
        pairs.extend(self.min_group.map(|min_group| ("min_group", min_group.to_string())));
        pairs.extend(self.bins.map(|bins| ("bins", bins)));
        pairs.extend(self.reference.into_iter().map(|reference| ("reference", reference)));
        pairs.extend(self.privacy.pairs());
        pairs.extend(self.group_values.into_iter().map(|value| ("group_value", value)));
        pairs
    }
}

impl Judged {
    fn pairs(self) -> Pairs {
        let of = self.probability_of.map(|of| match of {
            ProbabilityOf::Prediction => "prediction",
            ProbabilityOf::Positive => "positive",
        });
        let pairs = [
            self.outcome.map(|outcome| ("outcome", outcome)),
            self.probability.map(|probability| ("probability", probability)),
            of.map(|of| ("probability_of", of.to_owned())),
        ];
        pairs.into_iter().flatten().collect()
    }
}

impl OfEcoa {
    fn pairs(self) -> Pairs {
        let mut pairs = self.about.pairs();
        pairs.push(("adverse", self.adverse));
        pairs
    }
}

impl OfNyc144 {
    fn pairs(self) -> Pairs {
        let mut pairs = self.about.pairs();
        pairs.push(("positive", self.positive));
        pairs.extend(self.groups.into_iter().map(|group| ("group", group)));
        pairs.extend(self.min_group.map(|min_group| ("min_group", min_group.to_string())));
        pairs
    }
}

impl OfDrivers {
    fn pairs(self) -> Pairs {
        let mut pairs = self.about.pairs();
        pairs.extend(self.group.map(|group| ("group", group)));
        pairs
    }
}

async fn show<R: Told + Serialize + DeserializeOwned>(
    target: &Target,
    client: &Client,
    name: &str,
    pairs: Pairs,
) -> Result<bool> {
    let format = Format::or_default(target.format);
    let accept = match format {
        Format::Json | Format::Jsonl | Format::Table => "application/json",
        Format::Csv => "text/csv",
        Format::Html => "text/html",
    };
    let path = path_with_query(&format!("/v1/reports/{name}"), &pairs);
    let headers = vec![(header::ACCEPT.as_str(), accept.to_owned())];
    let ask = Ask { method: Method::GET, path: &path, headers, body: Bytes::new() };
    let answer = client.send(ask).await?.checked().await?;
    match format {
        Format::Csv | Format::Html => output::bytes(&answer.bytes().await?)?,
        Format::Jsonl => output::line(&serde_json::to_string(&answer.json::<R>().await?)?)?,
        Format::Json => output::line(&serde_json::to_string_pretty(&answer.json::<R>().await?)?)?,
        Format::Table => print(&answer.json::<R>().await?)?,
    }
    Ok(true)
}

/// A report in a terminal: figures, what is conspicuous, tables.
fn print(report: &impl Told) -> Result<()> {
    let (since, until) = report.period();
    output::line(&format!("{} from {since} to {until}", report.title()))?;
    if let Some(privacy) = report.privacy() {
        output::line(&format!("! {}", private_note(privacy)))?;
    }
    for (name, value) in report.facts() {
        output::line(&format!("  {name}: {}", value.shown()))?;
    }
    for warning in report.warnings() {
        output::line(&format!("! {warning}"))?;
    }
    for Table { title, columns, rows } in report.tables().iter().filter(|table| !table.rows.is_empty()) {
        output::line(&format!("\n{title}"))?;
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let cells =
            |row: &Vec<Cell>| columns.iter().cloned().zip(row).map(|(name, cell)| Ok((name, raw(cell)?))).collect();
        let rows: Vec<_> = rows.iter().map(cells).collect::<Result<_>>()?;
        output::line(&output::table(&columns, &rows))?;
    }
    if report.decisions() == 0 {
        output::line("no decisions in this period")?;
    }
    Ok(())
}

/// A cell as it is shown; numbers stay numbers, so that they stand to the right.
fn raw(cell: &Cell) -> Result<Box<RawValue>> {
    let shown = cell.shown();
    match cell {
        Cell::Count(_) | Cell::Number(..) => Ok(RawValue::from_string(shown)?),
        _ => Ok(to_raw_value(&shown)?),
    }
}
