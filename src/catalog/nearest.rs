//! "Did you mean": the names most like a wrong one. Looks at folded names and is deterministic.

use crate::room::tag::fold;

/// Longest part of the wrong name that is compared.
const COMPARED: usize = 64;

/// At most `count` of `names`, most similar first, equally similar ones by name.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let wanted: String = fold(shown(wanted).as_str());
    let mut scored: Vec<(f64, &str)> = names.into_iter().map(|name| (strsim::jaro_winkler(&wanted, &fold(name)), name)).collect();
    scored.sort_by(|(a, name_a), (b, name_b)| b.total_cmp(a).then_with(|| name_a.cmp(name_b)));
    scored.truncate(count);
    scored.into_iter().map(|(_, name)| name).collect()
}

/// A name from outside as it may stand in one of our sentences: short, and without characters that hide or break lines.
pub fn shown(name: &str) -> String {
    shown_within(name, COMPARED)
}

/// The same, of at most `most` characters.
pub fn shown_within(name: &str, most: usize) -> String {
    let plain = |c: &char| {
        !c.is_control()
            && !matches!(c, '`' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
    };
    name.chars().filter(plain).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_comes_first_and_ties_are_settled_by_name() {
        let names = ["update_deal", "create_tag", "create_ticket", "create_deal"];
        assert_eq!(nearest("create_tags", names, 4)[..1], ["create_tag"]);
        assert_eq!(nearest("CREATE_DEAL", names, 1), ["create_deal"]);
        assert_eq!(nearest("zzz", ["b", "a"], 3), ["a", "b"]);
        assert!(nearest("x", [], 3).is_empty());
    }

    #[test]
    fn a_name_from_outside_is_shortened_and_made_visible() {
        assert_eq!(shown("a\u{202e}b\n`c\0"), "abc");
        assert_eq!(shown(&"x".repeat(1_000_000)).len(), COMPARED);
    }
}
