//! The report on overrides: versions, reviewers, reasons.

use super::{Cell, Report, Table, title_of};
use crate::overrides::Overrides;

impl Report for Overrides {
    fn title(&self) -> String {
        title_of("Overrides", self.model_id.as_deref())
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
            ("reviewed", Cell::Count(self.reviewed)),
            ("overrides", Cell::Count(self.overrides)),
            ("override_rate", Cell::number(self.override_rate, 4)),
            ("override_rate_of_reviewed", Cell::number(self.override_rate_of_reviewed, 4)),
            ("time to review, p50, seconds", Cell::number(self.time_to_review.p50_seconds, 0)),
            ("time to review, p90, seconds", Cell::number(self.time_to_review.p90_seconds, 0)),
            ("time to review, p99, seconds", Cell::number(self.time_to_review.p99_seconds, 0)),
        ]
    }

    fn tables(&self) -> Vec<Table> {
        let versions = self.by_version.iter().map(|row| {
            vec![
                Cell::Text(row.model_id.clone()),
                Cell::Text(row.model_version.clone()),
                Cell::Count(row.total_predictions),
                Cell::Count(row.reviewed),
                Cell::Count(row.overrides),
                Cell::number(row.override_rate, 4),
            ]
        });
        let reviewers = self.by_reviewer.iter().map(|row| {
            let reviewer = row.reviewer.clone().unwrap_or_else(|| "(nobody named)".to_owned());
            vec![
                Cell::Text(reviewer),
                Cell::Count(row.reviews),
                Cell::Count(row.overrides),
                Cell::number(row.override_rate, 4),
            ]
        });
        let reasons = self.by_reason.iter().map(|row| {
            let reason = row.override_reason.clone().unwrap_or_else(|| "(none given)".to_owned());
            vec![Cell::Text(reason), Cell::Count(row.overrides)]
        });
        vec![
            Table {
                title: "By model and version",
                columns: vec![
                    "model_id",
                    "model_version",
                    "total_predictions",
                    "reviewed",
                    "overrides",
                    "override_rate",
                ],
                rows: versions.collect(),
            },
            Table {
                title: "By reviewer",
                columns: vec!["reviewer", "reviews", "overrides", "override_rate"],
                rows: reviewers.collect(),
            },
            Table { title: "By reason", columns: vec!["override_reason", "overrides"], rows: reasons.collect() },
        ]
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "Of several reviews of a decision the latest counts as its state; by reviewer every review counts. Times are from \
             the decision to each review, to three significant digits; a review that came with its decision has none."
                .to_owned(),
        ];
        if self.time_to_review.before_decision > 0 {
            let early = self.time_to_review.before_decision;
            notes.push(format!("{early} reviews are dated before their decision, and have no time."));
        }
        if self.other_versions > 0 {
            notes.push(format!("{} decisions are of other versions than those listed.", self.other_versions));
        }
        if self.other_reviewers > 0 {
            notes.push(format!("{} reviews are by other reviewers than those listed.", self.other_reviewers));
        }
        if self.other_reasons > 0 {
            notes.push(format!("{} overrides have other reasons, each rarer than those listed.", self.other_reasons));
        }
        notes
    }
}
