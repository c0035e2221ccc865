//! The rows of the table that are about files: the library, where files are fetched from, and the links to those that were sent.

use super::super::auth::Access;
use super::super::handlers::{to, to_link};
use super::super::openapi::{list, schema};
use super::super::page::PAGE;
use super::super::problem::{CREATED, Kind, NO_CONTENT, OK, PARTIAL_CONTENT};
use super::super::routes::Method::{Delete, Get, Post, Put};
use super::super::routes::Route;
use super::super::{file_sources, files, sent_files};
use super::{BUILDERS, OPERATORS, STAFF};

pub static FILES: &[Route] = &[
    Route::new(Get, "/v1/files", STAFF, ("list_files", "List the files that may be sent"), to!(files::list))
        .query(files::FILTERS)
        .answers(&[(OK, Some(list::<files::FileView>))]),
    Route::new(Post, "/v1/files", BUILDERS, ("post_file", "Add a file"), to!(files::post))
        .upload(schema::<files::FileForm>)
        .answers(&[(CREATED, Some(schema::<files::FileView>))])
        .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/files/{file_key}", STAFF, ("get_file", "A file and its versions"), to!(files::get))
        .answers(&[(OK, Some(schema::<files::FileDetail>))]),
    Route::new(
        Put,
        "/v1/files/{file_key}",
        BUILDERS,
        ("put_file", "Add a version of a file, or change what is said about it"),
        to!(files::put),
    )
    .body(schema::<files::FilePatch>)
    .upload(schema::<files::FileForm>)
    .answers(&[(OK, Some(schema::<files::FileView>)), (CREATED, Some(schema::<files::FileView>))])
    .problems(&[Kind::Conflict]),
    Route::new(
        Delete,
        "/v1/files/{file_key}",
        BUILDERS,
        ("delete_file", "Delete a file that no published tool sends"),
        to!(files::delete),
    )
    .answers(&[(NO_CONTENT, None)])
    .problems(&[Kind::FileInUse]),
    Route::new(
        Post,
        "/v1/files/{file_key}/archive",
        BUILDERS,
        ("archive_file", "Offer a file to nobody any more"),
        to!(files::archive),
    )
    .answers(&[(OK, Some(schema::<files::FileView>))]),
    Route::new(
        Get,
        "/v1/files/{file_key}/content",
        STAFF,
        ("get_file_content", "The bytes of a file, or of one of its versions"),
        to!(files::content),
    )
    .query(&["version"]),
    Route::new(
        Get,
        "/v1/file-sources",
        STAFF,
        ("list_file_sources", "List the files that are made on request"),
        to!(file_sources::list),
    )
    .query(&PAGE)
    .answers(&[(OK, Some(list::<file_sources::FileSourceView>))]),
    Route::new(
        Get,
        "/v1/file-sources/{file_key}",
        STAFF,
        ("get_file_source", "A file that is made on request"),
        to!(file_sources::get),
    )
    .answers(&[(OK, Some(schema::<file_sources::FileSourceView>))]),
    Route::new(
        Put,
        "/v1/file-sources/{file_key}",
        BUILDERS,
        ("put_file_source", "Fix the address a file is fetched from"),
        to!(file_sources::put),
    )
    .body(schema::<file_sources::FileSourceBody>)
    .answers(&[(OK, Some(schema::<file_sources::FileSourceView>)), (CREATED, Some(schema::<file_sources::FileSourceView>))])
    .problems(&[Kind::Conflict]),
    Route::new(
        Post,
        "/v1/file-sources/{file_key}/archive",
        BUILDERS,
        ("archive_file_source", "Offer a file that is made on request to nobody any more"),
        to!(file_sources::archive),
    )
    .answers(&[(OK, Some(schema::<file_sources::FileSourceView>))]),
    Route::new(
        Post,
        "/v1/function-calls/{call_id}/revoke-link",
        OPERATORS,
        ("revoke_link", "No link to the file this call sent opens any more"),
        to!(sent_files::revoke),
    )
    .answers(&[(OK, Some(schema::<sent_files::RevokedView>))])
    .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/sent-files/{secret}", Access::Path, ("get_sent_file", "A file, by its link"), to_link!(sent_files::get))
        .answers(&[(OK, None), (PARTIAL_CONTENT, None)]),
];
