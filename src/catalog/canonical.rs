//! Canonical JSON: one text for one meaning, so that it can be hashed and compared. Like RFC 8785 (sorted keys, no spaces,
//! `1.0` is `1`), except that keys sort by their UTF-8 bytes. Its form must never change: stored hashes are made of it.

use super::json::Object;

/// The canonical text. Also of an object read from a canonical text: that text again.
pub fn text(object: &Object) -> String {
    // Our own tree has nothing that cannot be written: no keys but strings, no numbers but finite ones.
    serde_json::to_string(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    fn canonical(source: &str) -> String {
        text(&json::parse(source.as_bytes()).unwrap())
    }

    #[test]
    fn order_spacing_and_spelling_of_numbers_and_letters_do_not_matter() {
        assert_eq!(canonical(r#" { "b" : 1.0 , "a" : [ 1e2 , -0, -0.0, 0.50 ] } "#), r#"{"a":[100,0,0,0.5],"b":1}"#);
        assert_eq!(canonical(r#"{"\u0061":"\u00e9\n\/"}"#), "{\"a\":\"é\\n/\"}");
        assert_eq!(
            canonical(r#"{"n":18446744073709551615,"m":-9223372036854775808}"#),
            r#"{"m":-9223372036854775808,"n":18446744073709551615}"#
        );
        assert_eq!(canonical(r#"{"n":9007199254740993}"#), r#"{"n":9007199254740993}"#, "kept exactly");
    }

    #[test]
    fn what_is_different_stays_different() {
        assert_ne!(canonical(r#"{"a":null}"#), canonical("{}"));
        assert_ne!(canonical(r#"{"a":"1"}"#), canonical(r#"{"a":1}"#));
        assert_ne!(canonical(r#"{"a":[1,2]}"#), canonical(r#"{"a":[2,1]}"#));
    }
}
