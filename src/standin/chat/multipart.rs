//! `multipart/form-data`, read to the letter (RFC 7578): whatever arrives here is what a client really sent, byte for byte.

use actix_web::web::Bytes;

use super::super::request::Incoming;

#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub name: String,
    pub filename: Option<String>,
    pub mime: Option<String>,
    pub bytes: Bytes,
}

impl Part {
    pub fn text(&self) -> Option<String> {
        String::from_utf8(self.bytes.to_vec()).ok()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// The parts of a request; `None` when it is of another type.
pub fn read(incoming: &Incoming) -> Option<Result<Vec<Part>, Broken>> {
    if !incoming.is_of_type("multipart/form-data") {
        return None;
    }
    let kind = incoming.heads.content_type.as_deref().unwrap_or_default();
    Some(parameter(kind, "boundary").filter(|text| !text.is_empty()).ok_or(Broken).and_then(|text| parts(&incoming.body, &text)))
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

fn parts(body: &Bytes, boundary: &str) -> Result<Vec<Part>, Broken> {
    let (first, next) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    // What stands before the first boundary is to be ignored.
    let mut at = find(body, first.as_bytes()).ok_or(Broken)? + first.len();
    let mut parts = vec![];
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let rest = rest.strip_prefix(b"\r\n").ok_or(Broken)?;
        let head_end = find(rest, b"\r\n\r\n").ok_or(Broken)?;
        let content_at = at + 2 + head_end + 4;
        let length = find(&body[content_at..], next.as_bytes()).ok_or(Broken)?;
        let head = std::str::from_utf8(&rest[..head_end]).map_err(|_| Broken)?;
        parts.push(part(head, body.slice(content_at..content_at + length))?);
        at = content_at + length + next.len();
    }
}

fn part(head: &str, bytes: Bytes) -> Result<Part, Broken> {
    let of = |wanted: &str| {
        let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
    };
    let disposition = of("content-disposition").filter(|value| value.starts_with("form-data")).ok_or(Broken)?;
    let name = parameter(&disposition, "name").ok_or(Broken)?;
    Ok(Part { name, filename: parameter(&disposition, "filename"), mime: of("content-type"), bytes })
}

/// `name=value` or `name="value"` among the parameters of a header. A quoted one may hold `;` and `\"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
            Some(quoted) => {
                let (mut value, mut escaped, mut end) = (String::new(), false, None);
                for (position, c) in quoted.char_indices() {
                    match c {
                        '\\' if !escaped => escaped = true,
                        '"' if !escaped => {
                            end = Some(position);
                            break;
                        }
                        _ => {
                            value.push(c);
                            escaped = false;
                        }
                    }
                }
                let after = &quoted[end? + 1..];
                (value, after.split_once(';').map_or("", |(_, next)| next))
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::request::Heads;
    use super::*;

    fn incoming(kind: &str, body: &'static [u8]) -> Incoming {
        Incoming {
            received: jiff::Timestamp::UNIX_EPOCH,
            method: "POST".into(),
            path: "/x".into(),
            query: String::new(),
            heads: Heads { content_type: Some(kind.into()), ..Heads::default() },
            body: body.into(),
        }
    }

    #[test]
    fn the_very_bytes_arrive() {
        let body = b"--b1\r\nContent-Disposition: form-data; name=\"room_id\"\r\n\r\nr\r\n--b1\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a;\\\"b\\\".png\"\r\nContent-Type: image/png\r\n\r\n\
            \x89PNG\r\n\x00--b1\r\n\r\n--b1--\r\n";
        let parts = read(&incoming("multipart/form-data; boundary=b1", body)).unwrap().unwrap();
        assert_eq!((parts[0].name.as_str(), parts[0].text().as_deref()), ("room_id", Some("r")));
        assert_eq!(parts[1].filename.as_deref(), Some("a;\"b\".png"));
        assert_eq!(parts[1].mime.as_deref(), Some("image/png"));
        assert_eq!(&parts[1].bytes[..], b"\x89PNG\r\n\x00--b1\r\n");
        let quoted = read(&incoming("multipart/form-data; boundary=\"b1\"", body)).unwrap();
        assert_eq!(quoted.unwrap().len(), 2);
    }

    #[test]
    fn what_is_broken_is_broken() {
        for body in
            [&b""[..], b"--b1", b"--b1\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nno end", b"--b1\r\n\r\nx\r\n--b1--"]
        {
            assert_eq!(read(&incoming("multipart/form-data; boundary=b1", body)), Some(Err(Broken)), "{body:?}");
        }
        assert_eq!(read(&incoming("multipart/form-data", b"--b1--")), Some(Err(Broken)));
        assert_eq!(read(&incoming("application/json", b"{}")), None);
    }
}
