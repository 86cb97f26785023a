//! The report on drivers: features.

use super::chart::{self, Chart};
use super::{Cell, Report, Table};
use crate::drivers::{Driver, Drivers};
use crate::label;

/// Features in a drawing.
const BARS_MAX: usize = 12;

impl Report for Drivers {
    fn title(&self) -> String {
        format!("Drivers of {}", self.model_id)
    }

    fn period(&self) -> (&str, &str) {
        (&self.since, &self.until)
    }

    fn decisions(&self) -> u64 {
        self.total_predictions
    }

    fn facts(&self) -> Vec<(&'static str, Cell)> {
        vec![("total_predictions", Cell::Count(self.total_predictions)), ("explained", Cell::Count(self.explained))]
    }

    fn tables(&self) -> Vec<Table> {
        let cells = |driver: &Driver| {
            vec![
                Cell::Text(driver.feature.clone()),
                Cell::Count(driver.named),
                Cell::number(driver.share, 4),
                Cell::number(driver.mean_importance, 4),
                Cell::number(driver.mean_absolute_importance, 4),
                Cell::Count(driver.raised),
                Cell::Count(driver.lowered),
            ]
        };
        let columns = ["feature", "named", "share", "mean_importance", "mean_absolute_importance", "raised", "lowered"];
        let all = Table {
            title: "All decisions",
            columns: columns.to_vec(),
            rows: self.features.iter().map(cells).collect(),
        };
        let of_group = self.groups.iter().flat_map(|group| {
            let name = label::shown(group.group.as_deref());
            group.features.iter().map(move |driver| [vec![Cell::Text(name.clone())], cells(driver)].concat())
        });
        let by_group = Table {
            title: "By group",
            columns: [&["group"] as &[&'static str], &columns].concat(),
            rows: of_group.collect(),
        };
        // The first table is what CSV has: with groups, it is theirs.
        if self.group_by.is_some() { vec![by_group, all] } else { vec![all] }
    }

    fn charts(&self) -> Vec<Chart> {
        let bars: Vec<_> =
            self.features.iter().take(BARS_MAX).map(|driver| (driver.feature.clone(), driver.named as f64)).collect();
        chart::bars("How often a feature was named", &bars).into_iter().collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "A share is of the decisions whose explanation names features. Importance is the model\u{2019}s own; its sign says whether \
             a feature raised or lowered the model\u{2019}s score."
                .to_owned(),
        ];
        if self.other_features > 0 {
            notes.push(format!("{} features are named more rarely than those listed.", self.other_features));
        }
        let cut = self.groups.iter().filter(|group| group.other_features > 0).count();
        if cut > 0 {
            notes.push(format!("{cut} groups have more features than those listed."));
        }
        notes
    }
}
