//! The usage report as a table of days, as CSV and as a page.

use super::chart::{self, Chart};
use super::{Page, STYLE, Table, optional};
use crate::usage::{DailyStats, Usage};
use askama::Template;

const COLUMNS: [&str; 5] = ["date", "total_predictions", "avg_confidence", "overrides", "avg_latency_ms"];
const WEIGHTED: &str = "Means and rates are those of all decisions, weighted by volume, not means of the days' means. \
     Days are days of UTC. Percentiles are of three significant digits.";

impl Usage {
    /// The names of the columns of [`Usage::rows`].
    pub fn columns() -> [&'static str; 5] {
        COLUMNS
    }

    /// One row a day, newest first, numbers as they are.
    pub fn rows(&self) -> Vec<[String; 5]> {
        let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
        let row = |day: &DailyStats| {
            [
                day.date.clone(),
                day.total_predictions.to_string(),
                number(day.avg_confidence),
                day.overrides.to_string(),
                number(day.avg_latency_ms),
            ]
        };
        self.daily_stats.iter().map(row).collect()
    }

    /// The totals, by name.
    pub fn totals(&self) -> Vec<(&'static str, String)> {
        vec![
            ("total_predictions", self.total_predictions.to_string()),
            ("avg_confidence", optional(self.avg_confidence, 4)),
            ("overrides", self.overrides.to_string()),
            ("override_rate", optional(self.override_rate, 4)),
            ("avg_latency_ms", optional(self.avg_latency_ms, 1)),
            ("latency_p50_ms", optional(self.latency_p50_ms, 1)),
            ("latency_p95_ms", optional(self.latency_p95_ms, 1)),
            ("latency_p99_ms", optional(self.latency_p99_ms, 1)),
        ]
    }

    /// A page of HTML: no script, nothing from elsewhere.
    pub fn page(&self) -> String {
        let chart = |title, value: fn(&DailyStats) -> Option<f64>| {
            let days = self.daily_stats.iter().rev();
            let values: Vec<_> = days.map(|day| (day.date.clone(), value(day).unwrap_or(0.0))).collect();
            chart::bars(title, &values)
        };
        let charts: Vec<Chart> = [
            chart("Decisions a day", |day| Some(day.total_predictions as f64)),
            chart("Mean latency a day, in milliseconds", |day| day.avg_latency_ms),
        ]
        .into_iter()
        .flatten()
        .collect();
        let shown = |day: &DailyStats| {
            vec![
                day.date.clone(),
                day.total_predictions.to_string(),
                optional(day.avg_confidence, 4),
                day.overrides.to_string(),
                optional(day.avg_latency_ms, 1),
            ]
        };
        let page = Page {
            style: STYLE,
            title: format!("Usage of {}", self.model_id),
            subtitle: format!("{} to {}", self.since, self.until),
            facts: self.totals(),
            charts,
            table: Table {
                title: "By day",
                columns: COLUMNS.to_vec(),
                rows: self.daily_stats.iter().map(shown).collect(),
            },
            notes: vec![WEIGHTED],
        };
        // Rendering into memory cannot fail.
        page.render().unwrap_or_default()
    }
}
