//! What a room's customer handle is: a telephone, an e-mail address or something the CRM cannot know. CRM contacts hold
//! "08…", rooms "62…", chat users "+62…" (qontak-api.md 1.8): compared as one number, asked for in every form. Two numbers are
//! the same only if nothing has to be guessed: many countries' codes look like an Indonesian number without its 0.

/// A handle as contacts can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle {
    Phone {
        /// The digits from the country's code on.
        international: String,
        /// Every form it may be kept in, first the one that a contact is made with.
        forms: Vec<String>,
    },
    Email(String),
    Neither,
}

/// Shortest and longest number of digits that a telephone has.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// Indonesia's code: what starts with 0 is taken to be a number there.
const COUNTRY: &str = "62";

impl Handle {
    pub fn read(handle: &str) -> Self {
        let handle = handle.trim();
        if let Some(number) = Number::read(handle) {
            // What rooms hold without a plus is international (qontak-api.md 1.8).
            let international = number.digits;
            let forms = match international.strip_prefix(COUNTRY) {
                Some(national) => vec![format!("0{national}"), international.clone(), format!("+{international}")],
                // With the plus first: kept without, it may be read as a number of this country later.
                None => vec![format!("+{international}"), international.clone()],
            };
            return Self::Phone { international, forms };
        }
        let is_email = handle.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        if is_email && !handle.contains(char::is_whitespace) { Self::Email(handle.to_lowercase()) } else { Self::Neither }
    }

    /// Whether a contact's own telephone or e-mail is this one.
    pub fn is(&self, kept: &str) -> bool {
        match self {
            Self::Phone { international, .. } => {
                Number::read(kept).is_some_and(|number| !number.may_be_national && number.digits == *international)
            }
            Self::Email(email) => kept.trim().to_lowercase() == *email,
            Self::Neither => false,
        }
    }
}

/// A telephone.
struct Number {
    /// From the country's code on.
    digits: String,
    /// Written without plus and 0, and may be a mobile number of this country that lost its 0 (`812…`) as well as a foreign one.
    may_be_national: bool,
}

impl Number {
    /// `None`: the text does not look like one.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let rest = text.strip_prefix('+').unwrap_or(text);
        let fits = rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')'));
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        if !fits || !DIGITS.contains(&digits.len()) {
            return None;
        }
        let with_plus = rest.len() < text.len();
        // Dialled from abroad: 00 stands for the plus.
        let dialled = digits.strip_prefix("00").filter(|_| !with_plus);
        if let Some(national) = digits.strip_prefix('0').filter(|_| !with_plus && dialled.is_none()) {
            return Some(Self { digits: format!("{COUNTRY}{national}"), may_be_national: false });
        }
        let may_be_national = !with_plus && digits.starts_with('8') && (9..=12).contains(&digits.len());
        let digits = dialled.unwrap_or(&digits);
        // "+62 (0)812…"
        let national = digits.strip_prefix(COUNTRY).and_then(|national| national.strip_prefix('0'));
        let digits = national.map_or_else(|| digits.to_owned(), |national| format!("{COUNTRY}{national}"));
        Some(Self { digits, may_be_national })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(international: &str, forms: &[&str]) -> Handle {
        Handle::Phone { international: international.into(), forms: forms.iter().map(|form| (*form).into()).collect() }
    }

    #[test]
    fn one_telephone_is_the_same_in_every_form_and_is_asked_for_in_all() {
        let forms = ["081200000001", "6281200000001", "+6281200000001"];
        for handle in ["081200000001", "6281200000001", "+62 812-0000-0001", "+62 (0)812 0000 0001", "006281200000001"] {
            let read = Handle::read(handle);
            assert_eq!(read, phone("6281200000001", &forms), "{handle}");
            for kept in forms.iter().chain(&["(0812) 0000-0001"]) {
                assert!(read.is(kept), "{handle} {kept}");
            }
            assert!(!read.is("081200000002") && !read.is(""));
        }
    }

    #[test]
    fn a_foreign_telephone_stays_itself() {
        let read = Handle::read("+14155550100");
        assert_eq!(read, phone("14155550100", &["+14155550100", "14155550100"]));
        assert!(read.is("+1 415 555 0100") && read.is("14155550100") && !read.is("04155550100"));
    }

    #[test]
    fn a_foreign_telephone_is_no_customer_of_this_country() {
        // Japan, Korea, Vietnam, Hong Kong, Macao, Cambodia, Laos, Bangladesh, Taiwan.
        for code in ["81", "82", "84", "852", "853", "855", "856", "880", "886"] {
            let foreign = format!("{code}{}", &"123456789"[..11 - code.len()]);
            for handle in [format!("+{foreign}"), format!("00{foreign}"), foreign.clone()] {
                let read = Handle::read(&handle);
                assert_eq!(read, phone(&foreign, &[&format!("+{foreign}"), &foreign]), "{handle}");
                assert!(read.is(&format!("+{foreign}")), "{handle}");
                for theirs in [format!("0{foreign}"), format!("62{foreign}"), format!("+62{foreign}")] {
                    assert!(!read.is(&theirs) && !Handle::read(&theirs).is(&format!("+{foreign}")), "{handle} {theirs}");
                }
                // Either's, so nobody's.
                assert!(!read.is(&foreign) && !Handle::read(&format!("0{foreign}")).is(&foreign), "{handle}");
            }
        }
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
