//! A file's name as a customer will see it. Must never hold a path, a sign that hides or reorders others, or an end that
//! contradicts the bytes. Pure.

use crate::room::Format;

/// Bytes of a name: what WhatsApp takes, and what file systems take.
const LONGEST: usize = 240;

/// `given` made harmless, with the end of its format; `fallback` (a file's key) where nothing is left of it.
pub fn harmless(given: &str, format: Format, fallback: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible = |c: char| {
        let hides = matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
        !c.is_control() && !hides && !matches!(c, '"' | '<' | '>' | '|' | ':' | '*' | '?' | ';')
    };
    let clean: String = last.chars().filter(|c| visible(*c)).collect();
    let (stem, end) = clean.rsplit_once('.').unwrap_or((&clean, ""));
    let own_end = Format::of_extension(end) == Some(format);
    // An end that says something else is replaced; one that says nothing belongs to the name.
    let stem = if own_end || Format::of_extension(end).is_some() || end.is_empty() { stem } else { clean.as_str() };
    let end = if own_end { end.to_ascii_lowercase() } else { format.extension().to_owned() };
    let mut stem = stem.trim_matches(['.', ' ']).to_owned();
    while stem.len() > LONGEST {
        stem.pop();
    }
    format!("{}.{end}", if stem.is_empty() { fallback } else { stem.trim_end() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_harmless() {
        for (given, format, name) in [
            ("certificate.png", Format::Png, "certificate.png"),
            ("Photo.JPEG", Format::Jpeg, "Photo.jpeg"),
            ("photo.png", Format::Jpeg, "photo.jpg"),
            ("../../etc/passwd", Format::Text, "passwd.txt"),
            ("C:\\Users\\ana\\report.v2.pdf", Format::Pdf, "report.v2.pdf"),
            ("invoice 3.5", Format::Pdf, "invoice 3.5.pdf"),
            ("evil\u{202E}gpj.exe", Format::Jpeg, "evilgpj.exe.jpg"),
            ("a\"b\r\nSet-Cookie; x.pdf", Format::Pdf, "abSet-Cookie x.pdf"),
            ("", Format::Pdf, "the-key.pdf"),
            ("...", Format::Pdf, "the-key.pdf"),
            (".pdf", Format::Pdf, "the-key.pdf"),
            ("Sertifikat perjalanan ✈.pdf", Format::Pdf, "Sertifikat perjalanan ✈.pdf"),
        ] {
            assert_eq!(harmless(given, format, "the-key"), name, "{given:?}");
        }
        assert!(harmless(&"é".repeat(500), Format::Pdf, "k").len() <= 255);
    }
}
