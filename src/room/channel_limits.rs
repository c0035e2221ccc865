//! What each channel takes: kinds, formats, sizes, where a caption goes. The one table of it, after the vendors' own pages
//! (reference/room-ops.md 4.5; to be read again before each release). Pure; says nothing about whether a channel is connected.

use std::fmt;

use super::media::Format::{
    self, Aac, Amr, Avi, Doc, Docx, Gif, Jpeg, M4a, Mp3, Mp4, OggVideo, Opus, Pdf, Png, Ppt, Pptx, Quicktime, Text, ThreeGp, Wav,
    Webm, Webp, Xls, Xlsx,
};

const KB: u64 = 1_000;
const MB: u64 = 1_000_000;

/// Where a conversation's messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    WhatsappCloud,
    /// WhatsApp as Qontak's bot editor lets it through, which is less.
    Qontak,
    Instagram,
    Messenger,
    Telegram,
    Line,
    Email,
    /// Ours: the embedded one.
    WebChat,
}

impl Channel {
    pub const ALL: [Self; 8] = [
        Self::WhatsappCloud,
        Self::Qontak,
        Self::Instagram,
        Self::Messenger,
        Self::Telegram,
        Self::Line,
        Self::Email,
        Self::WebChat,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WhatsappCloud => "whatsapp_cloud",
            Self::Qontak => "qontak",
            Self::Instagram => "instagram",
            Self::Messenger => "messenger",
            Self::Telegram => "telegram",
            Self::Line => "line",
            Self::Email => "email",
            Self::WebChat => "web_chat",
        }
    }

    /// In the order they are tried: the first that fits is how the file is sent.
    pub const fn takes(self) -> &'static [Takes] {
        match self {
            Self::WhatsappCloud => WHATSAPP_CLOUD,
            Self::Qontak => QONTAK,
            Self::Instagram => INSTAGRAM,
            Self::Messenger => MESSENGER,
            Self::Telegram => TELEGRAM,
            Self::Line => LINE,
            Self::Email => EMAIL,
            Self::WebChat => WEB_CHAT,
        }
    }
}

/// As what a channel sends a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Image,
    Video,
    Audio,
    Document,
    Sticker,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }
}

/// Where the words beside a file go, and how many characters they may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caption {
    /// In the message itself.
    Field(usize),
    /// As a text of its own.
    Separate(usize),
}

/// One row: what one kind of message may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    pub kind: Kind,
    pub formats: &'static [Format],
    pub max_bytes: u64,
    pub caption: Caption,
}

const fn takes(kind: Kind, formats: &'static [Format], max_bytes: u64, caption: Caption) -> Takes {
    Takes { kind, formats, max_bytes, caption }
}

/// Characters of a text message, where a caption is one.
const WHATSAPP_TEXT: usize = 4_096;
const INSTAGRAM_TEXT: usize = 1_000;
const MESSENGER_TEXT: usize = 2_000;
const LINE_TEXT: usize = 5_000;
const MAIL_TEXT: usize = 10_000;

const WHATSAPP_CLOUD: &[Takes] = &[
    takes(Kind::Image, &[Jpeg, Png], 5 * MB, Caption::Field(1_024)),
    takes(Kind::Video, &[Mp4, ThreeGp], 16 * MB, Caption::Field(1_024)),
    takes(Kind::Audio, &[Aac, Amr, Mp3, M4a, Opus], 16 * MB, Caption::Separate(WHATSAPP_TEXT)),
    takes(Kind::Document, &[Pdf, Doc, Docx, Xls, Xlsx, Ppt, Pptx, Text], 100 * MB, Caption::Field(1_024)),
    // A moving one may have 500 KB; which one it is stands nowhere in its type.
    takes(Kind::Sticker, &[Webp], 100 * KB, Caption::Separate(WHATSAPP_TEXT)),
];

const QONTAK: &[Takes] = &[
    takes(Kind::Image, &[Jpeg, Png], 5 * MB, Caption::Field(1_024)),
    takes(Kind::Video, &[Mp4], 16 * MB, Caption::Field(1_024)),
    takes(Kind::Document, &[Pdf], 100 * MB, Caption::Field(1_024)),
];

const INSTAGRAM: &[Takes] = &[
    takes(Kind::Image, &[Jpeg, Png, Gif], 8 * MB, Caption::Separate(INSTAGRAM_TEXT)),
    takes(Kind::Video, &[Mp4, OggVideo, Avi, Quicktime, Webm], 25 * MB, Caption::Separate(INSTAGRAM_TEXT)),
    takes(Kind::Audio, &[Aac, M4a, Wav], 25 * MB, Caption::Separate(INSTAGRAM_TEXT)),
    takes(Kind::Document, &[Pdf], 25 * MB, Caption::Separate(INSTAGRAM_TEXT)),
];

const MESSENGER: &[Takes] = &[
    takes(Kind::Image, &[Jpeg, Png, Gif], 25 * MB, Caption::Separate(MESSENGER_TEXT)),
    takes(Kind::Video, &[Mp4, OggVideo, Avi, Quicktime, Webm], 25 * MB, Caption::Separate(MESSENGER_TEXT)),
    takes(Kind::Audio, &[Aac, M4a, Mp3, Wav], 25 * MB, Caption::Separate(MESSENGER_TEXT)),
    takes(Kind::Document, Format::ALL, 25 * MB, Caption::Separate(MESSENGER_TEXT)),
];

const TELEGRAM: &[Takes] = &[
    takes(Kind::Image, &[Jpeg, Png, Webp], 10 * MB, Caption::Field(1_024)),
    takes(Kind::Video, &[Mp4], 50 * MB, Caption::Field(1_024)),
    takes(Kind::Audio, &[Mp3, M4a], 50 * MB, Caption::Field(1_024)),
    takes(Kind::Document, Format::ALL, 50 * MB, Caption::Field(1_024)),
];

const LINE: &[Takes] = &[
    takes(Kind::Image, &[Jpeg, Png], 10 * MB, Caption::Separate(LINE_TEXT)),
    takes(Kind::Video, &[Mp4], 200 * MB, Caption::Separate(LINE_TEXT)),
    takes(Kind::Audio, &[M4a], 200 * MB, Caption::Separate(LINE_TEXT)),
];

/// Servers refuse from 20 MB on, and base64 makes a third more of it.
const EMAIL: &[Takes] = &[takes(Kind::Document, Format::ALL, 10 * MB, Caption::Field(MAIL_TEXT))];

const WEB_CHAT: &[Takes] = &[
    takes(Kind::Image, &[Jpeg, Png, Gif, Webp], 25 * MB, Caption::Field(WHATSAPP_TEXT)),
    takes(Kind::Video, &[Mp4, Webm, Quicktime], 25 * MB, Caption::Field(WHATSAPP_TEXT)),
    takes(Kind::Audio, &[Aac, M4a, Mp3, Opus, Wav], 25 * MB, Caption::Field(WHATSAPP_TEXT)),
    takes(Kind::Document, Format::ALL, 25 * MB, Caption::Field(WHATSAPP_TEXT)),
];

/// Why a channel does not take a file. Shows as one sentence that lists what it does take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Not in this format, whatever its size.
    Type { channel: Channel, format: Format },
    /// In this format, but not so large.
    Size { channel: Channel, size: u64, max_bytes: u64 },
}

impl Misfit {
    /// Stable, for callers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Type { .. } => "type_not_supported",
            Self::Size { .. } => "too_large",
        }
    }

    pub const fn channel(self) -> Channel {
        match self {
            Self::Type { channel, .. } | Self::Size { channel, .. } => channel,
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { channel, format } => {
                write!(f, "{} does not take .{} files; it takes ", channel.as_str(), format.extension())?;
                for (index, row) in channel.takes().iter().enumerate() {
                    let joint = if index == 0 { "" } else { "; " };
                    let formats: Vec<&str> = row.formats.iter().map(|format| format.extension()).collect();
                    write!(f, "{joint}{} ({}, up to {})", row.kind.as_str(), formats.join(", "), megabytes(row.max_bytes))?;
                }
                f.write_str(".")
            }
            Self::Size { channel, size, max_bytes } => {
                let (size, most) = (megabytes(*size), megabytes(*max_bytes));
                write!(f, "{} takes such a file up to {most}; this one has {size}.", channel.as_str())
            }
        }
    }
}

/// A size for people, as the vendors give theirs.
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        0..KB => format!("{bytes} bytes"),
        KB..MB => format!("{} KB", bytes.div_ceil(KB)),
        _ if bytes.is_multiple_of(MB) => format!("{} MB", bytes / MB),
        _ => format!("{}.{} MB", bytes / MB, bytes % MB / (MB / 10)),
    }
}

/// How `channel` would send a file of this format and size.
pub fn fits(channel: Channel, format: Format, size: u64) -> Result<&'static Takes, Misfit> {
    let rows = || channel.takes().iter().filter(|row| row.formats.contains(&format));
    match (rows().find(|row| size <= row.max_bytes), rows().map(|row| row.max_bytes).max()) {
        (Some(row), _) => Ok(row),
        (None, Some(max_bytes)) => Err(Misfit::Size { channel, size, max_bytes }),
        (None, None) => Err(Misfit::Type { channel, format }),
    }
}

/// The most any channel takes of a format: no use in keeping more.
pub fn largest(format: Format) -> u64 {
    let rows = Channel::ALL.iter().flat_map(|channel| channel.takes());
    rows.filter(|row| row.formats.contains(&format)).map(|row| row.max_bytes).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Format::Csv;

    fn kind(channel: Channel, format: Format, size: u64) -> Result<Kind, &'static str> {
        fits(channel, format, size).map(|row| row.kind).map_err(Misfit::code)
    }

    #[test]
    fn each_channel_takes_what_its_vendor_says() {
        use Channel::{Email, Instagram, Line, Messenger, Qontak, Telegram, WebChat, WhatsappCloud};
        for (channel, format, size, told) in [
            (WhatsappCloud, Jpeg, 5 * MB, Ok(Kind::Image)),
            (WhatsappCloud, Jpeg, 5 * MB + 1, Err("too_large")),
            (WhatsappCloud, Webp, 90 * KB, Ok(Kind::Sticker)),
            (WhatsappCloud, Webp, 101 * KB, Err("too_large")),
            (WhatsappCloud, Docx, 100 * MB, Ok(Kind::Document)),
            (WhatsappCloud, ThreeGp, 16 * MB, Ok(Kind::Video)),
            (WhatsappCloud, Mp4, 16 * MB + 1, Err("too_large")),
            (WhatsappCloud, Opus, 16 * MB, Ok(Kind::Audio)),
            (WhatsappCloud, Amr, 16 * MB + 1, Err("too_large")),
            (WhatsappCloud, Text, 100 * MB + 1, Err("too_large")),
            (WhatsappCloud, Wav, 1, Err("type_not_supported")),
            (WhatsappCloud, Csv, 1, Err("type_not_supported")),
            (WhatsappCloud, Gif, 1, Err("type_not_supported")),
            (Qontak, Pdf, 100 * MB, Ok(Kind::Document)),
            (Qontak, Docx, 1, Err("type_not_supported")),
            (Qontak, Mp3, 1, Err("type_not_supported")),
            (Qontak, Png, 5 * MB, Ok(Kind::Image)),
            (Qontak, Png, 5 * MB + 1, Err("too_large")),
            (Qontak, Gif, 1, Err("type_not_supported")),
            (Qontak, Mp4, 16 * MB, Ok(Kind::Video)),
            (Qontak, Mp4, 16 * MB + 1, Err("too_large")),
            (Qontak, ThreeGp, 1, Err("type_not_supported")),
            (Qontak, Pdf, 100 * MB + 1, Err("too_large")),
            (Instagram, Gif, 8 * MB, Ok(Kind::Image)),
            (Instagram, Png, 8 * MB + 1, Err("too_large")),
            (Instagram, Avi, 25 * MB, Ok(Kind::Video)),
            (Instagram, Wav, 25 * MB, Ok(Kind::Audio)),
            (Instagram, Pdf, 25 * MB, Ok(Kind::Document)),
            (Instagram, Pdf, 25 * MB + 1, Err("too_large")),
            (Instagram, Mp3, 1, Err("type_not_supported")),
            (Instagram, Docx, 1, Err("type_not_supported")),
            (Messenger, Jpeg, 25 * MB, Ok(Kind::Image)),
            (Messenger, Docx, 25 * MB, Ok(Kind::Document)),
            (Messenger, Mp4, 25 * MB + 1, Err("too_large")),
            (Telegram, Png, 10 * MB, Ok(Kind::Image)),
            (Telegram, Png, 11 * MB, Ok(Kind::Document)),
            (Telegram, Png, 51 * MB, Err("too_large")),
            (Telegram, Mp4, 50 * MB, Ok(Kind::Video)),
            (Telegram, Mp3, 50 * MB, Ok(Kind::Audio)),
            (Line, Jpeg, 10 * MB, Ok(Kind::Image)),
            (Line, Jpeg, 10 * MB + 1, Err("too_large")),
            (Line, M4a, 200 * MB, Ok(Kind::Audio)),
            (Line, Mp3, 1, Err("type_not_supported")),
            (Line, Mp4, 200 * MB, Ok(Kind::Video)),
            (Line, Pdf, 1, Err("type_not_supported")),
            (Email, Png, 10 * MB, Ok(Kind::Document)),
            (Email, Png, 11 * MB, Err("too_large")),
            (WebChat, Csv, 25 * MB, Ok(Kind::Document)),
            (WebChat, Gif, 25 * MB, Ok(Kind::Image)),
            (WebChat, Pdf, 25 * MB + 1, Err("too_large")),
        ] {
            assert_eq!(kind(channel, format, size), told, "{channel:?} {format:?} {size}");
        }
    }

    #[test]
    fn a_refusal_lists_what_the_channel_takes() {
        let told = fits(Channel::Qontak, Mp3, 1).unwrap_err().to_string();
        assert_eq!(
            told,
            "qontak does not take .mp3 files; it takes image (jpg, png, up to 5 MB); video (mp4, up to 16 MB); \
             document (pdf, up to 100 MB)."
        );
        let told = fits(Channel::WhatsappCloud, Jpeg, 5_600_000).unwrap_err().to_string();
        assert_eq!(told, "whatsapp_cloud takes such a file up to 5 MB; this one has 5.6 MB.");
    }

    #[test]
    fn every_format_can_be_sent_somewhere() {
        for format in Format::ALL {
            assert!(largest(*format) > 0, "{format:?}");
        }
        assert_eq!((largest(Mp4), largest(Pdf), largest(Csv)), (200 * MB, 100 * MB, 50 * MB));
    }

    #[test]
    fn a_caption_has_its_place() {
        let caption = |channel, format| fits(channel, format, 1).unwrap().caption;
        assert_eq!(caption(Channel::WhatsappCloud, Pdf), Caption::Field(1_024));
        assert_eq!(caption(Channel::WhatsappCloud, Mp3), Caption::Separate(4_096));
        assert_eq!(caption(Channel::WhatsappCloud, Webp), Caption::Separate(4_096));
        assert_eq!(caption(Channel::Qontak, Pdf), Caption::Field(1_024));
        assert_eq!(caption(Channel::Instagram, Jpeg), Caption::Separate(1_000));
        assert!(matches!(caption(Channel::Messenger, Jpeg), Caption::Separate(_)));
        assert_eq!(caption(Channel::Telegram, Mp4), Caption::Field(1_024));
        assert!(matches!(caption(Channel::Line, Jpeg), Caption::Separate(_)));
        assert!(matches!(caption(Channel::Email, Pdf), Caption::Field(_)));
        assert!(matches!(caption(Channel::WebChat, Pdf), Caption::Field(_)));
    }
}
