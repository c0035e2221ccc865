//! `bellhop file …`: the library, straight in the database and the data folder; a running server follows within a second.
//! The bytes are read in pieces, judged and scanned exactly as those that come over HTTP.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::{ArgAction, Subcommand};

use super::output::time_text;
use super::{Context, Exit, Failure, Outcome, StoreFlags, company};
use crate::library::{Declared, Kept, Library, Ready};
use crate::room::channel_limits::megabytes;
use crate::room::{CompanyNo, FileKey};
use crate::store::{FileChange, FileRow, Must, NewBytes};

const BLOCK: usize = 256 * 1024;
/// Files shown by `list`.
const MOST_LISTED: i64 = 10_000;

#[derive(Debug, Subcommand)]
pub enum FileCommand {
    /// Add a file, or a new version of it; the same bytes again are no new version
    Add {
        key: String,
        path: PathBuf,
        #[arg(long)]
        company: String,
        /// What it is for: an AI agent chooses by it
        #[arg(long)]
        description: Option<String>,
        /// Whether AI agents may send it [default: true]
        #[arg(long, action = ArgAction::Set, value_name = "BOOL")]
        for_agents: Option<bool>,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// List a company's files
    List {
        #[arg(long)]
        company: String,
        /// Those that were archived, too
        #[arg(long)]
        archived: bool,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Offer a file to nobody any more; adding it again brings it back
    Archive {
        key: String,
        #[arg(long)]
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
}

pub async fn run(context: &Context, command: FileCommand) -> Outcome {
    match command {
        FileCommand::Add { key, path, company, description, for_agents, store: flags } => {
            let key = key_of(&key)?;
            let library = context.library_beside(&flags)?;
            let store = context.store_beside(&flags)?;
            let row = company::find(&store, &company).await?;
            let ready = read(context, &library, row.no, &path).await?;
            store.directory().bytes_come(row.no, ready.sha256()).await?;
            let Kept { sha256, size, format, filename, place } = ready.keep(row.no, key.as_str()).await?;
            let bytes = Some(NewBytes { sha256, size, format, filename });
            let change = FileChange { bytes, description, for_agents };
            let put = store.directory().put_file(row.no, &key, change, Must::Either, &context.by()).await;
            let (file, _) = put?;
            store.close();
            let mut document = document(&file);
            document["location"] = place.as_str().into();
            context.output.result(&document, || {
                let (version, size) = (file.current.version, megabytes(file.current.size));
                format!("{key}  version {version}  {}  {size}\nsha256 {}", file.current.format.mime(), file.current.sha256)
            });
        }
        FileCommand::List { company, archived, store } => {
            let store = context.store_beside(&store)?;
            let row = company::find(&store, &company).await?;
            let files = store.queries().files(row.no, archived, "", MOST_LISTED).await?;
            store.close();
            list(context, &files);
        }
        FileCommand::Archive { key, company, store } => {
            let key = key_of(&key)?;
            let store = context.store_beside(&store)?;
            let row = company::find(&store, &company).await?;
            let file = store.directory().archive_file(row.no, &key, &context.by()).await?;
            store.close();
            context.output.result(&document(&file), || format!("{key} is archived"));
        }
    }
    Ok(Exit::Ok)
}

fn key_of(text: &str) -> Result<FileKey, Failure> {
    FileKey::new(text).map_err(|_| Failure::usage(format!("{text:?} cannot be a file's key: 1 to 64 of A-Z a-z 0-9 . _ -")))
}

async fn read(context: &Context, library: &Library, company: CompanyNo, path: &PathBuf) -> Result<Ready, Failure> {
    let cannot = |error: std::io::Error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Failure::new(exit, format!("{} cannot be read: {error}", path.display()))
    };
    let mut file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err(Failure::usage(format!("{} is not a file", path.display())));
    }
    let filename = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut intake = library.take(company, Declared { filename, mime: String::new() }).await?;
    let bar = context.output.shows(metadata.len(), "{bar:30} {percent}% {bytes} {elapsed}");
    let mut block = vec![0; BLOCK];
    loop {
        let step = match file.read(&mut block).map_err(cannot) {
            // The scanner, if there is one, has its say now.
            Ok(0) => return Ok(intake.finish().await?),
            Ok(read) => {
                bar.has_done(read as u64);
                intake.write(&block[..read]).await.map_err(Failure::from)
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = step {
            intake.discard().await;
            return Err(failure);
        }
    }
}

fn document(file: &FileRow) -> serde_json::Value {
    serde_json::json!({
        "file": file.key,
        "version": file.current.version,
        "sha256": file.current.sha256,
        "size": file.current.size,
        "mime": file.current.format.mime(),
        "kind": file.current.format.kind().as_str(),
        "filename": file.current.filename,
        "description": file.description,
        "for_agents": file.for_agents,
        "uploaded_at": time_text(file.current.uploaded_at),
        "archived_at": file.archived_at.map(time_text),
    })
}

fn list(context: &Context, files: &[FileRow]) {
    let document = serde_json::json!({ "data": files.iter().map(document).collect::<Vec<_>>() });
    context.output.result(&document, || {
        if files.is_empty() {
            return "no files yet; next: bellhop file add KEY PATH --company NAME".into();
        }
        let row = |file: &FileRow| {
            vec![
                file.key.to_string(),
                file.current.version.to_string(),
                file.current.format.mime().to_owned(),
                megabytes(file.current.size),
                if file.for_agents { "yes" } else { "no" }.to_owned(),
                file.archived_at.map_or_else(|| "-".into(), time_text),
                file.description.clone(),
            ]
        };
        let rows: Vec<_> = files.iter().map(row).collect();
        context.output.table(&["key", "version", "type", "size", "ai agents", "archived", "description"], &rows)
    });
}
