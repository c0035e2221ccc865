//! Our own mark on a record that we make: how it is known again when an answer was lost (reliability-security.md 2.7). The same
//! for every attempt of one call, and nobody can guess it or read a call's id off it.

use data_encoding::BASE32_NOPAD;

use crate::room::CallKey;

/// `bh-` and 16 letters.
pub fn reference(key: &[u8; 32], call: CallKey) -> String {
    let hash = blake3::keyed_hash(key, &call.0);
    let mut text = String::from("bh-");
    text.push_str(&BASE32_NOPAD.encode(&hash.as_bytes()[..10]).to_ascii_lowercase());
    text
}

/// Whether a text is such a mark, of whichever call.
pub fn is_one(text: &str) -> bool {
    let letters = text.strip_prefix("bh-").unwrap_or_default();
    letters.len() == 16 && letters.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_one_calls_and_one_installations() {
        let one = reference(&[1; 32], CallKey([7; 16]));
        assert_eq!(one, reference(&[1; 32], CallKey([7; 16])));
        assert_ne!(one, reference(&[1; 32], CallKey([8; 16])));
        assert_ne!(one, reference(&[2; 32], CallKey([7; 16])));
        assert!(is_one(&one), "{one}");
        for other in ["", "bh-", "bh-short", "bh-abcdefghijklmnop1", "BH-abcdefghijklmnop", "abcdefghijklmnop"] {
            assert!(!is_one(other), "{other}");
        }
    }
}
