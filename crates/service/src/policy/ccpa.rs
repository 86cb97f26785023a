//! `[ccpa]`: what the California Consumer Privacy Act asks to be told of personal information, and its categories.

use serde::{Deserialize, Serialize};

/// A category of personal information: Cal. Civ. Code 1798.140(v)(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// (A)
    Identifiers,
    /// (B)
    CustomerRecords,
    /// (C)
    ProtectedCharacteristics,
    /// (D)
    CommercialInformation,
    /// (E)
    BiometricInformation,
    /// (F)
    NetworkActivity,
    /// (G)
    Geolocation,
    /// (H)
    SensoryInformation,
    /// (I)
    EmploymentInformation,
    /// (J)
    EducationInformation,
    /// (K)
    Inferences,
    /// (L)
    SensitiveInformation,
}

impl Category {
    /// The word in the policy, in CSV and in JSON; where the law names it; and how it calls it.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Identifiers => ("identifiers", "1798.140(v)(1)(A)", "Identifiers"),
            Self::CustomerRecords => ("customer_records", "1798.140(v)(1)(B)", "Customer records (1798.80(e))"),
            Self::ProtectedCharacteristics => {
                ("protected_characteristics", "1798.140(v)(1)(C)", "Characteristics of protected classifications")
            }
            Self::CommercialInformation => ("commercial_information", "1798.140(v)(1)(D)", "Commercial information"),
            Self::BiometricInformation => ("biometric_information", "1798.140(v)(1)(E)", "Biometric information"),
            Self::NetworkActivity => {
                ("network_activity", "1798.140(v)(1)(F)", "Internet or other electronic network activity")
            }
            Self::Geolocation => ("geolocation", "1798.140(v)(1)(G)", "Geolocation data"),
            Self::SensoryInformation => {
                ("sensory_information", "1798.140(v)(1)(H)", "Audio, electronic, visual or similar information")
            }
            Self::EmploymentInformation => {
                ("employment_information", "1798.140(v)(1)(I)", "Professional or employment-related information")
            }
            Self::EducationInformation => ("education_information", "1798.140(v)(1)(J)", "Education information"),
            Self::Inferences => ("inferences", "1798.140(v)(1)(K)", "Inferences drawn to create a profile"),
            Self::SensitiveInformation => {
                ("sensitive_information", "1798.140(v)(1)(L)", "Sensitive personal information")
            }
        }
    }

    /// The word in the policy, in CSV and in JSON.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Where the law names it.
    pub const fn law(self) -> &'static str {
        self.row().1
    }

    /// How it is called for people.
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// What a business says of all personal information that it has on the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ccpa {
    /// From whom or what it comes: 1798.110(a)(2).
    pub sources: Vec<String>,
    /// What it is collected for: 1798.110(a)(3).
    pub purposes: Vec<String>,
    /// To whom it is disclosed: 1798.110(a)(4).
    pub third_parties: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    #[test]
    fn a_category_is_read_by_its_word() {
        for category in [Category::Identifiers, Category::NetworkActivity, Category::SensitiveInformation] {
            let policy = format!("version = 1\n[ccpa.categories]\nshoe_size = '{}'", category.as_str());
            assert_eq!(Policy::parse(&policy).unwrap().ccpa_category("customerShoeSize"), Some(category));
        }
        let wrong = Policy::parse("version = 1\n[ccpa.categories]\nage = 'secrets'").unwrap_err();
        assert!(wrong.line == Some(3) && wrong.problem.contains("protected_characteristics"), "{}", wrong.problem);
        assert!(Policy::parse("version = 1\n[ccpa]\nsource = ['x']").is_err());
    }

    #[test]
    fn the_default_policy_knows_the_common_names() {
        let policy = Policy::default();
        for (name, category) in [
            ("email", Category::Identifiers),
            ("customer_full_name", Category::Identifiers),
            ("gender", Category::ProtectedCharacteristics),
            ("income", Category::CommercialInformation),
            ("jobTitle", Category::EmploymentInformation),
            ("latitude", Category::Geolocation),
        ] {
            assert_eq!(policy.ccpa_category(name), Some(category), "{name}");
        }
        assert_eq!(policy.ccpa_category("file_name"), None);
        let said = Policy::parse("version = 1\n[ccpa]\npurposes = ['to decide on loans']").unwrap();
        assert_eq!((said.ccpa().purposes.len(), said.ccpa().sources.len()), (1, 0));
        assert_eq!(
            said.ccpa_category("email"),
            Some(Category::Identifiers),
            "categories stay where only these are said"
        );
    }
}
