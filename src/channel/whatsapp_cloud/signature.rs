//! Whether a webhook comes from Meta: the header `X-Hub-Signature-256` is an HMAC of the body's very bytes under the app's secret,
//! compared in constant time.

use data_encoding::HEXLOWER_PERMISSIVE;
use ring::hmac;

use crate::actors::outside::Secret;

pub fn is_signed(secret: &Secret, body: &[u8], header: Option<&str>) -> bool {
    let given = header.and_then(|text| text.trim().strip_prefix("sha256="));
    let Some(tag) = given.and_then(|text| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    hmac::verify(&key, body, &tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_signature_of_the_very_bytes_is_believed() {
        // printf '{"a":1}' | openssl dgst -sha256 -hmac secret
        let right = "sha256=aa9e2e3575f5d7098b6caccd790888c36d5fdb63342a73bada2d6a51747a8494";
        let secret = Secret::new("secret".into());
        assert!(is_signed(&secret, br#"{"a":1}"#, Some(right)));
        assert!(is_signed(&secret, br#"{"a":1}"#, Some(&right.to_uppercase().replace("SHA256", "sha256"))));
        assert!(!is_signed(&secret, br#"{"a":2}"#, Some(right)));
        assert!(!is_signed(&Secret::new("other".into()), br#"{"a":1}"#, Some(right)));
        for header in [None, Some(""), Some("sha256="), Some("sha256=zz"), Some(&right[7..]), Some(&right[..60])] {
            assert!(!is_signed(&secret, br#"{"a":1}"#, header), "{header:?}");
        }
    }
}
