//! Tag names: what is allowed, how a name is shown, and which names are the same. Knows nothing of rooms or companies.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest tag name, in code points.
pub const MAX_CHARACTERS: usize = 50;

/// Why a text is not a tag name. Displays as the end of a sentence: "A tag name …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagProblem {
    Empty,
    TooLong,
    /// Control characters, line breaks and tabs among them.
    Control,
    Comma,
    Character(char),
    /// A word of letters that look like those of another script: to the eye it is a tag there already, and to us another one.
    LookAlike(char),
}

impl fmt::Display for TagProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("cannot be empty"),
            Self::TooLong => write!(f, "has at most {MAX_CHARACTERS} characters"),
            Self::Control => f.write_str("cannot contain control characters or line breaks"),
            Self::Comma => f.write_str("cannot contain a comma; give several tags as a list"),
            Self::LookAlike(c) => {
                write!(f, "cannot mix scripts in a word; U+{:04X} only looks like another letter", u32::from(*c))
            }
            Self::Character(c) if c.is_ascii_graphic() => write!(f, "cannot contain `{c}`; {ALLOWED}"),
            Self::Character(c) => write!(f, "cannot contain the character U+{:04X}; {ALLOWED}", u32::from(*c)),
        }
    }
}

const ALLOWED: &str = "letters, digits, spaces and - _ . / : & + # are allowed";

/// The name as it is shown: NFKC, trimmed, inner white space one space.
pub fn clean(name: &str) -> Result<String, TagProblem> {
    // Normalising can only shorten a name so far: what is this long cannot become a tag, and is not worth the work.
    if name.len() > 32 * MAX_CHARACTERS {
        return Err(TagProblem::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(TagProblem::Control);
    }
    let shown = if name.is_ascii() { collapse(name.chars()) } else { collapse(name.nfkc()) };
    let mut before = None;
    for (count, c) in shown.chars().enumerate() {
        if count == MAX_CHARACTERS {
            return Err(TagProblem::TooLong);
        }
        let mark_on_letter = is_combining_mark(c) && before.is_some_and(|b: char| b.is_alphabetic() || is_combining_mark(b));
        if c == ',' {
            return Err(TagProblem::Comma);
        }
        if !(c.is_alphanumeric() || mark_on_letter || matches!(c, ' ' | '-' | '_' | '.' | '/' | ':' | '&' | '+' | '#')) {
            return Err(TagProblem::Character(c));
        }
        before = Some(c);
    }
    if let Some(c) = shown.split(|c: char| !c.is_alphabetic()).find_map(look_alike) {
        return Err(TagProblem::LookAlike(c));
    }
    if shown.is_empty() { Err(TagProblem::Empty) } else { Ok(shown) }
}

/// Greek letters that have the shape of Latin ones.
const GREEK_LATIN: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυχι";

/// The first letter of a word that is taken from another script than its neighbours to look like theirs.
fn look_alike(word: &str) -> Option<char> {
    if word.is_ascii() {
        return None;
    }
    let latin = word.chars().any(|c| matches!(c, 'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}'));
    let foreign = |c: &char| matches!(c, '\u{400}'..='\u{52f}') || GREEK_LATIN.contains(*c);
    word.chars().find(foreign).filter(|_| latin)
}

/// The identity of a name: two names that fold alike are the same, whatever their case, width or spacing.
/// **Invariant:** folding what is folded changes nothing; `fold(clean(name)) == fold(name)`.
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        let mut folded = collapse(name.chars());
        folded.make_ascii_lowercase();
        return folded;
    }
    // By way of upper case, which brings together what differs only there (`ß` and `SS`, the two small sigmas). The Turkish
    // dotless `ı` is another letter, not a small `I`, and stays.
    let mut folded = String::with_capacity(name.len());
    for c in name.nfkc().flat_map(char::to_lowercase) {
        if c == 'ı' {
            folded.push(c);
        } else {
            folded.extend(c.to_uppercase().flat_map(char::to_lowercase));
        }
    }
    collapse(folded.nfkc())
}

fn collapse(characters: impl Iterator<Item = char>) -> String {
    let mut out = String::with_capacity(24);
    let mut space = false;
    for c in characters {
        if c.is_whitespace() {
            space = !out.is_empty();
        } else {
            if space {
                out.push(' ');
                space = false;
            }
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_it_was_written_but_tidied() {
        assert_eq!(clean("  VIP   customer ").as_deref(), Ok("VIP customer"));
        assert_eq!(clean("ＶＩＰ").as_deref(), Ok("VIP"), "full width is the same letter");
        assert_eq!(clean("a\u{2028}b").as_deref(), Ok("a b"));
        assert_eq!(clean("R&D/q-1_v2.0:a+b #7").as_deref(), Ok("R&D/q-1_v2.0:a+b #7"));
        assert_eq!(clean("स्वागत").as_deref(), Ok("स्वागत"), "marks belong to their letters");
        assert!(clean(&"é".repeat(50)).is_ok());
        assert!(["ВИП", "ВИП client", "5 µm", "β-blocker", "naïve"].iter().all(|name| clean(name).is_ok()), "each in its script");
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_the_reason() {
        for (name, why) in [
            ("", TagProblem::Empty),
            (" \u{3000} ", TagProblem::Empty),
            ("v\u{456}p", TagProblem::LookAlike('\u{456}')),
            ("ΑBC", TagProblem::LookAlike('Α')),
            ("a\nb", TagProblem::Control),
            ("vip\0", TagProblem::Control),
            ("vip\u{7f}", TagProblem::Control),
            ("vip, gold", TagProblem::Comma),
            ("vip\u{202e}", TagProblem::Character('\u{202e}')),
            ("v\u{200b}ip", TagProblem::Character('\u{200b}')),
            ("<b>", TagProblem::Character('<')),
            ("\u{301}x", TagProblem::Character('\u{301}')),
            ("🙂", TagProblem::Character('🙂')),
        ] {
            assert_eq!(clean(name), Err(why), "{name:?}");
        }
        assert_eq!(clean(&"x".repeat(51)), Err(TagProblem::TooLong));
        assert_eq!(clean(&"\u{FDFA}".repeat(10)), Err(TagProblem::TooLong), "one letter may become many");
        assert_eq!(clean(&" ".repeat(1_000_000)), Err(TagProblem::TooLong));
        assert!(TagProblem::Character('<').to_string().contains("`<`"));
        assert!(TagProblem::Character('\u{202e}').to_string().contains("U+202E"), "an invisible character is named, not shown");
    }

    #[test]
    fn names_are_the_same_whatever_their_case_width_and_spacing() {
        for (a, b) in [
            ("VIP", "vip"),
            (" Big  Spender", "big spender"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("Ｖｉｐ", "vip"),
            ("e\u{301}t\u{e9}", "ÉTÉ"),
            ("\u{212a}elvin", "kelvin"),
        ] {
            assert_eq!(fold(a), fold(b), "{a:?} {b:?}");
        }
        assert_ne!(fold("kız"), fold("kiz"));
        assert_ne!(fold("vip"), fold("v i p"));
    }

    #[test]
    fn folding_is_stable_for_every_letter_there_is() {
        for c in
            (0..=0x10_FFFF).filter_map(char::from_u32).filter(|c| c.is_alphanumeric() && !('\u{AC00}'..='\u{D7A3}').contains(c))
        {
            let name = format!("a{c}");
            let folded = fold(&name);
            assert_eq!(fold(&folded), folded, "U+{:04X}", u32::from(c));
            if let Ok(shown) = clean(&name) {
                assert_eq!(fold(&shown), folded, "U+{:04X}", u32::from(c));
            }
        }
    }
}
