//! What a file is, as far as rooms and channels care: its format, what kind of message it makes, and the entry of the company's
//! library that an AI agent may name. Plain data; bytes are never here.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::ids::FileKey;

/// What a format is by nature. As what a channel sends it stands in [`super::channel_limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    Image,
    Video,
    Audio,
    Document,
}

impl MediaKind {
    pub const ALL: [Self; 4] = [Self::Image, Self::Video, Self::Audio, Self::Document];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
        }
    }
}

macro_rules! formats {
    ($($name:ident $mime:literal $extension:literal $kind:ident;)*) => {
        /// Every format a library takes. What is not here (archives, programs, web pages, SVG) is never sent to a customer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Format { $($name,)* }

        impl Format {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn row(self) -> (&'static str, &'static str, MediaKind) {
                match self { $(Self::$name => ($mime, $extension, MediaKind::$kind),)* }
            }
        }
    };
}

formats! {
    Jpeg "image/jpeg" "jpg" Image;
    Png "image/png" "png" Image;
    Gif "image/gif" "gif" Image;
    Webp "image/webp" "webp" Image;
    Mp4 "video/mp4" "mp4" Video;
    ThreeGp "video/3gpp" "3gp" Video;
    Quicktime "video/quicktime" "mov" Video;
    Webm "video/webm" "webm" Video;
    Avi "video/x-msvideo" "avi" Video;
    OggVideo "video/ogg" "ogv" Video;
    Aac "audio/aac" "aac" Audio;
    Amr "audio/amr" "amr" Audio;
    Mp3 "audio/mpeg" "mp3" Audio;
    M4a "audio/mp4" "m4a" Audio;
    Opus "audio/ogg" "ogg" Audio;
    Wav "audio/wav" "wav" Audio;
    Pdf "application/pdf" "pdf" Document;
    Doc "application/msword" "doc" Document;
    Docx "application/vnd.openxmlformats-officedocument.wordprocessingml.document" "docx" Document;
    Xls "application/vnd.ms-excel" "xls" Document;
    Xlsx "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" "xlsx" Document;
    Ppt "application/vnd.ms-powerpoint" "ppt" Document;
    Pptx "application/vnd.openxmlformats-officedocument.presentationml.presentation" "pptx" Document;
    Text "text/plain" "txt" Document;
    Csv "text/csv" "csv" Document;
}

impl Format {
    /// One MIME type per format, and no two formats share one.
    pub const fn mime(self) -> &'static str {
        self.row().0
    }

    /// Without its dot.
    pub const fn extension(self) -> &'static str {
        self.row().1
    }

    pub const fn kind(self) -> MediaKind {
        self.row().2
    }

    pub fn of_mime(mime: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.mime() == mime)
    }

    /// By the end of a file's name. It only breaks ties: what decides are the bytes.
    pub fn of_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        let usual = match extension.as_str() {
            "jpeg" | "jpe" => "jpg",
            "m4v" => "mp4",
            "oga" | "opus" => "ogg",
            "log" | "md" => "txt",
            other => other,
        };
        Self::ALL.iter().copied().find(|format| format.extension() == usual)
    }
}

/// Stored as its MIME type.
impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.mime())
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mime = String::deserialize(deserializer)?;
        Self::of_mime(&mime).ok_or_else(|| de::Error::custom("a type this program does not know"))
    }
}

/// A file an AI agent may send: the version that stands now, or that was published. An older one stays readable for who was
/// promised it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub key: FileKey,
    pub version: i64,
    /// What it is for, in the builder's words: the model chooses by it.
    pub description: Arc<str>,
    /// Address of its bytes: hexadecimal, lower case.
    pub sha256: Arc<str>,
    pub size: u64,
    pub format: Format,
    /// As the customer sees it.
    pub filename: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_found_by_its_mime_type_and_by_no_other() {
        for format in Format::ALL {
            assert_eq!(Format::of_mime(format.mime()), Some(*format));
            assert_eq!(Format::of_extension(&format.extension().to_uppercase()), Some(*format));
        }
        assert_eq!(Format::of_mime("image/svg+xml"), None);
        assert_eq!(Format::of_extension("exe"), None);
        assert_eq!(Format::of_extension("JPEG"), Some(Format::Jpeg));
    }
}
