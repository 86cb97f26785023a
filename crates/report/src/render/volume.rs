//! The report on volume: hours.

use super::chart::{self, Chart};
use super::{Cell, Report, Table, title_of};
use crate::volume::Volume;
use std::collections::BTreeMap;

/// Bars of a drawing; of more hours, days are drawn.
const BARS_MAX: usize = 96;

impl Report for Volume {
    fn title(&self) -> String {
        title_of("Volume", self.model_id.as_deref())
    }

    fn period(&self) -> (&str, &str) {
        (&self.since, &self.until)
    }

    fn decisions(&self) -> u64 {
        self.total_predictions
    }

    fn facts(&self) -> Vec<(&'static str, Cell)> {
        vec![
            ("total_predictions", Cell::Count(self.total_predictions)),
            ("refusals", Cell::Count(self.refusals)),
            ("errors", Cell::Count(self.errors)),
            ("repeats", Cell::Count(self.repeats)),
            ("gaps, hours", Cell::Count(self.gaps.len() as u64)),
        ]
    }

    fn tables(&self) -> Vec<Table> {
        let hours = self.hours.iter().map(|hour| {
            vec![
                Cell::Text(hour.hour.clone()),
                Cell::Count(hour.decisions),
                Cell::Count(hour.refusals),
                Cell::Count(hour.errors),
                Cell::Count(hour.repeats),
            ]
        });
        let gaps = self.gaps.iter().map(|gap| vec![Cell::Text(gap.hour.clone()), Cell::Number(gap.usual, 1)]);
        vec![
            Table {
                title: "By hour",
                columns: vec!["hour", "decisions", "refusals", "errors", "repeats"],
                rows: hours.collect(),
            },
            Table { title: "Hours without a decision", columns: vec!["hour", "usual"], rows: gaps.collect() },
        ]
    }

    fn charts(&self) -> Vec<Chart> {
        let hours = self.hours.iter().map(|hour| (hour.hour.clone(), hour.decisions as f64));
        let (title, values) = if self.hours.len() <= BARS_MAX {
            (
                "Decisions an hour",
                hours.map(|(hour, count)| (hour[..13.min(hour.len())].replace('T', " "), count)).collect(),
            )
        } else {
            let mut days: BTreeMap<String, f64> = BTreeMap::new();
            hours.for_each(|(hour, count)| *days.entry(hour[..10.min(hour.len())].to_owned()).or_default() += count);
            ("Decisions a day", days.into_iter().collect::<Vec<_>>())
        };
        chart::bars(title, &values).into_iter().collect()
    }

    fn warnings(&self) -> Vec<String> {
        let count = self.gaps.len();
        let told = format!("{count} hour(s) without a decision where there usually are some: was everything logged?");
        if count > 0 { vec![told] } else { Vec::new() }
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "Hours are those of UTC. Refusals, errors and repeats are of everything that was sent, whichever the model, and stand \
             in the hour in which they went on the record. What is usual is the median of the hours at the same time of day, on \
             working days or weekends; from five on an hour without a decision is a gap."
                .to_owned(),
        ]
    }
}
