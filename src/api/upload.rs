//! A body of several parts, of which one is a file (`multipart/form-data`), read as it comes: never in memory as a whole. The
//! parts may come in any order; the file is only kept when all of them were in order.

use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::library::{Declared, Library, Ready};
use crate::room::CompanyNo;

use super::problem::{Kind, Problem};
use super::strict::bad;

/// Nothing came for so long: nothing will. Of a file so much at the least has to come in that time (13 kbit/s): it has one of the
/// few places meanwhile.
const STALLED: Duration = Duration::from_secs(20);
const LEAST: usize = 32 * 1024;
/// All of it must be here after this time: 200 MB over a slow line.
const WITHIN: Duration = Duration::from_secs(15 * 60);
/// What is still to come of a refused file is read for so long, and thrown away.
const RUN_DRY: Duration = Duration::from_secs(2);
/// After these there is nothing more to read.
const BROKEN: [Kind; 3] = [Kind::MalformedRequest, Kind::UnsupportedMediaType, Kind::RequestTimeout];
/// Bytes of a part that is not the file.
const MAX_PART: usize = 4 * 1024;
const MAX_DESCRIPTION: usize = 1_000;

/// What came.
#[derive(Default)]
pub struct Upload {
    pub key: Option<String>,
    pub description: Option<String>,
    pub for_agents: Option<bool>,
    /// Read, judged and not kept yet.
    pub file: Option<Ready>,
}

impl Upload {
    /// The answer is a problem: nothing of the file is left when it goes out.
    pub async fn refused(self, problem: Problem) -> Problem {
        if let Some(file) = self.file {
            file.discard().await;
        }
        problem
    }
}

/// What a file is for, as people write it.
pub fn described(text: &str) -> Result<(), Problem> {
    if text.len() > MAX_DESCRIPTION || text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(bad("/description", "It must be text of at most 1000 bytes without control characters."));
    }
    Ok(())
}

/// Reads all parts. `Err` leaves nothing of the file behind.
pub async fn read(mut parts: Multipart, (library, company): (&Library, CompanyNo)) -> Result<Upload, Problem> {
    let until = Instant::now() + WITHIN;
    let mut upload = Upload::default();
    let came = timeout_at(until, all(&mut parts, (library, company), &mut upload)).await.unwrap_or_else(|_| Err(too_slow()));
    // A stream that broke is not asked again.
    if came.as_ref().is_err_and(|problem| !BROKEN.iter().any(|kind| kind.code() == problem.code())) {
        run_dry(&mut parts).await;
    }
    match came {
        Ok(()) => Ok(upload),
        Err(problem) => Err(upload.refused(problem.with_body_unread()).await),
    }
}

/// Lets the sender of a file that is refused come to an end, if that is near: who is cut off while sending reads no answer.
async fn run_dry(parts: &mut Multipart) {
    let until = Instant::now() + RUN_DRY;
    while let Ok(Some(Ok(mut field))) = timeout_at(until, parts.next()).await {
        while let Ok(Some(Ok(_))) = timeout_at(until, field.next()).await {}
    }
}

async fn all(parts: &mut Multipart, of: (&Library, CompanyNo), upload: &mut Upload) -> Result<(), Problem> {
    while let Some(field) = timeout(STALLED, parts.next()).await.map_err(|_| too_slow())? {
        let mut field = field.map_err(|error| broken(&error))?;
        match field.name().unwrap_or_default() {
            "key" => once(&mut upload.key, text(&mut field).await?, "/key")?,
            "description" => {
                let text = text(&mut field).await?;
                described(&text)?;
                once(&mut upload.description, text, "/description")?;
            }
            "for_agents" => {
                let said = match text(&mut field).await?.as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(bad("/for_agents", "It is true or false.")),
                };
                once(&mut upload.for_agents, said, "/for_agents")?;
            }
            "file" => {
                let file = file(&mut field, of).await?;
                once(&mut upload.file, file, "/file")?;
            }
            _ => {
                let detail = "A part is not known; expected key, description, for_agents, file.";
                return Err(Problem::new(Kind::UnknownField, detail));
            }
        }
    }
    Ok(())
}

fn once<T>(slot: &mut Option<T>, value: T, pointer: &'static str) -> Result<(), Problem> {
    if slot.is_some() {
        return Err(bad(pointer, "A part stands twice."));
    }
    *slot = Some(value);
    Ok(())
}

async fn text(field: &mut Field) -> Result<String, Problem> {
    let too_large = |_| Problem::new(Kind::PayloadTooLarge, format!("A part beside the file may have {MAX_PART} bytes."));
    let read = timeout(STALLED, field.bytes(MAX_PART)).await.map_err(|_| too_slow())?;
    let bytes = read.map_err(too_large)?.map_err(|error| broken(&error))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Problem::new(Kind::InvalidEncoding, "Send the parts beside the file in UTF-8."))
}

async fn file(field: &mut Field, (library, company): (&Library, CompanyNo)) -> Result<Ready, Problem> {
    let filename = field.content_disposition().and_then(|head| head.get_filename()).unwrap_or_default().to_owned();
    let mime = field.content_type().map(ToString::to_string).unwrap_or_default();
    let mut intake = library.take(company, Declared { filename, mime }).await?;
    let mut pace = Pace::begins();
    loop {
        let step = match timeout_at(pace.until, field.next()).await {
            Err(_) if pace.goes_on() => continue,
            Err(_) => Err(too_slow()),
            Ok(None) => return Ok(intake.finish().await?),
            Ok(Some(Err(error))) => Err(broken(&error)),
            Ok(Some(Ok(bytes))) => {
                pace.came += bytes.len();
                intake.write(&bytes).await.map_err(Problem::from)
            }
        };
        if let Err(problem) = step {
            intake.discard().await;
            return Err(problem);
        }
    }
}

/// How fast a file comes.
struct Pace {
    until: Instant,
    /// Since the last time it was looked at.
    came: usize,
}

impl Pace {
    fn begins() -> Self {
        Self { until: Instant::now() + STALLED, came: 0 }
    }

    /// Whether enough came by the time that was set; then there is another.
    fn goes_on(&mut self) -> bool {
        let enough = self.came >= LEAST;
        *self = Self::begins();
        enough
    }
}

fn too_slow() -> Problem {
    Problem::new(Kind::RequestTimeout, "The file came too slowly; nothing was kept.")
}

fn broken(error: &MultipartError) -> Problem {
    match error {
        MultipartError::ContentTypeMissing | MultipartError::ContentTypeParse | MultipartError::ContentTypeIncompatible => {
            not_parts()
        }
        MultipartError::Payload(PayloadError::Overflow) => Problem::new(Kind::PayloadTooLarge, "A part's head is too large."),
        _ => Problem::new(Kind::MalformedRequest, "The parts did not all arrive as their heads said; nothing was kept."),
    }
}

pub fn not_parts() -> Problem {
    Problem::new(Kind::UnsupportedMediaType, "Send Content-Type: multipart/form-data with the parts key and file.")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
    use actix_web::web::Bytes;

    use super::*;
    use crate::library::Who;

    /// A file of which so many bytes come every 15 s, for four minutes.
    fn dripping(bytes: usize) -> Multipart {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
        let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n";
        let pieces =
            std::iter::once(head.to_owned()).chain((0..16).map(move |_| "x".repeat(bytes))).chain(["\r\n--b--\r\n".into()]);
        let stream = futures_util::stream::iter(pieces).then(|piece| async move {
            tokio::time::sleep(Duration::from_secs(15)).await;
            Ok::<_, PayloadError>(Bytes::from(piece))
        });
        Multipart::new(&headers, Box::pin(stream))
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_drips_in_gives_its_place_up() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path(), Who::Serve, None).unwrap();
        let came = read(dripping(64 * 1024), (&library, CompanyNo(1))).await;
        assert!(came.is_ok_and(|upload| upload.file.is_some()), "slow and steady comes in");
        let begun = Instant::now();
        let came = read(dripping(100), (&library, CompanyNo(1))).await;
        assert_eq!(came.err().map(|problem| problem.code()), Some(Kind::RequestTimeout.code()));
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }
}
