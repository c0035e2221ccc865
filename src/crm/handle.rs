//! What a room's customer handle is: a telephone, an e-mail address or something the CRM cannot know. CRM contacts hold
//! "08…", rooms "62…", chat users "+62…" (qontak-api.md 1.8): compared without all that, asked for in every form.

/// A handle as contacts can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle {
    /// The number without prefix, and every form it may be kept in.
    Phone {
        bare: String,
        forms: Vec<String>,
    },
    Email(String),
    Neither,
}

/// Shortest and longest number of digits that a telephone has.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

impl Handle {
    pub fn read(handle: &str) -> Self {
        let handle = handle.trim();
        if let Some(digits) = digits(handle) {
            let bare = bare(&digits, handle.starts_with('+'));
            let forms = if bare == digits && !is_national(&digits) {
                vec![digits.clone(), format!("+{digits}")]
            } else {
                vec![format!("0{bare}"), format!("62{bare}"), format!("+62{bare}")]
            };
            return Self::Phone { bare, forms };
        }
        let is_email = handle.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        if is_email && !handle.contains(char::is_whitespace) { Self::Email(handle.to_lowercase()) } else { Self::Neither }
    }

    /// Whether a contact's own telephone or e-mail is this one.
    pub fn is(&self, kept: &str) -> bool {
        match self {
            Self::Phone { bare: wanted, .. } => {
                digits(kept).is_some_and(|digits| bare(&digits, kept.trim().starts_with('+')) == *wanted)
            }
            Self::Email(email) => kept.trim().to_lowercase() == *email,
            Self::Neither => false,
        }
    }
}

/// The digits of what looks like a telephone.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix('+').unwrap_or(text);
    let fits = rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')'));
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    (fits && DIGITS.contains(&digits.len())).then_some(digits)
}

/// Written without country and without the leading 0: `812…`.
fn is_national(digits: &str) -> bool {
    digits.starts_with('8') && (9..=12).contains(&digits.len())
}

/// The number without what forms differ in. A foreign one stays as it is.
fn bare(digits: &str, with_plus: bool) -> String {
    let national = digits.strip_prefix("62").or_else(|| digits.strip_prefix('0').filter(|_| !with_plus));
    national.filter(|rest| !rest.is_empty()).unwrap_or(digits).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_telephone_is_the_same_in_every_form_and_is_asked_for_in_all() {
        let forms: Vec<String> = ["081200000001", "6281200000001", "+6281200000001"].map(String::from).to_vec();
        for handle in ["081200000001", "6281200000001", "+62 812-0000-0001", "81200000001"] {
            let read = Handle::read(handle);
            assert_eq!(read, Handle::Phone { bare: "81200000001".into(), forms: forms.clone() }, "{handle}");
            for kept in &forms {
                assert!(read.is(kept), "{handle} {kept}");
            }
            assert!(!read.is("081200000002") && !read.is(""));
        }
    }

    #[test]
    fn a_foreign_telephone_stays_itself() {
        let read = Handle::read("+14155550100");
        assert_eq!(read, Handle::Phone { bare: "14155550100".into(), forms: vec!["14155550100".into(), "+14155550100".into()] });
        assert!(read.is("+1 415 555 0100") && !read.is("04155550100"));
    }

    #[test]
    fn what_is_neither_is_not_asked_for() {
        for handle in ["web-visitor-77", "", "12", "a@b", "two words@x.y z", "1234567890123456"] {
            assert_eq!(Handle::read(handle), Handle::Neither, "{handle}");
        }
        assert_eq!(Handle::read("Laras@Customers.Example"), Handle::Email("laras@customers.example".into()));
        assert!(Handle::read("laras@customers.example").is("LARAS@customers.example"));
    }
}
