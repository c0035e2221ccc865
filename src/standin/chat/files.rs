//! Uploaded files: kept so that a test can compare them, up to a bound.

use actix_web::web::Bytes;
use serde_json::json;

use super::super::call::Call;
use super::super::request::Answer;
use super::super::world::World;
use super::{Chat, StoredFile, envelope, multipart};

/// The oldest leave first; their digests stay with their messages.
const MOST_BYTES: usize = 64 * 1024 * 1024;

impl Chat {
    pub fn keep_file(&mut self, file: &StoredFile, bytes: Bytes) {
        self.files.insert(file.id.clone(), (file.clone(), bytes));
        while self.files.len() > 1 && self.files.values().map(|(_, bytes)| bytes.len()).sum::<usize>() > MOST_BYTES {
            self.files.pop_first();
        }
    }
}

/// A file out of a form, under an id that rises with time.
pub fn stored(part: &multipart::Part, server: &str) -> StoredFile {
    let id = uuid::Uuid::now_v7().to_string();
    let mime = part.mime.as_deref().unwrap_or("application/octet-stream");
    StoredFile::new(id, part.filename.as_deref().unwrap_or("file"), mime, &part.bytes, server)
}

/// What the journal keeps of a form: names and sizes, never the bytes.
pub fn summary(parts: &[multipart::Part], server: &str) -> serde_json::Value {
    let shown = parts.iter().map(|part| match &part.filename {
        Some(_) => {
            let file = stored(part, server);
            json!({"name": part.name, "filename": file.filename, "mime": file.mime, "size": file.size, "sha256": file.sha256})
        }
        None => json!({"name": part.name, "value": part.text()}),
    });
    json!({"multipart": shown.collect::<Vec<_>>()})
}

/// `POST file_uploader`.
pub fn upload(world: &mut World, call: &mut Call) -> Answer {
    let Some(Ok(parts)) = multipart::read(&call.incoming) else { return envelope::wrong(422, "file is missing") };
    call.unknown.extend(parts.iter().filter(|part| part.name != "file").map(|part| part.name.clone()));
    let Some(part) = parts.iter().find(|part| part.name == "file" && part.filename.is_some()) else {
        return envelope::wrong(422, "file is missing");
    };
    let file = stored(part, &world.url);
    world.chat.keep_file(&file, part.bytes.clone());
    envelope::made(json!({"filename": file.filename, "url": file.url}))
}
