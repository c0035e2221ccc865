//! A form with one file, as browsers post it (RFC 7578): its head in memory, the file a piece at a time.

use futures_util::StreamExt;

use super::wire::Body;
use crate::actors::outside::Pieces;
use crate::room::SentFile;

/// `fields` in order, then the file as `file`. `pieces` must bring exactly the file's size.
pub fn form_of(fields: &[(&str, &str)], file: &SentFile, pieces: Pieces) -> Body {
    // Of its hash, so that no file holds its own boundary.
    let boundary = format!("bellhop-{}", file.sha256.get(..40).unwrap_or(&file.sha256));
    let mut head = String::new();
    for (name, value) in fields {
        head += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    head += &format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
        told_name(&file.filename),
        file.mime
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = (head.len() + tail.len()) as u64 + file.size;
    let around = |text: String| futures_util::stream::iter([Ok(text.into_bytes())]);
    let stream = around(head).chain(pieces).chain(around(tail));
    Body::Stream { content_type: format!("multipart/form-data; boundary={boundary}"), length, stream: Box::pin(stream) }
}

/// A file's name as it stands in a form's head, where it must not end the line.
pub fn told_name(filename: &str) -> String {
    filename.replace(['"', '\r', '\n', '\\'], "_")
}
