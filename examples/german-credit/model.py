"""The credit model: what it sees of an application, how it is trained, what it says and why.

Every decision is out of fold: the model that decides on an application was trained on the other folds only, so the
probabilities are those of a model that had not seen the case. Gender and nationality are not inputs of the model;
they are logged with the decision, because whoever asks about fairness needs them.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = 20260131
FOLDS = 10

# The 20 attributes of german.data, in the file's order: the name in the record and, for codes, their meaning.
ATTRIBUTES = {
    "checking_account": {
        "A11": "overdrawn",
        "A12": "below 200 DM",
        "A13": "200 DM or more",
        "A14": "none at this bank",
    },
    "duration_months": None,
    "credit_history": {
        "A30": "no credits taken",
        "A31": "all credits here paid duly",
        "A32": "existing credits paid duly",
        "A33": "late payments in the past",
        "A34": "critical or credits elsewhere",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A48": "retraining",
        "A49": "business",
        "A410": "other",
    },
    "credit_amount": None,
    "savings": {
        "A61": "below 100 DM",
        "A62": "100 to 500 DM",
        "A63": "500 to 1000 DM",
        "A64": "1000 DM or more",
        "A65": "unknown or none",
    },
    "employed_since": {
        "A71": "unemployed",
        "A72": "less than a year",
        "A73": "1 to 4 years",
        "A74": "4 to 7 years",
        "A75": "7 years or more",
    },
    "installment_rate_percent": None,
    "gender": {"A91": "male", "A92": "female", "A93": "male", "A94": "male", "A95": "female"},
    "other_debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "residence_years": None,
    "property": {
        "A121": "real estate",
        "A122": "savings or life insurance",
        "A123": "car or other",
        "A124": "none known",
    },
    "age": None,
    "other_installments": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "free"},
    "existing_credits": None,
    "job": {"A171": "unemployed", "A172": "unskilled", "A173": "skilled", "A174": "management or self-employed"},
    "dependants": None,
    "has_telephone": {"A191": False, "A192": True},
    "foreign_worker": {"A201": True, "A202": False},
}
NOT_SEEN = {"gender", "foreign_worker", "has_telephone"}

# Version 1.1.0 also sees what the applicant holds at the bank, which 1.0.0 did not.
SEEN = {"1.1.0": [name for name in ATTRIBUTES if name not in NOT_SEEN]}
SEEN["1.0.0"] = [name for name in SEEN["1.1.0"] if name not in {"checking_account", "savings"}]


@dataclass
class Verdict:
    """What the model says about one application.

    `repayment` is the probability that the loan is repaid. `contributions` holds, per input, how far it moved the
    log-odds of repayment away from those of the average applicant: coefficient × (encoded value − its mean), summed
    over the columns of a categorical input. They and `average_log_odds` sum to `log_odds`.
    """

    fold: int
    repayment: float
    log_odds: float
    average_log_odds: float
    contributions: dict[str, float]

    @property
    def approved(self) -> bool:
        return self.repayment >= 0.5

    @property
    def confidence(self) -> float:
        return max(self.repayment, 1 - self.repayment)


def parse(text: str) -> tuple[list[dict], list[bool]]:
    """Reads german.data into one object per application, and whether each loan was repaid."""
    applications, repaid = [], []
    for line in text.splitlines():
        *codes, label = line.split()
        named = zip(ATTRIBUTES.items(), codes, strict=True)
        applications.append({name: values[code] if values else int(code) for (name, values), code in named})
        repaid.append(label == "1")
    return applications, repaid


def decide(applications: list[dict], repaid: list[bool], version: str) -> list[Verdict]:
    """Gives each application the verdict of the model that was trained without its fold."""
    seen = SEEN[version]
    table = np.array([[application[name] for name in seen] for application in applications], dtype=object)
    labels = np.array(repaid)
    verdicts: list[Verdict | None] = [None] * len(applications)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(table, labels)
    for fold, (learn, judge) in enumerate(folds):
        model = _pipeline(seen).fit(table[learn], labels[learn])
        for row, verdict in zip(judge, _explain(model, seen, table[learn], table[judge], fold), strict=True):
            verdicts[row] = verdict
    return verdicts


def _pipeline(seen: list[str]):
    numbers = [at for at, name in enumerate(seen) if ATTRIBUTES[name] is None]
    codes = [at for at, name in enumerate(seen) if ATTRIBUTES[name] is not None]
    one_hot = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    encode = make_column_transformer((StandardScaler(), numbers), (one_hot, codes))
    return make_pipeline(encode, LogisticRegression(C=0.3, tol=1e-10, max_iter=10_000))


def _explain(model, seen: list[str], learnt: np.ndarray, judged: np.ndarray, fold: int) -> list[Verdict]:
    encode, regression = model[0], model[1]
    mean = encode.transform(learnt).mean(axis=0)
    weights = regression.coef_[0]
    average = float(regression.intercept_[0] + mean @ weights)
    owners = _owners(encode, seen)
    verdicts = []
    for encoded, repayment in zip(encode.transform(judged), model.predict_proba(judged)[:, 1], strict=True):
        contributions = dict.fromkeys(seen, 0.0)
        for owner, moved in zip(owners, (encoded - mean) * weights, strict=True):
            contributions[owner] += float(moved)
        log_odds = average + sum(contributions.values())
        assert abs(1 / (1 + np.exp(-log_odds)) - repayment) < 1e-9
        verdicts.append(Verdict(fold, float(repayment), log_odds, average, contributions))
    return verdicts


def _owners(encode, seen: list[str]) -> list[str]:
    """Names, for each encoded column, the input it comes from."""
    scaler, one_hot = encode.named_transformers_["standardscaler"], encode.named_transformers_["onehotencoder"]
    owners = [name for name in seen if ATTRIBUTES[name] is None]
    assert len(owners) == scaler.n_features_in_
    codes = [name for name in seen if ATTRIBUTES[name] is not None]
    for name, categories in zip(codes, one_hot.categories_, strict=True):
        owners += [name] * len(categories)
    return owners
