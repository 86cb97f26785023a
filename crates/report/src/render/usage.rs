//! The usage report: days.

use super::chart::{self, Chart};
use super::{Cell, Report, Table};
use crate::usage::{DailyStats, Usage};

impl Report for Usage {
    fn title(&self) -> String {
        format!("Usage of {}", self.model_id)
    }

    fn period(&self) -> (&str, &str) {
        (&self.since, &self.until)
    }

    fn decisions(&self) -> u64 {
        self.total_predictions
    }

    fn facts(&self) -> Vec<(&'static str, Cell)> {
        let without_consent = self.without_consent.map(|count| ("without_consent", Cell::Count(count)));
        let facts = vec![
            ("total_predictions", Cell::Count(self.total_predictions)),
            ("avg_confidence", Cell::number(self.avg_confidence, 4)),
            ("overrides", Cell::Count(self.overrides)),
            ("override_rate", Cell::number(self.override_rate, 4)),
            ("avg_latency_ms", Cell::number(self.avg_latency_ms, 1)),
            ("latency_p50_ms", Cell::number(self.latency_p50_ms, 1)),
            ("latency_p95_ms", Cell::number(self.latency_p95_ms, 1)),
            ("latency_p99_ms", Cell::number(self.latency_p99_ms, 1)),
        ];
        facts.into_iter().chain(without_consent).collect()
    }

    fn tables(&self) -> Vec<Table> {
        let row = |day: &DailyStats| {
            vec![
                Cell::Text(day.date.clone()),
                Cell::Count(day.total_predictions),
                Cell::number(day.avg_confidence, 4),
                Cell::Count(day.overrides),
                Cell::number(day.avg_latency_ms, 1),
            ]
        };
        let columns = vec!["date", "total_predictions", "avg_confidence", "overrides", "avg_latency_ms"];
        vec![Table { title: "By day", columns, rows: self.daily_stats.iter().map(row).collect() }]
    }

    fn charts(&self) -> Vec<Chart> {
        let bars = |title, value: fn(&DailyStats) -> Option<f64>| {
            let days = self.daily_stats.iter().rev();
            let values: Vec<_> = days.map(|day| (day.date.clone(), value(day).unwrap_or(0.0))).collect();
            chart::bars(title, &values)
        };
        let latency = bars("Mean latency a day, in milliseconds", |day| day.avg_latency_ms);
        [bars("Decisions a day", |day| Some(day.total_predictions as f64)), latency].into_iter().flatten().collect()
    }

    fn privacy(&self) -> Option<&crate::private::Guarantee> {
        self.privacy.as_ref()
    }

    fn notes(&self) -> Vec<String> {
        let weighted = "Means and rates are those of all decisions, weighted by volume, not means of the days\u{2019} means. \
             Days are days of UTC. Percentiles are of three significant digits.";
        vec![weighted.to_owned()]
    }
}
