#!/usr/bin/env python3
"""Figures of scipy, statsmodels, scikit-learn and fairlearn over two real data sets and random tables, as JSON.

Usage: reference.py LOANAPP_CSV

The data sets are the mortgage decisions of examples/mortgages and the survey "fair" that statsmodels brings along
(R. Fair 1978, 6,366 answers). Each gets the probabilities of a logistic regression, so that there is something to
calibrate. The rows themselves are printed beside the figures: whoever compares counts them again.
"""

import csv
import json
import sys

import numpy as np
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from scipy.stats import chi2_contingency, fisher_exact
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, precision_score
from sklearn.preprocessing import StandardScaler
from statsmodels.datasets import fair
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

BINS = 10


def mortgages(path):
    """Group, whether approved, and the inputs of a model of that."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    group = ["hispanic" if row["hispan"] == "1" else "black" if row["black"] == "1" else "white" for row in rows]
    columns = ["loanamt", "appinc", "price", "hrat", "obrat"]
    inputs = np.array([[float(row[name]) for name in columns] for row in rows])
    return np.array(group), np.array([int(row["approve"]) for row in rows]), inputs


def survey():
    """Occupation, whether there was an affair, and the inputs of a model of that."""
    data = fair.load_pandas().data
    inputs = data[["rate_marriage", "age", "yrs_married", "children", "religious", "educ"]].to_numpy()
    return data["occupation"].astype(int).astype(str).to_numpy(), (data["affairs"] > 0).astype(int).to_numpy(), inputs


def probabilities(inputs, outcome):
    scaled = StandardScaler().fit_transform(inputs)
    return LogisticRegression(max_iter=1000).fit(scaled, outcome).predict_proba(scaled)[:, 1]


def calibration_error(probability, outcome, edges):
    """The expected calibration error over the bins of numpy.histogram."""
    count = np.histogram(probability, edges)[0]
    confidence = np.histogram(probability, edges, weights=probability)[0]
    observed = np.histogram(probability, edges, weights=outcome)[0]
    return float(np.sum(np.abs(confidence - observed)) / np.sum(count))


def fairness(group, decision, outcome):
    """Selection, error rates, ratios and tests by group."""
    metrics = {
        "rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "ppv": lambda true, predicted: precision_score(true, predicted, zero_division=np.nan),
    }
    frame = MetricFrame(metrics=metrics, y_true=outcome, y_pred=decision, sensitive_features=group)
    labels = [str(label) for label in frame.by_group.index]
    reference = max(labels, key=lambda label: frame.by_group["rate"][label])
    counts = {label: (int(decision[group == label].sum()), int((group == label).sum())) for label in labels}
    best = counts[reference]
    tests = [label for label in labels if label != reference]
    table = lambda label: [[counts[label][0], counts[label][1] - counts[label][0]], [best[0], best[1] - best[0]]]
    p_values = [fisher_exact(table(label)).pvalue for label in tests]
    holm = multipletests(p_values, method="holm")[1]
    chi = chi2_contingency([[k, n - k] for k, n in counts.values()], correction=False)
    by_group = []
    for label in labels:
        low, high = proportion_confint(*counts[label], method="wilson")
        row = {name: float(frame.by_group[name][label]) for name in metrics}
        row |= {"wilson_low": low, "wilson_high": high}
        row["ratio"] = row["rate"] / float(frame.by_group["rate"][reference])
        row["difference"] = row["rate"] - float(frame.by_group["rate"][reference])
        if label != reference:
            row["p_value"] = float(p_values[tests.index(label)])
            row["p_value_holm"] = float(holm[tests.index(label)])
        by_group.append(row)
    whole = {"y_true": outcome, "y_pred": decision, "sensitive_features": group}
    return {
        "labels": labels,
        "reference": labels.index(reference),
        "groups": by_group,
        "chi_squared": [float(chi.statistic), float(chi.pvalue)],
        "demographic_parity_ratio": float(demographic_parity_ratio(**whole)),
        "demographic_parity_difference": float(demographic_parity_difference(**whole)),
        "equalized_odds_difference": float(equalized_odds_difference(**whole)),
    }


def calibration(probability, outcome):
    equal_width = np.arange(BINS + 1) / BINS
    quantiles = np.quantile(probability, np.arange(BINS + 1) / BINS)
    return {
        "brier": float(brier_score_loss(outcome, probability)),
        "equal_width": calibration_error(probability, outcome, equal_width),
        "quantiles": quantiles.tolist(),
        "equal_mass": calibration_error(probability, outcome, quantiles),
        "counts": np.histogram(probability, equal_width)[0].tolist(),
        "observed": np.histogram(probability, equal_width, weights=outcome)[0].tolist(),
    }


def tables(random):
    """Fisher's test of tables of all sizes, some of them extreme."""
    found = []
    for _ in range(2000):
        n = [int(10 ** random.uniform(0, 4.5)) for _ in range(2)]
        k = [int(random.binomial(size, random.choice([0.001, 0.2, 0.5, 0.93]))) for size in n]
        table = [[k[0], n[0] - k[0]], [k[1], n[1] - k[1]]]
        found.append([k[0], n[0], k[1], n[1], float(fisher_exact(table).pvalue)])
    return found


def main():
    random = np.random.default_rng(20261127)
    sets = []
    for name, (group, outcome, inputs) in {"mortgages": mortgages(sys.argv[1]), "survey": survey()}.items():
        probability = probabilities(inputs, outcome)
        decision = (probability >= np.median(probability)).astype(int)
        rows = {
            "group": group.tolist(),
            "probability": probability.tolist(),
            "decision": decision.tolist(),
            "outcome": outcome.tolist(),
        }
        of_outcomes = fairness(group, outcome, outcome)
        sets.append(
            {
                "name": name,
                "rows": rows,
                "fairness": fairness(group, decision, outcome),
                "outcomes": {key: of_outcomes[key] for key in ("labels", "groups", "reference")},
                "calibration": calibration(probability, outcome),
            }
        )
    p_values = [random.uniform(0, 0.2, size).tolist() for size in range(1, 30)]
    holm = [[p, multipletests(p, method="holm")[1].tolist()] for p in p_values]
    intervals = []
    for n in [1, 2, 7, 40, 1000, 123456, 10**9]:
        for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            intervals.append([k, n, *map(float, proportion_confint(k, n, method="wilson"))])
    json.dump({"sets": sets, "fisher": tables(random), "holm": holm, "wilson": intervals}, sys.stdout)


main()
