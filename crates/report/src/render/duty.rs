//! A report on duties: findings by model and article, categories, and what each article asks.

use super::{Cell, Report, Table, title_of};
use crate::duty::{Category, Duties, Finding};

/// What is not met, as far as it is told one by one.
const WARNINGS_MAX: usize = 20;

impl Report for Duties {
    fn title(&self) -> String {
        title_of(&format!("{}: the record", self.title), self.model_id.as_deref())
    }

    fn period(&self) -> (&str, &str) {
        (&self.since, &self.until)
    }

    fn decisions(&self) -> u64 {
        self.total_predictions
    }

    fn facts(&self) -> Vec<(&'static str, Cell)> {
        let mut facts = vec![
            ("law", Cell::Text(self.law.clone())),
            ("source", Cell::Text(self.source.clone())),
            ("total_predictions", Cell::Count(self.total_predictions)),
            ("models", Cell::Count(self.models.len() as u64 + self.other_models)),
            ("not met", Cell::Count(self.not_met().count() as u64)),
        ];
        facts.extend(self.adverse.as_ref().map(|adverse| ("adverse", Cell::Text(adverse.clone()))));
        facts
    }

    fn tables(&self) -> Vec<Table> {
        let findings = self.models.iter().flat_map(|model| model.findings.iter().map(move |finding| (model, finding)));
        let rows = findings.map(|(model, finding)| {
            vec![
                Cell::Text(model.model_id.clone()),
                Cell::Text(finding.article.clone()),
                Cell::Text(finding.measure.clone()),
                Cell::count(finding.count),
                Cell::count(finding.of),
                Cell::number(finding.share, 4),
                Cell::text(finding.value.as_deref()),
                finding.met.map_or(Cell::None, Cell::Truth),
            ]
        });
        let columns = vec!["model_id", "article", "measure", "count", "of", "share", "value", "met"];
        let mut tables = vec![Table { title: "What answers it", columns, rows: rows.collect() }];
        if !self.categories.is_empty() {
            let row = |category: &Category| {
                vec![
                    Cell::Text(category.group_by.clone()),
                    Cell::Text(category.category.clone()),
                    Cell::count(category.n),
                    Cell::count(category.selected),
                    Cell::number(category.selection_rate, 4),
                    Cell::number(category.impact_ratio, 4),
                    category.is_small.map_or(Cell::None, Cell::Truth),
                    Cell::Truth(category.suppressed),
                ]
            };
            let columns = vec![
                "group_by",
                "category",
                "n",
                "selected",
                "selection_rate",
                "impact_ratio",
                "is_small",
                "suppressed",
            ];
            let categories =
                Table { title: "Selection by category", columns, rows: self.categories.iter().map(row).collect() };
            // What is asked for here; its CSV has these.
            tables.insert(0, categories);
        }
        let mut asked: Vec<(&str, &str)> = Vec::new();
        for finding in self.models.iter().flat_map(|model| &model.findings) {
            let article = (finding.article.as_str(), finding.asks.as_str());
            if !asked.contains(&article) {
                asked.push(article);
            }
        }
        let row = |(article, asks): (&str, &str)| vec![Cell::Text(article.to_owned()), Cell::Text(asks.to_owned())];
        let rows = asked.into_iter().map(row).collect();
        tables.push(Table { title: "What is asked", columns: vec!["article", "asks"], rows });
        tables
    }

    fn warnings(&self) -> Vec<String> {
        let told = |(model_id, finding): (&str, &Finding)| {
            let (count, of) = (finding.count.unwrap_or(0), finding.of.unwrap_or(0));
            let value = finding.value.as_ref().map(|value| format!(" ({value})")).unwrap_or_default();
            format!("{model_id}: {}{value} in {count} of {of}: {}", finding.measure, finding.article)
        };
        let mut warnings: Vec<String> = self.not_met().map(told).take(WARNINGS_MAX).collect();
        let others = self.not_met().count().saturating_sub(WARNINGS_MAX);
        if others > 0 {
            warnings.push(format!("{others} more are not met."));
        }
        warnings
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "Figures about the record, not legal advice. Where the law gives a measure, met says whether it is kept; elsewhere \
             the figure is for whoever judges. A field is counted where it is neither null nor empty."
                .to_owned(),
        ];
        notes.extend(self.notes.iter().cloned());
        if self.other_models > 0 {
            notes.push(format!("{} models with fewer decisions are not listed.", self.other_models));
        }
        notes
    }
}

impl Duties {
    /// What the law asks for and the record does not have, with the model.
    fn not_met(&self) -> impl Iterator<Item = (&str, &Finding)> {
        let findings = self
            .models
            .iter()
            .flat_map(|model| model.findings.iter().map(move |finding| (model.model_id.as_str(), finding)));
        findings.filter(|(_, finding)| finding.met == Some(false))
    }
}
