//! The confidence report: buckets, and the reliability diagram.

use super::chart::{self, Chart, Point};
use super::{Cell, Report, Table};
use crate::binary::ProbabilityOf;
use crate::confidence::{Bucket, Confidence};
use onrecord_statistics::calibration::Reliability;

impl Report for Confidence {
    fn title(&self) -> String {
        format!("Confidence of {}", self.model_id)
    }

    fn period(&self) -> (&str, &str) {
        (&self.since, &self.until)
    }

    fn decisions(&self) -> u64 {
        self.total_predictions
    }

    fn facts(&self) -> Vec<(&'static str, Cell)> {
        let parts = self.brier_decomposition;
        let part =
            |part: fn(&onrecord_statistics::calibration::Brier) -> f64| Cell::number(parts.as_ref().map(part), 4);
        let mut facts = vec![
            ("total_predictions", Cell::Count(self.total_predictions)),
            ("with_probability", Cell::Count(self.with_probability)),
        ];
        if self.outcome.is_some() {
            facts.extend([
                ("positive", Cell::text(self.positive.as_deref())),
                ("outcome", Cell::text(self.outcome.as_deref())),
                ("n_outcome", Cell::Count(self.n_outcome)),
                ("brier", Cell::number(self.brier, 4)),
                ("  reliability", part(|brier| brier.reliability)),
                ("  resolution", part(|brier| brier.resolution)),
                ("  uncertainty", part(|brier| brier.uncertainty)),
                ("  within_bin", part(|brier| brier.within_bin)),
                ("ece, equal width", Cell::number(self.ece.map(|ece| ece.equal_width), 4)),
                ("ece, equal mass", Cell::number(self.ece.map(|ece| ece.equal_mass), 4)),
            ]);
        }
        facts
    }

    fn tables(&self) -> Vec<Table> {
        let bucket = |bucket: &Bucket| {
            vec![
                Cell::Number(bucket.confidence_bucket, 1),
                Cell::Count(bucket.count),
                Cell::Number(bucket.override_rate, 4),
                // Of noise nothing is concluded.
                if self.privacy.is_some() { Cell::None } else { Cell::Truth(bucket.calibration_warning) },
            ]
        };
        let point = |point: &Reliability| {
            vec![
                Cell::Number(point.low, 2),
                Cell::Number(point.high, 2),
                Cell::Count(point.count),
                Cell::number(point.mean_confidence, 4),
                Cell::number(point.observed, 4),
                Cell::number(point.wilson_low, 4),
                Cell::number(point.wilson_high, 4),
            ]
        };
        vec![
            Table {
                title: "By confidence",
                columns: vec!["confidence_bucket", "count", "override_rate", "calibration_warning"],
                rows: self.buckets.iter().map(bucket).collect(),
            },
            Table {
                title: "Reliability",
                columns: vec!["low", "high", "count", "mean_confidence", "observed", "wilson_low", "wilson_high"],
                rows: self.reliability.iter().map(point).collect(),
            },
        ]
    }

    fn charts(&self) -> Vec<Chart> {
        let label = |bucket: &Bucket| format!("{:.1}", bucket.confidence_bucket);
        let counts: Vec<_> = self.buckets.iter().map(|bucket| (label(bucket), bucket.count as f64)).collect();
        let point = |point: &Reliability| {
            Some(Point {
                x: point.mean_confidence?,
                low: point.wilson_low?,
                y: point.observed?,
                high: point.wilson_high?,
                label: format!("{} decisions", point.count),
            })
        };
        let points: Vec<Point> = self.reliability.iter().filter_map(point).collect();
        let reliability = chart::diagonal("Probability, and what came, with 95 % intervals", &points);
        [chart::bars("Decisions by confidence", &counts), reliability].into_iter().flatten().collect()
    }

    fn warnings(&self) -> Vec<String> {
        if self.privacy.is_some() {
            return Vec::new();
        }
        let warning = |bucket: &&Bucket| bucket.calibration_warning;
        let text = |bucket: &Bucket| {
            format!(
                "Confidence {:.1} has an override rate of {:.1} %: {} decisions.",
                bucket.confidence_bucket,
                bucket.override_rate * 100.0,
                bucket.count
            )
        };
        self.warnings.iter().cloned().chain(self.buckets.iter().filter(warning).map(text)).collect()
    }

    fn privacy(&self) -> Option<&crate::private::Guarantee> {
        self.privacy.as_ref()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "A bucket begins at its number and ends before the next tenth; the last one holds 1 too. A warning says that \
             confidence and agreement (1 − override rate) differ by more than 0.2; where few decisions are reviewed, \
             agreement says little."
                .to_owned(),
        ];
        if self.outcome.is_some() {
            notes.push(match self.probability_of {
                ProbabilityOf::Prediction => {
                    "The probability is that of the prediction made; what came is whether the outcome was as predicted."
                        .to_owned()
                }
                ProbabilityOf::Positive => {
                    "The probability is that of the positive outcome; what came is whether the outcome was positive."
                        .to_owned()
                }
            });
            notes.push(
                "Of several outcomes of a decision the latest counts. The Brier score is reliability − resolution + \
                 uncertainty + within_bin (Murphy 1973, Stephenson et al. 2008)."
                    .to_owned(),
            );
            if self.n_outcome == 0 {
                notes.push("No outcome of these decisions is known yet.".to_owned());
            }
        }
        notes
    }
}
