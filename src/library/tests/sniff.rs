//! A small corpus of beginnings: what each is, whatever it is called.

use super::*;
use crate::library::tests::{docx, entry, jpeg, ole, png};

fn look(head: &[u8], filename: &str, mime: &str) -> Look {
    first_look(head, &Declared { filename: filename.into(), mime: mime.into() })
}

fn brand(name: &[u8; 4]) -> Vec<u8> {
    [b"\0\0\0\x18ftyp", &name[..], b"\0\0\0\0isommp42\0\0\0\x08free"].concat()
}

fn ogg(packet: &[u8]) -> Vec<u8> {
    [&b"OggS\0\x02"[..], &[0; 20], &[1, 19], packet].concat()
}

/// As long as a real one's head, at the least.
fn webm() -> Vec<u8> {
    let mut head =
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm".to_vec();
    head.resize(300, 0);
    head
}

#[test]
fn the_bytes_decide() {
    use Format::{
        Aac, Amr, Avi, Csv, Gif, Jpeg, M4a, Mp3, Mp4, OggVideo, Opus, Pdf, Png, Quicktime, Text, ThreeGp, Wav, Webm, Webp,
    };
    for (head, filename, format) in [
        (jpeg(), "a.jpg", Jpeg),
        (jpeg(), "a.png", Jpeg),
        (jpeg(), "a.exe", Jpeg),
        (png(), "certificate.png", Png),
        (b"GIF89a\x01\0\x01\0\0\0\0".to_vec(), "a.gif", Gif),
        (b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0".to_vec(), "a.webp", Webp),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec(), "a.wav", Wav),
        (b"RIFF\x24\0\0\0AVI LIST\x10\0\0\0".to_vec(), "a.avi", Avi),
        (b"ID3\x03\0\0\0\0\0\x0f".to_vec(), "voice.mpeg", Mp3),
        (b"\xFF\xFB\x90\x64\0\0\0\0".to_vec(), "voice.mpeg", Mp3),
        (b"\xFF\xF1\x50\x80\x02\x1f\xfc".to_vec(), "a.aac", Aac),
        (b"#!AMR\n\x3c\x91".to_vec(), "a.amr", Amr),
        (brand(b"isom"), "a.mp4", Mp4),
        (brand(b"mp42"), "voice.m4a", M4a),
        (brand(b"M4A "), "voice.mp4", M4a),
        (brand(b"3gp5"), "a.mp4", ThreeGp),
        (brand(b"qt  "), "a.mp4", Quicktime),
        (webm(), "a.webm", Webm),
        (ogg(b"OpusHead\x01\x02"), "a.ogg", Opus),
        (ogg(b"\x80theora"), "a.ogg", OggVideo),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3".to_vec(), "a.png", Pdf),
        (b"Dear customer,\nhere it is.".to_vec(), "letter.txt", Text),
        (b"name,amount\nAna,3".to_vec(), "list.csv", Csv),
        ("Überweisung ✈".as_bytes().to_vec(), "README", Text),
    ] {
        assert_eq!(look(&head, filename, ""), Look::Is(format), "{filename}");
    }
    assert_eq!(look(&brand(b"isom"), "voice", "audio/mp4"), Look::Is(M4a), "a declared type breaks the tie as well");
    assert_eq!(look(&jpeg(), "", "text/html"), Look::Is(Jpeg), "and nothing else");
}

#[test]
fn what_a_machine_would_run_is_refused_under_any_name() {
    for (head, filename, what) in [
        (&b"<!DOCTYPE html><html><body>404 Not Found</body></html>"[..], "certificate.png", "a web page"),
        (b"\xEF\xBB\xBF \n<HTML>", "a.txt", "a web page"),
        (b"hello\n<script>alert(1)</script>", "a.txt", "a web page"),
        (b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", "a.svg", "XML or SVG"),
        (b"<svg onload=alert(1)>", "a.txt", "XML or SVG"),
        (b"#!/bin/sh\nrm -rf /", "a.txt", "a script"),
        (b"<?php system($_GET[0]);", "a.txt", "a script"),
        (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", "a.pdf", "a program"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "a", "a program"),
        (b"Rar!\x1a\x07\x01\0", "a.pdf", "an archive"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "a.pdf", "an archive"),
        (b"alert(1)", "a.js", "text that is neither .txt nor .csv"),
        (b"just words", "a.png", "plain text"),
        (b"\0\x01\x02\x03\x04\x05\x06\x07", "a.txt", "bytes of no known format"),
        (b"caf\xe9", "a.txt", "bytes of no known format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a.jpg", "an image in HEIC"),
    ] {
        assert_eq!(look(head, filename, ""), Look::Not(what), "{filename} {}", String::from_utf8_lossy(head));
    }
}

#[test]
fn text_may_be_cut_in_a_letter_where_the_look_ends() {
    let mut head = vec![b'a'; HEAD - 1];
    head.push(0xC3);
    assert_eq!(look(&head, "a.txt", ""), Look::Is(Format::Text));
    head.pop();
    head[100] = 0xC3;
    assert_ne!(look(&head, "a.txt", ""), Look::Is(Format::Text));
}

#[test]
fn an_office_document_is_told_from_an_archive_by_its_names() {
    assert_eq!(look(&docx(), "a.docx", ""), Look::Zip);
    assert_eq!(in_zip(&docx(), &docx()), Ok(Format::Docx));
    let names = |list: &[&str]| list.iter().flat_map(|name| entry(name)).collect::<Vec<u8>>();
    let types = "[Content_Types].xml";
    assert_eq!(in_zip(&names(&[types, "_rels/.rels", "xl/workbook.xml"]), b""), Ok(Format::Xlsx));
    assert_eq!(in_zip(&names(&[types, "ppt/presentation.xml"]), b""), Ok(Format::Pptx));
    assert_eq!(in_zip(&names(&["a.txt", "word/document.xml"]), b""), Err("an archive"));
    assert_eq!(in_zip(&names(&[types]), b""), Err("an archive"));
    assert_eq!(in_zip(b"PK\x03\x04", b""), Err("an archive"));
    let macros = names(&[types, "word/document.xml", "word/vbaProject.bin"]);
    assert_eq!(in_zip(&macros, b""), Err("an office document with macros"));
    for sheet in ["xl/macrosheets/sheet1.xml", "xl/macrosheets/intlsheet1.xml", "XL/MacroSheets/a.bin"] {
        let macros = names(&[types, "xl/workbook.xml", sheet]);
        assert_eq!(in_zip(&macros, b""), Err("an office document with macros"), "{sheet}");
    }
}

#[test]
fn an_old_office_document_is_opened_when_it_is_all_there() {
    assert_eq!(look(&ole(&["WordDocument"]), "a.doc", ""), Look::Ole);
}
