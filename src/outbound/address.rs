//! Addresses: a company's base and the mount of a vendor's service there, and text inside a path, a query or a form. Pure.

/// A company's API, in the parts that are needed apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// `https://host:port`, what budgets and circuits go by.
    pub host: String,
    /// From the host on, up to where the resources begin: `/api/v3.1`.
    pub mount: String,
    /// Where tokens are refreshed.
    pub token_path: String,
}

impl Api {
    /// `base_url` may already end with the mount.
    pub fn mounted(base_url: &str, mount: &str) -> Self {
        let base = base_url.trim().trim_end_matches('/');
        let base = base.strip_suffix(mount).unwrap_or(base);
        let after_scheme = base.find("://").map_or(0, |at| at + 3);
        let at = base[after_scheme..].find('/').map_or(base.len(), |at| after_scheme + at);
        let (host, prefix) = base.split_at(at);
        Self { host: host.into(), mount: format!("{prefix}{mount}"), token_path: format!("{prefix}/oauth/token") }
    }
}

/// Text as it may stand in a part of a path, in a query or in a form.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
    }
    out
}

/// What `encoded` text stands for; as it is, where it stands for no text.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let pair = more.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let digits = pair.filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &more[2..] } else { more };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_becomes_host_mount_and_token_endpoint() {
        let api = Api::mounted("http://127.0.0.1:9090", "/api/v3.1");
        assert_eq!((api.host.as_str(), api.mount.as_str()), ("http://127.0.0.1:9090", "/api/v3.1"));
        assert_eq!(api.token_path, "/oauth/token");
        assert_eq!(Api::mounted("https://app.example/api/v3.1/", "/api/v3.1"), Api::mounted("https://app.example", "/api/v3.1"));
        let api = Api::mounted("https://proxy.example/qontak-live", "/qontak/crm");
        assert_eq!((api.host.as_str(), api.mount.as_str()), ("https://proxy.example", "/qontak-live/qontak/crm"));
    }

    #[test]
    fn text_is_encoded_byte_by_byte() {
        assert_eq!(encoded("a b&c=ü/+62"), "a%20b%26c%3D%C3%BC%2F%2B62");
        for text in ["a b&c=ü/+62", "100%", "%", "%4", "%zz", "INV 7.pdf"] {
            assert_eq!(decoded(&encoded(text)), text);
        }
        assert_eq!((decoded("INV%207.pdf").as_str(), decoded("100%.pdf").as_str()), ("INV 7.pdf", "100%.pdf"));
        assert_eq!(decoded("caf%E9.pdf"), "caf%E9.pdf", "no text");
    }
}
